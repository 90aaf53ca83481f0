/* One statement at a time, each when its time has come: at the first tick with a database, and then
 * again and again. */
#include "janitor.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/audit.h"
#include "store/issues.h"
#include "store/jobs.h"
#include "store/portals.h"
#include "store/published.h"
#include "store/tallies.h"
#include "store/webhooks.h"

#define FORGET_MAX  5000
#define KEYS_MAX    20000 /* a second: more than come */
#define WAKE_MAX    1000
#define MEASURE_MAX 20000

/* --- the tasks -------------------------------------------------------------------------------- */

static void on_ended(void *arg, int err, const struct db_rows *rows);

static struct db_op *make_days(struct janitor *j)
{
    return work_partitions_make(j->db, j->config->retention_days, on_ended, j);
}

static struct db_op *drop_days(struct janitor *j)
{
    return work_partitions_drop(j->db, j->config->retention_days, on_ended, j);
}

static struct db_op *forget_keys(struct janitor *j)
{
    return work_forget(j->db, KEYS_MAX, on_ended, j);
}

static struct db_op *forget_jobs(struct janitor *j)
{
    return jobs_forget(j->db, FORGET_MAX, on_ended, j);
}

static struct db_op *forget_webhooks(struct janitor *j)
{
    return webhooks_forget(j->db, j->config->retention_days, FORGET_MAX, on_ended, j);
}

static struct db_op *disable_failing(struct janitor *j)
{
    return webhooks_disable_failing(j->db, j->config->disable_after_days,
                                    j->config->disable_after_failures, on_ended, j);
}

static struct db_op *wake_lanes(struct janitor *j)
{
    return work_wake(j->db, j->webhook, j->lane, WAKE_MAX, on_ended, j);
}

static struct db_op *forget_audit(struct janitor *j)
{
    return audit_forget(j->db, j->config->audit_days, j->config->audit_rows_per_app, FORGET_MAX,
                        j->audited, on_ended, j);
}

static struct db_op *forget_tally(struct janitor *j)
{
    return tallies_forget(j->db, j->config->stats_days, FORGET_MAX, on_ended, j);
}

static struct db_op *forget_issues(struct janitor *j)
{
    return issues_forget(j->db, j->config->retention_days, FORGET_MAX, on_ended, j);
}

static struct db_op *forget_published(struct janitor *j)
{
    return published_forget(j->db, j->config->retention_days, FORGET_MAX, on_ended, j);
}

static struct db_op *forget_portals(struct janitor *j)
{
    return portals_forget(j->db, FORGET_MAX, on_ended, j);
}

static struct db_op *measure(struct janitor *j)
{
    return work_measure(j->db, MEASURE_MAX, on_ended, j);
}

static bool is_complete(struct janitor *j, const struct db_rows *rows)
{
    (void)j;
    (void)rows;
    return true;
}

static bool tell_dropped(struct janitor *j, const struct db_rows *rows)
{
    enum { DROPPED, UNENDED };

    if (db_i64(rows, 0, DROPPED) > 0)
        log_info("partitions_dropped", "count=%lld", (long long)db_i64(rows, 0, DROPPED));
    if (db_i64(rows, 0, UNENDED) > 0)
        log_warn("deliveries_expired", "count=%lld retention_days=%lld",
                 (long long)db_i64(rows, 0, UNENDED), (long long)j->config->retention_days);
    return true;
}

static bool all_forgotten(struct janitor *j, const struct db_rows *rows)
{
    (void)j;
    return db_i64(rows, 0, 0) < FORGET_MAX;
}

static bool keys_forgotten(struct janitor *j, const struct db_rows *rows)
{
    (void)j;
    return db_i64(rows, 0, 0) < KEYS_MAX;
}

static bool tell_disabled(struct janitor *j, const struct db_rows *rows)
{
    enum { ID, APP, SINCE, FAILURES, ERROR };
    char webhook[ID_TEXT_SIZE], app[ID_TEXT_SIZE], since[CLOCK_TEXT_SIZE];

    (void)j;
    metric_add(METRIC_WEBHOOKS_DISABLED, db_count(rows));
    for (int i = 0; i < db_count(rows); i++)
        log_warn(
            "webhook_disabled", "webhook=%s app=%s reason=failing since=%s failures=%lld error=%s",
            id_text(webhook, ID_WEBHOOK, db_id(rows, i, ID)),
            id_text(app, ID_APP, db_id(rows, i, APP)),
            clock_text(since, db_i64(rows, i, SINCE), CLOCK_SECONDS),
            (long long)db_i64(rows, i, FAILURES), attempt_error_code((int)db_i64(rows, i, ERROR)));
    return true;
}

