/* Issues: what attempts failed of, by webhook, error and code of the answer. Workers add to them what they have gathered
 * for seconds; nobody goes through the history for it. */
#ifndef STORE_ISSUES_H
#define STORE_ISSUES_H

#include "core/issue.h"
#include "store/audit.h"

/* What came together of one. */
struct issue_row {
    struct id id; /* its id if it is new, and that of its opening if it opens */
    struct id app, webhook;
    int error;
    int64_t code; /* of an answer that is no success, else 0 */
    int64_t attempts;
    int64_t deliveries;        /* that failed for good */
    int64_t first_ms, last_ms; /* when attempts failed */
    int64_t oldest_ms;         /* when the oldest of the deliveries was made; 0: there is none */
    struct id delivery;        /* the last that failed so */
};

#define ISSUE_ROWS_MAX 8192 /* in one statement */

/* Adds them to those of webhooks that are there. No two are of the same webhook, error and code. No rows. */
struct db_op *issues_add(struct db *db, const struct issue_row *const *list, size_t count,
                         db_cb *cb, void *arg);

struct issue {
    struct id id, webhook, delivery;
    struct id opening;
    int status, error;
    int64_t code; /* 0: none */
    int64_t first_ms, last_ms, opened_ms, resolved_ms, oldest_ms;
    int64_t recurred, attempts, deliveries;
};

#define ISSUES_COL_OPENING 1 /* in whose order they are listed */

void issues_read(const struct db_rows *rows, int row, struct issue *issue);

/* Those of an app that are in a state (< 0: in any), or of one of its webhooks, that were opened before `before`, the
 * last first. */
struct db_op *issues_list(struct db *db, struct id app, int status, const struct id *webhook,
                          struct id before, int limit, db_cb *cb, void *arg);

/* A row, or none: no such issue of the app. */
struct db_op *issues_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);
struct db_op *issues_update(struct db *db, struct id app, struct id id, enum issue_status status,
                            const struct deed *deed, db_cb *cb, void *arg);

/* Removes those that last happened before history begins, of which so many days are kept, and those of webhooks that are
 * gone. A row with how many: `limit` at most. */
struct db_op *issues_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_issue_add, stmt_issue_list, stmt_issue_list_webhook,
    stmt_issue_get, stmt_issue_update, stmt_issue_forget;

#endif
