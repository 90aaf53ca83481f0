/* Small arrays: what a run has in Redis is some dozens of entries. */
#include "keys.h"

#include <stdlib.h>

static uint32_t hash_of(struct str s)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 16777619U;
    return h;
}

static void forget(struct key *key)
{
    free(key->name);
    free(key->items);
}

void keyspace_clear(struct keyspace *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        forget(&keys->keys[i]);
    free(keys->keys);
    *keys = (struct keyspace){0};
}

void keyspace_copy(struct keyspace *to, const struct keyspace *from)
{
    assert(to->count == 0);
    free(to->keys);
    *to = (struct keyspace){.count = from->count, .room = from->count};
    to->keys = xcalloc(from->count + 1, sizeof *to->keys);
    for (size_t i = 0; i < from->count; i++) {
        const struct key *key = &from->keys[i];
        to->keys[i] = *key;
        to->keys[i].room = key->count;
        to->keys[i].name = xcalloc(1, key->name_n + 1);
        memcpy(to->keys[i].name, key->name, key->name_n);
        to->keys[i].items = xcalloc(key->count + 1, sizeof *key->items);
        if (key->count > 0)
            memcpy(to->keys[i].items, key->items, key->count * sizeof *key->items);
    }
}

struct key *key_find(struct keyspace *keys, struct str name)
{
    uint32_t hash = hash_of(name);

    for (size_t i = 0; i < keys->count; i++) {
        struct key *key = &keys->keys[i];
        if (key->hash == hash && key->name_n == name.n && memcmp(key->name, name.p, name.n) == 0)
            return key;
    }
    return NULL;
}

struct key *key_make(struct keyspace *keys, struct str name, enum key_type type)
{
    struct key *key = key_find(keys, name);

    if (key != NULL)
        return key;
    if (keys->count == keys->room) {
        keys->room = keys->room > 0 ? 2 * keys->room : 16;
        keys->keys = xrealloc(keys->keys, keys->room * sizeof *keys->keys);
    }
    key = &keys->keys[keys->count++];
    *key = (struct key){.hash = hash_of(name), .type = type, .name_n = name.n};
    key->name = xcalloc(1, name.n + 1);
    memcpy(key->name, name.p, name.n);
    return key;
}

/* The last takes its place. */
void key_drop(struct keyspace *keys, struct key *key)
{
    forget(key);
    *key = keys->keys[--keys->count];
}

void key_tidy(struct keyspace *keys, struct key *key)
{
    if (key != NULL && key->count == 0)
        key_drop(keys, key);
}

void keyspace_expire(struct keyspace *keys, int64_t now_ms)
{
    for (size_t i = keys->count; i > 0; i--)
        if (keys->keys[i - 1].ends_ms != 0 && keys->keys[i - 1].ends_ms <= now_ms)
            key_drop(keys, &keys->keys[i - 1]);
}

struct item *item_find(struct key *key, struct str name)
{
    for (size_t i = 0; key != NULL && i < key->count; i++) {
        struct item *item = &key->items[i];
        if (item->name_n == name.n && memcmp(item->bytes, name.p, name.n) == 0)
            return item;
    }
    return NULL;
}

void item_drop(struct key *key, struct item *item)
{
    size_t at = (size_t)(item - key->items);
    memmove(item, item + 1, (--key->count - at) * sizeof *item);
}

static struct item *append(struct key *key)
{
    if (key->count == key->room) {
        key->room = key->room > 0 ? 2 * key->room : 8;
        key->items = xrealloc(key->items, key->room * sizeof *key->items);
    }
    return &key->items[key->count++];
}

static void write_item(struct item *item, struct str name, struct str value, double score)
{
    assert(name.n + value.n <= ITEM_BYTES);
    item->score = score;
    item->name_n = (uint16_t)name.n;
    item->value_n = (uint16_t)value.n;
    memcpy(item->bytes, name.p, name.n);
    if (value.n > 0)
        memcpy(item->bytes + name.n, value.p, value.n);
}

bool item_set(struct key *key, struct str name, struct str value)
{
    struct item *item = item_find(key, name);
    bool is_new = item == NULL;

    write_item(is_new ? append(key) : item, name, value, 0);
    return is_new;
}

static bool is_before(double score, struct str name, const struct item *b)
{
    size_t n = name.n < b->name_n ? name.n : b->name_n;
    int order = memcmp(name.p, b->bytes, n);

    if (score < b->score || score > b->score)
        return score < b->score;
    return order != 0 ? order < 0 : name.n < b->name_n;
}

void item_score(struct key *key, struct item *item, struct str name, double score)
{
    char bytes[ITEM_BYTES];

    memcpy(bytes, name.p, name.n); /* the name may be the item's own */
    name.p = bytes;
    if (item != NULL)
        item_drop(key, item);
    append(key);
    size_t at = key->count - 1;
    while (at > 0 && is_before(score, name, &key->items[at - 1])) {
        key->items[at] = key->items[at - 1];
        at--;
    }
    write_item(&key->items[at], name, STR_LIT(""), score);
}