/* What was dropped may have been what others waited for: page after page of lanes. */
static bool tell_woken(struct janitor *j, const struct db_rows *rows)
{
    enum { WEBHOOK, LANE, COUNT, WOKEN };
    bool more = db_count(rows) > 0 && db_i64(rows, 0, COUNT) == WAKE_MAX;

    if (db_count(rows) > 0 && db_i64(rows, 0, WOKEN) > 0)
        log_warn("lanes_woken", "count=%lld", (long long)db_i64(rows, 0, WOKEN));
    j->webhook = more ? db_id(rows, 0, WEBHOOK) : (struct id){0};
    j->lane = more ? db_i64(rows, 0, LANE) : -1;
    return !more;
}

static bool tell_bounded(struct janitor *j, const struct db_rows *rows)
{
    enum { OLD, ABOVE, AT };
    int64_t above = db_i64(rows, 0, ABOVE);

    metric_add(METRIC_AUDIT_ROWS_MET, above);
    if (above > 0)
        log_warn("audit_bounded", "count=%lld rows_per_app=%lld", (long long)above,
                 (long long)j->config->audit_rows_per_app);
    j->audited = db_id(rows, 0, AT);
    return db_null(rows, 0, AT);
}

static bool set_measured(struct janitor *j, const struct db_rows *rows)
{
    static const enum metric metrics[] = {METRIC_LEDGER_OLDEST, METRIC_LEDGER_DUE,
                                          METRIC_LEDGER_WAITING, METRIC_LEDGER_HELD};

    (void)j;
    for (size_t i = 0; db_count(rows) > 0 && i < ARRAY_LEN(metrics); i++)
        metric_set(metrics[i], db_i64(rows, 0, (int)i));
    return true;
}

static const struct {
    const char *name; /* in the log */
    int64_t period_ms;
    struct db_op *(*start)(struct janitor *j);
    bool (*ended)(struct janitor *j, const struct db_rows *rows); /* false: there is more */
} tasks[JANITOR_TASKS] = {
    {"partitions_make", 3600000, make_days, is_complete},
    {"partitions_drop", 3600000, drop_days, tell_dropped},
    {"lanes_wake", 3600000, wake_lanes, tell_woken},
    {"idempotency_forget", 10000, forget_keys, keys_forgotten},
    {"jobs_forget", 60000, forget_jobs, all_forgotten},
    {"webhooks_forget", 3600000, forget_webhooks, all_forgotten},
    {"audit_forget", 60000, forget_audit, tell_bounded},
    {"tally_forget", 3600000, forget_tally, all_forgotten},
    {"issues_forget", 3600000, forget_issues, all_forgotten},
    {"published_forget", 3600000, forget_published, all_forgotten},
    {"portals_forget", 600000, forget_portals, all_forgotten},
    {"webhooks_disable", 60000, disable_failing, tell_disabled},
    {"ledger_measure", 10000, measure, set_measured},
};

/* --- their times ------------------------------------------------------------------------------ */

/* The first that is due from the `i`th on. */
static void start_from(struct janitor *j, size_t i)
{
    int64_t now_ms = clock_mono_ms();

    while (i < JANITOR_TASKS && j->due_ms[i] > now_ms)
        i++;
    if (i == JANITOR_TASKS)
        return;
    j->task = i;
    j->op = tasks[i].start(j);
}

/* What failed, or has more to do, comes again at the next tick; now it is the turn of those behind it. */
static void on_ended(void *arg, int err, const struct db_rows *rows)
{
    struct janitor *j = arg;
    size_t i = j->task;

    j->op = NULL;
    if (err < 0)
        log_warn("janitor_failed", "task=%s error=%s", tasks[i].name, err_name(err));
    else if (tasks[i].ended(j, rows))
        j->due_ms[i] = clock_mono_ms() + tasks[i].period_ms;
    start_from(j, i + 1);
}

void janitor_tick(struct janitor *j)
{
    if (j->op == NULL && db_ready(j->db))
        start_from(j, 0);
}

void janitor_init(struct janitor *j, struct db *db, const struct config *config)
{
    *j = (struct janitor){.db = db, .config = config, .lane = -1};
}

void janitor_fini(struct janitor *j)
{
    db_cancel(j->op);
}
