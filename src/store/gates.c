/* What is known of an endpoint's gate stands in its webhook's row, beside what people set and without
 * touching its version. */
#include "store/gates.h"

#include "store/store.h"

/* The columns that a statement which writes gates begins with, for the array `of`, whose elements call
 * their webhook `whose`. */
#define BIND_GATES(args, of, count, whose)                                       \
    do {                                                                         \
        DB_ARRAY((args), DB_TYPE_ID, (count), DB_ID((of)[i].whose));             \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.until_ms));   \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.failing_ms)); \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.limit));      \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.failures));   \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.openings));   \
        DB_ARRAY((args), DB_TYPE_I64, (count), DB_I64((of)[i].gate.error));      \
    } while (0)
#define GATE_COLUMNS "id, until_ms, failing_ms, lim, failures, openings, error"

const struct db_stmt stmt_gate_update = {
    "gate_update",
    "update webhook set gate_until = case when v.until_ms > 0"
    "   then now() + v.until_ms * interval '1 ms' end,"
    "  failing_since = case when v.failures > 0 then now() - v.failing_ms * interval '1 ms' end,"
    "  gate_limit = v.lim, gate_failures = v.failures, gate_openings = v.openings,"
    "  gate_error = v.error, gate_streak = 0, gate_cut = null, gate_at = now()"
    " from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],"
    "  $7::int8[]) as v (" GATE_COLUMNS ")"
    " where webhook.id = v.id and deleted_at is null",
    7};

struct db_op *gates_update(struct db *db, const struct queue_gate *gates, size_t count, db_cb *cb,
                           void *arg)
{
    struct db_args args;

    db_args_init(&args);
    BIND_GATES(&args, gates, count, endpoint);
    return store_exec(db, &stmt_gate_update, args, cb, arg);
}

#define LONG_AGO_MS "1000000000"

const struct db_stmt stmt_gate_list = {
    "gate_list",
    "select id, greatest(0, ms_of(gate_until) - ms_of(now())), ms_of(now()) - ms_of(failing_since),"
    " gate_limit, gate_failures::int8, gate_openings::int8, gate_error::int8,"
    " least(coalesce(ms_of(now()) - ms_of(gate_at), 3600000), " LONG_AGO_MS ") from webhook"
    " where id > $1::uuid and (gate_failures > 0 or gate_limit > 0 or gate_until is not null)"
    "  and deleted_at is null order by id limit $2::int8",
    2};

struct db_op *gates_list(struct db *db, struct id after, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_gate_list, DB_ARGS(DB_ID(after), DB_I64(limit)), cb, arg);
}

void gates_read(const struct db_rows *rows, int row, struct queue_gate *g)
{
    enum { ID, UNTIL, FAILING, LIMIT, FAILURES, OPENINGS, ERROR, AGE };
    *g = (struct queue_gate){.endpoint = db_id(rows, row, ID),
                             .age_ms = (int32_t)db_i64(rows, row, AGE),
                             .gate = {
                                 .until_ms = db_i64(rows, row, UNTIL),
                                 .failing_ms = db_i64(rows, row, FAILING),
                                 .limit = db_i64(rows, row, LIMIT),
                                 .failures = (int32_t)db_i64(rows, row, FAILURES),
                                 .openings = (int32_t)db_i64(rows, row, OPENINGS),
                                 .error = (int32_t)db_i64(rows, row, ERROR),
                             }};
}

const struct db_stmt stmt_gate_get = {
    "gate_get",
    "select id, ms_of(gate_until), ms_of(gate_cut), ms_of(failing_since), gate_limit,"
    " gate_failures::int8, gate_streak::int8, gate_openings::int8, gate_error::int8,"
    " concurrency::int8, us_of(gate_at), ms_of(now())"
    " from webhook where id = any ($1::uuid[]) and deleted_at is null order by id",
    1};

struct db_op *gates_get(struct db *db, const struct id *ids, size_t count, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_gate_get, DB_ARGS(DB_IDS(ids, count)), cb, arg);
}

void gates_read_ledger(const struct db_rows *rows, int row, struct ledger_gate *g)
{
    enum {
        ID,
        UNTIL,
        CUT,
        FAILING,
        LIMIT,
        FAILURES,
        STREAK,
        OPENINGS,
        ERROR,
        CONCURRENCY,
        AT_US,
        NOW
    };
    *g = (struct ledger_gate){
        .webhook = db_id(rows, row, ID),
        .gate = {.until_ms = db_i64(rows, row, UNTIL),
                 .cut_ms = db_i64(rows, row, CUT),
                 .failing_ms = db_i64(rows, row, FAILING),
                 .limit = db_i64(rows, row, LIMIT),
                 .failures = (int32_t)db_i64(rows, row, FAILURES),
                 .streak = (int32_t)db_i64(rows, row, STREAK),
                 .openings = (int32_t)db_i64(rows, row, OPENINGS),
                 .error = (int32_t)db_i64(rows, row, ERROR)},
        .concurrency = (int)db_i64(rows, row, CONCURRENCY),
        .at_us = db_i64(rows, row, AT_US),
        .now_ms = db_i64(rows, row, NOW),
    };
}

/* gate_until stays, also past or at rest: so stmt_gate_list shows what a queue that is back has to hear. */
const struct db_stmt stmt_gate_put = {
    "gate_put",
    "update webhook w set gate_until = time_of(v.until_ms), gate_cut = time_of(v.cut_ms),"
    "  failing_since = case when v.failures > 0 then time_of(v.failing_ms) end,"
    "  gate_limit = v.lim, gate_failures = v.failures, gate_streak = v.streak,"
    "  gate_openings = v.openings, gate_error = v.error,"
    "  gate_at = greatest(clock_timestamp(), gate_at + interval '1 us')"
    " from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],"
    "  $7::int8[], $8::int8[], $9::int8[], $10::int8[])"
    "  as v (" GATE_COLUMNS ", cut_ms, streak, at_us)"
    "  cross join lateral (select from webhook where id = v.id"
    "   and coalesce(us_of(gate_at), 0) = v.at_us and deleted_at is null for no key update skip locked) free"
    " where w.id = v.id returning w.id",
    10};

struct db_op *gates_put(struct db *db, const struct ledger_gate *gates, size_t count, db_cb *cb,
                        void *arg)
{
    struct db_args args;

    db_args_init(&args);
    BIND_GATES(&args, gates, count, webhook);
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.cut_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.streak));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].at_us));
    return store_exec(db, &stmt_gate_put, args, cb, arg);
}
