/* Apps: the tenants. Rows: (id, name, metadata, created_ms). */
#ifndef STORE_APPS_H
#define STORE_APPS_H

#include "store/audit.h"

struct db_op *apps_insert(struct db *db, struct id id, struct str name, struct str metadata,
                          const struct deed *deed, db_cb *cb,
                          void *arg); /* ERR_CONFLICT: the name is taken */
struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg);
struct db_op *apps_find(struct db *db, struct str name, db_cb *cb, void *arg);
struct db_op *apps_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg);

/* p == NULL leaves a column as it is. */
struct db_op *apps_update(struct db *db, struct id id, struct str name, struct str metadata,
                          const struct deed *deed, db_cb *cb, void *arg);

/* With its webhooks, keys and catalogue. A row if it was there and is not `default`. */
struct db_op *apps_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg);

extern const struct db_stmt stmt_app_insert, stmt_app_get, stmt_app_find, stmt_app_list,
    stmt_app_update, stmt_app_delete;

#endif
