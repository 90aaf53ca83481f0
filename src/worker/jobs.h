/* Runs jobs: step after step, one at a time, so that deliveries never wait for them noticeably. Any
 * number of workers may; a step holds its job while it runs. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "store/jobs.h"
#include "store/queue.h"

struct jobs {
    struct db *db;
    struct queue *queue;
    struct timeout *timeout; /* for the next step, or to look for a job */
    struct db_op *op;
    struct id id; /* of the step under way */
    enum job_kind kind;
    bool failed;   /* that is to be written down yet: PostgreSQL may still have the job locked */
    int64_t limit; /* of a step: what takes long is done in smaller ones */
    int64_t started_ms;
};

void jobs_init(struct jobs *jobs, struct loop *loop, struct db *db, struct queue *queue);

/* No more steps. What the last one made is with the queue or, if its answer has not come, in the ledger,
 * where the reconciler finds it. */
void jobs_stop(struct jobs *jobs);
void jobs_fini(struct jobs *jobs);

#endif
