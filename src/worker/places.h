/* How many deliveries a worker has in its hands, in all and of each app, and how many it may have: from the
 * claim until what came of them is recorded, so that what is not recorded yet bounds what is claimed. */
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include "base/idmap.h"
#include "store/queue.h"
#include "tokens.h"

struct places {
    size_t max, taken;
    struct queue_held *held; /* what each app has that has any; in no order */
    size_t held_count, held_room;
    struct idmap apps;    /* where in `held`: pointers, one more than the index */
    struct idmap by_id;   /* struct place, by delivery */
    struct tokens tokens; /* of the claims that the places were taken for */
};

void places_init(struct places *places, size_t max);
void places_fini(struct places *places);

/* How many may still be taken. */
size_t places_left(const struct places *places);

bool places_has(const struct places *places, struct id delivery);

/* Takes one for each, which has none yet, also beyond `max`: what another has claimed for us cannot be
 * refused. They are leased with `token`, or about to be. */
void places_take(struct places *places, const struct queue_ref *refs, size_t count, int64_t token);

/* For what goes along in another's request: it is in hand, and takes nothing away from others. */
void places_take_along(struct places *places, const struct queue_ref *ref, int64_t token);

void places_give_back(struct places *places, struct id delivery);

/* What is in the places; to be freed. */
struct queue_ref *places_refs(const struct places *places, size_t *count);

#endif
