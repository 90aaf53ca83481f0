/* A tenant's catalogue of event types. Rows: (name, description, schema, example, created_ms,
 * updated_ms). What changes them NOTIFYs STORE_TYPE_CHANNEL. */
#ifndef STORE_EVENT_TYPES_H
#define STORE_EVENT_TYPES_H

#include "core/catalogue.h"
#include "store/audit.h"

struct event_type {
    struct str name, description, schema, example; /* p == NULL: none; the last two are JSON */
};

/* ERR_CONFLICT: it exists. No row: the app has `max` already. */
struct db_op *event_types_insert(struct db *db, struct id app, const struct event_type *type,
                                 int64_t max, const struct deed *deed, db_cb *cb, void *arg);
struct db_op *event_types_get(struct db *db, struct id app, struct str name, db_cb *cb, void *arg);

/* By name, after `after`. */
struct db_op *event_types_list(struct db *db, struct id app, struct str after, int limit, db_cb *cb,
                               void *arg);

/* `given` has a bit for each of description (1), schema (2), example (4) that is to be written. */
struct db_op *event_types_update(struct db *db, struct id app, const struct event_type *type,
                                 unsigned given, const struct deed *deed, db_cb *cb, void *arg);
struct db_op *event_types_delete(struct db *db, struct id app, struct str name,
                                 const struct deed *deed, db_cb *cb, void *arg);

/* Those of `names` that there are. Rows: (name, schema). */
struct db_op *event_types_find(struct db *db, struct id app, const struct str *names, size_t count,
                               db_cb *cb, void *arg);

/* Makes those of a catalogue in an app (nil: `default`), but for names that it has. Rows: those that were made. */
struct db_op *event_types_load(struct db *db, struct id app, const struct catalogue *catalogue,
                               const struct deed *deed, db_cb *cb, void *arg);

extern const struct db_stmt stmt_event_type_load, stmt_event_type_find, stmt_event_type_insert,
    stmt_event_type_get, stmt_event_type_list, stmt_event_type_update, stmt_event_type_delete;

#endif
