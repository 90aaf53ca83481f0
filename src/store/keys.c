/* Keys: statements, binding, decoding. */
#include "store/keys.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS                                                                              \
    "id, app_id, name, scope::int8, hash, ms_of(expires_at), ms_of(last_used_at), networks," \
    " coalesce(requests_per_second, -1)::int8,"                                              \
    " coalesce((select a.checks from app a where a.id = app_id), 0)::int8, portal is not null"

#define OF_KEY       "k.app_id, k.id, null"
#define NOTIFY_OF_IT "pg_notify('" STORE_KEY_CHANNEL "', id::text)::text"

void keys_read(const struct db_rows *rows, int row, struct key *key)
{
    enum { ID, APP, NAME, SCOPE, HASH, EXPIRES, USED, NETWORKS, REQUESTS, CHECKS, PORTAL };
    struct db_array networks = db_array(rows, row, NETWORKS);

    key->id = db_id(rows, row, ID);
    key->has_app = !db_null(rows, row, APP);
    key->app = db_id(rows, row, APP);
    key->name = db_str(rows, row, NAME);
    key->scope = (int)db_i64(rows, row, SCOPE);
    key->hash = db_str(rows, row, HASH);
    key->expires_ms = db_i64(rows, row, EXPIRES);
    key->used_ms = db_i64(rows, row, USED);
    key->requests = db_i64(rows, row, REQUESTS);
    key->checks = (int)db_i64(rows, row, CHECKS);
    key->portal = db_bool(rows, row, PORTAL);
    key->network_count = 0;
    while (key->network_count < KEY_NETWORKS_MAX &&
           db_array_next(&networks, &key->networks[key->network_count]))
        key->network_count++;
}

const struct db_stmt stmt_key_insert = {
    "key_insert",
    "with k as (insert into api_key (id, app_id, name, scope, hash, expires_at, networks,"
    "  requests_per_second)"
    " values ($1::uuid, $2::uuid, $3::text, $4::int8, $5::bytea, time_of(nullif($6::int8, 0)),"
    "  $7::text[], nullif($8::int8, -1)) returning *)" AUDITED(
        "k", AUDIT_DEED(9, 10, 11, 12, 13, 14), OF_KEY) " select " COLUMNS " from k",
    14};

struct db_op *keys_insert(struct db *db, const struct key *key, const struct deed *deed, db_cb *cb,
                          void *arg)
{
    return store_exec(db, &stmt_key_insert,
                      DB_ARGS(DB_ID(key->id), key->has_app ? DB_ID(key->app) : DB_NULL,
                              DB_STR(key->name), DB_I64(key->scope), DB_STR(key->hash),
                              DB_I64(key->expires_ms), DB_STRS(key->networks, key->network_count),
                              DB_I64(key->requests), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_key_get = {"key_get",
                                     "select " COLUMNS " from api_key where id = $1::uuid", 1};

struct db_op *keys_get(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_key_get, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_key_list = {
    "key_list",
    "select " COLUMNS " from api_key where id < $1::uuid order by id desc limit $2::int8", 2};

struct db_op *keys_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_key_list, DB_ARGS(DB_ID(before), DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_key_list_all = {
    "key_list_all",
    "select k.id, k.scope::int8, k.app_id, a.uid, k.name from api_key k"
    " left join app a on a.id = k.app_id order by k.id",
    0};

struct db_op *keys_list_all(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_key_list_all, DB_ARGS(), cb, arg);
}

const struct db_stmt stmt_key_use = {
    "key_use",
    "update api_key set last_used_at = now() where id = $1::uuid"
    " and (last_used_at is null or last_used_at < now() - interval '1 min')",
    1};

struct db_op *keys_use(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_key_use, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_key_update = {
    "key_update",
    "with k as (update api_key set name = case when $2::int8 & 1 <> 0 then $3::text else name end,"
    "  expires_at = case when $2::int8 & 2 <> 0 then time_of(nullif($4::int8, 0)) else expires_at end,"
    "  networks = case when $2::int8 & 4 <> 0 then $5::text[] else networks end,"
    "  requests_per_second = case when $2::int8 & 8 <> 0 then nullif($6::int8, -1)"
    "   else requests_per_second end"
    " where id = $1::uuid and portal is null returning *)" AUDITED(
        IF_ANY_SET("k", 12), AUDIT_DEED(7, 8, 9, 10, 11, 12), OF_KEY) " select " COLUMNS
                                                                      ", " NOTIFY_OF_IT " from k",
    12};

struct db_op *keys_update(struct db *db, const struct key *key, unsigned given,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_key_update,
                      DB_ARGS(DB_ID(key->id), DB_I64(given), DB_STR(key->name),
                              DB_I64(key->expires_ms), DB_STRS(key->networks, key->network_count),
                              DB_I64(key->requests), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_key_delete = {
    "key_delete",
    "with k as (delete from api_key where id = $1::uuid returning id, app_id)" AUDITED(
        "k", AUDIT_DEED(2, 3, 4, 5, 6, 7), OF_KEY) " select id, " NOTIFY_OF_IT " from k",
    7};

struct db_op *keys_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg)
{
    return store_exec(db, &stmt_key_delete, DB_ARGS(DB_ID(id), DB_DEED(deed)), cb, arg);
}
