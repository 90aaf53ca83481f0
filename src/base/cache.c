/* Owners are as many as have something in it, and looked through when there is no room: that takes a microsecond or two
 * where what is to be kept took a handshake. */
#include "base/cache.h"

#include <stdlib.h>

struct cache_owner {
    struct list node;
    struct id id;
    struct list entries; /* the one that was used the longest ago first */
    size_t weight;
};

void cache_init(struct cache *cache, size_t max, void (*forget)(struct cache_entry *entry))
{
    *cache = (struct cache){.max = max, .forget = forget};
    list_init(&cache->owners);
}

static struct cache_owner *owner_at(struct list *node)
{
    return CONTAINER_OF(node, struct cache_owner, node);
}

static struct cache_owner *owner_of(struct cache *cache, struct id id)
{
    struct cache_owner *owner = idmap_get(&cache->by_owner, id);

    if (owner == NULL) {
        owner = xcalloc(1, sizeof *owner);
        owner->id = id;
        list_init(&owner->entries);
        list_push(&cache->owners, &owner->node);
        idmap_set(&cache->by_owner, id, owner);
    }
    return owner;
}

void cache_take(struct cache *cache, struct cache_entry *entry)
{
    struct cache_owner *owner = entry->owner;

    if (owner == NULL)
        return;
    list_remove(&entry->node);
    entry->owner = NULL;
    owner->weight -= entry->weight;
    cache->weight -= entry->weight;
    if (!list_empty(&owner->entries))
        return;
    list_remove(&owner->node);
    idmap_set(&cache->by_owner, owner->id, NULL);
    free(owner);
}

static void forget_oldest_of(struct cache *cache, struct cache_owner *owner)
{
    struct cache_entry *entry = CONTAINER_OF(owner->entries.next, struct cache_entry, node);
    cache_take(cache, entry);
    cache->forget(entry);
}

static void make_room(struct cache *cache)
{
    struct cache_owner *heaviest = owner_at(cache->owners.next);

    LIST_FOREACH(node, &cache->owners)
    {
        if (owner_at(node)->weight > heaviest->weight)
            heaviest = owner_at(node);
    }
    forget_oldest_of(cache, heaviest);
}

void cache_add(struct cache *cache, struct cache_entry *entry, struct id owner, size_t weight)
{
    struct cache_owner *its = owner_of(cache, owner);

    assert(entry->owner == NULL);
    entry->owner = its;
    entry->weight = weight;
    list_push(&its->entries, &entry->node);
    its->weight += weight;
    cache->weight += weight;
    while (cache->weight > cache->max)
        make_room(cache);
}

void cache_use(struct cache_entry *entry)
{
    list_remove(&entry->node);
    list_push(&entry->owner->entries, &entry->node);
}

void cache_fini(struct cache *cache)
{
    while (!list_empty(&cache->owners))
        forget_oldest_of(cache, owner_at(cache->owners.next));
    idmap_fini(&cache->by_owner);
}
