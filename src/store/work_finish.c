/* Recording attempts. The primary key (delivery, token) makes a second run of the same batch
 * harmless; the token fences out who has lost the lease; a success counts whoever reports it. */
#include "store/store.h"
#include "store/work.h"

const struct db_stmt stmt_work_finish = {
    "work_finish",
    "with v as materialized ("
    " select * from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::bool[], $6::int8[],"
    "  $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[],"
    "  $14::int8[], $15::text[], $16::text[], $17::bytea[], $18::bytea[], $19::bytea[],"
    "  $20::bool[], $21::bool[])"
    "  as v (id, token, state, error, test, number, started_ms, delay_ms, code, dns_us, connect_us,"
    "   tls_us, first_byte_us, total_us, address, error_text, request_head, response_head,"
    "   response_body, body_cut, free)"
    "), a as ("
    " insert into attempt (delivery_id, token, number, started_at, code, error, dns_us, connect_us,"
    "  tls_us, first_byte_us, total_us, body_cut, address, error_text, request_head, response_head,"
    "  response_body)"
    " select id, token, least(number, 32767), time_of(started_ms), nullif(code, 0), error,"
    "  dns_us, connect_us, tls_us, first_byte_us, total_us, body_cut, address, error_text, request_head, response_head,"
    "  response_body from v"
    " on conflict do nothing"
    "), u as ("
    " update delivery d set state = v.state, attempts = least(d.attempts + 1, 32767),"
    "  step = d.step + case when v.state = 1 or v.free then 0 else 1 end,"
    "  last_code = nullif(v.code, 0), last_us = v.total_us, last_error = v.error,"
    "  next_at = case when v.state = 0 then now() + v.delay_ms * interval '1 ms' else d.next_at end,"
    "  completed_at = case when v.state <> 0 then now() end,"
    "  lease_until = null, lease_token = null, lease_owner = null"
    " from v"
    " where d.id = v.id and d.id = any ($1::uuid[]) and d.id between $22::uuid and $23::uuid"
    "  and ((d.state + 0 = 0 and d.lease_token = v.token) or (v.state = 1 and d.state <> 1))"
    " returning d.id, v.test"
    ") select id, case when test then pg_notify('" STORE_TEST_CHANNEL "', id::text)::text end"
    " from u",
    23};

#define I64_ARRAY(args, list, count, member)                 \
    do {                                                     \
        db_array_begin(args, DB_I64, (int)(count));          \
        for (size_t i_ = 0; i_ < (count); i_++)              \
            db_array_i64(args, (int64_t)(list)[i_]->member); \
        db_array_end(args);                                  \
    } while (0)

#define STR_ARRAY(args, list, count, type, member)  \
    do {                                            \
        db_array_begin(args, type, (int)(count));   \
        for (size_t i_ = 0; i_ < (count); i_++)     \
            db_array_str(args, (list)[i_]->member); \
        db_array_end(args);                         \
    } while (0)

#define BOOL_ARRAY(args, list, count, member)        \
    do {                                             \
        db_array_begin(args, DB_BOOL, (int)(count)); \
        for (size_t i_ = 0; i_ < (count); i_++)      \
            db_array_bool(args, (list)[i_]->member); \
        db_array_end(args);                          \
    } while (0)

static void bind_bounds(struct db_args *args, const struct finish *const *list, size_t count)
{
    struct id ends[2] = {list[0]->delivery, list[0]->delivery};
    for (size_t i = 1; i < count; i++) {
        if (id_cmp(list[i]->delivery, ends[0]) < 0)
            ends[0] = list[i]->delivery;
        if (id_cmp(list[i]->delivery, ends[1]) > 0)
            ends[1] = list[i]->delivery;
    }
    db_arg_id_bounds(args, ends, 2);
}

struct db_op *work_finish(struct db *db, const struct finish *const *list, size_t count, db_cb *cb,
                          void *arg)
{
    struct db_args args;

    assert(count > 0);
    db_args_init(&args);
    db_array_begin(&args, DB_UUID, (int)count);
    for (size_t i = 0; i < count; i++)
        db_array_id(&args, list[i]->delivery);
    db_array_end(&args);
    I64_ARRAY(&args, list, count, token);
    I64_ARRAY(&args, list, count, state);
    I64_ARRAY(&args, list, count, error);
    BOOL_ARRAY(&args, list, count, test);
    I64_ARRAY(&args, list, count, number);
    I64_ARRAY(&args, list, count, started_ms);
    I64_ARRAY(&args, list, count, delay_ms);
    I64_ARRAY(&args, list, count, code);
    I64_ARRAY(&args, list, count, dns_us);
    I64_ARRAY(&args, list, count, connect_us);
    I64_ARRAY(&args, list, count, tls_us);
    I64_ARRAY(&args, list, count, first_byte_us);
    I64_ARRAY(&args, list, count, total_us);
    STR_ARRAY(&args, list, count, DB_TEXT, address);
    STR_ARRAY(&args, list, count, DB_TEXT, error_text);
    STR_ARRAY(&args, list, count, DB_BYTEA, request_head);
    STR_ARRAY(&args, list, count, DB_BYTEA, response_head);
    STR_ARRAY(&args, list, count, DB_BYTEA, response_body);
    BOOL_ARRAY(&args, list, count, body_cut);
    BOOL_ARRAY(&args, list, count, free);
    bind_bounds(&args, list, count);
    return db_exec(db, &stmt_work_finish, &args, STORE_DEADLINE_MS, cb, arg);
}
