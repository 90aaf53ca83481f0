/* How many deliveries a worker has in its hands, and how many it may have: from the claim until what
 * came of them is recorded, so that what is not recorded yet bounds what is claimed. */
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include "base/defs.h"

struct places {
    size_t max, taken;
};

void places_init(struct places *places, size_t max);

/* How many may still be taken. */
size_t places_left(const struct places *places);

/* Takes `count`, also beyond `max`: what another has claimed for us cannot be refused. */
void places_take(struct places *places, size_t count);

void places_give_back(struct places *places, size_t count);

#endif
