/* What was claimed, on its way to who sends it. Messages that are large, arrays of what was gathered among them, wait for
 * their turn, which apps have by the time that theirs took; and turns are short, with pauses while anybody else has something in hand: the loop is
 * everybody's. */
#ifndef WORKER_PACER_H
#define WORKER_PACER_H

#include "base/list.h"
#include "io/loop.h"
#include "payloads.h"
#include "places.h"
#include "store/work.h"

struct pacer_hooks {
    /* As feed_cb(): `claims` were leased with `token`. Of one with a payload, which comes alone, the data, and what
     * others have made of it, are there. What gathers comes with all that was added with it. Borrowed. */
    void (*on_claims)(void *arg, const struct claim *claims, size_t count, int64_t token,
                      struct payload *payload);

    /* These are not sent: their turn came too late, or their data did not. Borrowed. */
    void (*on_left)(void *arg, const struct queue_ref *refs, size_t count, int64_t token);
    void *arg;
};

struct pacer {
    struct places *places; /* what waits here weighs in them */
    struct payloads payloads;
    struct timeout *turn;
    struct list apps; /* that have something waiting */
    struct idmap by_app;
    int64_t time_us; /* of the app whose turn it was last; see paced_app */
    bool had_turn;   /* another comes with its timeout */
    struct pacer_hooks hooks;
};

void pacer_init(struct pacer *pacer, struct loop *loop, struct db *db, struct places *places,
                const struct pacer_hooks *hooks);

/* Forgets what waits. Messages that use its payloads are gone before. */
void pacer_fini(struct pacer *pacer);

/* Hands them on: all that is small before this returns. What was gathered for one request is added at once. */
void pacer_add(struct pacer *pacer, const struct claim *claims, size_t count, int64_t token);

/* All that waits is left. */
void pacer_stop(struct pacer *pacer);

#endif
