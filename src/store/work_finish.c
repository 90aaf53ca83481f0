/* Recording attempts. The token fences out who has lost the lease; a success counts whoever reports it, but once: a
 * record that is repeated does not end a delivery that was set going again meanwhile.
 *
 * An attempt of a delivery that moves is new. The first that delivers it goes into its row (0023_shorter.sql); others
 * get a row without a look whether it is there, which would be written down too. That of a delivery which does not move
 * may have been recorded before, and then is left alone.
 *
 * A claim counts its attempt, so one that nobody leases and that has counted less than this attempt's number is
 * one whose claim a crash of PostgreSQL undid: it is this attempt's as if it had not.
 *
 * Whose app wants to hear of deliveries that fail for good is told of those (0028_notices.sql); looked at only where there
 * are such.
 *
 * What it keeps of an event that was erased is erased again: of those that it did not move it has to look.
 *
 * Webhooks whose receivers are gone for good are disabled in the same commit, once: whoever makes one active again
 * is not overruled by a record that is repeated. */
#include "core/shorthand.h"
#include "sql.h"
#include "store/store.h"
#include "store/work.h"

/* What has expired by then, or was replaced, ends as soon as that is so. */
#define RETRY_AT "greatest(now(), least(now() + v.delay_ms * interval '1 ms', d.expires_at))"

/* Where that may be sooner than the retry that was asked for: in how many ms. */
#define RETRY_IN                   \
    "case when v.state = " PENDING \
    " and d.expires_at is not null then ms_of(d.next_at) - ms_of(now()) end"

#define IS_KEPT "v.state = " DELIVERED " and d.sent_token is null"
#define KEEPS(column, value) \
    " sent_" column " = case when " IS_KEPT " then " value " else d.sent_" column " end,"
#define WRITES(column, value) " sent_" column " = " value ","
#define SENT_ATTEMPT(SET)                              \
    SET("token", "v.token")                            \
    SET("at", "time_of(v.started_ms)")                 \
    SET("number", "least(v.number, 32767)")            \
    SET("code", "nullif(v.code, 0)")                   \
    SET("dns_us", "nullif(v.dns_us, 0)")               \
    SET("connect_us", "nullif(v.connect_us, 0)")       \
    SET("tls_us", "nullif(v.tls_us, 0)")               \
    SET("first_byte_us", "nullif(v.first_byte_us, 0)") \
    SET("total_us", "nullif(v.total_us, 0)")           \
    SET("body_cut", "nullif(v.body_cut, false)")       \
    SET("address", "nullif(v.address, '')")            \
    SET("url", "nullif(v.url, '')")                    \
    SET("request_head", "v.request_head")              \
    SET("response_head", "v.response_head")            \
    SET("response_body", "v.response_body")
#define KEEP_IT  SENT_ATTEMPT(KEEPS)
#define WRITE_IT SENT_ATTEMPT(WRITES)

/* What bind_sent() binds. */
#define SENT_ARRAYS                                                                              \
    "$1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], "       \
    "$8::int8[], $9::int8[], $10::int8[], $11::text[], $12::text[], $13::bytea[], $14::bytea[]," \
    "$15::bytea[], $16::bool[]"
#define SENT_COLUMNS                                                                   \
    "id, token, number, started_ms, code, dns_us, connect_us, tls_us, first_byte_us, " \
    "total_us, address, url, request_head, response_head, response_body, body_cut"
#define OF_THESE "d.id = v.id and d.id = any ($1::uuid[]) and d.id between $17::uuid and $18::uuid"

/* What is usual is not written: it is null, which takes no room. */
#define ATTEMPT_INSERT                                                                            \
    "insert into attempt (delivery_id, token, number, started_at, code, error, dns_us, "          \
    " connect_us, tls_us, first_byte_us, total_us, body_cut, address, error_text, request_head, " \
    " response_head, response_body, url)"                                                         \
    " select id, token, least(number, 32767), time_of(started_ms), nullif(code, 0), "             \
    " nullif(error, 0), nullif(dns_us, 0), nullif(connect_us, 0), nullif(tls_us, 0), "            \
    " nullif(first_byte_us, 0), nullif(total_us, 0), nullif(body_cut, false), "                   \
    " nullif(address, ''), nullif(error_text, ''), request_head, response_head, response_body, "  \
    " nullif(url, '') from "

