/* Apps: statements and binding. */
#include "store/apps.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS "id, uid, name, metadata, checks::int8, ms_of(created_at)"
#define OF_APP  "a.id, a.id, null"
#define NOTIFY  "pg_notify('" STORE_KEY_CHANNEL "', '')::text"

void app_read(const struct db_rows *rows, int row, struct app *app)
{
    enum { ID, UID, NAME, METADATA, CHECKS, CREATED };

    *app = (struct app){
        .id = db_id(rows, row, ID),
        .uid = db_str(rows, row, UID),
        .name = db_str(rows, row, NAME),
        .metadata = db_str(rows, row, METADATA),
        .checks = (int)db_i64(rows, row, CHECKS),
        .created_ms = db_i64(rows, row, CREATED),
    };
}

const struct db_stmt stmt_app_insert = {
    "app_insert",
    "with a as (insert into app (id, uid, name, metadata, checks)"
    " values ($1::uuid, $2::text, $3::text, $4::text, $5::int8) returning *)" AUDITED(
        "a", AUDIT_DEED(6, 7, 8, 9, 10, 11), OF_APP) " select " COLUMNS " from a",
    11};

struct db_op *apps_insert(struct db *db, const struct app *app, const struct deed *deed, db_cb *cb,
                          void *arg)
{
    return store_exec(db, &stmt_app_insert,
                      DB_ARGS(DB_ID(app->id), DB_STR(app->uid), DB_STR(app->name),
                              DB_STR(app->metadata), DB_I64(app->checks), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_app_get = {"app_get", "select " COLUMNS " from app where id = $1::uuid",
                                     1};

struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_get, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_app_find = {"app_find",
                                      "select " COLUMNS " from app where uid = $1::text", 1};

struct db_op *apps_find(struct db *db, struct str uid, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_find, DB_ARGS(DB_STR(uid)), cb, arg);
}

const struct db_stmt stmt_app_list = {
    "app_list", "select " COLUMNS " from app where id < $1::uuid order by id desc limit $2::int8",
    2};

struct db_op *apps_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_app_list, DB_ARGS(DB_ID(before), DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_app_update = {
    "app_update",
    "with a as ("
    " update app set name = coalesce($2::text, name), metadata = coalesce($3::text, metadata),"
    "  uid = case when $4::bool then $5::text else uid end,"
    "  checks = (checks::int8 & ~$7::int8) | ($6::int8 & $7::int8)"
    " where id = $1::uuid and (not $4::bool or uid is distinct from 'default'"
    "  or $5::text is not distinct from uid)"
    " returning *)" AUDITED(IF_ANY_SET("a", 13), AUDIT_DEED(8, 9, 10, 11, 12, 13),
                            OF_APP) " select " COLUMNS
                                    ", case when $4::bool or $7::int8 <> 0 then " NOTIFY
                                    " end from a",
    13};

struct db_op *apps_update(struct db *db, const struct app *app, bool uid_given, int checks_given,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_update,
                      DB_ARGS(DB_ID(app->id), DB_STR(app->name), DB_STR(app->metadata),
                              DB_BOOL(uid_given), DB_STR(app->uid), DB_I64(app->checks),
                              DB_I64(checks_given), DB_DEED(deed)),
                      cb, arg);
}

/* Keys and event types go with it (on delete cascade); webhooks are marked, as when they are
 * deleted one by one, so that their deliveries are settled. */
const struct db_stmt stmt_app_delete = {
    "app_delete",
    "with a as (delete from app where id = $1::uuid and uid is distinct from 'default'"
    " returning id),"
    " w as (update webhook set " DELETE_WEBHOOK " from a"
    "  where webhook.app_id = a.id and webhook.deleted_at is null),"
    " s as (delete from subscription using a where subscription.app_id = a.id)" AUDITED(
        "a", AUDIT_DEED(2, 3, 4, 5, 6, 7), OF_APP) " select id, " NOTIFY " from a",
    7};

struct db_op *apps_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg)
{
    return store_exec(db, &stmt_app_delete, DB_ARGS(DB_ID(id), DB_DEED(deed)), cb, arg);
}
