/* One statement at a time, each when its time has come: at the first tick with a database, and then
 * again and again. */
#include "janitor.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define DAYS_MS    3600000
#define FORGET_MS  10000
#define AGAIN_MS   1000 /* after a failure, or when there is more of it */
#define FORGET_MAX 5000

void janitor_init(struct janitor *j, struct db *db, int64_t retention_days)
{
    *j = (struct janitor){.db = db, .retention_days = retention_days};
}

void janitor_fini(struct janitor *j)
{
    db_cancel(j->op);
}

/* The next run of a task comes `period_ms` from now, or soon when this one failed. */
static void plan(struct janitor *j, int64_t *next_ms, int err, int64_t period_ms)
{
    j->op = NULL;
    if (err < 0)
        log_warn("janitor_failed", "error=%s", err_name(err));
    *next_ms = clock_mono_ms() + (err < 0 ? AGAIN_MS : period_ms);
}

static void on_days_dropped(void *arg, int err, const struct db_rows *rows)
{
    enum { DROPPED, UNENDED };
    struct janitor *j = arg;

    plan(j, &j->days_ms, err, DAYS_MS);
    if (err < 0)
        return;
    if (db_i64(rows, 0, DROPPED) > 0)
        log_info("partitions_dropped", "count=%lld", (long long)db_i64(rows, 0, DROPPED));
    if (db_i64(rows, 0, UNENDED) > 0)
        log_warn("deliveries_expired", "count=%lld retention_days=%lld",
                 (long long)db_i64(rows, 0, UNENDED), (long long)j->retention_days);
}

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    struct janitor *j = arg;
    (void)rows;

    plan(j, &j->days_ms, err, DAYS_MS);
    if (err == 0)
        j->op = work_partitions_drop(j->db, j->retention_days, on_days_dropped, j);
}

static void on_forgotten(void *arg, int err, const struct db_rows *rows)
{
    struct janitor *j = arg;
    bool more = err == 0 && db_i64(rows, 0, 0) == FORGET_MAX;
    plan(j, &j->forget_ms, err, more ? 0 : FORGET_MS);
}

void janitor_tick(struct janitor *j)
{
    int64_t now_ms = clock_mono_ms();

    if (j->op != NULL || !db_ready(j->db))
        return;
    if (j->days_ms <= now_ms)
        j->op = work_partitions_make(j->db, on_days_made, j);
    else if (j->forget_ms <= now_ms)
        j->op = work_forget(j->db, FORGET_MAX, on_forgotten, j);
}
