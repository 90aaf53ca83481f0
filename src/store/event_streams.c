/* Ids by the index of an app's events, then what is new of them by their primary key. */
#include "store/event_streams.h"

#include "sql.h"
#include "store/store.h"

const struct db_stmt stmt_event_stream_look = {
    "event_stream_look",
    "select $2::uuid is null or exists (select from api_key k where k.id = $2::uuid"
    "  and k.scope >= $3::int8 and (k.expires_at is null or k.expires_at > now())"
    "  and (k.app_id is null or k.app_id = $1::uuid)),"
    " ms_of(clock_timestamp()), pg_snapshot_xmin(pg_current_snapshot())::text::int8,"
    " pg_snapshot_xmax(pg_current_snapshot())::text::int8,"
    " array (select id from event where " IS_ONE_OF(
        "app_id", "$1::uuid") " and id > $4::uuid order by app_id desc, id limit $5::int8)"
                              " from app where id = $1::uuid",
    5};

struct db_op *event_streams_look(struct db *db, const struct listener_key *by, struct id after,
                                 int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_event_stream_look,
                      DB_ARGS(DB_ID(by->app), store_id_or_null(by->key), DB_I64(by->scope),
                              DB_ID(after), DB_I64(limit)),
                      cb, arg);
}

void event_streams_read_look(const struct db_rows *rows, struct event_look *look)
{
    enum { ALLOWED, NOW, OLDEST, NEXT, IDS };

    *look = (struct event_look){
        .allowed = db_bool(rows, 0, ALLOWED),
        .now_ms = db_i64(rows, 0, NOW),
        .oldest = db_i64(rows, 0, OLDEST),
        .next = db_i64(rows, 0, NEXT),
        .ids = db_array(rows, 0, IDS),
    };
}

/* Who publishes in a transaction of his own has ids in no order of the clock; hence the order by number. */
const struct db_stmt stmt_event_stream_get = {
    "event_stream_get",
    "with e as materialized ("
    " select i.id, i.n, e.type, e.size, not e.test and e.erased_at is null"
    "  and type_wanted($3::text[], e.type) as wanted"
    " from unnest($1::uuid[]) with ordinality i (id, n) cross join lateral ("
    "  select type, test, erased_at, octet_length(data) as size from event"
    "  where event.id = i.id and event.app_id = $2::uuid offset 0) e"
    "), s as materialized ("
    " select *, sum(case when wanted then size end) over (order by n"
    "   rows between unbounded preceding and 1 preceding) as before from e"
    ") select s.id, s.wanted, case when s.wanted then s.type end,"
    "  case when s.wanted then (select data from event where event.id = s.id) end"
    " from s where coalesce(s.before, 0) < " EVENT_STREAM_BYTES " order by s.n",
    3};

struct db_op *event_streams_get(struct db *db, struct id app, const struct id *ids, size_t count,
                                const struct str *patterns, size_t pattern_count, db_cb *cb,
                                void *arg)
{
    return store_read(db, &stmt_event_stream_get,
                      DB_ARGS(DB_IDS(ids, count), DB_ID(app), DB_STRS(patterns, pattern_count)), cb,
                      arg);
}

void event_streams_read(const struct db_rows *rows, int row, struct streamed_event *e)
{
    enum { ID, WANTED, TYPE, DATA };

    e->id = db_id(rows, row, ID);
    e->wanted = db_bool(rows, row, WANTED);
    e->type = db_str(rows, row, TYPE);
    e->data = db_str(rows, row, DATA);
}
