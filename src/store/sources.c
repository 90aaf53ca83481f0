/* Sources: statements, binding, decoding. */
#include "store/sources.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS                                                                   \
    "s.id, s.app_id, s.name, s.kind, s.options, s.type_prefix, s.secret, s.hash," \
    " case when s.previous_until > now() then s.previous_hash end,"               \
    " case when s.previous_until > now() then ms_of(s.previous_until) end,"       \
    " us_of(s.updated_at), (select a.checks from app a where a.id = s.app_id)::int8"

#define OF_SOURCE    "s.app_id, s.id, null"
#define NOTIFY_OF_IT "pg_notify('" STORE_KEY_CHANNEL "', s.id::text)::text"

void sources_read(const struct db_rows *rows, int row, struct source *s)
{
    enum { ID, APP, NAME, KIND, OPTIONS, PREFIX, SECRET, HASH, PREVIOUS, UNTIL, UPDATED, CHECKS };

    *s = (struct source){
        .id = db_id(rows, row, ID),
        .app = db_id(rows, row, APP),
        .name = db_str(rows, row, NAME),
        .kind = db_str(rows, row, KIND),
        .options = db_str(rows, row, OPTIONS),
        .prefix = db_str(rows, row, PREFIX),
        .sealed_secret = db_str(rows, row, SECRET),
        .hash = db_str(rows, row, HASH),
        .previous = db_str(rows, row, PREVIOUS),
        .previous_until_ms = db_i64(rows, row, UNTIL),
        .updated_us = db_i64(rows, row, UPDATED),
        .checks = (int)db_i64(rows, row, CHECKS),
    };
}

/* $1 id, $2 app, and what may be changed later too from $3 to $6. */
#define SETTINGS(s)                                                                                \
    DB_ID((s)->id), DB_ID((s)->app), DB_STR((s)->name), DB_STR((s)->options), DB_STR((s)->prefix), \
        DB_STR((s)->sealed_secret)

const struct db_stmt stmt_source_insert = {
    "source_insert",
    "with s as (insert into source (id, app_id, name, options, type_prefix, secret, kind, hash)"
    " select $1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::bytea, $7::text, $8::bytea"
    "  where (select count(*) from (select from source where app_id = $2::uuid limit $9::int8) x)"
    "   < $9::int8"
    " returning *)" AUDITED("s", AUDIT_DEED(10, 11, 12, 13, 14, 15), OF_SOURCE) " select " COLUMNS
                                                                                " from s",
    15};

struct db_op *sources_insert(struct db *db, const struct source *s, int64_t max,
                             const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_source_insert,
        DB_ARGS(SETTINGS(s), DB_STR(s->kind), DB_STR(s->hash), DB_I64(max), DB_DEED(deed)), cb,
        arg);
}

const struct db_stmt stmt_source_get = {
    "source_get", "select " COLUMNS " from source s where s.id = $1::uuid and s.app_id = $2::uuid",
    2};

struct db_op *sources_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

const struct db_stmt stmt_source_list = {
    "source_list",
    "select " COLUMNS " from source s where s.app_id = $1::uuid and s.id < $2::uuid"
    " order by s.id desc limit $3::int8",
    3};

struct db_op *sources_list(struct db *db, struct id app, struct id before, int limit, db_cb *cb,
                           void *arg)
{
    return store_read(db, &stmt_source_list, DB_ARGS(DB_ID(app), DB_ID(before), DB_I64(limit)), cb,
                      arg);
}

const struct db_stmt stmt_source_find = {
    "source_find", "select " COLUMNS " from source s where s.id = $1::uuid", 1};

struct db_op *sources_find(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_find, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_source_update = {
    "source_update",
    "with s as (update source set name = $3::text, options = $4::text, type_prefix = $5::text,"
    "  secret = $6::bytea, " TOUCH
    " where id = $1::uuid and app_id = $2::uuid and us_of(updated_at) = $7::int8"
    " returning *)" AUDITED(IF_ANY_SET("s", 13), AUDIT_DEED(8, 9, 10, 11, 12, 13),
                            OF_SOURCE) " select " COLUMNS ", " NOTIFY_OF_IT " from s",
    13};

struct db_op *sources_update(struct db *db, const struct source *s, const struct deed *deed,
                             db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_update,
                      DB_ARGS(SETTINGS(s), DB_I64(s->updated_us), DB_DEED(deed)), cb, arg);
}

const struct db_stmt stmt_source_rotate = {
    "source_rotate",
    "with s as (update source set previous_hash = hash, hash = $3::bytea,"
    "  previous_until = now() + $4::int8 * interval '1 s', " TOUCH
    " where id = $1::uuid and app_id = $2::uuid"
    " returning *)" AUDITED("s", AUDIT_DEED(5, 6, 7, 8, 9, 10),
                            OF_SOURCE) " select " COLUMNS ", " NOTIFY_OF_IT " from s",
    10};

struct db_op *sources_rotate(struct db *db, struct id app, struct id id, struct str hash,
                             int64_t overlap_seconds, const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_source_rotate,
        DB_ARGS(DB_ID(id), DB_ID(app), DB_STR(hash), DB_I64(overlap_seconds), DB_DEED(deed)), cb,
        arg);
}

const struct db_stmt stmt_source_delete = {
    "source_delete",
    "with s as (delete from source where id = $1::uuid and app_id = $2::uuid"
    " returning id, app_id)" AUDITED("s", AUDIT_DEED(3, 4, 5, 6, 7, 8),
                                     OF_SOURCE) " select s.id, " NOTIFY_OF_IT " from s",
    8};

struct db_op *sources_delete(struct db *db, struct id app, struct id id, const struct deed *deed,
                             db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_delete, DB_ARGS(DB_ID(id), DB_ID(app), DB_DEED(deed)), cb,
                      arg);
}

/* --- what is sealed --------------------------------------------------------------------------- */

const struct db_stmt stmt_source_list_sealed = {
    "source_list_sealed",
    "select id, us_of(updated_at), secret from source where id > $1::uuid and secret <> ''"
    " order by id limit $2::int8",
    2};

struct db_op *sources_list_sealed(struct db *db, struct id after, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_list_sealed, DB_ARGS(DB_ID(after), DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_source_seal_again = {
    "source_seal_again",
    "with s as (update source set secret = $3::bytea, updated_at = updated_at + interval '1 us'"
    " where id = $1::uuid and us_of(updated_at) = $2::int8 returning id, app_id)" AUDITED(
        "s", AUDIT_DEED(4, 5, 6, 7, 8, 9), OF_SOURCE) " select s.id, " NOTIFY_OF_IT " from s",
    9};

struct db_op *sources_seal_again(struct db *db, struct id id, int64_t updated_us, struct str sealed,
                                 const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_source_seal_again,
                      DB_ARGS(DB_ID(id), DB_I64(updated_us), DB_STR(sealed), DB_DEED(deed)), cb,
                      arg);
}
