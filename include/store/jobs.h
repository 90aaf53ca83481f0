/* Jobs: what takes long, as a row that any worker goes on with. */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include "core/delivery.h"
#include "core/job.h"
#include "io/db.h"
#include "store/audit.h"

/* --- the API's side --------------------------------------------------------------------------- */

/* What a job is about: of a replay or retry deliveries, of a backfill or an erasure events. */
struct job_choice {
    struct id app;
    bool one; /* of `webhook` alone; else of every webhook of the app that is active or paused */
    struct id webhook;
    enum delivery_state state; /* of deliveries; not pending */
    int64_t error, code;       /* of their last attempt: enum attempt_error, HTTP status; 0: any */
    struct str type;           /* p == NULL: any */
    struct id since, before;   /* ids, both excluded */
    bool of_event;             /* of `event` alone: then they bound its deliveries */
    struct id event;
    struct str host; /* of the webhook's URL; p == NULL: any */
};

/* Bounds it to where the deliveries of its event stand, within the time that it was to be about. */
void jobs_narrow(struct job_choice *choice);

struct job_plan {
    int64_t matched; /* at least so many */
    bool exact;      /* and no more */
};

/* Counts what the job would do, looking at no more than a bounded part of the history. A row, for
 * jobs_read_plan(), or none: there is no such active or paused webhook. */
struct db_op *jobs_plan(struct db *db, enum job_kind kind, const struct job_choice *choice,
                        db_cb *cb, void *arg);
void jobs_read_plan(const struct db_rows *rows, struct job_plan *plan);

struct job {
    struct id id;
    enum job_kind kind;
    enum job_state state;
    bool one;
    struct id webhook;
    int chosen_state;    /* enum delivery_state; < 0: it is not about deliveries */
    int64_t error, code; /* 0: any */
    struct str type;     /* p == NULL: any */
    int64_t since_ms;    /* 0: none */
    int64_t before_ms;   /* 0: of a fan-out or settle job */
    struct job_plan plan;
    int64_t done, ended_ms; /* 0: it has not */
    bool of_event;
    struct id event;
    struct str host; /* p == NULL: any */
};

void jobs_read(const struct db_rows *rows, int row, struct job *job);

/* The row, or none: the app has JOB_ACTIVE_MAX that have not ended. */
struct db_op *jobs_insert(struct db *db, struct id id, enum job_kind kind,
                          const struct job_choice *choice, const struct job_plan *plan,
                          const struct deed *deed, db_cb *cb, void *arg);

/* Newest first. `kind` and `state`: < 0: any. */
struct db_op *jobs_list(struct db *db, struct id app, int kind, int state, struct id before,
                        int limit, db_cb *cb, void *arg);

struct db_op *jobs_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);

/* The row as it is then, or none: there is no such job, or it has ended, or it is a settle job. */
struct db_op *jobs_cancel(struct db *db, struct id app, struct id id, const struct deed *deed,
                          db_cb *cb, void *arg);

/* --- the worker's side ------------------------------------------------------------------------ */

/* Whose turn it is: apps take turns, and so do the jobs of an app, after its fan-outs and settle jobs. An app
 * whose only job is a settle job that was not looked at since its webhook changed goes before the others. A row of
 * (id, kind, how long all jobs rest before: milliseconds), or none. A rest of more than JOB_REST_MAX_MS is none: the
 * clock was set back. */
struct db_op *jobs_next(struct db *db, db_cb *cb, void *arg);

/* One step: it looks at `limit` deliveries, events or pairs at most, and its commit is durable. Rows for
 * jobs_read_step(), one for each delivery that is to be sent now, or one without; none: the job has ended,
 * or somebody else is at it.
 *
 * A settle job moves deliveries after the status of its webhook: of one that is active again held → pending, the
 * oldest first and in that order its rows, of a paused or disabled one pending → held, of a deleted one → cancelled:
 * at most `limit` of what is pending and of what is held. Others that are due have their step in the same statement, and
 * share it, as long as none of them has failed: the rows of each job are together. */
struct db_op *jobs_step(struct db *db, enum job_kind kind, struct id id, int64_t limit, db_cb *cb,
                        void *arg);

struct job_step {
    struct id id;
    enum job_state state; /* after it */
    bool
        stalled; /* the job rests: its webhooks are full, or there is nothing more to move as yet */
    int64_t done; /* all that the job has done */
    bool queued;  /* the row has a queue_entry from JOB_STEP_ENTRY on */
};

#define JOB_STEP_ENTRY 4
void jobs_read_step(const struct db_rows *rows, int row, struct job_step *step);

/* A step failed. The job rests, longer each time, and fails after JOB_FAILURES_MAX, but for a settle job. A row of
 * (failed). */
struct db_op *jobs_put_off(struct db *db, struct id id, db_cb *cb, void *arg);

/* Removes those that ended long ago; a row with how many: `limit` at most. */
struct db_op *jobs_forget(struct db *db, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_job_plan_again, stmt_job_plan_backfill, stmt_job_plan_erase,
    stmt_job_insert, stmt_job_list, stmt_job_get, stmt_job_cancel, stmt_job_next,
    stmt_job_step_again, stmt_job_step_backfill, stmt_job_step_fanout, stmt_job_step_erase,
    stmt_job_step_settle, stmt_job_put_off, stmt_job_forget;

#endif
