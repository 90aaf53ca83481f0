/* Commits, crashes, and which statement is whose. */
#include "ledger.h"

#include "base/err.h"
#include "core/delivery.h"
#include "core/webhook.h"
#include "mutants.h"
#include "oracle.h"
#include "record.h"
#include "store/audit.h"
#include "store/events.h"
#include "store/gates.h"
#include "store/issues.h"
#include "store/jobs.h"
#include "store/notices.h"
#include "store/portals.h"
#include "store/published.h"
#include "store/tallies.h"
#include "store/webhooks.h"
#include "store/work.h"
#include "world.h"

#define WAL_WRITER_MS 600 /* three times wal_writer_delay */

struct ledger ledger;
struct postgres postgres;

static struct ledger on_disk, before;
static struct event *flush;

void ledger_begin(void)
{
    ledger.delivery_count = ledger.webhook_count = ledger.lease_count = 0;
    ledger.attempt_count = ledger.event_count = ledger.keys_from = 0;
    postgres = (struct postgres){.started_us = 1};
    flush = NULL;
}

int64_t ledger_now_us(void)
{
    return sim.now_us + postgres.clock_us;
}

/* Only what is in use. */
static void copy(struct ledger *to, const struct ledger *from)
{
    to->delivery_count = from->delivery_count;
    to->webhook_count = from->webhook_count;
    to->lease_count = from->lease_count;
    to->attempt_count = from->attempt_count;
    to->event_count = from->event_count;
    to->keys_from = from->keys_from;
#define COPY(rows, count) memcpy(to->rows, from->rows, (size_t)from->count * sizeof from->rows[0])
    COPY(webhooks, webhook_count);
    COPY(deliveries, delivery_count);
    COPY(leases, lease_count);
    COPY(attempts, attempt_count);
    COPY(events, event_count);
#undef COPY
}

void ledger_flush(void)
{
    sim_forget(flush);
    flush = NULL;
    postgres.dirty = false;
    copy(&on_disk, &ledger);
}

static void on_flush(void *arg)
{
    (void)arg;
    flush = NULL;
    if (!postgres.down)
        ledger_flush();
}

void ledger_crash(void)
{
    sim_forget(flush);
    flush = NULL;
    copy(&before, &ledger);
    if (postgres.dirty) {
        copy(&ledger, &on_disk);
        record_break();
    }
    postgres.dirty = false;
    oracle_crashed(&before);
}

/* A change was committed. */
static void commit(bool waits)
{
    if (waits) {
        ledger_flush();
        return;
    }
    postgres.dirty = true;
    if (flush == NULL)
        flush =
            sim_in(sim_between(MS(1), postgres.lag_us > 0 ? postgres.lag_us : MS(WAL_WRITER_MS)),
                   NULL, on_flush, NULL);
}

/* --- rows ------------------------------------------------------------------------------------- */

int find_delivery(struct id id)
{
    for (int i = 0; i < ledger.delivery_count; i++)
        if (id_eq(ledger.deliveries[i].id, id))
            return i;
    return -1;
}

int find_webhook(struct id id)
{
    for (int i = 0; i < ledger.webhook_count; i++)
        if (id_eq(ledger.webhooks[i].id, id))
            return i;
    return -1;
}

bool is_leased(const struct row_delivery *d)
{
    return d->lease_us != 0 && d->lease_us >= ledger_now_us();
}

/* With what the trigger of 0014_settle.sql does. */
void set_status(int webhook, int status, int reason)
{
    struct row_webhook *w = &ledger.webhooks[webhook];
    int64_t now = ledger_now_us();

    if (w->status != status) {
        if (!w->job) {
            w->job_id = id_new();
            w->failures = w->stalls = 0;
            w->found = w->done = 0;
        }
        w->job = true;
        w->step_us = now;
        w->stepped_us = 0;
        w->failures = 0;
    }
    w->status = status;
    w->disabled_reason = reason;
    w->updated_us = now > w->updated_us ? now : w->updated_us + 1;
}

bool attempt_is_recorded(int delivery, int64_t token)
{
    const struct row_delivery *d = &ledger.deliveries[delivery];

    if (d->sent && d->sent_token == token)
        return true;
    for (int i = 0; i < ledger.attempt_count; i++)
        if (ledger.attempts[i].delivery == delivery && ledger.attempts[i].token == token)
            return true;
    return false;
}

void note_attempt(int delivery, int64_t token, int number, int error, int64_t started_ms)
{
    assert(ledger.attempt_count < ATTEMPTS_MAX);
    ledger.attempts[ledger.attempt_count++] =
        (struct row_attempt){delivery, number, error, token, started_ms};
}

