/* Makes events of notices, apps in turns: looks for them every CRIER_MS, at the next tick if there may be more, and says
 * what they say. What fails is tried at the next look. */
#ifndef WORKER_CRIER_H
#define WORKER_CRIER_H

#include "store/notices.h"

#define CRIER_MS 5000

struct crier {
    struct db *db;
    int64_t next_ms; /* monotonic */
    struct id after; /* the app that had its turn last */
    struct db_op *op;
};

void crier_init(struct crier *crier, struct db *db);
void crier_fini(struct crier *crier);

/* For every second. */
void crier_tick(struct crier *crier);

#endif
