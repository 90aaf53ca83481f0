/* Certificates and keys in PEM (RFC 7468), judged when they are given as the handshake would judge them later. */
#ifndef IO_PEM_H
#define IO_PEM_H

#include "base/str.h"

/* Can the file be read, and has it certificates and no key in it? */
bool pem_file_is_good(const char *path);

#endif
