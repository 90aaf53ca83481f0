/* The proxy that requests go out by, as an option has it. */
#ifndef BASE_PROXY_H
#define BASE_PROXY_H

#include "base/host.h"

#define PROXY_CREDENTIALS_MAX 512

struct proxy {
    char host[HOST_MAX + 1]; /* a name, or an address without brackets; "": there is none */
    int port;
    char credentials[PROXY_CREDENTIALS_MAX + 1]; /* "user:password", with its %XX; "": none */
};

/* Takes http://[user:password@]host:port apart. False when it is anything else; then there is none. */
bool proxy_parse(struct str text, struct proxy *proxy);

#endif
