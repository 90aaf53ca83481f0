/* How much a worker has in its hands, in all and of each app, and how much it may have: from the claim of a
 * delivery until what came of it is recorded, so that what is not recorded yet bounds what is claimed.
 *
 * There are as many places as deliveries, and as bytes for messages and answers: a place has its part of those, and
 * what is heavier than that takes several. So all who share places by their number share memory by the same rule. */
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include "base/idmap.h"
#include "store/queue.h"
#include "tokens.h"

struct places {
    size_t max, taken;
    size_t place_bytes;      /* that one has */
    struct place *alone;     /* what goes alone; NULL: there is none */
    struct queue_held *held; /* places of each app that has any; in no order */
    int64_t shared_ms;       /* when there were several last, monotonic; 0: never */
    size_t held_count, held_room;
    struct idmap apps;    /* where in `held`: pointers, one more than the index */
    struct idmap by_id;   /* struct place, by delivery */
    struct idmap ahead;   /* how many were claimed ahead, by endpoint: as pointers */
    struct tokens tokens; /* of the claims that the places were taken for */
};

void places_init(struct places *places, size_t max, size_t bytes);
void places_fini(struct places *places);

/* How many deliveries are in hand, those that go along in another's request too. */
size_t places_count(const struct places *places);

/* How many may still be taken. */
size_t places_left(const struct places *places);

/* What the queue is told of them by who asks for `max`. */
struct queue_room places_room(const struct places *places, size_t max);

/* Several apps have some, or had a second ago. */
bool places_are_shared(const struct places *places);

bool places_has(const struct places *places, struct id delivery);

/* And the queue should have it in flight: it was not claimed ahead, or has begun, and is not over. */
bool places_flies(const struct places *places, struct id delivery);

/* Takes one for each, which has none yet, also beyond `max`: what another has claimed for us cannot be
 * refused. They are leased with `token`, or about to be. What they weigh is not known yet. */
void places_take(struct places *places, const struct queue_ref *refs, size_t count, int64_t token);

/* The same for what was claimed ahead: the queue has it in flight only when it begins. */
void places_take_ahead(struct places *places, const struct queue_ref *refs, size_t count,
                       int64_t token);
void places_begin(struct places *places, struct id delivery);

/* Another claim leases it, with this token. */
void places_lease(struct places *places, struct id delivery, int64_t token);

/* It was claimed ahead, and has not begun; and how many have not of an endpoint. */
bool places_is_ahead(const struct places *places, struct id delivery);
int places_ahead(const struct places *places, struct id endpoint);

/* For what goes along in another's request: it is in hand, and takes nothing away from others. */
void places_take_along(struct places *places, const struct queue_ref *ref, int64_t token);

/* Takes as many for it as `bytes` need, one at least, also beyond `max`; none for one that goes along. */
void places_weigh(struct places *places, struct id delivery, size_t bytes);

/* What several of an app share: takes as many as `bytes` need, none for 0, and gives back the `had` that it had. How
 * many it has now. */
int places_share(struct places *places, struct id app, int had, size_t bytes);

/* It goes alone, unless there is such a one already: then the answer is false. */
bool places_take_alone(struct places *places, struct id delivery);

void places_give_back(struct places *places, struct id delivery);

/* The queue was told that it is over; what came of it is still to be recorded. */
void places_over(struct places *places, struct id delivery);

/* What the queue should have in our hands; what is answered is to be freed when `hand` is done with. */
struct queue_ref *places_refs(const struct places *places, struct queue_hand *hand);

#endif
