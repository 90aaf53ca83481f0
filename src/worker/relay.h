/* What is claimed ahead, of endpoints that have all the requests under way that they may and answer fast: it waits here,
 * leased, for one of them to end, and begins in its place at once, without a question to the queue or the ledger.
 *
 * How much that is, is what the endpoint has answered lately within RELAY_WINDOW_MS, so that it waits for about as long,
 * and none of one that is slow. What has waited for RELAY_MS is given back: for no longer than that a delivery is sent
 * that was claimed before its webhook was paused, say. All that waits for an endpoint is given back when an attempt at it
 * fails; for a second nothing more is claimed ahead then, and what it may have is for its gate to say. */
#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include "attempt.h"
#include "io/loop.h"
#include "places.h"

#define RELAY_WINDOW_MS 16
#define RELAY_MS        50
#define RELAY_TRACKS    16 /* endpoints at a time */

struct relay_hooks {
    /* It is begun, in the place of one that has ended. Borrowed. */
    void (*on_next)(void *arg, const struct claim *claim, int64_t token);

    /* These were claimed with `token`, and are not sent. Borrowed. */
    void (*on_left)(void *arg, const struct queue_ref *refs, size_t count, int64_t token);
    void *arg;
};

struct relay {
    struct places *places;
    struct queue *queue;
    struct list tracks; /* what is known of endpoints */
    size_t count;       /* of them */
    struct timeout *late;
    bool stopped;
    struct relay_hooks hooks;
};

void relay_init(struct relay *relay, struct loop *loop, struct queue *queue, struct places *places,
                const struct relay_hooks *hooks);

/* Forgets what waits. */
void relay_fini(struct relay *relay);

/* How much may be claimed ahead now, and of which endpoints: fills `out`, which has room for RELAY_TRACKS. None while
 * several apps are served: who comes next would wait behind it. */
size_t relay_room(const struct relay *relay, struct queue_ahead *out);

/* Keeps one that was claimed ahead with `token`, and has its place. Borrowed. */
void relay_add(struct relay *relay, const struct claim *claim, int64_t token);

/* An attempt has ended: learns from it. Before relay_pass(). */
void relay_hear(struct relay *relay, const struct attempt *attempt);

/* The queue is about to be told that this attempt is over: the next begins in its place, and the queue is told so
 * first; or none does, and whoever claims the place brings more. */
void relay_pass(struct relay *relay, const struct attempt *attempt);

/* All that waits is given back, and what comes. */
void relay_stop(struct relay *relay);

#endif
