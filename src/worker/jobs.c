/* Whose turn it is, its step, and a rest as long as the step took, for all workers; when there is none, a look now and
 * then. */
#include "jobs.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#define LOOK_MS     1000 /* while there is none, no PostgreSQL, or no room */
#define TAKEN_MS    50   /* somebody else is at it */
#define REST_MIN_MS 10
#define LIMIT_FIRST 500
#define LIMIT_MIN   50
#define LIMIT_MAX   2000
#define SLOW_MS     100 /* a step that takes longer is too large, one that takes a quarter too small */
#define PENDING_MAX 10000 /* entries for Redis: steps wait while there are more */
#define AHEAD_MS    86400000

static void look_in(struct jobs *jobs, int64_t ms)
{
    timeout_set(jobs->timeout, ms);
}

static void on_put_off(void *arg, int err, const struct db_rows *rows)
{
    struct jobs *jobs = arg;
    char id[ID_TEXT_SIZE];

    jobs->op = NULL;
    jobs->failed = err < 0;
    if (err == 0 && db_count(rows) > 0 && db_bool(rows, 0, 0)) {
        metric_add(METRIC_JOBS_FAILED, 1);
        log_warn("job_failed", "job=%s kind=%s", id_text(id, ID_JOB, jobs->id),
                 job_kind_names[jobs->kind]);
    }
    look_in(jobs, LOOK_MS);
}

/* What is not the step's fault is tried again; what may be, less often and smaller. */
static void put_off(struct jobs *jobs, int err)
{
    char id[ID_TEXT_SIZE];

    if (err == ERR_UNAVAILABLE || err == ERR_BUSY) {
        look_in(jobs, LOOK_MS);
        return;
    }
    metric_add(METRIC_JOB_STEPS_FAILED, 1);
    log_warn("job_step_failed", "job=%s kind=%s limit=%lld error=%s", id_text(id, ID_JOB, jobs->id),
             job_kind_names[jobs->kind], (long long)jobs->limit, err_name(err));
    jobs->limit = LIMIT_MIN;
    jobs->op = jobs_put_off(jobs->db, jobs->id, on_put_off, jobs);
}

static void adapt(struct jobs *jobs, int64_t took_ms)
{
    if (took_ms > SLOW_MS)
        jobs->limit = jobs->limit / 2 > LIMIT_MIN ? jobs->limit / 2 : LIMIT_MIN;
    else if (took_ms < SLOW_MS / 4)
        jobs->limit = jobs->limit * 2 < LIMIT_MAX ? jobs->limit * 2 : LIMIT_MAX;
}

/* What is resumed goes before all that is new, in the order in which it comes: that is by age, and no clock can
 * tell it better. Without Redis what is due is found in the ledger. */
static void enqueue(struct jobs *jobs, const struct db_rows *rows)
{
    struct queue_entry entry;
    struct job_step step;

    for (int i = 0; queue_up(jobs->queue) && i < db_count(rows); i++) {
        jobs_read_step(rows, i, &step);
        if (!step.queued)
            continue;
        queue_entry_read(rows, i, JOB_STEP_ENTRY, &entry);
        if (jobs->kind == JOB_SETTLE && entry.delay_ms <= 0)
            entry.delay_ms = -AHEAD_MS;
        queue_enqueue(jobs->queue, &entry, 1, QUEUE_GENTLE);
    }
}

/* The rows of a job are together. */
static void log_done(const struct jobs *jobs, const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    struct job_step step;
    struct id last = {0};

    for (int i = 0; i < db_count(rows); i++) {
        jobs_read_step(rows, i, &step);
        if (step.state == JOB_DONE && !id_eq(step.id, last))
            log_info("job_done", "job=%s kind=%s done=%lld", id_text(id, ID_JOB, step.id),
                     job_kind_names[jobs->kind], (long long)step.done);
        last = step.id;
    }
}

static void on_step(void *arg, int err, const struct db_rows *rows)
{
    struct jobs *jobs = arg;
    int64_t took_ms = clock_mono_ms() - jobs->started_ms;

    jobs->op = NULL;
    if (err < 0) {
        put_off(jobs, err);
        return;
    }
    if (db_count(rows) == 0) {
        look_in(jobs, TAKEN_MS);
        return;
    }
    enqueue(jobs, rows);
    adapt(jobs, took_ms);
    log_done(jobs, rows);
    took_ms = took_ms < JOB_REST_MAX_MS ? took_ms : JOB_REST_MAX_MS;
    look_in(jobs, took_ms > REST_MIN_MS ? took_ms : REST_MIN_MS);
}

static void on_next(void *arg, int err, const struct db_rows *rows)
{
    enum { ID, KIND, REST };
    struct jobs *jobs = arg;

    jobs->op = NULL;
    if (err < 0 || db_count(rows) == 0) {
        look_in(jobs, LOOK_MS);
        return;
    }
    int64_t rest_ms = db_i64(rows, 0, REST);
    if (rest_ms > 0 && rest_ms <= JOB_REST_MAX_MS) {
        look_in(jobs, rest_ms);
        return;
    }
    jobs->id = db_id(rows, 0, ID);
    jobs->kind = (enum job_kind)db_i64(rows, 0, KIND);
    jobs->started_ms = clock_mono_ms();
    jobs->op = jobs_step(jobs->db, jobs->kind, jobs->id, jobs->limit, on_step, jobs);
}

static void on_timeout(void *arg)
{
    struct jobs *jobs = arg;

    if (!db_ready(jobs->db) || (queue_up(jobs->queue) && queue_pending(jobs->queue) > PENDING_MAX))
        look_in(jobs, LOOK_MS);
    else if (jobs->failed)
        jobs->op = jobs_put_off(jobs->db, jobs->id, on_put_off, jobs);
    else
        jobs->op = jobs_next(jobs->db, on_next, jobs);
}

void jobs_init(struct jobs *jobs, struct loop *loop, struct db *db, struct queue *queue)
{
    *jobs = (struct jobs){.db = db, .queue = queue, .limit = LIMIT_FIRST};
    jobs->timeout = timeout_create(loop, on_timeout, jobs);
    look_in(jobs, LOOK_MS);
}

void jobs_stop(struct jobs *jobs)
{
    timeout_clear(jobs->timeout);
    db_cancel(jobs->op);
    jobs->op = NULL;
}

void jobs_fini(struct jobs *jobs)
{
    jobs_stop(jobs);
    timeout_destroy(jobs->timeout);
}
