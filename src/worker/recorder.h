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
    void *arg;
};

struct recorder {
    struct recorder_config config;
    struct list waiting; /* attempts that ended */
    size_t waiting_count;
    struct list batches; /* statements under way, or waiting to be tried again */
    size_t batch_count;
    struct timeout *timeout;
};

void recorder_init(struct recorder *recorder, const struct recorder_config *config);
void recorder_fini(struct recorder *recorder);

/* Takes an attempt that ended; its place is given back when it is recorded. */
void recorder_add(struct recorder *recorder, struct attempt *attempt);

/* PostgreSQL is back: tries again what failed. */
void recorder_retry(struct recorder *recorder);

bool recorder_idle(const struct recorder *recorder);

#endif
