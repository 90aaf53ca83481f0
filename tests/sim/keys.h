/* What a Redis has: keys of strings, hashes, sets and sorted sets, of which a script uses few and small ones. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "base/str.h"

enum key_type { KEY_STRING, KEY_HASH, KEY_SET, KEY_ZSET };

/* A member, with a score if its set is sorted, or a field with its value. */
#define ITEM_BYTES 176
struct item {
    double score;
    uint16_t name_n, value_n;
    char bytes[ITEM_BYTES]; /* the name, and then the value */
};

struct key {
    char *name;
    size_t name_n;
    uint32_t hash;
    enum key_type type;
    int64_t ends_ms;    /* of its own clock; 0: never */
    struct item *items; /* of a string, one; sorted if the set is */
    size_t count, room;
};

struct keyspace {
    struct key *keys;
    size_t count, room;
};

void keyspace_clear(struct keyspace *keys);
void keyspace_copy(struct keyspace *to, const struct keyspace *from); /* `to` is empty */
void keyspace_expire(struct keyspace *keys, int64_t now_ms);

/* NULL: there is none. */
struct key *key_find(struct keyspace *keys, struct str name);
struct key *key_make(struct keyspace *keys, struct str name, enum key_type type);
void key_drop(struct keyspace *keys, struct key *key);

/* Drops it if there is nothing in it. */
void key_tidy(struct keyspace *keys, struct key *key);

struct item *item_find(struct key *key, struct str name); /* key may be NULL */
void item_drop(struct key *key, struct item *item);

/* A member of a set or a field, with its value; true: it is new. */
bool item_set(struct key *key, struct str name, struct str value);

/* A member of a sorted set, which is put in its place; `item` may be one that is there. */
void item_score(struct key *key, struct item *item, struct str name, double score);

static inline struct str item_name(const struct item *item)
{
    return (struct str){item->bytes, item->name_n};
}

static inline struct str item_value(const struct item *item)
{
    return (struct str){item->bytes + item->name_n, item->value_n};
}

#endif
