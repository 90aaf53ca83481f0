/* Jobs, what takes long: their kinds, their states, and the legal moves between them. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "base/defs.h"

/* The numbers of the columns. Macros, because the text of SQL is made from them (store/sql.h). */
#define JOB_REPLAY_NUMBER   0
#define JOB_RETRY_NUMBER    1
#define JOB_BACKFILL_NUMBER 2
#define JOB_FANOUT_NUMBER   3
#define JOB_ERASE_NUMBER    4
#define JOB_SETTLE_NUMBER   5

enum job_kind {
    JOB_REPLAY = JOB_REPLAY_NUMBER,     /* deliveries of a webhook that have ended go out again */
    JOB_RETRY = JOB_RETRY_NUMBER,       /* likewise of one webhook or of all of an app */
    JOB_BACKFILL = JOB_BACKFILL_NUMBER, /* a webhook gets past events that it has not had */
    JOB_FANOUT =
        JOB_FANOUT_NUMBER,        /* deliveries that were too many for the statement that accepts */
    JOB_ERASE = JOB_ERASE_NUMBER, /* events lose their data */
    JOB_SETTLE = JOB_SETTLE_NUMBER, /* the deliveries of a webhook follow its status */
};

#define JOB_KINDS 6
extern const char *const job_kind_names[]; /* ends with NULL */

#define JOB_WAITING_NUMBER   0
#define JOB_RUNNING_NUMBER   1
#define JOB_DONE_NUMBER      2
#define JOB_CANCELLED_NUMBER 3
#define JOB_FAILED_NUMBER    4

enum job_state {
    JOB_WAITING = JOB_WAITING_NUMBER,     /* no step has been done yet */
    JOB_RUNNING = JOB_RUNNING_NUMBER,     /* some have */
    JOB_DONE = JOB_DONE_NUMBER,           /* all has been */
    JOB_CANCELLED = JOB_CANCELLED_NUMBER, /* what was done stays done */
    JOB_FAILED = JOB_FAILED_NUMBER,       /* a step failed JOB_FAILURES_MAX times in a row */
};

#define JOB_STATES 5
extern const char *const job_state_names[]; /* ends with NULL */

#define JOB_FAILURES_MAX 10

/* Who follows (a settle job, and a fan-out, which an accepted event waits for) does not fail: what failed is tried again,
 * after this at the latest. */
#define JOB_FOLLOWS_PAUSE_S 60

/* It looks again so often while it finds nothing to move, and ends when that is so this long after the last change of
 * its webhook: until then statements that began before it (statement_timeout) may write what is to be moved. */
#define JOB_SETTLE_EVERY_MS 1000
#define JOB_SETTLE_AFTER_MS 10000

/* Jobs of an app that somebody asked for and that have not ended: no more are begun. */
#define JOB_ACTIVE_MAX 10

/* What a webhook may have waiting and due before a job goes on to fill it; and after how many steps
 * that found it full, each JOB_REST_MS after the one before, one goes on all the same: a webhook that
 * takes nothing does not hold a job up for ever. */
#define JOB_ROOM       1000
#define JOB_REST_MS    200
#define JOB_STALLS_MAX 50

/* Jobs of all workers together rest as long as their last step took, this at most. */
#define JOB_REST_MAX_MS 1000

/* Deliveries that the statement that accepts makes by itself; beyond, a fan-out does. */
#define JOB_FANOUT_FROM 2000

/* What a fan-out's webhooks may have waiting and due in all before it rests likewise: each an equal part, no less than
 * JOB_FANOUT_ROOM_MIN and no more than JOB_ROOM. It goes on as soon as one of those that a step looks at takes more. */
#define JOB_FANOUT_ROOM     10000
#define JOB_FANOUT_ROOM_MIN 4

/* Pairs of an event type and a webhook that wants it, in one request: beyond, it is refused. */
#define JOB_FANOUT_MAX 100000

/* Fan-outs of an app that have not ended: what would begin another has to wait. */
#define JOB_FANOUTS_MAX 100

/* Who moves it: the runner, or a person through the API. */
enum job_actor { JOB_BY_RUNNER, JOB_BY_PERSON };
#define JOB_ACTORS 2

/* What has ended stays as it is. A settle job ends when it is done, and not before. */
bool job_may_move(enum job_actor actor, enum job_kind kind, enum job_state from, enum job_state to);

#endif
