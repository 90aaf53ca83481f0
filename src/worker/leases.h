/* What this worker has leased in PostgreSQL, from the statement that claims until its rows are in the
 * hands of the sender; and the giving back of what was leased in vain. The queue proposes, the fenced
 * claim disposes: what it does not return is not sent. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "base/list.h"
#include "owned.h"
#include "places.h"
#include "portion.h"
#include "store/queue.h"
#include "store/work.h"

#define LEASES_MAX 128 /* ids in one claim */

/* A statement ended: there may be room for another. `claims`, perhaps none, are leased with `token`,
 * have a place each, and are borrowed. */
typedef void leases_cb(void *arg, const struct claim *claims, size_t count, int64_t token);

/* What PostgreSQL said of leases_claim_due(). `due` is NULL unless `err` is 0; `count`: of those that it leased. */
typedef void leases_due_cb(void *arg, int err, const struct work_due *due, size_t count);

struct leases_config {
    struct db *db;
    struct queue *queue;
    struct places *places;
    int64_t owner; /* what leases are marked with */
    leases_cb *on_end;
    void (*on_taken_over)(void *arg); /* the predecessor's leases are back: claiming may begin */
    void *arg;
};

struct leases {
    struct leases_config config;
    struct list claiming;  /* statements under way */
    struct list releasing; /* their outcome is unknown, or came too late: given back */
    size_t statements;     /* in both */
    struct owned owned;
    struct portion portion;
    bool stopping;
};

void leases_init(struct leases *leases, const struct leases_config *config);
void leases_fini(struct leases *leases);

/* How many may be claimed now: none before the predecessor's leases are taken back. */
size_t leases_room(const struct leases *leases);

/* Claims what the queue proposed, LEASES_MAX at most; not what is in hand already, its lease run out for want of
 * recording. */
void leases_claim(struct leases *leases, const struct queue_claim *proposed);

/* Gives back what was leased with `token` and is not sent now: it is due again at once. */
void leases_give_back(struct leases *leases, const struct queue_ref *refs, size_t count,
                      int64_t token);

/* Claims what is due and PostgreSQL chooses; `ask.room` is filled in. `cb` hears first, then on_end. */
void leases_claim_due(struct leases *l, struct work_ask *ask, leases_due_cb *cb, void *arg);

/* Takes back what is owned and in nobody's hands, and tries again what could not be released. For every
 * second; and when PostgreSQL is back, which may have lost what it confirmed last. */
void leases_tend(struct leases *leases);
void leases_doubt(struct leases *leases);

/* From now on nothing is claimed, and what comes is given back. */
void leases_stop(struct leases *leases);

/* What was claimed is given back too, and nobody has it in hand any more. After leases_stop(). */
void leases_give_up(struct leases *leases);

/* No statement is under way or left to be tried again: nothing more will be sent. */
bool leases_idle(const struct leases *leases);

/* How many deliveries may still be leased that nobody here will send. */
size_t leases_left(const struct leases *leases);

#endif
