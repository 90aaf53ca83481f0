/* The members of objects that are being written: where they came to lie in the output, and in what number and order
 * they are to stand there. Nothing is moved before all is written, and then once, however deep it lies. */
#ifndef BASE_JSON_MEMBERS_H
#define BASE_JSON_MEMBERS_H

#include "json_internal.h"

#define MEMBERS_SMALL 48 /* open ones that need no heap */

/* Offsets in the output. Written keys are equal when, and only when, their decoded values are: each
 * character has one spelling. */
struct member {
    uint32_t start, end; /* key and value */
    uint32_t key_n;
    uint32_t rank; /* its array index, or that it is none */
    uint32_t hash; /* of the key */
};

/* `open` is a stack of the members of all open objects. It is no longer than the text allows, where each
 * takes four bytes or more. */
struct members {
    struct buf *out;
    struct member *open;
    size_t count, cap;
    struct change *
        changes; /* objects that do not stay as they were written, and those around them, in their order */
    size_t change_count, change_cap;
    struct piece *pieces; /* what is left of them */
    size_t piece_count, piece_cap;
    struct member small[MEMBERS_SMALL];
};

/* An object that was begun. */
struct object {
    size_t base, change;
};

void members_init(struct members *ms, struct buf *out);
void members_fini(struct members *ms);

/* After its opening brace. */
struct object members_open(struct members *ms);

/* The innermost object has another, whose key was written from `start` on; its number. */
size_t members_add(struct members *ms, size_t start, bool index_first);

/* Its value was written. */
void members_end(struct members *ms, size_t index);

/* Before its closing brace: duplicate keys collapse, first position and last value; and array indices go first, where
 * members were added so. */
void members_close(struct members *ms, const struct object *object);

/* Puts what was written from `begin` on into its order. */
void members_arrange(struct members *ms, size_t begin, struct str comma);

#endif
