/* Makes partitions of days ahead, drops those past retention, forgets expired idempotency keys. Each
 * statement is harmless in two workers at once. */
#ifndef WORKER_JANITOR_H
#define WORKER_JANITOR_H

#include "store/work.h"

struct janitor {
    struct db *db;
    int64_t retention_days;
    struct db_op *op;
    int64_t days_ms, forget_ms; /* when the next run of each is due, monotonic; 0: at once */
};

void janitor_init(struct janitor *janitor, struct db *db, int64_t retention_days);
void janitor_fini(struct janitor *janitor);

/* For every second. */
void janitor_tick(struct janitor *janitor);

#endif