/* Of u, those that were moved. What is not plain is looked at again, after a and b have all attempts. */
#define ALL_PLAIN  "count(*) filter (where erased is not true) = cardinality($1::uuid[])"
#define WITH_LANES "array_agg(id order by id) filter (where lane is not null)"

const struct db_stmt stmt_work_finish = {
    "work_finish",
    "with v as materialized ("
    " select * from unnest(" SENT_ARRAYS ", $19::int8[], $20::int8[], $21::bool[], $22::int8[],"
    "  $23::text[], $24::bool[], $25::uuid[], $26::text[])"
    "  as v (" SENT_COLUMNS ", state, error, test, delay_ms, error_text, keeps_step, gone_id,"
    "   gone_url)"
    "), u as ("
    " update delivery d set state = v.state,"
    "  attempts = greatest(d.attempts, least(v.number, 32767)),"
    "  step = d.step + case when v.state = " DELIVERED " or v.keeps_step then 0 else 1 end,"
    "  waits = case when v.keeps_step then least(d.waits + 1, 32767) else 0 end,"
    "  waiting_since = case when v.keeps_step then coalesce(d.waiting_since, now()) end,"
    "  crashes = null,"
    "  last_code = nullif(v.code, 0), last_us = v.total_us, last_error = v.error,"
    "  next_at = case when v.state = " PENDING " then " RETRY_AT " else d.next_at end,"
    "  completed_at = case when v.state <> " PENDING " then now() end," KEEP_IT "  " END_LEASE
    " from v"
    " where " OF_THESE "  and ((d.state + 0 = " PENDING " and d.lease_token = v.token)"
    "   or (((d.state + 0 = " PENDING " and d.lease_token is null and d.attempts < v.number)"
    "     or (v.state = " DELIVERED " and d.state <> " DELIVERED "))"
    "    and not attempt_recorded(v.id, v.token)))"
    " returning v.*, d.sent_token = v.token as kept, d.lane, d.expires_at = " ERASED
    " as erased, " RETRY_IN " as retry_ms"
    "), a as (" ATTEMPT_INSERT "u where kept is not true returning 1"
    /* In this order: whoever recorded it is waited for in u. */
    "), b as (" ATTEMPT_INSERT "v"
    " where case when id in (select id from u) then false else not attempt_recorded(id, token) end"
    " on conflict do nothing returning delivery_id"
    "), x as materialized ("
    " select deliveries_exhausted(array_agg(id order by id), array_agg(number order by id),"
    "  array_agg(code order by id), array_agg(error::int8 order by id)) as told"
    "  from u where state = " FAILED " and not test having count(*) > 0"
    "), g as ("
    " update webhook w set status = " DISABLED ", disabled_reason = " REASON_GONE ","
    "  " TOUCH " from v"
    " where v.gone_id is not null"
    "  and (v.id in (select id from u) or v.id in (select delivery_id from b))"
    "  and w.id = v.gone_id and w.url = v.gone_url and w.status <> " DISABLED
    "  and w.deleted_at is null returning w.id"
    ") select id, null::uuid, case when test then"
    "   pg_notify('" STORE_TEST_CHANNEL "', id::text)::text end, null::uuid, null::uuid,"
    "  null::uuid, null::bool, retry_ms, null::int8, null::int8 from u"
    " union all select null, id, null, null, null, null, null, null, null, null from g"
    " union all select null, null, null, null, null, null, null, null, null, null from x where told is null"
    " union all select null, null, null, w.* from lanes_wake(("
    "  select case when " ALL_PLAIN " or (select count(*) from a) + (select count(*) from b) < 0"
    "   then " WITH_LANES " else attempts_recheck($1::uuid[], " WITH_LANES ") end from u)) w",
    26};

/* Most are this, and so little that the start of the other statement would cost them more than all their work. What it
 * leaves out is not so. */
const struct db_stmt stmt_work_finish_plain = {
    "work_finish_plain",
    "update delivery d set state = " DELIVERED
    ", attempts = greatest(d.attempts, least(v.number, 32767)), waits = 0,"
    " waiting_since = null, crashes = null, last_code = nullif(v.code, 0), last_us = v.total_us,"
    " last_error = " ERROR_NONE ", completed_at = now()," WRITE_IT " " END_LEASE
    " from unnest(" SENT_ARRAYS ") as v (" SENT_COLUMNS ") where " OF_THESE
    "  and d.state + 0 = " PENDING " and d.lease_token = v.token"
    "  and d.sent_token is null and d.lane is null and d.expires_at is null"
    " returning d.id, null::uuid, null::text, null::uuid, null::uuid, null::uuid, null::bool,"
    "  null::int8, null::int8, null::int8",
    18};

