/* What is to be told to the queue, fire and forget: a bounded buffer of entries that leaves in
 * parcels of many, a script call each, with the entries of apps in turns. What an app has beyond its
 * share of the buffer is given up. Belongs to queue.c. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "io/redis.h"
#include "outbox_turns.h"

enum { OUTBOX_MAX = 65536 };

struct outbox_kind {
    const struct redis_script *script; /* ARGV: packed entries, the owner */
    size_t size;                       /* of a packed entry */
    /* `delay_ms` from now, negative: it was due; OUTBOX_NEVER. */
    void (*pack)(uint8_t *out, const struct outbox_entry *entry, int64_t delay_ms);
};

struct outbox {
    struct redis *redis;
    const struct outbox_kind *kind;
    const char *owner;
    struct loop *loop;
    struct turn_end soon;  /* when something leaves in this turn */
    struct timeout *later; /* or after a while */
    struct outbox_turns waiting;
    size_t sent;         /* entries without an answer */
    struct list parcels; /* that carry them */
    int parcel_count;
    struct timeout *tell;
    uint64_t dropped, told; /* entries given up; as the log knows */
    int64_t told_ms;        /* when it was told, monotonic */
};

/* `owner` stays. */
void outbox_init(struct outbox *box, struct loop *loop, const struct outbox_kind *kind,
                 const char *owner);
void outbox_fini(struct outbox *box); /* after redis_destroy() */

/* Leaves in this turn of the loop, or when Redis is there and has answered earlier ones: those of an app in the order
 * in which they are put in. */
void outbox_put(struct outbox *box, const struct outbox_entry *entry);

/* The same for what may wait: it leaves with the next that may not, when there are `enough`, or in so long. */
void outbox_put_later(struct outbox *box, const struct outbox_entry *entry, size_t enough,
                      int64_t delay_ms);

/* Whether something is to leave in this turn. */
bool outbox_is_hurried(const struct outbox *box);

/* Sends now what can be sent. */
void outbox_flush(struct outbox *box);

/* For packing: big-endian numbers, ids. They return what follows. */
uint8_t *outbox_pack_i32(uint8_t *out, int32_t value);
uint8_t *outbox_pack_i64(uint8_t *out, int64_t value);
uint8_t *outbox_pack_id(uint8_t *out, struct id id);
uint8_t *outbox_pack_ref(uint8_t *out, const struct queue_ref *ref);

#endif
