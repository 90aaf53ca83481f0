/* What happens every second: the queue gets back what it has lost, deliveries follow the status of
 * their webhooks, partitions are made and dropped. Each statement is harmless in two workers at
 * once. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define PERIOD_MS    1000
#define OVERDUE_MAX  2000
#define PAGE_MAX     5000
#define SETTLE_MAX   5000
#define FORGET_MAX   5000
#define PENDING_MAX  50000 /* entries for Redis: a walk that is ahead of it waits */
#define WALK_EVERY   60    /* seconds, as the two that follow */
#define FORGET_EVERY 60
#define DAYS_EVERY   3600

static void on_timeout(void *arg);
static void load_page(struct worker *w);

void sweep_init(struct worker *w)
{
    w->sweep.timeout = timeout_create(w->loop, on_timeout, w);
    timeout_set(w->sweep.timeout, 0);
}

void sweep_fini(struct worker *w)
{
    queue_cancel(w->sweep.queue_op);
    db_cancel(w->sweep.overdue_op);
    db_cancel(w->sweep.upcoming_op);
    db_cancel(w->sweep.settle_op);
    db_cancel(w->sweep.janitor_op);
    timeout_destroy(w->sweep.timeout);
}

static void enqueue(struct worker *w, const struct db_rows *rows, enum queue_force force)
{
    struct queue_row row;
    for (int i = 0; i < db_count(rows); i++) {
        queue_row_read(rows, i, &row);
        struct queue_entry entry = {row.delivery, row.webhook, row.delay_ms, row.concurrency,
                                    row.rate};
        queue_enqueue(w->queue, &entry, 1, force);
    }
}

static void on_overdue(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    w->sweep.overdue_op = NULL;
    if (err == 0)
        enqueue(w, rows, QUEUE_FORCE);
}

static void on_settled(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    w->sweep.settle_op = NULL;
    if (err == 0)
        enqueue(w, rows, QUEUE_GENTLE);
}

/* The walk: pages of what is due before the horizon, the oldest first. It goes on where it was when
 * a page fails, and waits while Redis takes in the last ones. */
static void on_page(void *arg, int err, const struct db_rows *rows)
{
    enum { DELIVERY = 0, NEXT_US = 5 };
    struct worker *w = arg;

    w->sweep.upcoming_op = NULL;
    if (err < 0)
        return;
    enqueue(w, rows, QUEUE_GENTLE);
    int n = db_count(rows);
    if (n < PAGE_MAX) {
        w->sweep.walking = w->sweep.rebuild = false;
        return;
    }
    w->sweep.page_due_us = db_i64(rows, n - 1, NEXT_US);
    w->sweep.page_id = db_id(rows, n - 1, DELIVERY);
    if (w->sweep.rebuild)
        load_page(w);
}

static void load_page(struct worker *w)
{
    if (w->sweep.upcoming_op == NULL && queue_pending(w->queue) < PENDING_MAX)
        w->sweep.upcoming_op =
            work_upcoming(w->db, w->sweep.page_due_us, w->sweep.page_id, PAGE_MAX, on_page, w);
}

static void walk(struct worker *w)
{
    db_cancel(w->sweep.upcoming_op);
    w->sweep.upcoming_op = NULL;
    w->sweep.walking = true;
    w->sweep.page_due_us = 0;
    w->sweep.page_id = (struct id){0};
}

static void on_swept(void *arg, int err, bool rebuild)
{
    struct worker *w = arg;
    w->sweep.queue_op = NULL;
    if (err == 0 && rebuild) {
        log_warn("queue_rebuild", "reason=\"Redis was empty\"");
        w->sweep.rebuild = true;
        walk(w);
        load_page(w);
    }
}

static void on_janitor(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    (void)rows;
    w->sweep.janitor_op = NULL;
    if (err < 0)
        log_warn("janitor_failed", "error=%s", err_info(err)->code);
}

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    on_janitor(arg, err, rows);
    w->sweep.janitor_op =
        work_partitions_drop(w->db, w->settings->config.retention_days, on_janitor, w);
}

static void keep_house(struct worker *w)
{
    if (w->sweep.janitor_op != NULL)
        return;
    if (w->sweep.ticks % DAYS_EVERY == 1)
        w->sweep.janitor_op = work_partitions_make(w->db, on_days_made, w);
    else if (w->sweep.ticks % FORGET_EVERY == 2)
        w->sweep.janitor_op = work_forget(w->db, FORGET_MAX, on_janitor, w);
}

static void on_timeout(void *arg)
{
    struct worker *w = arg;

    if (w->stopping)
        return;
    timeout_set(w->sweep.timeout, PERIOD_MS);
    w->sweep.ticks++;
    if (queue_up(w->queue) && w->sweep.queue_op == NULL)
        w->sweep.queue_op = queue_sweep(w->queue, on_swept, w);
    if (!db_ready(w->db))
        return;
    worker_take_over(w);
    feed_retry(w);
    if (queue_up(w->queue) && w->sweep.overdue_op == NULL)
        w->sweep.overdue_op = work_overdue(w->db, OVERDUE_MAX, on_overdue, w);
    if (!w->sweep.walking && w->sweep.ticks % WALK_EVERY == 0)
        walk(w);
    if (queue_up(w->queue) && w->sweep.walking)
        load_page(w);
    if (w->sweep.settle_op == NULL)
        w->sweep.settle_op = work_settle(w->db, SETTLE_MAX, on_settled, w);
    keep_house(w);
}
