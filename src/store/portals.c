/* Portals. */
#include "store/portals.h"

#include "sql.h"
#include "store/store.h"

const struct db_stmt stmt_portal_insert = {
    "portal_insert",
    "with k as (insert into api_key (id, app_id, name, scope, hash, expires_at, portal, frames, images)"
    " select $1::uuid, a.id, $3::text, $4::int8, $5::bytea, time_of($6::int8), $7::text, $8::text[],"
    "  nullif($9::text, '') from app a where a.id = $2::uuid"
    "  and (select count(*) from (select from api_key x where x.app_id = $2::uuid"
    "   and x.portal is not null and x.expires_at > now() limit $10::int8) y) < $10::int8"
    " returning *)" AUDITED("k", AUDIT_DEED(11, 12, 13, 14, 15, 16),
                            "k.app_id, k.id, null") " select k.id from k",
    16};

struct db_op *portals_insert(struct db *db, const struct key *key, struct str brand,
                             const struct str *frames, size_t frame_count, struct str images,
                             int64_t max, const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_portal_insert,
                      DB_ARGS(DB_ID(key->id), DB_ID(key->app), DB_STR(key->name),
                              DB_I64(key->scope), DB_STR(key->hash), DB_I64(key->expires_ms),
                              DB_STR(brand), DB_STRS(frames, frame_count), DB_STR(images),
                              DB_I64(max), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_portal_get = {
    "portal_get",
    "select a.id, a.name, k.scope::int8, ms_of(k.expires_at), k.portal, k.frames,"
    " coalesce(k.images, '') from api_key k join app a on a.id = k.app_id"
    " where k.id = $1::uuid and k.portal is not null",
    1};

struct db_op *portals_get(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_portal_get, DB_ARGS(DB_ID(id)), cb, arg);
}

void portals_read(const struct db_rows *rows, struct portal *portal)
{
    enum { APP, APP_NAME, SCOPE, EXPIRES, BRAND, FRAMES, IMAGES };

    *portal = (struct portal){
        .app = db_id(rows, 0, APP),
        .app_name = db_str(rows, 0, APP_NAME),
        .scope = (int)db_i64(rows, 0, SCOPE),
        .expires_ms = db_i64(rows, 0, EXPIRES),
        .brand = db_str(rows, 0, BRAND),
        .frames = db_array(rows, 0, FRAMES),
        .images = db_str(rows, 0, IMAGES),
    };
}

const struct db_stmt stmt_portal_forget = {
    "portal_forget",
    "with k as (delete from api_key where id in (select id from api_key where portal is not null"
    "  and expires_at < now() - interval '1 day' order by expires_at limit $1::int8) returning id)"
    " select count(*) from k",
    1};

struct db_op *portals_forget(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_portal_forget, DB_ARGS(DB_I64(limit)), cb, arg);
}
