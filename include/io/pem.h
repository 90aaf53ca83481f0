/* Certificates and keys in PEM (RFC 7468), judged when they are given as the handshake would judge them later. What is
 * wrong is said in words that go on after the name of what was given; NULL: nothing is. */
#ifndef IO_PEM_H
#define IO_PEM_H

#include "base/str.h"

/* One at least, and no key. */
const char *pem_certificates_check(struct str text);

/* One that is not encrypted. */
const char *pem_key_check(struct str text);

/* Both are good by themselves: has the first certificate that key, and would OpenSSL show it? Said of the key. */
const char *pem_pair_check(struct str certificates, struct str key);

/* pem_certificates_check() of a file that can be read. */
bool pem_file_is_good(const char *path);

#endif
