/* What is kept because it may be wanted again, and is made anew where it is not there. All of it together has a bounded
 * weight, in any unit, and owners have shares of it: who has the most makes room, with what it has not used for the
 * longest time. So one with more than fits pushes out its own, and another's only down to what each could have. */
#ifndef BASE_CACHE_H
#define BASE_CACHE_H

#include "base/idmap.h"
#include "base/list.h"

/* Embedded in what is kept. Zeroed, it is in no cache. */
struct cache_entry {
    struct list node;
    struct cache_owner *owner;
    size_t weight;
};

struct cache {
    size_t weight, max;
    struct idmap by_owner;
    struct list owners;
    void (*forget)(struct cache_entry *entry); /* it has been taken out; called by add and fini */
};

void cache_init(struct cache *cache, size_t max, void (*forget)(struct cache_entry *entry));
void cache_fini(struct cache *cache); /* forgets all */

/* As what was used last. What is too heavy beside what others have is forgotten itself. */
void cache_add(struct cache *cache, struct cache_entry *entry, struct id owner, size_t weight);

void cache_take(struct cache *cache, struct cache_entry *entry); /* harmless if it is not in it */
void cache_use(struct cache_entry *entry);                       /* it was used now */

#endif
