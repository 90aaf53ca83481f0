/* The loop of one thread, and its timers. libuv's handles die only in their close callback, so each
 * is on the heap and frees itself there.
 *
 * libuv runs timers before it polls. A process that was stopped, or a loop that was busy for long, would find its
 * deadlines over before it reads what arrived meanwhile. So a timer of libuv only makes its timeout due: it is called
 * after the poll of the same turn, which does not wait then. Who read what it was waiting for has cleared it. */
#include "io/loop_uv.h"

#include "base/list.h"
#include "base/metrics.h"

#include <pthread.h>
#include <stdlib.h>

struct loop {
    uv_loop_t uv;
    uv_async_t stop;
    uv_idle_t hurry; /* active: the poll does not wait */
    uv_check_t polled;
    struct list due;
    uv_prepare_t waiting; /* about to */
    struct list ends;     /* what is to be done before */
    loop_stop_cb *on_stop;
    void *arg;
};

struct timeout {
    uv_timer_t uv;
    struct list node; /* among what is due */
    int64_t due_ms;   /* by libuv's clock */
    timeout_cb *cb;
    void *arg;
};

static void *alloc(size_t size)
{
    return xrealloc(NULL, size);
}

static void on_stop_asked(uv_async_t *async)
{
    struct loop *loop = async->data;
    uv_close((uv_handle_t *)async, NULL);
    loop->on_stop(loop->arg);
}

static void on_hurry(uv_idle_t *idle)
{
    (void)idle;
}

static void on_polled(uv_check_t *check)
{
    struct loop *loop = check->data;
    struct list now, *node;

    uv_idle_stop(&loop->hurry);
    list_init(&now);
    list_move_all(&now, &loop->due);
    while ((node = list_pop(&now)) != NULL) {
        struct timeout *timeout = CONTAINER_OF(node, struct timeout, node);
        metric_observe(HISTOGRAM_LOOP, ((int64_t)uv_now(&loop->uv) - timeout->due_ms) * 1000);
        timeout->cb(timeout->arg);
    }
}

static void on_waiting(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    struct list *node;

    while ((node = list_pop(&loop->ends)) != NULL) {
        struct turn_end *end = CONTAINER_OF(node, struct turn_end, node);
        end->cb(end->arg);
    }
}

/* None of them keeps the loop alive. */
static void init_turn(struct loop *loop)
{
    int rc = uv_idle_init(&loop->uv, &loop->hurry);
    assert(rc == 0);
    rc = uv_check_init(&loop->uv, &loop->polled);
    assert(rc == 0);
    uv_check_start(&loop->polled, on_polled);
    uv_unref((uv_handle_t *)&loop->hurry);
    uv_unref((uv_handle_t *)&loop->polled);
    loop->polled.data = loop;
    list_init(&loop->due);
    rc = uv_prepare_init(&loop->uv, &loop->waiting);
    assert(rc == 0);
    uv_prepare_start(&loop->waiting, on_waiting);
    uv_unref((uv_handle_t *)&loop->waiting);
    loop->waiting.data = loop;
    list_init(&loop->ends);
}

/* libuv aborts too, without a word. */
static void allocate_in_words(void)
{
    int rc = uv_replace_allocator(alloc, xrealloc, xcalloc, free);
    assert(rc == 0);
}

struct loop *loop_create(loop_stop_cb *on_stop, void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, allocate_in_words);
    struct loop *loop = xcalloc(1, sizeof *loop);
    int rc = uv_loop_init(&loop->uv);
    assert(rc == 0);
    rc = uv_async_init(&loop->uv, &loop->stop, on_stop_asked);
    assert(rc == 0);
    loop->stop.data = loop;
    loop->on_stop = on_stop;
    loop->arg = arg;
    loop->uv.data = loop;
    init_turn(loop);
    return loop;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_run_until(struct loop *loop, const bool *done)
{
    while (!*done)
        uv_run(&loop->uv, UV_RUN_ONCE);
}

void loop_stop(struct loop *loop)
{
    uv_async_send(&loop->stop);
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (!uv_is_closing((uv_handle_t *)&loop->stop))
        uv_close((uv_handle_t *)&loop->stop, NULL);
    uv_close((uv_handle_t *)&loop->hurry, NULL);
    uv_close((uv_handle_t *)&loop->polled, NULL);
    uv_close((uv_handle_t *)&loop->waiting, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop->uv);
    assert(rc == 0);
    free(loop);
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

static void on_turn_over(uv_handle_t *handle)
{
    free(handle->data);
    free(handle);
}

/* libuv calls back for a closed handle when all other callbacks of the turn are through. */
void loop_free(struct loop *loop, void *memory)
{
    uv_timer_t *uv = xcalloc(1, sizeof *uv);
    int rc = uv_timer_init(&loop->uv, uv);
    assert(rc == 0);
    uv->data = memory;
    uv_close((uv_handle_t *)uv, on_turn_over);
}

void turn_end_init(struct turn_end *end, void (*cb)(void *arg), void *arg)
{
    list_init(&end->node);
    end->cb = cb;
    end->arg = arg;
}

void turn_end_ask(struct loop *loop, struct turn_end *end)
{
    if (list_empty(&end->node))
        list_push(&loop->ends, &end->node);
}

void turn_end_cancel(struct turn_end *end)
{
    list_remove(&end->node);
}

static void on_timer(uv_timer_t *uv)
{
    struct timeout *timeout = uv->data;
    struct loop *loop = uv->loop->data;

    list_push(&loop->due, &timeout->node);
    uv_idle_start(&loop->hurry, on_hurry);
}

struct timeout *timeout_create(struct loop *loop, timeout_cb *cb, void *arg)
{
    struct timeout *timeout = xcalloc(1, sizeof *timeout);
    int rc = uv_timer_init(&loop->uv, &timeout->uv);
    assert(rc == 0);
    list_init(&timeout->node);
    timeout->uv.data = timeout;
    timeout->cb = cb;
    timeout->arg = arg;
    return timeout;
}

void timeout_set(struct timeout *timeout, int64_t delay_ms)
{
    list_remove(&timeout->node);
    uv_update_time(timeout->uv.loop); /* or a long callback shortens the delay */
    delay_ms = delay_ms > 0 ? delay_ms : 0;
    timeout->due_ms = (int64_t)uv_now(timeout->uv.loop) + delay_ms;
    uv_timer_start(&timeout->uv, on_timer, (uint64_t)delay_ms, 0);
}

void timeout_clear(struct timeout *timeout)
{
    list_remove(&timeout->node);
    uv_timer_stop(&timeout->uv);
}

bool timeout_is_set(const struct timeout *timeout)
{
    return uv_is_active((const uv_handle_t *)&timeout->uv) || !list_empty(&timeout->node);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void timeout_destroy(struct timeout *timeout)
{
    if (timeout == NULL)
        return;
    list_remove(&timeout->node);
    uv_close((uv_handle_t *)&timeout->uv, on_timer_closed);
}
