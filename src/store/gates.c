/* What is known of an endpoint's gate stands in its webhook's row, beside what people set and without
 * touching its version. */
#include "store/gates.h"

#include "store/store.h"

const struct db_stmt stmt_gate_update = {
    "gate_update",
    "update webhook set gate_until = case when v.until_ms > 0"
    "   then now() + v.until_ms * interval '1 ms' end,"
    "  failing_since = case when v.failures > 0 then now() - v.failing_ms * interval '1 ms' end,"
    "  gate_limit = v.lim, gate_failures = v.failures, gate_openings = v.openings,"
    "  gate_error = v.error"
    " from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],"
    "  $7::int8[]) as v (id, until_ms, failing_ms, lim, failures, openings, error)"
    " where webhook.id = v.id and deleted_at is null",
    7};

struct db_op *gates_update(struct db *db, const struct queue_gate *gates, size_t count, db_cb *cb,
                           void *arg)
{
    struct db_args args;

    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(gates[i].endpoint));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.until_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.failing_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.limit));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.failures));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.openings));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(gates[i].gate.error));
    return store_exec(db, &stmt_gate_update, args, cb, arg);
}

const struct db_stmt stmt_gate_list = {
    "gate_list",
    "select id, greatest(0, ms_of(gate_until) - ms_of(now())), ms_of(now()) - ms_of(failing_since),"
    " gate_limit, gate_failures::int8, gate_openings::int8, gate_error::int8 from webhook"
    " where id > $1::uuid and (gate_failures > 0 or gate_limit > 0 or gate_until is not null)"
    "  and deleted_at is null order by id limit $2::int8",
    2};

struct db_op *gates_list(struct db *db, struct id after, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_gate_list, DB_ARGS(DB_ID(after), DB_I64(limit)), cb, arg);
}

void gates_read(const struct db_rows *rows, int row, struct queue_gate *g)
{
    enum { ID, UNTIL, FAILING, LIMIT, FAILURES, OPENINGS, ERROR };
    *g = (struct queue_gate){.endpoint = db_id(rows, row, ID),
                             .gate = {
                                 .until_ms = db_i64(rows, row, UNTIL),
                                 .failing_ms = db_i64(rows, row, FAILING),
                                 .limit = db_i64(rows, row, LIMIT),
                                 .failures = (int32_t)db_i64(rows, row, FAILURES),
                                 .openings = (int32_t)db_i64(rows, row, OPENINGS),
                                 .error = (int32_t)db_i64(rows, row, ERROR),
                             }};
}
