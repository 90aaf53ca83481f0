/* One statement at a time. */
#include "janitor.h"

#include "base/err.h"
#include "base/log.h"

#define FORGET_MAX   5000
#define FORGET_EVERY 60 /* ticks */
#define DAYS_EVERY   3600

void janitor_init(struct janitor *j, struct db *db, int64_t retention_days)
{
    *j = (struct janitor){.db = db, .retention_days = retention_days};
}

void janitor_fini(struct janitor *j)
{
    db_cancel(j->op);
}

static void on_done(void *arg, int err, const struct db_rows *rows)
{
    struct janitor *j = arg;
    (void)rows;
    j->op = NULL;
    if (err < 0)
        log_warn("janitor_failed", "error=%s", err_name(err));
}

static void on_days_dropped(void *arg, int err, const struct db_rows *rows)
{
    on_done(arg, err, rows);
    if (err == 0 && db_i64(rows, 0, 0) > 0)
        log_info("partitions_dropped", "count=%lld", (long long)db_i64(rows, 0, 0));
}

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    struct janitor *j = arg;
    on_done(arg, err, rows);
    j->op = work_partitions_drop(j->db, j->retention_days, on_days_dropped, j);
}

void janitor_tick(struct janitor *j)
{
    if (j->op != NULL || !db_ready(j->db))
        return;
    j->ticks++;
    if (j->ticks % DAYS_EVERY == 1)
        j->op = work_partitions_make(j->db, on_days_made, j);
    else if (j->ticks % FORGET_EVERY == 2)
        j->op = work_forget(j->db, FORGET_MAX, on_done, j);
}
