/* The gates of endpoints in the ledger: what the queue tells of them, and what a queue is told that has
 * lost them. Times in `struct queue_gate` are relative to PostgreSQL's now. */
#ifndef STORE_GATES_H
#define STORE_GATES_H

#include "io/db.h"
#include "store/queue.h"

/* Writes what the queue says. Endpoints that are no webhook, or no longer, are left out. */
struct db_op *gates_update(struct db *db, const struct queue_gate *gates, size_t count, db_cb *cb,
                           void *arg);

/* Those that are not at rest, after `after`: rows of gates_read(), by id. */
struct db_op *gates_list(struct db *db, struct id after, int limit, db_cb *cb, void *arg);

void gates_read(const struct db_rows *rows, int row, struct queue_gate *gate);

/* A gate as who learns in the ledger itself has it: times are PostgreSQL's, in ms. */
struct ledger_gate {
    struct id webhook;
    struct gate gate;
    int concurrency;
    int64_t now_ms; /* when it was read */
    int64_t at_us;  /* when it was learnt last: another with each writing */
};

/* Those of webhooks that are there: rows of gates_read_ledger(). */
struct db_op *gates_get(struct db *db, const struct id *ids, size_t count, db_cb *cb, void *arg);

void gates_read_ledger(const struct db_rows *rows, int row, struct ledger_gate *gate);

/* Writes those that nobody has written since they were read. Rows: their ids. */
struct db_op *gates_put(struct db *db, const struct ledger_gate *gates, size_t count, db_cb *cb,
                        void *arg);

extern const struct db_stmt stmt_gate_update, stmt_gate_list, stmt_gate_get, stmt_gate_put;

#endif
