/* What was claimed, on its way to who sends it: messages that are large are made one in a turn of the loop, so that
 * nobody else's waits for more than one of them. */
#ifndef WORKER_PACER_H
#define WORKER_PACER_H

#include "base/list.h"
#include "io/loop.h"
#include "places.h"
#include "store/work.h"

/* As feed_cb(): `claims` were leased with `token`. Borrowed. */
typedef void pacer_cb(void *arg, const struct claim *claims, size_t count, int64_t token);

struct pacer {
    struct places *places; /* what waits here weighs in them */
    struct timeout *turn;
    struct list waiting; /* copies of claims */
    bool had_one;        /* in this turn of the loop */
    pacer_cb *cb;
    void *arg;
};

void pacer_init(struct pacer *pacer, struct loop *loop, struct places *places, pacer_cb *cb,
                void *arg);
void pacer_fini(struct pacer *pacer);

/* Hands them on: all that is small, and what goes together with others, before this returns; of what is large one in
 * each turn of the loop. */
void pacer_add(struct pacer *pacer, const struct claim *claims, size_t count, int64_t token);

/* Forgets what waits. */
void pacer_give_up(struct pacer *pacer);

#endif
