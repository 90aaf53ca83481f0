/* Claims that outlive the rows that they were read from. */
#ifndef WORKER_KEPT_H
#define WORKER_KEPT_H

#include "base/list.h"
#include "payloads.h"
#include "store/work.h"

/* A message, until it is sent. */
struct kept {
    struct list node;
    int64_t token, since_ms; /* monotonic */
    struct payload *payload; /* NULL: the claims have their data with them */
    size_t count;
    struct claim claims[]; /* of one webhook; behind them stands what they point to */
};

static inline struct kept *kept_at(struct list *node)
{
    return CONTAINER_OF(node, struct kept, node);
}

/* A copy of `claims`, which were leased with `token`; without their data if there is a `payload`, which is borrowed. To
 * be freed. `size`: of all of it. */
struct kept *kept_create(const struct claim *const *claims, size_t count, int64_t token,
                         struct payload *payload, size_t *size);

/* Fills `refs`, which has room for as many as it has. How many. */
size_t kept_refs(const struct kept *kept, struct queue_ref *refs);

#endif
