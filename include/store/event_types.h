/* A tenant's catalogue of event types. Rows: (name, description, schema, example, created_ms,
 * updated_ms). */
#ifndef STORE_EVENT_TYPES_H
#define STORE_EVENT_TYPES_H

#include "store/audit.h"

struct event_type {
    struct str name, description, schema, example; /* p == NULL: none; the last two are JSON */
};

struct db_op *event_types_insert(struct db *db, struct id app, const struct event_type *type,
                                 const struct deed *deed, db_cb *cb,
                                 void *arg); /* ERR_CONFLICT: it exists */
struct db_op *event_types_get(struct db *db, struct id app, struct str name, db_cb *cb, void *arg);

/* By name, after `after`. */
struct db_op *event_types_list(struct db *db, struct id app, struct str after, int limit, db_cb *cb,
                               void *arg);

/* `given` has a bit for each of description (1), schema (2), example (4) that is to be written. */
struct db_op *event_types_update(struct db *db, struct id app, const struct event_type *type,
                                 unsigned given, const struct deed *deed, db_cb *cb, void *arg);
struct db_op *event_types_delete(struct db *db, struct id app, struct str name,
                                 const struct deed *deed, db_cb *cb, void *arg);

extern const struct db_stmt stmt_event_type_insert, stmt_event_type_get, stmt_event_type_list,
    stmt_event_type_update, stmt_event_type_delete;

#endif
