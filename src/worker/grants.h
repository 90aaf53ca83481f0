/* Access tokens of webhooks that have them given (core/grant.h): asked for once however many requests want one, kept in
 * memory for as long as they are good and there is room, of which each app has a share. */
#ifndef WORKER_GRANTS_H
#define WORKER_GRANTS_H

#include "base/cache.h"
#include "base/idmap.h"
#include "base/list.h"
#include "core/grant.h"
#include "io/fetch.h"

#define GRANTS_BYTES_MAX \
    ((size_t)4 << 20) /* of what is kept, with the grants: a token has one KiB or two */

struct grants {
    struct fetcher *fetcher;
    struct idmap by_webhook; /* struct grant_entry */
    struct cache idle;       /* those that have a token, by their apps */
};

void grants_init(struct grants *grants, struct fetcher *fetcher);
void grants_fini(struct grants *grants); /* nobody waits any more */

/* Whose it is, and until when it is worth waiting. */
struct grant_owner {
    struct id app, webhook;
    int64_t timeout_ms;
};

/* The token that is kept, if it was given for this very grant; p == NULL: there is none. Borrowed until the next call of
 * any of these. */
struct str grants_find(struct grants *grants, const struct grant *grant, struct id webhook);

/* That one is good for nothing, if it is still kept. */
void grants_drop(struct grants *grants, struct id webhook, struct str token);

/* How it ended: the token, or p == NULL and why. FETCH_BUSY, FETCH_NO_FILE and FETCH_NO_PROXY: nobody was asked. The
 * address that was not allowed is in the log alone. Borrowed. */
struct grant_result {
    struct str token;
    enum fetch_outcome outcome;
    char error[200];
};
typedef void grant_cb(void *arg, const struct grant_result *result);

/* Asks for a token, or waits for who has asked; the grant is copied. */
struct grant_wait *grants_start(struct grants *grants, const struct grant *grant,
                                const struct grant_owner *owner, grant_cb *cb, void *arg);
void grants_cancel(struct grant_wait *wait); /* NULL is fine */

#endif