void finished_read(const struct db_rows *rows, int row, struct finished *f)
{
    enum { MOVED, DISABLED_WEBHOOK, NOTIFIED, ENTRY, RETRY_MS = ENTRY + 4 };

    *f = (struct finished){.kind = FINISHED_WOKEN};
    if (!db_null(rows, row, MOVED)) {
        *f = (struct finished){.kind = FINISHED_MOVED, .id = db_id(rows, row, MOVED)};
        f->sooner = !db_null(rows, row, RETRY_MS);
        f->retry_ms = f->sooner ? db_i64(rows, row, RETRY_MS) : 0;
    } else if (!db_null(rows, row, DISABLED_WEBHOOK)) {
        *f = (struct finished){.kind = FINISHED_DISABLED, .id = db_id(rows, row, DISABLED_WEBHOOK)};
    } else {
        queue_entry_read(rows, row, ENTRY, &f->entry);
    }
}

static bool is_gone(const struct finish *f)
{
    return f->gone.p != NULL;
}

#define HEAD_BYTES_MAX ((size_t)1 << 20) /* far above any head */

static void bind_bounds(struct db_args *args, const struct finish *const *list, size_t count)
{
    struct id ends[2] = {list[0]->delivery, list[0]->delivery};
    for (size_t i = 1; i < count; i++) {
        if (id_cmp(list[i]->delivery, ends[0]) < 0)
            ends[0] = list[i]->delivery;
        if (id_cmp(list[i]->delivery, ends[1]) > 0)
            ends[1] = list[i]->delivery;
    }
    db_arg(args, DB_ID(store_low(ends, 2)));
    db_arg(args, DB_ID(store_high(ends, 2)));
}

/* In `room`, until the next; a request's with the mark of its body, else NULL. */
static struct db_value head_of(struct buf *room, const struct finish *f, struct str head,
                               const struct body_mark *mark)
{
    const struct known known = {f->delivery, f->event, f->webhook, f->started_ms};

    if (head.n == 0)
        return DB_STR(head);
    buf_clear(room);
    if (mark != NULL) {
        buf_add_char(room, WORK_MARKED);
        buf_add(room, mark->b, sizeof mark->b);
    }
    shorthand_write(room, head, &known);
    return DB_STR(buf_str(room));
}

static void bind_sent(struct db_args *args, const struct finish *const *list, size_t count)
{
    struct buf head;

    assert(count > 0);
    buf_init(&head, HEAD_BYTES_MAX);
    DB_ARRAY(args, DB_TYPE_ID, count, DB_ID(list[i]->delivery));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->token));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->number));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->started_ms));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->code));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->dns_us));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->connect_us));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->tls_us));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->first_byte_us));
    DB_ARRAY(args, DB_TYPE_I64, count, DB_I64(list[i]->total_us));
    DB_ARRAY(args, DB_TYPE_TEXT, count, DB_STR(list[i]->address));
    DB_ARRAY(args, DB_TYPE_TEXT, count, DB_STR(list[i]->url));
    DB_ARRAY(args, DB_TYPE_BYTEA, count,
             head_of(&head, list[i], list[i]->request_head, &list[i]->mark));
    DB_ARRAY(args, DB_TYPE_BYTEA, count, head_of(&head, list[i], list[i]->response_head, NULL));
    DB_ARRAY(args, DB_TYPE_BYTEA, count, DB_STR(list[i]->response_body));
    DB_ARRAY(args, DB_TYPE_BOOL, count, DB_BOOL(list[i]->body_cut));
    bind_bounds(args, list, count);
    buf_fini(&head);
}

bool finish_is_plain(const struct finish *f)
{
    return f->state == DELIVERY_DELIVERED && f->error == ATTEMPT_OK && !f->test && !is_gone(f);
}

struct db_op *work_finish_plain(struct db *db, const struct finish *const *list, size_t count,
                                db_cb *cb, void *arg)
{
    struct db_args args;

    for (size_t i = 0; i < count; i++)
        assert(finish_is_plain(list[i]));
    db_args_init(&args);
    bind_sent(&args, list, count);
    return store_exec(db, &stmt_work_finish_plain, args, cb, arg);
}

