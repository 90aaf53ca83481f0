/* What is done again and again, as a table: partitions for days ahead are made, those past retention
 * dropped, and webhooks that were deleted before it, expired idempotency keys, jobs that ended long ago and the end of
 * the audit log and old hours of the tally forgotten, webhooks whose receivers have failed for days disabled. Each statement is harmless in two
 * workers at once. */
#ifndef WORKER_JANITOR_H
#define WORKER_JANITOR_H

#include "base/config.h"
#include "store/work.h"

#define JANITOR_TASKS 13

struct janitor {
    struct db *db;
    const struct config *config;
    struct db_op *op;
    struct id webhook; /* the last lane that was looked at for who sleeps in it */
    int64_t lane;
    struct id audited;             /* the app up to which the audit log was looked at */
    size_t task;                   /* the one under way */
    int64_t due_ms[JANITOR_TASKS]; /* the next run of each, monotonic; 0: at once */
};

void janitor_init(struct janitor *janitor, struct db *db, const struct config *config);
void janitor_fini(struct janitor *janitor);

/* For every second. */
void janitor_tick(struct janitor *janitor);

#endif
