/* From ids to pointers: a hash table with open addressing that grows and shrinks with what is in it. The keys are ids
 * that the ledger gave us, which nobody outside chooses. */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include "base/id.h"

struct idmap_slot {
    struct id key;
    void *value; /* NULL: free */
};

struct idmap {
    struct idmap_slot *slots;
    size_t count, room; /* `room` is 0 or a power of two */
};

/* A zeroed map is empty. */
void idmap_fini(struct idmap *map);

void *idmap_get(const struct idmap *map, struct id key); /* NULL: not there */

/* Sets it; NULL removes. */
void idmap_set(struct idmap *map, struct id key, void *value);

/* The used slots, in no order: for (slot = NULL; (slot = idmap_next(map, slot)) != NULL;). The map must not change
 * meanwhile. */
const struct idmap_slot *idmap_next(const struct idmap *map, const struct idmap_slot *slot);

#endif
