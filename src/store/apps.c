/* Apps: statements and binding. */
#include "store/apps.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS "id, name, metadata, ms_of(created_at)"
#define OF_APP  "a.id, a.id, null"

const struct db_stmt stmt_app_insert = {
    "app_insert",
    "with a as (insert into app (id, name, metadata) values ($1::uuid, $2::text, $3::text)"
    " returning *)" AUDITED("a", AUDIT_DEED(4, 5, 6, 7, 8, 9), OF_APP) " select " COLUMNS " from a",
    9};

struct db_op *apps_insert(struct db *db, struct id id, struct str name, struct str metadata,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_insert,
                      DB_ARGS(DB_ID(id), DB_STR(name), DB_STR(metadata), DB_DEED(deed)), cb, arg);
}

const struct db_stmt stmt_app_get = {"app_get", "select " COLUMNS " from app where id = $1::uuid",
                                     1};

struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_get, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_app_find = {"app_find",
                                      "select " COLUMNS " from app where name = $1::text", 1};

struct db_op *apps_find(struct db *db, struct str name, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_find, DB_ARGS(DB_STR(name)), cb, arg);
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
    " update app set name = coalesce($2::text, name), metadata = coalesce($3::text, metadata)"
    " where id = $1::uuid and (name <> 'default' or coalesce($2::text, name) = name)"
    " returning *)" AUDITED(IF_ANY_SET("a", 9), AUDIT_DEED(4, 5, 6, 7, 8, 9),
                            OF_APP) " select " COLUMNS " from a",
    9};

struct db_op *apps_update(struct db *db, struct id id, struct str name, struct str metadata,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_app_update,
                      DB_ARGS(DB_ID(id), DB_STR(name), DB_STR(metadata), DB_DEED(deed)), cb, arg);
}

/* Keys and event types go with it (on delete cascade); webhooks are marked, as when they are
 * deleted one by one, so that their deliveries are settled. */
const struct db_stmt stmt_app_delete = {
    "app_delete",
    "with a as (delete from app where id = $1::uuid and name <> 'default' returning id),"
    " w as (update webhook set " DELETE_WEBHOOK " from a"
    "  where webhook.app_id = a.id and webhook.deleted_at is null),"
    " s as (delete from subscription using a where subscription.app_id = a.id)" AUDITED(
        "a", AUDIT_DEED(2, 3, 4, 5, 6, 7), OF_APP) " select id, pg_notify('" STORE_KEY_CHANNEL
                                                   "', '')::text from a",
    7};

struct db_op *apps_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg)
{
    return store_exec(db, &stmt_app_delete, DB_ARGS(DB_ID(id), DB_DEED(deed)), cb, arg);
}
