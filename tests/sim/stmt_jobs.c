/* store/job_steps.c, of settle jobs, which status changes begin. */
#include "ledger.h"

#include "core/delivery.h"
#include "core/job.h"
#include "core/webhook.h"
#include "mutants.h"

struct db_rows *model_job_next(const struct values *v, int *err)
{
    const struct row_webhook *best = NULL;
    struct db_rows *rows = rows_create(3);

    (void)v;
    (void)err;
    for (int i = 0; i < ledger.webhook_count; i++) {
        const struct row_webhook *w = &ledger.webhooks[i];
        if (w->job && w->step_us <= ledger_now_us() &&
            (best == NULL || w->stepped_us < best->stepped_us))
            best = w;
    }
    if (best != NULL && !is_mutant(MUTANT_SETTLE_NONE)) {
        put_id(rows, best->job_id);
        put_i64(rows, JOB_SETTLE);
        put_i64(rows, 0);
    }
    return rows;
}

static bool is_moved(const struct row_webhook *w, const struct row_delivery *d)
{
    if (&ledger.webhooks[d->webhook] != w)
        return false;
    return w->status == WEBHOOK_ACTIVE ? d->state == DELIVERY_HELD
                                       : d->state == DELIVERY_PENDING && !is_leased(d);
}

/* A mutant's: a look that was too old ends the job. */
static void on_forget(void *arg)
{
    struct row_webhook *w = arg;
    w->job = false;
}

/* A step of one webhook's job; which of its deliveries it moved. */
static uint64_t settle(struct row_webhook *w, int64_t share)
{
    int64_t now = ledger_now_us(), found = 0;
    bool old = w->updated_us < now - MS(JOB_SETTLE_AFTER_MS);
    uint64_t moved = 0;

    for (int i = 0; i < ledger.delivery_count && found < share; i++) {
        struct row_delivery *d = &ledger.deliveries[i];
        if (!is_moved(w, d))
            continue;
        d->state = w->status == WEBHOOK_ACTIVE ? DELIVERY_PENDING : DELIVERY_HELD;
        d->completed_us = 0;
        moved |= UINT64_C(1) << i;
        found++;
    }
    bool stalled = found < share;
    w->job = !(found == 0 && old);
    w->found += found;
    w->done += found;
    w->failures = 0;
    w->stepped_us = now;
    w->stalls = stalled ? w->stalls + 1 : 0;
    if (stalled && is_mutant(MUTANT_SETTLE_FORGETS))
        sim_in(sim_between(MS(1), MS(500)), NULL, on_forget, w);
    if (stalled)
        w->step_us = now + MS(JOB_SETTLE_EVERY_MS);
    return moved;
}

static void put_step(struct db_rows *rows, const struct row_webhook *w)
{
    put_id(rows, w->job_id);
    put_i64(rows, w->job ? JOB_RUNNING : JOB_DONE);
    put_bool(rows, w->stalls > 0);
    put_i64(rows, w->done);
}

struct db_rows *model_job_step_settle(const struct values *v, int *err)
{
    struct id id = value_id(v, 1);
    struct db_rows *rows = rows_create(11);

    (void)err;
    for (int i = 0; i < ledger.webhook_count; i++) {
        struct row_webhook *w = &ledger.webhooks[i];
        bool due = w->step_us <= ledger_now_us() && w->failures == 0;
        if (!w->job || !(id_eq(w->job_id, id) || due))
            continue;
        uint64_t moved = settle(w, value_i64(v, 2));
        bool any = false;
        for (int d = 0; d < ledger.delivery_count; d++) {
            if ((moved >> d & 1) == 0 || ledger.deliveries[d].state != DELIVERY_PENDING)
                continue;
            put_step(rows, w);
            put_entry(rows, &ledger.deliveries[d]);
            any = true;
        }
        if (!any) {
            put_step(rows, w);
            put_nulls(rows, 7);
        }
    }
    return rows;
}

struct db_rows *model_job_put_off(const struct values *v, int *err)
{
    struct id id = value_id(v, 1);
    struct db_rows *rows = rows_create(1);

    (void)err;
    for (int i = 0; i < ledger.webhook_count; i++) {
        struct row_webhook *w = &ledger.webhooks[i];
        if (!w->job || !id_eq(w->job_id, id))
            continue;
        int64_t s = INT64_C(1) << w->failures;
        w->step_us = ledger_now_us() + SECONDS(s < JOB_FOLLOWS_PAUSE_S ? s : JOB_FOLLOWS_PAUSE_S);
        w->stepped_us = ledger_now_us();
        w->failures += w->failures < JOB_FAILURES_MAX;
        put_bool(rows, false);
    }
    return rows;
}
