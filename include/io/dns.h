/* Names to addresses, by c-ares on the loop: fully qualified (no search domains), bounded in time,
 * cached for the TTL but 1 to 60 s (a failure: 5 s), lookups of one name shared. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "io/loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define DNS_ADDRESSES_MAX 16

struct dns;
struct dns_op;

/* Asks `servers` ("127.0.0.1:5353", a comma list; NULL: the system's). */
struct dns *dns_create(struct loop *loop, const char *servers);

/* At any time (src/README.md, "What takes time"). NULL is fine. */
void dns_destroy(struct dns *dns);

/* `err` is 0, ERR_NOT_FOUND (no such name, or it has no address), ERR_TIMEOUT, ERR_UNAVAILABLE (the
 * servers answer nothing useful), ERR_BUSY (too many lookups at once). Addresses are borrowed until
 * the callback returns; the port is 0. */
typedef void dns_cb(void *arg, int err, const struct sockaddr_storage *addresses, size_t count);

/* `host` has no trailing dot. */
struct dns_op *dns_start(struct dns *dns, const char *host, int64_t deadline_ms, dns_cb *cb,
                         void *arg);
void dns_cancel(struct dns_op *op); /* NULL is fine */

#endif
