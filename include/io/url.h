/* URLs, parsed once, by the parser that will send: libcurl's. One parser, no disagreement about
 * which host a spelling names. */
#ifndef IO_URL_H
#define IO_URL_H

#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define URL_SIZE_MAX 2048

struct url {
    char text[URL_SIZE_MAX + 1]; /* normalised */
    size_t path;                 /* where the path begins in it */
    char host[256];              /* lower case, no brackets, no trailing dot */
    uint16_t port;
    bool tls;
    bool literal; /* the host is an address, below */
    struct sockaddr_storage address;
};

/* ERR_INVALID and a reason for people in `*why`: not http or https, credentials, a fragment, no
 * host, a zone id, control bytes or spaces, a host that is no DNS name nor address, too long. */
int url_parse(struct str text, struct url *url, const char **why) MUST_CHECK;

#endif
