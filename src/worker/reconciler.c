/* What is overdue every second, all that is due soon every minute or when Redis was emptied. */
#include "reconciler.h"

#include "base/err.h"
#include "base/log.h"
#include "store/gates.h"

#include <stdlib.h>

#define OVERDUE_MAX 2000
#define PAGE_MAX    5000
#define PENDING_MAX 50000 /* entries for Redis: a walk that is ahead of it waits */
#define GATES_MAX   1000
#define WALK_EVERY  60 /* ticks */

/* Ticks until what was emptied under us is claimed from: by then the other workers have swept, and said what they have
 * in flight. What was empty when we came has no others. */
#define OTHERS_TICKS 2

static void load_page(struct reconciler *r);

void reconciler_init(struct reconciler *r, struct db *db, struct queue *queue,
                     const struct reconciler_hooks *hooks, void *arg)
{
    *r = (struct reconciler){.db = db, .queue = queue, .hooks = *hooks, .arg = arg};
}

void reconciler_fini(struct reconciler *r)
{
    queue_cancel(r->queue_op);
    db_cancel(r->overdue_op);
    db_cancel(r->upcoming_op);
    db_cancel(r->gates_op);
    db_cancel(r->told_op);
}

static void enqueue(struct reconciler *r, const struct db_rows *rows, int i, enum queue_force force)
{
    struct queue_entry entry;

    queue_entry_read(rows, i, 0, &entry);
    queue_enqueue(r->queue, &entry, 1, force);
}

static void on_overdue(void *arg, int err, const struct db_rows *rows)
{
    struct reconciler *r = arg;
    r->overdue_op = NULL;
    for (int i = 0; err == 0 && i < db_count(rows); i++)
        enqueue(r, rows, i, QUEUE_FORCE);
}

/* The walk: pages of what is due before the horizon, the oldest first. It goes on where it was when
 * a page fails, and waits while Redis takes in the last ones. */
static void on_page(void *arg, int err, const struct db_rows *rows)
{
    enum { DELIVERY = 0, NEXT_US = 7 };
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

/* --- gates ------------------------------------------------------------------------------------ */

static void load_gates(struct reconciler *r);

/* Gates go before what waits behind them. */
static void on_gates(void *arg, int err, const struct db_rows *rows)
{
    struct reconciler *r = arg;
    struct queue_gate *gates;

    r->gates_op = NULL;
    if (err < 0)
        return; /* again: reconciler_tick() */
    int n = db_count(rows);
    gates = xcalloc((size_t)n + 1, sizeof *gates);
    for (int i = 0; i < n; i++)
        gates_read(rows, i, &gates[i]);
    bool last = n < GATES_MAX;
    r->held_back = last && r->ticks < r->open_tick;
    queue_set_gates(r->queue, gates, (size_t)n, last && !r->held_back);
    if (!last) {
        r->gate_id = gates[n - 1].endpoint;
        load_gates(r);
    } else {
        r->gates_wanted = false;
        r->filled = true;
        walk(r);
        load_page(r);
        r->hooks.on_gates(r->arg);
    }
    free(gates);
}

static void load_gates(struct reconciler *r)
{
    if (r->gates_op == NULL)
        r->gates_op = gates_list(r->db, r->gate_id, GATES_MAX, on_gates, r);
}

void reconciler_refill(struct reconciler *r)
{
    r->rebuild = r->gates_wanted = true;
    r->open_tick = r->ticks;
    r->gate_id = (struct id){0};
    if (db_ready(r->db))
        load_gates(r);
}

void reconciler_db_ready(struct reconciler *r)
{
    if (r->gates_wanted)
        load_gates(r);
}

/* What could not be written is learnt again with the next change, or in ten seconds. */
static void on_told(void *arg, int err, const struct db_rows *rows)
{
    struct reconciler *r = arg;
    (void)rows;
    r->told_op = NULL;
    if (err < 0)
        log_warn("gates_not_recorded", "error=%s", err_name(err));
}

static void on_swept(void *arg, int err, const struct queue_swept *swept)
{
    struct reconciler *r = arg;

    r->queue_op = NULL;
    if (err < 0)
        return;
    if (swept->gate_count > 0 && r->told_op == NULL)
        r->told_op = gates_update(r->db, swept->gates, swept->gate_count, on_told, r);
    if (swept->empty)
        r->hooks.on_empty(r->arg);
    if (swept->rebuild && !r->gates_wanted && !r->held_back) {
        log_warn("queue_rebuild", "reason=\"Redis was empty\"");
        reconciler_refill(r);
        r->open_tick += r->filled ? OTHERS_TICKS : 0;
    }
    r->filled = r->filled || !swept->empty;
}

/* What Redis would tell of its gates while it is to hear of ours may be older. */
void reconciler_sweep(struct reconciler *r)
{
    if (queue_up(r->queue) && r->queue_op == NULL && !r->gates_wanted)
        r->queue_op = queue_sweep(r->queue, on_swept, r);
}

void reconciler_tick(struct reconciler *r)
{
    bool up = queue_up(r->queue);

    r->ticks++;
    reconciler_sweep(r);
    if (!db_ready(r->db))
        return;
    if (up && r->overdue_op == NULL)
        r->overdue_op = work_overdue(r->db, OVERDUE_MAX, on_overdue, r);
    if (up && r->gates_wanted)
        load_gates(r);
    if (up && r->held_back && r->ticks >= r->open_tick) {
        r->held_back = false;
        queue_set_gates(r->queue, NULL, 0, true);
    }
    if (!r->walking && r->ticks % WALK_EVERY == 0)
        walk(r);
    if (up && r->walking)
        load_page(r);
}
