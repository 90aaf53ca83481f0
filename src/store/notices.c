/* Notices in the ledger. */
#include "store/notices.h"

#include "sql.h"
#include "store/store.h"

/* An endpoint that fails and recovers within this time is not worth a word, and what fails meanwhile goes in one. */
#define WAIT "interval '5 s'"

/* Of an app's fan-outs, of which notices may be half: what it posts itself has room beside them. */
#define HAS_ROOM                                                                                            \
    "(select count(*) from job where app_id = turn.app_id and ended_at is null and kind = " JOB_FANOUT_TEXT \
    ") < " TEXT_OF(JOB_FANOUTS_MAX) " / 2"

const struct db_stmt stmt_notice_list = {
    "notice_list",
    "with recursive turn (app_id, place) as (("
    "  select app_id, 1 from notice where app_id > $1::uuid order by app_id limit 1"
    " ) union all"
    "  select n.app_id, place + 1 from turn t cross join lateral ("
    "   select app_id from notice where app_id > t.app_id order by app_id limit 1) n"
    "  where place < " TEXT_OF(
        NOTICES_MAX) "), a as materialized ("
                     " select app_id, case when " HAS_ROOM " then " TEXT_OF(
                         NOTICES_MAX) " / count(*) over () else 0 end as share"
                                      " from turn"
                                      ") select n.id, n.kind::int8, a.app_id, n.webhook_id, n.url, n.failures::int8,"
                                      " ms_of(n.failing_since), n.error::int8, n.code::int8, n.reason::int8, n.delivery_id,"
                                      " d.event_id, e.type, n.attempts::int8, n.count::int8"
                                      " from a left join lateral (select n.*, w.url from notice n join webhook w on w.id = n.webhook_id"
                                      "  where n.app_id = a.app_id and at <= now() - " WAIT
                                      " order by at limit a.share) n on true"
                                      " left join lateral (select event_id, app_id from delivery"
                                      "  where id = n.delivery_id offset 0) d on true"
                                      " left join lateral (select type from event"
                                      "  where app_id = d.app_id and id = d.event_id offset 0) e on true order by a.app_id, n.at",
    1};

struct db_op *notices_list(struct db *db, struct id after, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_notice_list, DB_ARGS(DB_ID(after)), cb, arg);
}

bool notices_read(const struct db_rows *rows, int row, struct id *id, struct notice *n)
{
    enum {
        ID,
        KIND,
        APP,
        WEBHOOK,
        URL,
        FAILURES,
        FAILING,
        ERROR,
        CODE,
        REASON,
        DELIVERY,
        EVENT,
        TYPE,
        ATTEMPTS,
        COUNT
    };
    int64_t kind = db_i64(rows, row, KIND);

    *n = (struct notice){
        .kind = kind >= 0 && kind < NOTICE_KINDS ? (enum notice_kind)kind : NOTICE_FAILING,
        .app = db_id(rows, row, APP),
        .webhook = db_id(rows, row, WEBHOOK),
        .url = db_str(rows, row, URL),
        .failures = db_i64(rows, row, FAILURES),
        .failing_ms = db_i64(rows, row, FAILING),
        .error = (int)db_i64(rows, row, ERROR),
        .code = db_i64(rows, row, CODE),
        .reason = (int)db_i64(rows, row, REASON),
        .delivery = db_id(rows, row, DELIVERY),
        .event = db_id(rows, row, EVENT),
        .event_type = db_str(rows, row, TYPE),
        .attempts = db_i64(rows, row, ATTEMPTS),
        .count = db_i64(rows, row, COUNT),
    };
    *id = db_id(rows, row, ID);
    return !db_null(rows, row, ID);
}

/* Never about itself. It is a fan-out, which keeps lanes, arrays and held webhooks as those of any event. */
const struct db_stmt stmt_notice_send = {
    "notice_send",
    "with n as ("
    " delete from notice where id = any ($1::uuid[]) returning id, app_id, webhook_id"
    "), r as materialized ("
    " select x.event_id, n.app_id, x.type, x.data, array(select s.webhook_id from subscription s"
    "   join webhook w on w.id = s.webhook_id"
    "  where s.app_id = n.app_id and s.pattern = any (notice_patterns(x.type))"
    "   and w.deleted_at is null and s.webhook_id <> n.webhook_id"
    "   and " WANTED_STATUS "  group by s.webhook_id order by s.webhook_id) as webhooks"
    " from n join unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])"
    "  as x (id, event_id, type, data) on x.id = n.id"
    "), e as ("
    " insert into event (id, app_id, test, type, data)"
    " select event_id, app_id, false, type, data from r where cardinality(webhooks) > 0"
    ") insert into job (id, app_id, kind, events, webhooks, matched, exact)"
    " select new_delivery_id(event_id), app_id, " JOB_FANOUT_TEXT ", array[event_id], webhooks,"
    "  cardinality(webhooks), true from r where cardinality(webhooks) > 0",
    4};

struct db_op *notices_send(struct db *db, const struct notice_event *list, size_t count, db_cb *cb,
                           void *arg)
{
    struct db_args args;

    assert(count > 0 && count <= NOTICES_MAX);
    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i].notice));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i].event));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(list[i].type));
    DB_ARRAY(&args, DB_TYPE_BYTEA, count, DB_STR(list[i].data));
    return store_exec(db, &stmt_notice_send, args, cb, arg);
}
