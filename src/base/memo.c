/* The map finds entries, the cache bounds them, and the list has them for what forgets many. */
#include "base/memo.h"

#include "base/clock.h"

static void on_no_room(struct cache_entry *kept)
{
    struct memo_entry *entry = CONTAINER_OF(kept, struct memo_entry, kept);

    idmap_set(&entry->memo->by_id, entry->id, NULL);
    list_remove(&entry->node);
    entry->memo->destroy(entry);
}

static void forget(struct memo_entry *entry)
{
    cache_take(&entry->memo->cache, &entry->kept);
    on_no_room(&entry->kept);
}

void memo_init(struct memo *memo, size_t max, void (*destroy)(struct memo_entry *entry))
{
    *memo = (struct memo){.destroy = destroy};
    cache_init(&memo->cache, max, on_no_room);
    list_init(&memo->all);
}

void memo_fini(struct memo *memo)
{
    cache_fini(&memo->cache);
    idmap_fini(&memo->by_id);
}

struct memo_entry *memo_find(struct memo *memo, struct id id)
{
    struct memo_entry *entry = idmap_get(&memo->by_id, id);

    if (entry == NULL)
        return NULL;
    if (entry->until_ms <= clock_mono_ms()) {
        forget(entry);
        return NULL;
    }
    cache_use(&entry->kept);
    return entry;
}

void memo_keep(struct memo *memo, struct memo_entry *entry, struct id id, struct id owner,
               size_t weight)
{
    struct memo_entry *before = idmap_get(&memo->by_id, id);

    if (before != NULL)
        forget(before);
    *entry = (struct memo_entry){
        .memo = memo, .id = id, .owner = owner, .until_ms = clock_mono_ms() + MEMO_MS};
    list_init(&entry->node);
    idmap_set(&memo->by_id, id, entry);
    list_push(&memo->all, &entry->node);
    cache_add(&memo->cache, &entry->kept, owner, weight);
}

void memo_forget(struct memo *memo, const struct id *owner)
{
    memo->changes++;
    LIST_FOREACH_SAFE(node, &memo->all)
    {
        struct memo_entry *entry = CONTAINER_OF(node, struct memo_entry, node);
        if (owner == NULL || id_eq(entry->owner, *owner))
            forget(entry);
    }
}
