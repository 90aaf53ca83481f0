/* Tenants: apps, their API keys, their catalogue of event types. */
#ifndef STORE_TENANTS_H
#define STORE_TENANTS_H

#include "core/key.h"
#include "io/db.h"

/* --- apps: rows (id, name, metadata, created_ms) ---------------------------------------------- */

struct db_op *apps_insert(struct db *db, struct id id, struct str name, struct str metadata,
                          db_cb *cb, void *arg); /* ERR_CONFLICT: the name is taken */
struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg);
struct db_op *apps_find(struct db *db, struct str name, db_cb *cb, void *arg);
struct db_op *apps_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg);

/* p == NULL leaves a column as it is. */
struct db_op *apps_update(struct db *db, struct id id, struct str name, struct str metadata,
                          db_cb *cb, void *arg);

/* With its webhooks, keys and catalogue. A row if it was there and is not `default`. */
struct db_op *apps_delete(struct db *db, struct id id, db_cb *cb, void *arg);

/* --- keys ------------------------------------------------------------------------------------- */

struct key {
    struct id id;
    bool has_app;
    struct id app;
    struct str name;
    int scope;          /* enum key_scope */
    struct str hash;    /* SHA256_SIZE bytes */
    int64_t expires_ms; /* 0: never */
};

void keys_read(const struct db_rows *rows, int row, struct key *key);

/* ERR_INVALID: no such app. */
struct db_op *keys_insert(struct db *db, const struct key *key, db_cb *cb, void *arg);
struct db_op *keys_get(struct db *db, struct id id, db_cb *cb, void *arg); /* expired ones too */
struct db_op *keys_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg);

/* Every key, oldest first. Rows: (id, scope, its app's name or NULL, name). */
struct db_op *keys_list_all(struct db *db, db_cb *cb, void *arg);

/* A row if it was there. NOTIFYs STORE_KEY_CHANNEL. */
struct db_op *keys_delete(struct db *db, struct id id, db_cb *cb, void *arg);

/* --- event types: rows (name, description, schema, example, created_ms, updated_ms) ----------- */

struct event_type {
    struct str name, description, schema, example; /* p == NULL: none; the last two are JSON */
};

struct db_op *event_types_insert(struct db *db, struct id app, const struct event_type *type,
                                 db_cb *cb, void *arg); /* ERR_CONFLICT: it exists */
struct db_op *event_types_get(struct db *db, struct id app, struct str name, db_cb *cb, void *arg);

/* By name, after `after`. */
struct db_op *event_types_list(struct db *db, struct id app, struct str after, int limit, db_cb *cb,
                               void *arg);

/* `given` has a bit for each of description (1), schema (2), example (4) that is to be written. */
struct db_op *event_types_update(struct db *db, struct id app, const struct event_type *type,
                                 unsigned given, db_cb *cb, void *arg);
struct db_op *event_types_delete(struct db *db, struct id app, struct str name, db_cb *cb,
                                 void *arg);

extern const struct db_stmt stmt_app_insert, stmt_app_get, stmt_app_find, stmt_app_list,
    stmt_app_update, stmt_app_delete, stmt_key_insert, stmt_key_get, stmt_key_list,
    stmt_key_list_all, stmt_key_delete, stmt_event_type_insert, stmt_event_type_get,
    stmt_event_type_list, stmt_event_type_update, stmt_event_type_delete;

#endif
