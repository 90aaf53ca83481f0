/* Traces: an event's deliveries begin with its first eight bytes, so that one id of either kind bounds both. */
#include "store/traces.h"

#include "sql.h"
#include "store/store.h"

const struct db_stmt stmt_trace_find = {
    "trace_find",
    "select " DELIVERY_ROW ", e.id, e.app_id, e.test, e.type, octet_length(e.data)::int8,"
    " ms_of(now()), case when d.lease_until >= now() then ms_of(d.lease_until) end, d.lease_token,"
    " w.url, w.profile, w.status::int8, w.disabled_reason::int8, w.deleted_at is not null,"
    " w.concurrency::int8, ms_of(w.gate_until), ms_of(w.failing_since), w.gate_limit,"
    " w.gate_failures::int8, w.gate_openings::int8, w.gate_error::int8,"
    " case when " ASLEEP " then (select b.id from delivery b where b.webhook_id = d.webhook_id"
    "  and b.lane = d.lane and b.turn < d.turn and b.turn is not null"
    "  and b.state in (" PENDING ", " HELD ") order by b.turn limit 1) end, ms_of(e.erased_at)"
    " from event e left join (delivery d join webhook w on w.id = d.webhook_id)"
    "  on d.event_id = e.id and d.id between $2::uuid and $3::uuid"
    " where e.id between $2::uuid and $3::uuid and (e.id = $1::uuid or d.id = $1::uuid)"
    " order by d.id limit $4::int8",
    4};

struct db_op *traces_find(struct db *db, struct id id, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_trace_find, DB_ARGS(DB_ID(id), STORE_BOUNDS(&id, 1), DB_I64(limit)),
                      cb, arg);
}

void traces_read(const struct db_rows *rows, int row, struct trace *t)
{
    enum {
        DELIVERY,
        EVENT = 13,
        APP,
        TEST,
        TYPE,
        BYTES,
        NOW,
        LEASE_UNTIL,
        TOKEN,
        URL,
        PROFILE,
        STATUS,
        DISABLED_REASON,
        DELETED,
        CONCURRENCY,
        UNTIL,
        FAILING,
        LIMIT,
        FAILURES,
        OPENINGS,
        ERROR,
        BEFORE,
        ERASED_AT
    };
    *t = (struct trace){.event = db_id(rows, row, EVENT),
                        .app = db_id(rows, row, APP),
                        .test = db_bool(rows, row, TEST),
                        .type = db_str(rows, row, TYPE),
                        .bytes = db_i64(rows, row, BYTES),
                        .erased_ms = db_i64(rows, row, ERASED_AT),
                        .now_ms = db_i64(rows, row, NOW),
                        .sent = !db_null(rows, row, DELIVERY)};
    if (!t->sent)
        return;
    deliveries_read(rows, row, &t->delivery);
    t->delivery.url = db_str(rows, row, URL);
    t->lease_ms = db_i64(rows, row, LEASE_UNTIL);
    t->token = db_i64(rows, row, TOKEN);
    t->profile = db_str(rows, row, PROFILE);
    t->status = (int)db_i64(rows, row, STATUS);
    t->disabled_reason = (int)db_i64(rows, row, DISABLED_REASON);
    t->deleted = db_bool(rows, row, DELETED);
    t->before = db_id(rows, row, BEFORE);
    t->concurrency = db_i64(rows, row, CONCURRENCY);
    t->gate = (struct gate){.until_ms = db_i64(rows, row, UNTIL),
                            .failing_ms = db_i64(rows, row, FAILING),
                            .limit = db_i64(rows, row, LIMIT),
                            .failures = (int32_t)db_i64(rows, row, FAILURES),
                            .openings = (int32_t)db_i64(rows, row, OPENINGS),
                            .error = (int32_t)db_i64(rows, row, ERROR)};
}

const struct db_stmt stmt_trace_attempts = {
    "trace_attempts",
    "select " ATTEMPT_ROW " from (select * from attempts where delivery_id = $1::uuid"
    "  order by number desc, started_at desc limit $2::int8) a order by a.number, a.started_at",
    2};

struct db_op *traces_attempts(struct db *db, struct id delivery, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_trace_attempts, DB_ARGS(DB_ID(delivery), DB_I64(limit)), cb, arg);
}
