/* PostgreSQL, blocking, for the schema alone: migrating it, which takes as long as it takes, and
 * checking it before anything else is opened. Text format; failures are logged here, once. */
#ifndef IO_DBSYNC_H
#define IO_DBSYNC_H

#include "base/str.h"

struct dbsync;
struct dbsync_rows;

/* NULL when it cannot connect to any host of the URL, within `timeout_ms` of each. */
struct dbsync *dbsync_open(const char *url, int timeout_ms);
void dbsync_close(struct dbsync *db); /* NULL is fine */

/* One statement with text parameters (NULL: NULL). `*rows`, if wanted, is freed by
 * dbsync_rows_free(). ERR_INTERNAL. */
int dbsync_exec(struct dbsync *db, const char *sql, int count, const char *const *params,
                struct dbsync_rows **rows) MUST_CHECK;

/* Several statements in one string, without parameters. */
int dbsync_script(struct dbsync *db, const char *sql) MUST_CHECK;

int dbsync_count(const struct dbsync_rows *rows);
const char *dbsync_text(const struct dbsync_rows *rows, int row, int column); /* NULL: NULL */
void dbsync_rows_free(struct dbsync_rows *rows);                              /* NULL is fine */

#endif
