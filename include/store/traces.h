/* What an operator is told of an event or a delivery: by its id alone, of any app. */
#ifndef STORE_TRACES_H
#define STORE_TRACES_H

#include "core/gate.h"
#include "io/db.h"
#include "store/deliveries.h"

/* An event with one of its deliveries, as things stand at `now_ms`. Texts are borrowed from the row. */
struct trace {
    struct id event, app;
    bool test;
    struct str type;
    int64_t bytes;     /* of the data */
    int64_t erased_ms; /* 0: it was not */
    int64_t now_ms;

    bool sent; /* there is a delivery: what follows is set */
    struct delivery delivery;
    int64_t lease_ms; /* a worker has it until then; 0: none has */
    int64_t token;    /* of that lease */
    struct id before; /* of one that is asleep: the delivery that its lane waits for, or none */

    /* Of the webhook, which may be deleted by now. */
    struct str profile;
    int status, disabled_reason;
    bool deleted;
    int64_t concurrency;
    struct gate gate; /* in wall-clock time */
};

void traces_read(const struct db_rows *rows, int row, struct trace *trace);

/* Of a delivery one row; of an event one for each delivery, at most `limit`, or a single one without any. */
struct db_op *traces_find(struct db *db, struct id id, int limit, db_cb *cb, void *arg);

/* The latest `limit` attempts of a delivery, oldest first: rows of attempts_read(). */
struct db_op *traces_attempts(struct db *db, struct id delivery, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_trace_find, stmt_trace_attempts;

#endif
