/* The entries of an outbox that wait for a parcel, fair by app: each app's in the order in which they came, the apps in
 * turns, and none with more than three times what it leaves of the room. */
#ifndef STORE_OUTBOX_TURNS_H
#define STORE_OUTBOX_TURNS_H

#include "base/idmap.h"
#include "base/list.h"
#include "store/queue.h"

struct outbox_entry {
    struct queue_ref ref;
    int64_t due_ms; /* on the monotonic clock; OUTBOX_NEVER: no time */
    bool repeated;  /* it was sent before, and what came of that is not known */
    union {
        struct {
            int32_t concurrency, rate_limit;
            enum queue_force force;
        };
        struct {
            struct gate_news news;
            bool begins;  /* it is no end: what was claimed ahead is in flight now */
            bool refused; /* what waits of it stays */
        };
    };
};

#define OUTBOX_NEVER INT64_MIN

struct outbox_slot;

struct outbox_turns {
    size_t max, count;         /* entries */
    struct outbox_slot *slots; /* grows, and goes when it is large and empty */
    size_t used, room;         /* slots that were used since, and all */
    uint32_t free;             /* the first of those that are free again */
    struct list turns;         /* apps that have any, the next first */
    struct idmap by_app;       /* the same */
};

void outbox_turns_init(struct outbox_turns *turns, size_t max);
void outbox_turns_fini(struct outbox_turns *turns);

/* False: there is no room for it, or not for its app. */
bool outbox_turns_push(struct outbox_turns *turns, const struct outbox_entry *entry) MUST_CHECK;

/* Takes the first of the next app, which goes behind the others. There is one. */
void outbox_turns_take(struct outbox_turns *turns, struct outbox_entry *entry);

#endif
