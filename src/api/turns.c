/* A queue of apps, and a timeout between one's end and the next's beginning. */
#include "turns.h"

#include "base/clock.h"

#include <stdlib.h>

#define NO_BOUND  (SIZE_MAX / 8) /* what waits is bounded as bodies and connections are */
#define SHORT_US  2000           /* nobody needs a pause after that */
#define PAUSE_MAX 50             /* ms */

struct turns {
    struct accept_queue queue;
    struct timeout *timeout; /* set between one and the next */
    struct turn *held;
    int64_t left_us; /* monotonic: from then on the last did its work */
    bool paused;     /* since */
};

static void give(struct turns *turns)
{
    struct accept_waiter *waiter = accept_queue_next(&turns->queue, NULL);

    if (waiter == NULL)
        return;
    accept_queue_take(&turns->queue, waiter);
    turns->held = CONTAINER_OF(waiter, struct turn, waiter);
    turns->held->cb(turns->held->call);
}

static void on_timeout(void *arg)
{
    struct turns *turns = arg;
    int64_t took_us = clock_mono_us() - turns->left_us, ms = took_us / 1000;

    if (took_us > SHORT_US && !turns->paused) {
        turns->paused = true;
        timeout_set(turns->timeout, ms < PAUSE_MAX ? ms : PAUSE_MAX);
        return;
    }
    give(turns);
}

static void next_soon(struct turns *turns)
{
    turns->left_us = clock_mono_us();
    turns->paused = false;
    timeout_set(turns->timeout, 0);
}

struct turns *turns_create(struct loop *loop)
{
    struct turns *turns = xcalloc(1, sizeof *turns);

    accept_queue_init(&turns->queue, NO_BOUND, NO_BOUND);
    turns->timeout = timeout_create(loop, on_timeout, turns);
    return turns;
}

void turns_destroy(struct turns *turns)
{
    assert(turns->held == NULL);
    accept_queue_fini(&turns->queue);
    timeout_destroy(turns->timeout);
    free(turns);
}

static void cancel(void *arg)
{
    struct turn *turn = arg;
    struct turns *turns = turn->turns;

    if (turn->waiter.turn != NULL) {
        accept_queue_remove(&turns->queue, &turn->waiter);
    } else if (turn_is_held(turn)) {
        turns->held = NULL;
        next_soon(turns);
    }
}

void turns_wait(struct turns *turns, struct turn *turn, struct call *call,
                void (*cb)(struct call *call))
{
    turn->turns = turns;
    turn->call = call;
    turn->cb = cb;
    turn->waiter.events = 1;
    bool pushed = accept_queue_push(&turns->queue, call->app, &turn->waiter);
    assert(pushed);
    call_wait(call, cancel, turn);
    if (turns->held == NULL && !timeout_is_set(turns->timeout))
        next_soon(turns);
}

bool turn_is_held(const struct turn *turn)
{
    return turn->turns != NULL && turn->turns->held == turn;
}

void turn_leave(struct turn *turn)
{
    if (!turn_is_held(turn))
        return;
    turn->turns->held = NULL;
    call_wait_over(turn->call);
    next_soon(turn->turns);
}
