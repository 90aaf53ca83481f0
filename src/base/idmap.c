/* Linear probing; removing moves back what had to step aside (D. E. Knuth, The Art of Computer Programming 3, §6.4,
 * Algorithm R). */
#include "base/idmap.h"

#include <stdlib.h>

#define ROOM_MIN 16

/* Ids are random in their last eight bytes but for those that somebody made up: their own time is mixed in, and a
 * multiplication spreads both (Knuth, §6.4, multiplicative hashing). */
static size_t place_of(const struct idmap *map, struct id key)
{
    uint64_t high, low;
    memcpy(&high, key.b, sizeof high);
    memcpy(&low, key.b + sizeof high, sizeof low);
    return (size_t)(((low ^ high * 0x9e3779b97f4a7c15u) * 0x9e3779b97f4a7c15u) >> 32) &
           (map->room - 1);
}

static struct idmap_slot *find(const struct idmap *map, struct id key)
{
    size_t i = place_of(map, key);
    while (map->slots[i].value != NULL && !id_eq(map->slots[i].key, key))
        i = (i + 1) & (map->room - 1);
    return &map->slots[i];
}

static void resize(struct idmap *map, size_t room)
{
    struct idmap old = *map;

    map->slots = xcalloc(room, sizeof *map->slots);
    map->room = room;
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i].value != NULL)
            *find(map, old.slots[i].key) = old.slots[i];
    free(old.slots);
}

void idmap_fini(struct idmap *map)
{
    free(map->slots);
    *map = (struct idmap){0};
}

void *idmap_get(const struct idmap *map, struct id key)
{
    return map->count > 0 ? find(map, key)->value : NULL;
}

/* Closes the gap at `free`: whoever probed past it moves up. */
static void close_gap(struct idmap *map, size_t gap)
{
    size_t mask = map->room - 1;

    for (size_t i = (gap + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = place_of(map, map->slots[i].key);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        map->slots[gap] = map->slots[i];
        gap = i;
    }
    map->slots[gap] = (struct idmap_slot){.value = NULL};
}

void idmap_set(struct idmap *map, struct id key, void *value)
{
    if (value == NULL && map->count == 0)
        return;
    if (map->room == 0 || map->count * 4 >= map->room * 3)
        resize(map, map->room == 0 ? ROOM_MIN : map->room * 2);
    struct idmap_slot *slot = find(map, key);
    bool there = slot->value != NULL;
    if (value != NULL) {
        *slot = (struct idmap_slot){key, value};
        map->count += !there;
    } else if (there) {
        close_gap(map, (size_t)(slot - map->slots));
        map->count--;
        if (map->room > ROOM_MIN && map->count * 8 < map->room)
            resize(map, map->room / 2);
    }
}

const struct idmap_slot *idmap_next(const struct idmap *map, const struct idmap_slot *slot)
{
    size_t i = slot != NULL ? (size_t)(slot - map->slots) + 1 : 0;
    while (i < map->room && map->slots[i].value == NULL)
        i++;
    return i < map->room ? &map->slots[i] : NULL;
}