void put_entry(struct db_rows *rows, const struct row_delivery *d)
{
    const struct row_webhook *w = &ledger.webhooks[d->webhook];

    put_id(rows, d->id);
    put_id(rows, w->id);
    put_id(rows, d->app);
    put_bool(rows, false);
    put_i64(rows, round_ms(d->next_us) - round_ms(ledger_now_us()));
    put_i64(rows, is_mutant(MUTANT_CAP_IGNORED) ? 1000 : w->concurrency);
    if (w->rate_limit > 0)
        put_i64(rows, w->rate_limit);
    else
        put_null(rows);
}

/* --- statements ------------------------------------------------------------------------------- */

/* The janitor's find nothing to do: a run is shorter than what they wait for. */
static struct db_rows *one_zero(const struct values *values, int *err)
{
    struct db_rows *rows = rows_create(3);
    (void)values;
    (void)err;
    put_i64(rows, 0);
    put_i64(rows, 0);
    put_null(rows);
    return rows;
}

static struct db_rows *nothing(const struct values *values, int *err)
{
    (void)values;
    (void)err;
    return rows_create(1);
}

static const struct {
    const struct db_stmt *stmt;
    stmt_fn *run;
    bool writes;
} models[] = {
    {&stmt_work_overdue, model_work_overdue, false},
    {&stmt_job_next, model_job_next, false},
    {&stmt_work_leases, model_work_leases, false},
    {&stmt_work_claim, model_work_claim, true},
    {&stmt_work_claim_plain, model_work_claim_plain, true},
    {&stmt_work_finish, model_work_finish, true},
    {&stmt_work_finish_plain, model_work_finish_plain, true},
    {&stmt_work_lease_end, model_work_lease_end, true},
    {&stmt_work_claim_due, model_work_claim_due, true},
    {&stmt_work_upcoming, model_work_upcoming, false},
    {&stmt_work_waiting, model_work_waiting, false},
    {&stmt_work_release, model_work_release, true},
    {&stmt_work_take_back, model_work_take_back, true},
    {&stmt_work_locked, model_work_locked, false},
    {&stmt_event_accept_plain, model_event_accept_plain, true},
    {&stmt_event_accept_unkeyed, model_event_accept_unkeyed, true},
    {&stmt_gate_update, model_gate_update, true},
    {&stmt_gate_list, model_gate_list, false},
    {&stmt_gate_get, model_gate_get, false},
    {&stmt_gate_put, model_gate_put, true},
    {&stmt_job_step_settle, model_job_step_settle, true},
    {&stmt_job_put_off, model_job_put_off, true},
    {&stmt_work_partitions_make, nothing, false},
    {&stmt_work_partitions_drop, one_zero, false},
    {&stmt_work_forget, one_zero, false},
    {&stmt_work_wake, nothing, false},
    {&stmt_work_measure, nothing, false},
    {&stmt_job_forget, one_zero, false},
    {&stmt_webhook_forget, one_zero, false},
    {&stmt_webhook_disable_failing, nothing, false},
    {&stmt_audit_forget, one_zero, false},
    {&stmt_notice_list, nothing, false},
    {&stmt_published_look, nothing, false},
    {&stmt_portal_forget, one_zero, false},
    {&stmt_published_forget, one_zero, false},
    {&stmt_tally_add, nothing, false},
    {&stmt_tally_forget, one_zero, false},
    {&stmt_issue_add, nothing, false},
    {&stmt_issue_forget, one_zero, false},
};

void ledger_write_known(FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        fprintf(to, "knows %s\n", models[i].stmt->name);
}

/* A mutant's: its answer is given, and nothing of it stays. */
static bool is_unmade(const struct db_stmt *stmt)
{
    return (is_mutant(MUTANT_FINISH_UNSAID) &&
            (stmt == &stmt_work_finish || stmt == &stmt_work_finish_plain) && sim_one_in(8)) ||
           (is_mutant(MUTANT_CLAIM_EARLY_WORD) &&
            (stmt == &stmt_work_claim || stmt == &stmt_work_claim_plain) && sim_one_in(8)) ||
           (is_mutant(MUTANT_RELEASE_NONE) && stmt == &stmt_work_release) ||
           (is_mutant(MUTANT_GATES_UNTOLD) && stmt == &stmt_gate_update);
}

struct db_rows *ledger_run(const struct db_stmt *stmt, const struct values *values, bool waits,
                           int *err)
{
    *err = 0;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (models[i].stmt != stmt)
            continue;
        if (models[i].writes)
            copy(&before, &ledger);
        struct db_rows *rows = models[i].run(values, err);
        if (*err < 0 && models[i].writes)
            copy(&ledger, &before);
        else if (models[i].writes) {
            oracle_committed(&before, stmt->name);
            if (is_unmade(stmt))
                copy(&ledger, &before);
            commit(waits || models[i].run == model_job_step_settle);
        }
        if (*err == 0)
            record_run(stmt, values, rows);
        if (models[i].writes)
            record_rows("so_far");
        return rows;
    }
    fail_run("unknown statement", "%s", stmt->name);
    *err = ERR_INTERNAL;
    return NULL;
}
