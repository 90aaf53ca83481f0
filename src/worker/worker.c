/* The worker: its parts, its start, and its drain. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/store.h"

#include <stdlib.h>

#define DB_CONNECTIONS 3
#define DB_QUEUE_MAX   256
#define DB_PATIENCE_MS 5000
#define DRAIN_MS       35000 /* the longest timeout, and recording */
#define DRAIN_TICK_MS  20

static bool guard(void *arg, const struct sockaddr *address)
{
    const struct worker *w = arg;
    return address_allowed(&w->settings->networks, address);
}

static void on_taken_over(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    struct queue_row row;

    w->take_over_op = NULL;
    if (err < 0)
        return; /* again at the next tick */
    for (int i = 0; i < db_count(rows); i++) {
        queue_row_read(rows, i, &row);
        struct queue_ack ack = {row.delivery, row.webhook, 0};
        queue_ack(w->queue, &ack, 1);
    }
    if (db_count(rows) > 0)
        log_info("leases_taken_over", "count=%d", db_count(rows));
    w->taken_over = true;
    feed_pump(w);
}

void worker_take_over(struct worker *w)
{
    if (!w->taken_over && w->take_over_op == NULL && !w->stopping)
        w->take_over_op = work_take_over(w->db, w->slot.owner, on_taken_over, w);
}

static void on_db_ready(void *arg)
{
    struct worker *w = arg;
    worker_take_over(w);
    recorder_retry(w);
    feed_pump(w);
}

static void on_wake(void *arg)
{
    feed_pump(arg);
}

static void on_redis_changed(void *arg)
{
    feed_redis_changed(arg);
}

static void close_all(struct worker *w)
{
    LIST_FOREACH_SAFE(node, &w->attempts)
    {
        list_remove(node);
        attempt_destroy(CONTAINER_OF(node, struct attempt, node));
    }
    feed_fini(w);
    sweep_fini(w);
    recorder_fini(w);
    db_cancel(w->take_over_op);
    timeout_destroy(w->drain_timeout);
    queue_destroy(w->queue);
    db_destroy(w->db);
    fetcher_destroy(w->fetcher);
    slot_close(&w->slot);
}

/* Waits for the last callbacks; there is no event for "all of it is quiet". */
static void on_drain(void *arg)
{
    struct worker *w = arg;
    bool done = w->in_flight == 0 && feed_idle(w) && recorder_idle(w) &&
                (queue_pending(w->queue) == 0 || !queue_up(w->queue));

    if (!done && clock_mono_ms() < w->drain_deadline) {
        timeout_set(w->drain_timeout, DRAIN_TICK_MS);
        return;
    }
    log_info("worker_stopped", "drained=%s in_flight=%d", done ? "true" : "false", w->in_flight);
    close_all(w);
}

static void on_stop(void *arg)
{
    struct worker *w = arg;
    w->stopping = true;
    log_info("worker_draining", "in_flight=%d", w->in_flight);
    w->drain_deadline = clock_mono_ms() + DRAIN_MS;
    timeout_set(w->drain_timeout, 0);
}

void worker_advance(struct worker *w)
{
    if (!w->stopping)
        feed_room(w);
}

struct worker *worker_create(const struct settings *settings)
{
    const struct config *config = &settings->config;
    struct worker *w = xcalloc(1, sizeof *w);

    w->settings = settings;
    if (slot_open(&w->slot, config->database_url) < 0) {
        free(w);
        return NULL;
    }
    w->loop = loop_create(on_stop, w);
    w->in_flight_max = (int)config->worker_in_flight;
    list_init(&w->attempts);
    w->drain_timeout = timeout_create(w->loop, on_drain, w);
    w->fetcher = fetcher_create(
        w->loop, &(struct fetcher_config){guard, w, .connections_max = 2 * w->in_flight_max});
    feed_init(w);
    recorder_init(w);
    sweep_init(w);
    w->queue = queue_create(w->loop, &(struct queue_config){.url = config->redis_url,
                                                            .on_wake = on_wake,
                                                            .on_up = on_redis_changed,
                                                            .on_down = on_redis_changed,
                                                            .arg = w});
    w->db = db_create(w->loop, &(struct db_config){.url = config->database_url,
                                                   .session = store_worker_session,
                                                   .stmts = store_worker_stmts,
                                                   .connections = DB_CONNECTIONS,
                                                   .queue_max = DB_QUEUE_MAX,
                                                   .patience_ms = DB_PATIENCE_MS,
                                                   .on_ready = on_db_ready,
                                                   .arg = w});
    return w;
}

void worker_run(struct worker *w)
{
    loop_run(w->loop);
}

void worker_stop(struct worker *w)
{
    loop_stop(w->loop);
}

void worker_destroy(struct worker *w)
{
    if (w == NULL)
        return;
    loop_destroy(w->loop);
    free(w);
}
