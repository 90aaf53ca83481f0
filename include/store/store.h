/* What all of the store shares: the two pools' sessions, the list of statements, and small
 * bindings. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/backoff.h"
#include "io/db.h"

#define STORE_DEADLINE_MS 5000

/* Of statements that only read, and may read much; how many rows a page of a list looks at for those that its filter
 * lets through, and how many of which another table has to be asked: that takes about as long, 1 to 2 ms. */
#define STORE_READ_MS   2000
#define STORE_SCAN_MAX  1000
#define STORE_PROBE_MAX 250

/* Statements to run at connect. The API's and the commands' commits are durable before they are
 * answered; the last of the worker's may be undone by a crash of PostgreSQL, after which it records
 * again what came of attempts. */
extern const char *const store_api_session[];
extern const char *const
    store_read_session[]; /* of connections that are closed under statements nobody waits for */
extern const char *const store_worker_session[];
extern const char *const store_command_session[];

/* Every statement, prepared on the connections that need it; each ends with NULL. */
extern const struct db_stmt *const store_api_stmts[];
extern const struct db_stmt *const store_read_stmts[];
extern const struct db_stmt *const store_worker_stmts[];
extern const struct db_stmt *const store_command_stmts[];

/* NOTIFY channels that an API process listens to, and the statements for that: the end of a test delivery (payload: the
 * delivery's UUID), the end of a key, a change in an app's catalogue (the app's UUID). */
#define STORE_TEST_CHANNEL "posthorn_test"
#define STORE_KEY_CHANNEL  "posthorn_key"
#define STORE_TYPE_CHANNEL "posthorn_type"
extern const struct db_stmt *const store_api_listens[];

/* What a worker's inbox has (store/published.h): a connection that nobody else uses, whose transactions end when nothing
 * comes of them, and a channel that says that something was published. */
#define STORE_PUBLISHED_CHANNEL "posthorn_published"
extern const char *const store_inbox_session[];
extern const struct db_stmt *const store_inbox_stmts[];
extern const struct db_stmt *const store_inbox_listens[];

/* db_exec() with the store's deadline. */
struct db_op *store_exec(struct db *db, const struct db_stmt *stmt, struct db_args args, db_cb *cb,
                         void *arg);

/* With that of reading, on a pool of connections with store_read_session. */
struct db_op *store_read(struct db *db, const struct db_stmt *stmt, struct db_args args, db_cb *cb,
                         void *arg);

/* A transaction around what is started in between, on a pool of one connection that is opened once
 * (db_config.once). When one of its statements fails, so do those behind it, and the commit, which
 * calls back without an error all the same, undoes everything. */
struct db_op *store_begin(struct db *db, db_cb *cb, void *arg);
struct db_op *store_commit(struct db *db, db_cb *cb, void *arg);

/* NULL for the nil id, which stands for none. */
struct db_value store_id_or_null(struct id id);

/* The bounds of the partitions that deliveries with `ids` and their events lie in: two parameters,
 * for what is looked up by id alone. */
#define STORE_BOUNDS(ids, count) DB_ID(store_low(ids, count)), DB_ID(store_high(ids, count))
struct id store_low(const struct id *ids, size_t count);
struct id store_high(const struct id *ids, size_t count);

extern const struct db_stmt stmt_begin, stmt_commit;

void schedule_read(const struct db_rows *rows, int row, int column, struct schedule *schedule);

#endif
