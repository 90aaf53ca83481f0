/* Requests that wait to be accepted, fair by app: each app's in the order in which they came, the apps in turns, and
 * none with more than three times what it leaves of the room. */
#ifndef API_ACCEPT_QUEUE_H
#define API_ACCEPT_QUEUE_H

#include "base/id.h"
#include "base/idmap.h"
#include "base/list.h"

/* In what waits; zeroed before. */
struct accept_waiter {
    struct list node;
    struct accept_turn *turn; /* NULL: it does not wait */
    size_t events, bytes;
};

struct accept_queue {
    size_t events_max, bytes_max;
    size_t events, bytes;
    struct list turns;   /* apps that have any, the next first */
    struct idmap by_app; /* the same */
};

void accept_queue_init(struct accept_queue *queue, size_t events_max, size_t bytes_max);

/* Nothing may be waiting. */
void accept_queue_fini(struct accept_queue *queue);

/* False: there is no room for it, or not for its app. It has its `events` and `bytes`. */
bool accept_queue_push(struct accept_queue *queue, struct id app,
                       struct accept_waiter *waiter) MUST_CHECK;

/* The first of the next app, or of the app after that of `previous`, for as many apps as have any; NULL: there is
 * none. */
struct accept_waiter *accept_queue_next(struct accept_queue *queue,
                                        const struct accept_waiter *previous);

/* Out of it, for it has its turn: its app goes behind the others. */
void accept_queue_take(struct accept_queue *queue, struct accept_waiter *waiter);

/* Out of it, without a turn. */
void accept_queue_remove(struct accept_queue *queue, struct accept_waiter *waiter);

#endif
