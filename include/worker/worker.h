/* A worker: one thread, one loop, that claims deliveries, sends them, and records what came of it;
 * and that keeps queue and ledger in step. Any number of workers, in any number of processes, share
 * the work. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "core/settings.h"

struct worker;

/* NULL, and a line in the log, when it cannot begin. */
struct worker *worker_create(const struct settings *settings);

/* Works until worker_stop(), then drains: claims nothing more, gives back what is not sent, waits
 * for what is, records it. Returns when all of it is done. */
void worker_run(struct worker *worker);

/* From any thread. */
void worker_stop(struct worker *worker);

void worker_destroy(struct worker *worker); /* NULL is fine */

#endif
