/* The inbox of what was published in SQL: taken from by apps in turns. */
#include "store/published.h"

#include "sql.h"
#include "store/apps.h"
#include "store/store.h"

#include <stdlib.h>

/* The turn of an app, to the end of the transaction. */
#define TURN_OF(app) "pg_try_advisory_xact_lock(hashtextextended(" app "::text, 35))"

bool published_hear(const char *payload, struct published_turn *out)
{
    const char *space = strchr(payload, ' ');
    char *end = NULL;

    if (space == NULL ||
        !id_parse_uuid((struct str){payload, (size_t)(space - payload)}, &out->app))
        return false;
    out->from = strtoll(space + 1, &end, 10);
    return end != space + 1 && *end == '\0';
}

const struct db_stmt stmt_published_look = {
    "published_look",
    "with recursive a as (("
    "  select app_id, n, 1 as place from published where app_id > $1::uuid order by app_id, n limit 1)"
    " union all"
    " select p.app_id, p.n, place + 1 from a cross join lateral ("
    "   select app_id, n from published p where p.app_id > a.app_id order by p.app_id, p.n limit 1) p"
    "  where place < " TEXT_OF(PUBLISHED_LOOK_MAX) ") select app_id, n from a",
    1};

struct db_op *published_look(struct db *db, struct id after, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_published_look, DB_ARGS(DB_ID(after)), cb, arg);
}

struct published_turn published_read_turn(const struct db_rows *rows, int row)
{
    return (struct published_turn){db_id(rows, row, 0), db_i64(rows, row, 1)};
}

/* l: the apps whose turn can be had; h: their first; b: those of them within their app's part; f: all that there is room
 * for. A schema counts for each that is held against it, since it comes with each. */
const struct db_stmt stmt_published_take = {
    "published_take",
    "with l as materialized ("
    " select app_id, first, place from unnest($1::uuid[], $2::int8[]) with ordinality l (app_id, first, place)"
    "  where " TURN_OF(
        "app_id") "), z as (delete from published_full where app_id in (select app_id from l)"
                  "), h as materialized ("
                  " select l.place, p.*, a.id is null as gone, coalesce(a.checks, 0) as checks, t.name is not null as known,"
                  "  p.bytes + coalesce(octet_length(t.schema), 0) as weight"
                  " from l cross join lateral (select app_id, n, bytes, type from published p"
                  "   where p.app_id = l.app_id and p.n >= l.first"
                  "   order by p.app_id, p.n limit greatest(1, $3::int8 / (select count(*) from l))) p"
                  "  left join lateral (select id, checks from app where id = p.app_id offset 0) a on true"
                  "  left join lateral (select name,"
                  "    case when a.checks & " TEXT_OF(
                      APP_VALIDATE_NUMBER) " <> 0 then schema end as schema"
                                           "   from event_type t where t.app_id = p.app_id and t.name = p.type and a.checks <> 0"
                                           "   offset 0) t on true"
                                           "), b as materialized ("
                                           " select *, sum(weight) over (order by place, n) - weight as before from ("
                                           "  select *, sum(weight) over (partition by place order by n) - weight as own from h) h"
                                           "  where own < $4::int8 / (select count(*) from l)"
                                           "), f as materialized (select * from b where before < $4::int8"
                                           ") select exists (select from b where before >= $4::int8),"
                                           "  f.app_id, f.n, f.gone, f.checks::int8, f.known, e.schema, p.id, p.type, p.data, p.key, p.hash,"
                                           "  p.ordering_key, p.coalesce_key, ms_of(p.deliver_at), ms_of(p.expires_at)"
                                           " from f cross join lateral (select * from published p"
                                           "   where p.app_id = f.app_id and p.n = f.n offset 0) p"
                                           "  left join lateral (select schema from event_type t where f.checks & " TEXT_OF(
                                               APP_VALIDATE_NUMBER) " <> 0"
                                                                    "   and t.app_id = f.app_id and t.name = f.type offset 0) e on true"
                                                                    " order by f.place, f.n",
    4};

struct db_op *published_take(struct db *db, const struct published_turn *turns, size_t count,
                             int64_t limit, int64_t bytes, db_cb *cb, void *arg)
{
    struct db_args args;

    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(turns[i].app));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(turns[i].from));
    db_arg(&args, DB_I64(limit));
    db_arg(&args, DB_I64(bytes));
    return store_exec(db, &stmt_published_take, args, cb, arg);
}

enum {
    CUT,
    APP,
    NUMBER,
    GONE,
    CHECKS,
    KNOWN,
    SCHEMA,
    ID,
    TYPE,
    DATA,
    KEY,
    HASH,
    ORDERING_KEY,
    COALESCE_KEY,
    DELIVER,
    EXPIRES
};

bool published_is_cut(const struct db_rows *rows, int row)
{
    return db_bool(rows, row, CUT);
}

void published_read(const struct db_rows *rows, int row, struct published *out)
{
    *out = (struct published){
        .event =
            {
                .id = db_id(rows, row, ID),
                .app = db_id(rows, row, APP),
                .type = db_str(rows, row, TYPE),
                .data = db_str(rows, row, DATA),
                .keyed = !db_null(rows, row, KEY),
                .key = db_id(rows, row, KEY),
                .hash = db_id(rows, row, HASH),
                .ordering_key = db_str(rows, row, ORDERING_KEY),
                .coalesce_key = db_str(rows, row, COALESCE_KEY),
                .deliver_ms = db_i64(rows, row, DELIVER),
                .expires_ms = db_i64(rows, row, EXPIRES),
            },
        .number = db_i64(rows, row, NUMBER),
        .app_gone = db_bool(rows, row, GONE),
        .checks = (int)db_i64(rows, row, CHECKS),
        .known = db_bool(rows, row, KNOWN),
        .schema = db_str(rows, row, SCHEMA),
    };
}

const struct db_stmt stmt_published_refuse = {
    "published_refuse",
    "with t as (" PUBLISHED_TAKE(
        "unnest($1::uuid[], $2::int8[])") " returning app_id, n, id, type)"
                                          " insert into published_refused (app_id, id, type, reason, detail)"
                                          " select t.app_id, t.id, t.type, x.reason, x.detail from t"
                                          "  join unnest($1::uuid[], $2::int8[], $3::text[], $4::text[]) x (app_id, n, reason, detail)"
                                          "   on x.app_id = t.app_id and x.n = t.n order by t.n",
    4};

struct db_op *published_refuse(struct db *db, const struct refusal *list, size_t count, db_cb *cb,
                               void *arg)
{
    struct db_args args;

    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i].app));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i].number));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_TEXT(list[i].reason));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(list[i].detail));
    return store_exec(db, &stmt_published_refuse, args, cb, arg);
}

const struct db_stmt stmt_published_forget = {
    "published_forget",
    "with d as (delete from published_refused where (app_id, n) in (select app_id, n from published_refused"
    "  where at < now() - $1::int8 * interval '24 h' order by at limit $2::int8) returning app_id)"
    " select count(*) from d",
    2};

struct db_op *published_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_published_forget, DB_ARGS(DB_I64(days), DB_I64(limit)), cb, arg);
}
