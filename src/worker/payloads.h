/* The data of large events, and the bodies that were made of it: here once for all deliveries of an event, whoever
 * waits for its turn or is on its way. What is too large to come with a claim is asked for when it is wanted. */
#ifndef WORKER_PAYLOADS_H
#define WORKER_PAYLOADS_H

#include "base/idmap.h"
#include "core/body.h"
#include "places.h"
#include "store/work.h"

enum payload_state {
    PAYLOAD_AWAY,
    PAYLOAD_COMING,
    PAYLOAD_HERE,
    PAYLOAD_LOST, /* the event was erased, or PostgreSQL did not answer */
};

struct payload {
    struct payloads *payloads;
    struct id event, app;
    enum payload_state state;
    struct db_op *op;
    size_t size; /* of the data, here or not */
    struct buf data;
    struct bodies bodies;
    size_t waiting,
        users;  /* deliveries whose messages are not made yet; messages that use the bodies */
    int weight; /* places that all of it has */
};

struct payloads {
    struct db *db;
    struct places *places;
    struct idmap by_event;
    struct idmap weights; /* of apps, as pointers */
    size_t coming;
    void (*on_come)(void *arg); /* one that was away is here, or lost */
    void *arg;
};

void payloads_init(struct payloads *payloads, struct db *db, struct places *places,
                   void (*on_come)(void *arg), void *arg);

/* Nobody waits for any, or uses it. */
void payloads_fini(struct payloads *payloads);

/* That of the claim's event: one more waits for it. Copies the data, if the claim has it. */
struct payload *payloads_wait(struct payloads *payloads, const struct claim *claim);

/* May the app have this one's data, and what is made of it, besides all that is there? By the rule of queue_claim(); one
 * in any case. */
bool payload_may_come(const struct payload *one);

/* Asks for the data of one that is away. */
void payload_fetch(struct payload *one);

/* One waits no more. The payload goes with its last. */
void payload_leave(struct payload *one);

/* For a message: made of it, to be told when that has been sent. It weighs what it has become. */
void payload_use(struct payload *one);
void payload_release(struct payload *one);

#endif
