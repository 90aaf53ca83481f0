/* Listening sockets. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include "base/host.h"

#define LISTEN_BACKLOG 1024
#define LISTEN_TLS     0x16 /* what a TLS handshake begins with, and no request does (RFC 8446 §5.1) */

struct listen_options {
    bool
        shared; /* with other threads and processes that say so too: each connection goes to one of them */
    int receive_buffer; /* bytes; 0: the system's */
};

/* A descriptor that listens, and does not block; ERR_UNAVAILABLE, and a line in the log, when that cannot be. */
int listen_open(const struct listening *at, const struct listen_options *options) MUST_CHECK;

/* Whether the first bytes of a connection to a plain port begin a TLS handshake. The log says so. */
bool listen_hears_tls(struct str input);

#endif
