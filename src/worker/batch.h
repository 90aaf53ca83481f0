/* Attempts that one statement records, of deliveries that are all different, and how much of them it writes. */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "sending.h"

#define BATCH_MAX 128

/* What PostgreSQL refuses is written with less in it, when it is one attempt alone. */
enum batch_form {
    BATCH_WHOLE,
    BATCH_STRIPPED, /* without what came from outside */
    BATCH_PARKED,   /* that there was an attempt: it counts as failed, whatever came of it */
};

struct batch {
    struct list node;
    void *owner;
    struct db_op *op; /* NULL: it waits until due_ms */
    int64_t sent_ms, due_ms;
    enum batch_form form;
    int refusals;
    int64_t refused_ms; /* since when; 0: it was not */
    bool culprit;       /* others were recorded meanwhile */
    bool plain;         /* what is under way for it is work_finish_plain() */
    bool tried;         /* once: what is tried again is not plain */
    bool locked;        /* by another session, in part at least */
    bool aside;         /* it may take long, and is not among those that others wait for */
    size_t count;
    struct attempt *attempts[BATCH_MAX]; /* sorted by delivery: batch_sort() */
};

struct batch *batch_create(void *owner);

/* Off its list, with its attempts; what is under way for it is cancelled. */
void batch_destroy(struct batch *batch);

void batch_sort(struct batch *batch);
bool batch_has(const struct batch *batch, struct id delivery); /* linear: it need not be sorted */

/* Takes those that are `chosen` into a batch of their own, which is sorted too. */
struct batch *batch_take(struct batch *batch, const bool *chosen);

/* Whether work_finish_plain() may record it. */
bool batch_is_plain(const struct batch *batch);

/* What is to be written, in `list`; `lesser` is for that of an attempt that is not whole. */
void batch_list(const struct batch *batch, const struct finish **list, struct finish *lesser);

/* It was written in its form, and that is what came of it. */
void batch_settle(struct batch *batch);

/* Marks the attempts that moved their deliveries; those know then when these are really due. */
void batch_find_moved(const struct batch *batch, const struct db_rows *rows, bool *moved);

/* Asks for those that another session has locked, and marks them. */
struct db_op *batch_ask_locked(const struct batch *batch, struct db *db, db_cb *cb, void *arg);
size_t batch_find_locked(const struct batch *batch, const struct db_rows *rows, bool *locked);

#endif
