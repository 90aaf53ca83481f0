/* Apps and event types. */
#include "store/tenants.h"

#include "store/store.h"

#define APP_COLUMNS "id, name, metadata, ms_of(created_at)"

const struct db_stmt stmt_app_insert = {
    "app_insert",
    "insert into app (id, name, metadata) values ($1::uuid, $2::text, $3::text)"
    " returning " APP_COLUMNS,
    3};

struct db_op *apps_insert(struct db *db, struct id id, struct str name, struct str metadata,
                          db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_insert, DB_ARGS(DB_ID(id), DB_STR(name), DB_STR(metadata)), cb,
                      arg);
}

const struct db_stmt stmt_app_get = {"app_get",
                                     "select " APP_COLUMNS " from app where id = $1::uuid", 1};

struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_get, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_app_find = {"app_find",
                                      "select " APP_COLUMNS " from app where name = $1::text", 1};

struct db_op *apps_find(struct db *db, struct str name, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_find, DB_ARGS(DB_STR(name)), cb, arg);
}

const struct db_stmt stmt_app_list = {
    "app_list",
    "select " APP_COLUMNS " from app where id < $1::uuid order by id desc limit $2::int8", 2};

struct db_op *apps_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_list, DB_ARGS(DB_ID(before), DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_app_update = {
    "app_update",
    "update app set name = coalesce($2::text, name), metadata = coalesce($3::text, metadata)"
    " where id = $1::uuid and (name <> 'default' or coalesce($2::text, name) = name)"
    " returning " APP_COLUMNS,
    3};

struct db_op *apps_update(struct db *db, struct id id, struct str name, struct str metadata,
                          db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_update, DB_ARGS(DB_ID(id), DB_STR(name), DB_STR(metadata)), cb,
                      arg);
}

/* Keys and event types go with it (on delete cascade); webhooks are marked, as when they are
 * deleted one by one, so that their deliveries are settled. */
const struct db_stmt stmt_app_delete = {
    "app_delete",
    "with a as (delete from app where id = $1::uuid and name <> 'default' returning id),"
    " w as (update webhook set deleted_at = now(), unsettled = true, secret = '',"
    "  previous_secret = null, headers = '' from a"
    "  where webhook.app_id = a.id and webhook.deleted_at is null),"
    " s as (delete from subscription using a where subscription.app_id = a.id)"
    " select id, pg_notify('" STORE_KEY_CHANNEL "', '')::text from a",
    1};

struct db_op *apps_delete(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_delete, DB_ARGS(DB_ID(id)), cb, arg);
}

#define TYPE_COLUMNS "name, description, schema, example, ms_of(created_at), ms_of(updated_at)"

/* $1 to $5. */
#define TYPE(app, t)                                                              \
    DB_ID(app), DB_STR((t)->name), DB_STR((t)->description), DB_STR((t)->schema), \
        DB_STR((t)->example)

const struct db_stmt stmt_event_type_insert = {
    "event_type_insert",
    "insert into event_type (app_id, name, description, schema, example)"
    " values ($1::uuid, $2::text, $3::text, $4::text, $5::text) returning " TYPE_COLUMNS,
    5};

struct db_op *event_types_insert(struct db *db, struct id app, const struct event_type *type,
                                 db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_insert, DB_ARGS(TYPE(app, type)), cb, arg);
}

const struct db_stmt stmt_event_type_get = {
    "event_type_get",
    "select " TYPE_COLUMNS " from event_type where app_id = $1::uuid and name = $2::text", 2};

struct db_op *event_types_get(struct db *db, struct id app, struct str name, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_get, DB_ARGS(DB_ID(app), DB_STR(name)), cb, arg);
}

const struct db_stmt stmt_event_type_list = {
    "event_type_list",
    "select " TYPE_COLUMNS " from event_type where app_id = $1::uuid and name > $2::text"
    " order by name limit $3::int8",
    3};

struct db_op *event_types_list(struct db *db, struct id app, struct str after, int limit, db_cb *cb,
                               void *arg)
{
    return store_exec(db, &stmt_event_type_list, DB_ARGS(DB_ID(app), DB_STR(after), DB_I64(limit)),
                      cb, arg);
}

const struct db_stmt stmt_event_type_update = {
    "event_type_update",
    "update event_type set"
    " description = case when $6::int8 & 1 <> 0 then $3::text else description end,"
    " schema = case when $6::int8 & 2 <> 0 then $4::text else schema end,"
    " example = case when $6::int8 & 4 <> 0 then $5::text else example end, updated_at = now()"
    " where app_id = $1::uuid and name = $2::text returning " TYPE_COLUMNS,
    6};

struct db_op *event_types_update(struct db *db, struct id app, const struct event_type *type,
                                 unsigned given, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_update, DB_ARGS(TYPE(app, type), DB_I64(given)), cb,
                      arg);
}

const struct db_stmt stmt_event_type_delete = {
    "event_type_delete",
    "delete from event_type where app_id = $1::uuid and name = $2::text returning name", 2};

struct db_op *event_types_delete(struct db *db, struct id app, struct str name, db_cb *cb,
                                 void *arg)
{
    return store_exec(db, &stmt_event_type_delete, DB_ARGS(DB_ID(app), DB_STR(name)), cb, arg);
}