struct db_op *work_finish(struct db *db, const struct finish *const *list, size_t count, db_cb *cb,
                          void *arg)
{
    struct db_args args;

    for (size_t i = 0; i < count; i++)
        assert(delivery_may_move(ACTOR_ATTEMPT, DELIVERY_PENDING, list[i]->state));
    db_args_init(&args);
    bind_sent(&args, list, count);
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->state));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->error));
    DB_ARRAY(&args, DB_TYPE_BOOL, count, DB_BOOL(list[i]->test));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->delay_ms));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(list[i]->error_text));
    DB_ARRAY(&args, DB_TYPE_BOOL, count, DB_BOOL(list[i]->keeps_step));
    DB_ARRAY(&args, DB_TYPE_ID, count, is_gone(list[i]) ? DB_ID(list[i]->webhook) : DB_NULL);
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(list[i]->gone));
    return store_exec(db, &stmt_work_finish, args, cb, arg);
}

/* Of what is held for a listener, by who answers first. Nothing follows from it for the endpoint, which is a person's. */
const struct db_stmt stmt_work_answer = {
    "work_answer",
    "with v as ("
    " select $1::uuid as id, $2::int8 as token, $3::int8 as number, $4::int8 as started_ms, $5::int8 as code,"
    "  $6::int8 as error, 0::int8 as dns_us, 0::int8 as connect_us, 0::int8 as tls_us, 0::int8 as first_byte_us,"
    "  $7::int8 as total_us, $8::bool as body_cut, null::text as address, $9::text as error_text,"
    "  $10::bytea as request_head, $11::bytea as response_head, $12::bytea as response_body, null::text as url"
    "), u as ("
    " update delivery d set state = $13::int8, attempts = least(v.number, 32767),"
    "  step = d.step + case when v.error = " ERROR_NONE " then 0 else 1 end, waits = 0,"
    "  waiting_since = null, crashes = null, last_code = nullif(v.code, 0), last_us = v.total_us,"
    "  last_error = v.error, completed_at = now(), " END_LEASE " from v, webhook w"
    " where d.id = $1::uuid and d.app_id = $14::uuid and d.state + 0 = " HELD
    "  and d.attempts = v.number - 1 and d.expires_at is distinct from " ERASED
    "  and w.id = d.webhook_id and w.status = " LISTENING " and w.deleted_at is null"
    " returning v.*, d.test"
    "), a as (" ATTEMPT_INSERT "u returning 1"
    ") select id, case when test then pg_notify('" STORE_TEST_CHANNEL
    "', id::text)::text end from u",
    14};

struct db_op *work_answer(struct db *db, struct id app, const struct finish *f, db_cb *cb,
                          void *arg)
{
    struct buf request, response;

    assert(delivery_may_move(ACTOR_LISTENER, DELIVERY_HELD, f->state));
    buf_init(&request, HEAD_BYTES_MAX);
    buf_init(&response, HEAD_BYTES_MAX);
    struct db_args args =
        DB_ARGS(DB_ID(f->delivery), DB_I64(f->token), DB_I64(f->number), DB_I64(f->started_ms),
                DB_I64(f->code), DB_I64(f->error), DB_I64(f->total_us), DB_BOOL(f->body_cut),
                DB_STR(f->error_text), head_of(&request, f, f->request_head, &f->mark),
                head_of(&response, f, f->response_head, NULL), DB_STR(f->response_body),
                DB_I64(f->state), DB_ID(app));
    buf_fini(&request);
    buf_fini(&response);
    return store_exec(db, &stmt_work_answer, args, cb, arg);
}

/* A lock that is free is had for no longer than this statement: it says what was so a moment ago. */
const struct db_stmt stmt_work_locked = {
    "work_locked",
    "with d as materialized ("
    " select id from delivery where id = any ($1::uuid[]) and id between $2::uuid and $3::uuid"
    "  for no key update skip locked"
    "), w as materialized ("
    " select id from webhook where id = any ($4::uuid[]) for no key update skip locked"
    ") select id from delivery where id = any ($1::uuid[]) and id between $2::uuid and $3::uuid"
    "  and id not in (select id from d)"
    " union all select id from webhook where id = any ($4::uuid[]) and id not in (select id from w)",
    4};

struct db_op *work_locked(struct db *db, const struct id *ids, size_t count,
                          const struct id *webhooks, size_t webhook_count, db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_work_locked,
        DB_ARGS(DB_IDS(ids, count), STORE_BOUNDS(ids, count), DB_IDS(webhooks, webhook_count)), cb,
        arg);
}
