/* Hosts in text: what URLs, origins and the address to listen at mean by one. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include "base/str.h"

#define HOST_MAX 253 /* bytes of a DNS name */

enum host_kind {
    HOST_BAD_NAME,
    HOST_BAD_ADDRESS, /* the last label is a number: no top-level domain is */
    HOST_NAME,        /* labels of 1 to 63 letters, digits, '-' and '_', with dots between */
    HOST_IPV4,        /* four decimal numbers */
    HOST_IPV6,        /* without brackets and zone */
};

/* What `text` is; of an address its bytes, the first four or all, in network order. */
enum host_kind host_read(struct str text, uint8_t bytes[16]);

/* Where to listen. */
struct listening {
    const char *text;        /* both, as written */
    char host[HOST_MAX + 1]; /* a name, or an address without brackets */
    char port[6];
};

struct host {
    enum host_kind kind;
    struct str name; /* without brackets */
    struct str port; /* digits; p == NULL: none was given */
    int number;      /* of the port, 0 to 65535 */
};

/* Takes "name", "1.2.3.4" or "[::1]", with or without ":port", apart; the parts are slices of `text`.
 * False when it is anything else. */
bool host_parse(struct str text, struct host *host);

#endif
