/* Names to addresses, by c-ares on the loop: fully qualified (no search domains), bounded in time,
 * cached for the TTL but 1 to 60 s (a failure: 5 s), lookups of one name shared. When resolv.conf has
 * other name servers, they are asked from the next lookup on. A and AAAA are asked for side by side,
 * and one that stays away does not hold up the other for long. Each owner has a share of the lookups
 * under way; what is beyond it waits its turn. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "base/id.h"
#include "base/str.h"
#include "io/loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define DNS_ADDRESSES_MAX 16

struct dns;
struct dns_op;

struct dns_config {
    const char *servers; /* "127.0.0.1:5353", a comma list; NULL: the system's */
    int lookups_max;     /* under way at once */
    int per_owner;       /* of them */

    /* Names of servers that we belong to: the system's search domains count (resolv.conf(5)), a failure is not remembered,
     * and where a name led before it still leads when no server answers. */
    bool ours;
};

#define DNS_FOR_OURS ((struct dns_config){.ours = true, .lookups_max = 64, .per_owner = 64})

struct dns *dns_create(struct loop *loop, const struct dns_config *config);

/* At any time (src/README.md, "What takes time"). NULL is fine. */
void dns_destroy(struct dns *dns);

/* `err` is 0, ERR_NOT_FOUND (no such name, or it has no address), ERR_TIMEOUT, ERR_UNAVAILABLE (the
 * servers answer nothing useful), ERR_BUSY (its turn did not come). Addresses are borrowed until the
 * callback returns; the port is 0. */
typedef void dns_cb(void *arg, int err, const struct sockaddr_storage *addresses, size_t count);

/* `host` has no trailing dot; of `ours` it may, which says that no search domain is meant. The deadline is
 * for its turn, and then for the answer. */
struct dns_op *dns_start(struct dns *dns, const char *host, struct id owner, int64_t deadline_ms,
                         dns_cb *cb, void *arg);

/* Its turn has not come: nobody was asked yet. */
bool dns_waits(const struct dns_op *op);

void dns_cancel(struct dns_op *op); /* NULL is fine */

/* Whether a host is a name, with or without a trailing dot, and no address. */
bool dns_is_name(struct str host);

/* In words, to be followed by "for" and the name. */
const char *dns_reason(int err);

/* The address alone. */
void dns_address_text(char out[INET6_ADDRSTRLEN], const struct sockaddr_storage *address);

#endif
