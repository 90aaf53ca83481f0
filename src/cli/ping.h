/* Requests to a receiver from this machine, one after another: as Posthorn would make them, but to whatever address. */
#ifndef CLI_PING_H
#define CLI_PING_H

#include "base/buf.h"
#include "core/profile.h"
#include "io/fetch.h"

#define PING_ADDRESSES_MAX 16

struct pinger;

struct pinger *pinger_open(const char *ca_file);
void pinger_close(struct pinger *pinger); /* NULL is fine */

struct ping {
    const struct profile *profile;
    const char *url;
    struct str secret;
    int64_t now_ms; /* that it says */
    int64_t timeout_ms;
};

struct pong {
    enum fetch_outcome outcome;
    char error[256];
    int status;
    char location[512];
    char address[64];
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

/* False: the profile has no such message with this secret. */
bool pinger_ping(struct pinger *pinger, const struct ping *ping, struct pong *pong) MUST_CHECK;

/* The addresses of a name; 0, or what dns.h says. */
int pinger_resolve(struct pinger *pinger, const char *host, int64_t timeout_ms,
                   struct sockaddr_storage addresses[PING_ADDRESSES_MAX], size_t *count) MUST_CHECK;

#endif
