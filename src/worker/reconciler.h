/* Keeps queue and ledger in step: the queue gets back what it has lost. Each statement is harmless in two
 * workers at once. */
#ifndef WORKER_RECONCILER_H
#define WORKER_RECONCILER_H

#include "store/queue.h"
#include "store/work.h"

struct reconciler_hooks {
    void (*on_empty)(void *arg); /* Redis was emptied: it does not know what is in flight either */
    void (*on_gates)(void *arg); /* Redis has the ledger's gates */
};

struct reconciler {
    struct db *db;
    struct queue *queue;
    struct reconciler_hooks hooks;
    void *arg;
    struct queue_op *queue_op;
    struct db_op *overdue_op, *upcoming_op, *gates_op, *told_op;
    int64_t page_due_us; /* where the walk is */
    struct id page_id;
    size_t walked; /* deliveries so far */
    bool walking;  /* through all that is due before the horizon, a page each second */
    bool rebuild;  /* the queue must be filled again: page after page */
    bool gates_wanted;
    struct id gate_id;         /* where the gates are, on the way there */
    bool filled;               /* Redis was once, by us or by another */
    bool held_back;            /* it has all, but for the word that it may be claimed from */
    unsigned ticks, open_tick; /* that word comes with the latter */
};

void reconciler_init(struct reconciler *reconciler, struct db *db, struct queue *queue,
                     const struct reconciler_hooks *hooks, void *arg);
void reconciler_fini(struct reconciler *reconciler);

/* Redis has come: whether it was emptied is known at once. */
void reconciler_sweep(struct reconciler *reconciler);

/* PostgreSQL has come: Redis may be waiting to be filled. */
void reconciler_db_ready(struct reconciler *reconciler);

/* For every second. */
void reconciler_tick(struct reconciler *reconciler);

/* The queue has lost what it knew, or does not know what happened: fills it again, gates first. */
void reconciler_refill(struct reconciler *reconciler);

#endif
