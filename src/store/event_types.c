/* Event types: statements and binding. */
#include "store/event_types.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS "name, description, schema, example, ms_of(created_at), ms_of(updated_at)"

#define OF_TYPE "t.app_id, null, t.name"

/* Of a table `t` of rows that changed. */
#define NOTIFY_OF_APP "pg_notify('" STORE_TYPE_CHANNEL "', t.app_id::text)::text"

/* $1 to $5. */
#define TYPE(app, t)                                                              \
    DB_ID(app), DB_STR((t)->name), DB_STR((t)->description), DB_STR((t)->schema), \
        DB_STR((t)->example)

const struct db_stmt stmt_event_type_insert = {
    "event_type_insert",
    "with t as (insert into event_type (app_id, name, description, schema, example)"
    " select $1::uuid, $2::text, $3::text, $4::text, $5::text"
    "  where (select count(*) from (select from event_type where app_id = $1::uuid limit $6::int8) x)"
    "   < $6::int8 or exists (select from event_type where app_id = $1::uuid and name = $2::text)"
    " returning *)" AUDITED("t", AUDIT_DEED(7, 8, 9, 10, 11, 12),
                            OF_TYPE) " select " COLUMNS ", " NOTIFY_OF_APP " from t",
    12};

struct db_op *event_types_insert(struct db *db, struct id app, const struct event_type *type,
                                 int64_t max, const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_insert,
                      DB_ARGS(TYPE(app, type), DB_I64(max), DB_DEED(deed)), cb, arg);
}

const struct db_stmt stmt_event_type_get = {
    "event_type_get",
    "select " COLUMNS " from event_type where app_id = $1::uuid and name = $2::text", 2};

struct db_op *event_types_get(struct db *db, struct id app, struct str name, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_get, DB_ARGS(DB_ID(app), DB_STR(name)), cb, arg);
}

const struct db_stmt stmt_event_type_list = {
    "event_type_list",
    "select " COLUMNS " from event_type where app_id = $1::uuid and name > $2::text"
    " order by name limit $3::int8",
    3};

struct db_op *event_types_list(struct db *db, struct id app, struct str after, int limit, db_cb *cb,
                               void *arg)
{
    return store_read(db, &stmt_event_type_list, DB_ARGS(DB_ID(app), DB_STR(after), DB_I64(limit)),
                      cb, arg);
}

const struct db_stmt stmt_event_type_update = {
    "event_type_update",
    "with t as (update event_type set"
    " description = case when $6::int8 & 1 <> 0 then $3::text else description end,"
    " schema = case when $6::int8 & 2 <> 0 then $4::text else schema end,"
    " example = case when $6::int8 & 4 <> 0 then $5::text else example end, updated_at = now()"
    " where app_id = $1::uuid and name = $2::text returning *)" AUDITED(
        "t", AUDIT_DEED(7, 8, 9, 10, 11, 12), OF_TYPE) " select " COLUMNS ", " NOTIFY_OF_APP
                                                       " from t",
    12};

struct db_op *event_types_update(struct db *db, struct id app, const struct event_type *type,
                                 unsigned given, const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_update,
                      DB_ARGS(TYPE(app, type), DB_I64(given), DB_DEED(deed)), cb, arg);
}

const struct db_stmt stmt_event_type_delete = {
    "event_type_delete",
    "with t as (delete from event_type where app_id = $1::uuid and name = $2::text"
    " returning app_id, name)" AUDITED("t", AUDIT_DEED(3, 4, 5, 6, 7, 8),
                                       OF_TYPE) " select name, " NOTIFY_OF_APP " from t",
    8};

struct db_op *event_types_delete(struct db *db, struct id app, struct str name,
                                 const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_delete, DB_ARGS(DB_ID(app), DB_STR(name), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_event_type_find = {
    "event_type_find",
    "select name, schema from event_type where app_id = $1::uuid and name = any($2::text[])", 2};

struct db_op *event_types_find(struct db *db, struct id app, const struct str *names, size_t count,
                               db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_type_find, DB_ARGS(DB_ID(app), DB_STRS(names, count)), cb,
                      arg);
}

const struct db_stmt stmt_event_type_load = {
    "event_type_load",
    "with t as (insert into event_type (app_id, name, description, schema, example)"
    " select a.id, x.* from app a, unnest($2::text[], $3::text[], $4::text[], $5::text[]) x"
    " where a.id = coalesce($1::uuid, (select id from app where uid = 'default')) on conflict (app_id, name) do nothing returning *)" AUDITED(
        "t", AUDIT_DEED(6, 7, 8, 9, 10, 11), OF_TYPE) " select name, " NOTIFY_OF_APP " from t",
    11};

struct db_op *event_types_load(struct db *db, struct id app, const struct catalogue *catalogue,
                               const struct deed *deed, db_cb *cb, void *arg)
{
    const char *names[CATALOGUE_TYPES_MAX], *descriptions[CATALOGUE_TYPES_MAX];
    const char *schemas[CATALOGUE_TYPES_MAX], *examples[CATALOGUE_TYPES_MAX];
    size_t n = catalogue->count;

    assert(n <= CATALOGUE_TYPES_MAX);
    for (size_t i = 0; i < n; i++) {
        names[i] = catalogue->types[i].name;
        descriptions[i] = catalogue->types[i].description;
        schemas[i] = catalogue->types[i].schema;
        examples[i] = catalogue->types[i].example;
    }
    return store_exec(db, &stmt_event_type_load,
                      DB_ARGS(store_id_or_null(app), DB_TEXTS(names, n), DB_TEXTS(descriptions, n),
                              DB_TEXTS(schemas, n), DB_TEXTS(examples, n), DB_DEED(deed)),
                      cb, arg);
}
