/* One thread, one loop: timers on the monotonic clock, and a stop that any thread may ask for. libuv's own
 * loop is in loop_uv.h. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/list.h"

struct loop;

/* Called on the loop's thread, once, after loop_stop(). */
typedef void loop_stop_cb(void *arg);

struct loop *loop_create(loop_stop_cb *on_stop, void *arg);

/* Runs until everything on the loop is closed. */
void loop_run(struct loop *loop);

/* Runs until `*done`, which a callback sets, and can be run again: for a program that does one thing after another. */
void loop_run_until(struct loop *loop, const bool *done);

/* Asks for the end; from any thread or, since it only writes to a descriptor, a signal handler. A
 * second call has no effect. */
void loop_stop(struct loop *loop);

/* Frees a loop that loop_run() has come back from, or that never ran. NULL is fine. */
void loop_destroy(struct loop *loop);

/* Frees `memory` once the callbacks that are running now have returned: the end of what may be
 * destroyed in a callback of its own. */
void loop_free(struct loop *loop, void *memory);

/* What is to be done once at the end of a turn of the loop, before it waits again, after everything that the turn's
 * callbacks do: so that it is done once for all of them. Asked for twice, it is done once; asked for from another, it is
 * done in the same turn. It may not destroy what it is a part of. */
struct turn_end {
    struct list node;
    void (*cb)(void *arg);
    void *arg;
};

void turn_end_init(struct turn_end *end, void (*cb)(void *arg), void *arg);
void turn_end_ask(struct loop *loop, struct turn_end *end);
void turn_end_cancel(struct turn_end *end);

/* A timeout that can be set again and again. The callback may destroy it. It is called after a poll that
 * began when it was due already: however long the process stood still, what had arrived by then is read
 * first, and may have cleared it. */
struct timeout;
typedef void timeout_cb(void *arg);

struct timeout *timeout_create(struct loop *loop, timeout_cb *cb, void *arg);

/* Calls back once, `delay_ms` from now, never before this returns; replaces an earlier setting. */
void timeout_set(struct timeout *timeout, int64_t delay_ms);
void timeout_clear(struct timeout *timeout);
bool timeout_is_set(const struct timeout *timeout);
void timeout_destroy(struct timeout *timeout); /* NULL is fine */

#endif
