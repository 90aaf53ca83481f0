/* PostgreSQL on a loop: a pool of pipelined connections that prepare their statements at connect,
 * reconnect with backoff, and give every statement a deadline.
 *
 * Binary format both ways. Cast in SQL to the types that have an accessor here: text, bytea, uuid,
 * int8, bool; a time goes as int8 milliseconds of the Unix epoch.
 *
 * A statement that was sent and whose answer did not come (ERR_UNAVAILABLE, ERR_TIMEOUT) may have
 * run: write statements so that running them again is harmless. */
#ifndef IO_DB_H
#define IO_DB_H

#include "base/buf.h"
#include "base/id.h"
#include "io/loop.h"

/* One prepared statement. `name` is unique in its table. */
struct db_stmt {
    const char *name;
    const char *sql;
    int params;
};

/* --- parameters ---------------------------------------------------------------------------------
 */

#define DB_PARAMS_MAX 24

/* Filled in order with db_arg_*(), then handed to db_exec(), which takes its memory. */
struct db_args {
    struct buf bytes;
    int count;
    struct {
        size_t offset;
        int length; /* -1: NULL */
    } at[DB_PARAMS_MAX];
};

void db_args_init(struct db_args *args);
void db_args_fini(struct db_args *args); /* only when they never reached db_exec() */

void db_arg_null(struct db_args *args);
void db_arg_i64(struct db_args *args, int64_t value);
void db_arg_bool(struct db_args *args, bool value);
void db_arg_id(struct db_args *args, struct id value);
void db_arg_str(struct db_args *args, struct str value); /* text or bytea; p == NULL: NULL */

/* A one-dimensional array: begin, `count` elements of that type, nothing else in between. */
enum db_type { DB_BOOL = 16, DB_BYTEA = 17, DB_I64 = 20, DB_TEXT = 25, DB_UUID = 2950 };
void db_array_begin(struct db_args *args, enum db_type type, int count);
void db_array_null(struct db_args *args);
void db_array_i64(struct db_args *args, int64_t value);
void db_array_bool(struct db_args *args, bool value);
void db_array_id(struct db_args *args, struct id value);
void db_array_str(struct db_args *args, struct str value); /* p == NULL: NULL */
void db_array_end(struct db_args *args);

/* --- results ------------------------------------------------------------------------------------
 */

/* Rows are borrowed: they and everything read from them die when the callback returns. */
struct db_rows;

int db_count(const struct db_rows *rows);
bool db_null(const struct db_rows *rows, int row, int column);
int64_t db_i64(const struct db_rows *rows, int row, int column); /* NULL: 0 */
bool db_bool(const struct db_rows *rows, int row, int column);
struct id db_id(const struct db_rows *rows, int row, int column);
struct str db_str(const struct db_rows *rows, int row, int column); /* NULL: p == NULL */

/* Reads a one-dimensional array column. Call next until it is false. */
struct db_array {
    const char *p, *end;
    int left;
};
struct db_array db_array(const struct db_rows *rows, int row, int column);
bool db_array_next(struct db_array *array, struct str *element); /* NULL element: p == NULL */
int64_t db_element_i64(struct str element);

/* --- the pool -----------------------------------------------------------------------------------
 */

struct db;
struct db_op;

struct db_config {
    const char *url;
    const char *const *session;         /* statements run at connect, ending with NULL */
    const struct db_stmt *const *stmts; /* prepared at connect; ends with NULL */
    int connections;
    int queue_max;   /* statements waiting to be sent; the next one gets ERR_BUSY */
    int patience_ms; /* how long one may wait for a connection before it gets ERR_UNAVAILABLE */

    /* Called on every connection that becomes ready, and for every NOTIFY that `session` LISTENs
     * to. Both may be NULL. */
    void (*on_ready)(void *arg);
    void (*on_notify)(void *arg, const char *channel, const char *payload);
    void *arg;
};

/* Never fails: it connects, and goes on trying. The config is copied, what it points to is not. */
struct db *db_create(struct loop *loop, const struct db_config *config);

/* Every statement under way calls back with ERR_UNAVAILABLE first. NULL is fine. */
void db_destroy(struct db *db);

/* At least one connection is usable. */
bool db_ready(const struct db *db);

/* `err` is 0 or ERR_CONFLICT (unique), ERR_INVALID (any other error of the data), ERR_UNAVAILABLE
 * (not run, or the connection broke), ERR_TIMEOUT, ERR_BUSY, ERR_INTERNAL (a statement that is
 * wrong). `rows` is NULL unless err is 0. */
typedef void db_cb(void *arg, int err, const struct db_rows *rows);

/* Runs one statement on the connection with the least to do; callbacks of one connection come in
 * the order of the starts, of several in any. `deadline_ms` counts from now. Takes `args`, whose
 * count must be stmt->params. */
struct db_op *db_exec(struct db *db, const struct db_stmt *stmt, struct db_args *args,
                      int64_t deadline_ms, db_cb *cb, void *arg);

/* The callback will not run. The statement may. NULL is fine. */
void db_cancel(struct db_op *op);

#endif
