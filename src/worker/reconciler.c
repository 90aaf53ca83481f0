/* What is overdue every second, all that is due soon every minute or when Redis was emptied. */
#include "reconciler.h"

#include "base/log.h"

#define OVERDUE_MAX 2000
#define PAGE_MAX    5000
#define SETTLE_MAX  5000
#define PENDING_MAX 50000 /* entries for Redis: a walk that is ahead of it waits */
#define WALK_EVERY  60    /* ticks */

static void load_page(struct reconciler *r);

void reconciler_init(struct reconciler *r, struct db *db, struct queue *queue)
{
    *r = (struct reconciler){.db = db, .queue = queue};
}

void reconciler_fini(struct reconciler *r)
{
    queue_cancel(r->queue_op);
    db_cancel(r->overdue_op);
    db_cancel(r->upcoming_op);
    db_cancel(r->settle_op);
}

static void enqueue(struct reconciler *r, const struct db_rows *rows, int i, enum queue_force force)
{
    struct queue_row row;

    queue_row_read(rows, i, &row);
    queue_enqueue(
        r->queue,
        &(struct queue_entry){row.delivery, row.webhook, row.delay_ms, row.concurrency, row.rate},
        1, force);
}

static void on_overdue(void *arg, int err, const struct db_rows *rows)
{
    struct reconciler *r = arg;
    r->overdue_op = NULL;
    for (int i = 0; err == 0 && i < db_count(rows); i++)
        enqueue(r, rows, i, QUEUE_FORCE);
}

static void on_settled(void *arg, int err, const struct db_rows *rows)
{
    enum { STATE = 5 };
    struct reconciler *r = arg;
    size_t moved[DELIVERY_STATES] = {0};

    r->settle_op = NULL;
    for (int i = 0; err == 0 && i < db_count(rows); i++) {
        int64_t state = db_i64(rows, i, STATE);
        moved[state]++;
        if (state == DELIVERY_PENDING)
            enqueue(r, rows, i, QUEUE_GENTLE);
    }
    if (err == 0 && db_count(rows) > 0)
        log_info("deliveries_settled", "resumed=%zu held=%zu cancelled=%zu",
                 moved[DELIVERY_PENDING], moved[DELIVERY_HELD], moved[DELIVERY_CANCELLED]);
}

/* The walk: pages of what is due before the horizon, the oldest first. It goes on where it was when
 * a page fails, and waits while Redis takes in the last ones. */
static void on_page(void *arg, int err, const struct db_rows *rows)
{
    enum { DELIVERY = 0, NEXT_US = 5 };
    struct reconciler *r = arg;

    r->upcoming_op = NULL;
    if (err < 0)
        return;
    int n = db_count(rows);
    for (int i = 0; i < n; i++)
        enqueue(r, rows, i, QUEUE_GENTLE);
    r->walked += (size_t)n;
    if (n < PAGE_MAX) {
        if (r->rebuild)
            log_info("queue_rebuilt", "count=%zu", r->walked);
        r->walking = r->rebuild = false;
        return;
    }
    r->page_due_us = db_i64(rows, n - 1, NEXT_US);
    r->page_id = db_id(rows, n - 1, DELIVERY);
    if (r->rebuild)
        load_page(r);
}

static void load_page(struct reconciler *r)
{
    if (r->upcoming_op == NULL && queue_pending(r->queue) < PENDING_MAX)
        r->upcoming_op = work_upcoming(r->db, r->page_due_us, r->page_id, PAGE_MAX, on_page, r);
}

static void walk(struct reconciler *r)
{
    db_cancel(r->upcoming_op);
    r->upcoming_op = NULL;
    r->walking = true;
    r->walked = 0;
    r->page_due_us = 0;
    r->page_id = (struct id){0};
}

static void on_swept(void *arg, int err, bool rebuild)
{
    struct reconciler *r = arg;
    r->queue_op = NULL;
    if (err == 0 && rebuild) {
        log_warn("queue_rebuild", "reason=\"Redis was empty\"");
        r->rebuild = true;
        walk(r);
        load_page(r);
    }
}

void reconciler_tick(struct reconciler *r)
{
    bool up = queue_up(r->queue);

    r->ticks++;
    if (up && r->queue_op == NULL)
        r->queue_op = queue_sweep(r->queue, on_swept, r);
    if (!db_ready(r->db))
        return;
    if (up && r->overdue_op == NULL)
        r->overdue_op = work_overdue(r->db, OVERDUE_MAX, on_overdue, r);
    if (!r->walking && r->ticks % WALK_EVERY == 0)
        walk(r);
    if (up && r->walking)
        load_page(r);
    if (r->settle_op == NULL)
        r->settle_op = work_settle(r->db, SETTLE_MAX, on_settled, r);
}
