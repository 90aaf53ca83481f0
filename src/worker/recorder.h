/* Writes what came of attempts into the ledger, in batches, and then tells the queue. */
#ifndef WORKER_RECORDER_H
#define WORKER_RECORDER_H

#include "base/list.h"
#include "io/loop.h"
#include "places.h"
#include "sending.h"
#include "store/queue.h"

struct recorder_config {
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct places *places;
    void (*on_room)(void *arg); /* places were given back, or a statement ended */

    /* The queue is about to be told that this one is over, before it is recorded. */
    void (*on_over)(void *arg, const struct attempt *attempt);

    /* This one lent its slot to a request of others, claimed with `token`, which are recorded now. Borrowed. */
    void (*on_left)(void *arg, const struct queue_ref *refs, size_t count, int64_t token);
    void *arg;
};

struct recorder {
    struct recorder_config config;
    struct list waiting; /* attempts that ended */
    size_t waiting_count;
    size_t told_count;   /* not recorded, of which the queue knows that they are over */
    struct list batches; /* statements under way, or waiting to be tried again */
    size_t busy;         /* batches that are not aside */
    struct list kept;    /* attempts that were recorded, the oldest first */
    size_t kept_bytes;
    size_t again;        /* of `waiting` and `batches`: attempts that were recorded before */
    int64_t recorded_ms; /* the last batch */
    int64_t due_ms;      /* of `gather`, monotonic */
    struct timeout *gather, *tend;
};

void recorder_init(struct recorder *recorder, const struct recorder_config *config);
void recorder_fini(struct recorder *recorder);

/* Takes an attempt that ended; its place is given back when it is recorded. */
void recorder_add(struct recorder *recorder, struct attempt *attempt);

/* PostgreSQL is back: tries again what failed, and records again what was recorded last, since a crash may
 * have undone it. */
void recorder_retry(struct recorder *recorder);

/* All is recorded. */
bool recorder_idle(const struct recorder *recorder);

#endif
