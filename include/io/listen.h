/* Listening sockets. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include "base/host.h"

#define LISTEN_BACKLOG 1024

struct listen_options {
    bool
        shared; /* with other threads and processes that say so too: each connection goes to one of them */
    int receive_buffer; /* bytes; 0: the system's */
};

/* A descriptor that listens, and does not block; ERR_UNAVAILABLE, and a line in the log, when that cannot be. */
int listen_open(const struct listening *at, const struct listen_options *options) MUST_CHECK;

#endif
