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

#define DB_PARAMS_MAX 32

/* The parameters of one statement, encoded; made by DB_ARGS() or value by value, and given to
 * db_exec(), which frees them. */
struct db_args {
    struct buf bytes; /* each value after its length; a length of -1: NULL */
    size_t array;     /* where the one that was begun starts, after its length; 0: none was */
    int count;
};

/* One parameter. What it points to is borrowed until it is encoded. */
struct db_value {
    enum {
        DB_KIND_NULL,
        DB_KIND_BOOL,
        DB_KIND_I64,
        DB_KIND_ID,
        DB_KIND_STR,
        DB_KIND_I32S,
        DB_KIND_IDS,
        DB_KIND_STRS,
        DB_KIND_TEXTS,
    } kind;
    union {
        bool boolean;
        int64_t i64;
        struct id id;
        struct str str;
        struct {
            union {
                const int32_t *i32s;
                const struct id *ids;
                const struct str *strs;
                const char *const *texts;
            };
            size_t count;
        };
    };
};

#define DB_NULL    ((struct db_value){.kind = DB_KIND_NULL})
#define DB_BOOL(v) ((struct db_value){.kind = DB_KIND_BOOL, .boolean = (v)})
#define DB_I64(v)  ((struct db_value){.kind = DB_KIND_I64, .i64 = (v)})
#define DB_ID(v)   ((struct db_value){.kind = DB_KIND_ID, .id = (v)})
#define DB_STR(v)  ((struct db_value){.kind = DB_KIND_STR, .str = (v)}) /* p == NULL: NULL */
#define DB_TEXT(v) DB_STR(str_of(v))
/* Arrays: int8[], uuid[] and, from struct str or char *, text[]. */
#define DB_I32S(at, n)  ((struct db_value){.kind = DB_KIND_I32S, .i32s = (at), .count = (n)})
#define DB_IDS(at, n)   ((struct db_value){.kind = DB_KIND_IDS, .ids = (at), .count = (n)})
#define DB_STRS(at, n)  ((struct db_value){.kind = DB_KIND_STRS, .strs = (at), .count = (n)})
#define DB_TEXTS(at, n) ((struct db_value){.kind = DB_KIND_TEXTS, .texts = (at), .count = (n)})

/* All parameters of a statement, in order: DB_ARGS(DB_ID(id), DB_STR(name), DB_I64(limit)). */
#define DB_ARGS(...)                                   \
    db_args_of((const struct db_value[]){__VA_ARGS__}, \
               sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value))
struct db_args db_args_of(const struct db_value *values, size_t count);

/* The same in steps, for arrays that are not one in memory. Between begin and end come `count`
 * elements, and nothing else. */
void db_args_init(struct db_args *args);
void db_arg(struct db_args *args, struct db_value value); /* a parameter, or an element */

enum db_type {
    DB_TYPE_BOOL = 16,
    DB_TYPE_BYTEA = 17,
    DB_TYPE_I64 = 20,
    DB_TYPE_TEXT = 25,
    DB_TYPE_ID = 2950,
};
void db_array_begin(struct db_args *args, enum db_type type, size_t count);
void db_array_end(struct db_args *args);

/* A whole array; `value` says what its element `i` is:
 * DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->id)). */
#define DB_ARRAY(args, type, n, value)           \
    do {                                         \
        db_array_begin((args), (type), (n));     \
        for (size_t i = 0; i < (size_t)(n); i++) \
            db_arg((args), (value));             \
        db_array_end(args);                      \
    } while (0)

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

/* Reads a one-dimensional array column; any other has no elements. Call next until it is false. */
struct db_array {
    const char *p, *end;
    int left;
};
struct db_array db_array(const struct db_rows *rows, int row, int column);
bool db_array_next(struct db_array *array, struct str *element); /* NULL element: p == NULL */
int64_t db_element_i64(struct str element);                      /* NULL, and what is no int8: 0 */

/* --- the pool -----------------------------------------------------------------------------------
 */

struct db;
struct db_op;

/* ERR_INVALID if libpq cannot read the URL. */
int db_check_url(const char *url) MUST_CHECK;

struct db_config {
    const char *url;                    /* one that db_check_url() accepted */
    const char *const *session;         /* statements run at connect, ending with NULL */
    const struct db_stmt *const *stmts; /* prepared at connect; ends with NULL */

    /* LISTENs, ending with NULL; or NULL. They run on one connection, and on another when that is
     * lost. */
    const struct db_stmt *const *listens;

    int connections;
    int queue_max;   /* statements waiting to be sent; the next one gets ERR_BUSY */
    int patience_ms; /* how long one may wait for a connection before it gets ERR_UNAVAILABLE */

    /* A connection has one statement at a time, so that none waits behind another that is slow. When nobody waits for
     * it any more (db_cancel()) and it goes on, the connection is closed, which ends it if PostgreSQL looks
     * (client_connection_check_interval), and opened again. */
    bool one_by_one;

    /* A connection that cannot be opened, or breaks, is not tried again: what a session holds, a
     * transaction or a lock, is never lost unnoticed. Whatever waits gets ERR_UNAVAILABLE. */
    bool once;

    /* Each may be NULL. */
    void (*on_ready)(void *arg);     /* a connection became ready */
    void (*on_listening)(void *arg); /* `listens` has run: what was said before is not known */
    void (*on_notify)(void *arg, const char *channel, const char *payload);
    void *arg;
};

/* Never fails: it connects, and goes on trying. The config is copied, what it points to is not. */
struct db *db_create(struct loop *loop, const struct db_config *config);

/* At any time (src/README.md, "What takes time"). NULL is fine. */
void db_destroy(struct db *db);

/* At least one connection is usable. */
bool db_ready(const struct db *db);

/* When PostgreSQL last answered a statement without an error, on the monotonic clock. */
int64_t db_heard_ms(const struct db *db);

/* `err` is 0 or ERR_TOO_LARGE or ERR_WRONG_STATE (SQLSTATE PH001 and PH002, which functions of ours raise),
 * ERR_CONFLICT (unique), ERR_INVALID (any other error of the data), ERR_LOCKED (not run:
 * another session held a lock for longer than lock_timeout), ERR_UNAVAILABLE (not run, or the
 * connection broke), ERR_TIMEOUT, ERR_BUSY, ERR_INTERNAL (a statement that is wrong, or any other
 * trouble of PostgreSQL's). `rows` is NULL unless err is 0. */
typedef void db_cb(void *arg, int err, const struct db_rows *rows);

/* Runs one statement on the connection with the least to do; callbacks of one connection come in
 * the order of the starts, of several in any. `deadline_ms` counts from now; while bytes come or go on its
 * connection it may take four times as long. Takes `args`, as many as stmt->params says. */
struct db_op *db_exec(struct db *db, const struct db_stmt *stmt, struct db_args args,
                      int64_t deadline_ms, db_cb *cb, void *arg);

/* The callback will not run. The statement may, if it was sent. NULL is fine. */
void db_cancel(struct db_op *op);

#endif
