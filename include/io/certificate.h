/* A look at how a server does TLS, as openssl s_client would take it: nothing is refused, all is told. It waits, so it
 * is for commands. */
#ifndef IO_CERTIFICATE_H
#define IO_CERTIFICATE_H

#include "base/defs.h"

#include <sys/socket.h>

struct certificate_look {
    bool connected, shaken; /* there is a connection; TLS was agreed on */
    char error[160];        /* why not, in plain words */
    char protocol[16];      /* "TLSv1.3" */
    char subject[160], issuer[160];
    int64_t not_before_ms, not_after_ms; /* wall clock */
    int count;                           /* certificates that the server sent */
    bool self_signed;                    /* the first of them */
    bool unknown_issuer;                 /* the chain ends at something that is not known here */
    bool names_host;
    char fault[160]; /* what is wrong with the chain; "": nothing */
};

/* `ca_file` as in struct fetcher_config. */
void certificate_look(const struct sockaddr_storage *address, uint16_t port, const char *host,
                      const char *ca_file, int timeout_ms, struct certificate_look *out);

#endif
