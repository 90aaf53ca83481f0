/* Claiming and giving back. `+ 0` and `+ '0 s'` keep the planner off the due index: the ids are
 * known, and the primary key is the shortest way to them (migrations/README.md). */
#include "claim_sql.h"
#include "store/store.h"
#include "store/work.h"

#define ROW  CLAIM_ROW_WITHIN("$6::int8")
#define JOIN CLAIM_JOIN("and event.id between $4::uuid and $5::uuid")

const struct db_stmt stmt_work_claim = {
    "work_claim",
    "with c as ("
    " update delivery d set " CLAIM_SET " from webhook w"
    " where w.id = d.webhook_id and d.id = any ($1::uuid[]) and d.id between $4::uuid and $5::uuid"
    "  and d.state + 0 = " PENDING " and d.next_at + interval '0 s' <= now() + " SLACK
    "  and " NOT_LEASED " " CLAIM_RETURNING CLAIM_NOTED ") select " ROW " from " CLAIMS_OF("c")
        CLAIM_LANES JOIN,
    6};

/* A statement of few rows is its start for the most part: what only some need is not in it. */
const struct db_stmt stmt_work_claim_plain = {
    "work_claim_plain",
    "with c as ("
    " update delivery d set lease_token = $2::int8, lease_owner = $3::int8, lease_until = " LEASE_NEW
    ",  attempts = least(d.attempts + 1, 32767) from webhook w"
    " where w.id = d.webhook_id and d.id = any ($1::uuid[]) and d.id between $4::uuid and $5::uuid"
    "  and d.state + 0 = " PENDING " and d.next_at + interval '0 s' <= now() + " SLACK
    "  and d.lease_until is null and d.lane is null and d.crashes is null and " IS_SENT
    " " CLAIM_RETURNING CLAIM_NOTED
    ") select " CLAIM_ROW("true", "false", "null::bool",
                          "null::uuid") " from (select *, true as brings from c) c" JOIN,
    5};

struct db_op *work_claim_plain(struct db *db, const struct id *ids, size_t count, int64_t token,
                               int64_t owner, db_cb *cb, void *arg)
{
    assert(count <= WORK_PLAIN_MAX);
    return store_exec(
        db, &stmt_work_claim_plain,
        DB_ARGS(DB_IDS(ids, count), DB_I64(token), DB_I64(owner), STORE_BOUNDS(ids, count)), cb,
        arg);
}

struct db_op *work_claim(struct db *db, const struct id *ids, size_t count, int64_t token,
                         int64_t owner, int64_t bytes, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_claim,
                      DB_ARGS(DB_IDS(ids, count), DB_I64(token), DB_I64(owner),
                              STORE_BOUNDS(ids, count), DB_I64(bytes)),
                      cb, arg);
}

void claims_read(const struct db_rows *rows, int row, struct claim *c)
{
    c->content.delivery = db_id(rows, row, CLAIM_ID);
    c->content.event = db_id(rows, row, CLAIM_EVENT);
    c->to.webhook = db_id(rows, row, CLAIM_WEBHOOK);
    c->state = (int)db_i64(rows, row, CLAIM_STATE);
    c->along = db_bool(rows, row, CLAIM_ALONG);
    c->batch_max = db_i64(rows, row, CLAIM_BATCH_MAX);
    c->content.due_ms = db_i64(rows, row, CLAIM_DUE);
    c->content.attempt = (int)db_i64(rows, row, CLAIM_ATTEMPTS);
    c->step = db_i64(rows, row, CLAIM_STEP);
    c->content.test = db_bool(rows, row, CLAIM_TEST);
    c->ref = queue_ref_of(c->content.delivery, c->to.webhook, db_id(rows, row, CLAIM_APP),
                          c->content.test);
    c->content.type = db_str(rows, row, CLAIM_TYPE);
    c->content.data = db_str(rows, row, CLAIM_DATA);
    c->size = (size_t)db_i64(rows, row, CLAIM_SIZE);
    c->fits = db_bool(rows, row, CLAIM_FIT);
    c->to.url = db_str(rows, row, CLAIM_URL);
    c->to.profile = db_str(rows, row, CLAIM_PROFILE);
    c->to.options = db_str(rows, row, CLAIM_OPTIONS);
    c->to.sealed_secret = db_str(rows, row, CLAIM_SECRET);
    c->to.sealed_previous = db_str(rows, row, CLAIM_PREVIOUS);
    c->to.sealed_headers = db_str(rows, row, CLAIM_HEADERS);
    c->to.sealed_auth = db_str(rows, row, CLAIM_AUTH);
    c->to.sealed_tls = db_str(rows, row, CLAIM_TLS);
    schedule_read(rows, row, CLAIM_SCHEDULE, &c->schedule);
    c->timeout_ms = db_i64(rows, row, CLAIM_TIMEOUT_MS);
    c->gated = db_bool(rows, row, CLAIM_GATED);
    c->laned = !db_null(rows, row, CLAIM_ASLEEP);
    c->asleep = db_bool(rows, row, CLAIM_ASLEEP);
    c->wakes = !db_null(rows, row, CLAIM_WOKEN);
    c->concurrency = (int)db_i64(rows, row, CLAIM_CONCURRENCY);
    c->woken = (struct queue_entry){
        .ref = {db_id(rows, row, CLAIM_WOKEN), c->to.webhook, c->ref.app},
        .concurrency = c->concurrency,
        .rate_limit = (int)db_i64(rows, row, CLAIM_RATE_LIMIT),
    };
    c->alone = db_i64(rows, row, CLAIM_CRASHES) >= DELIVERY_CRASHES_ALONE;
    c->given_up = db_i64(rows, row, CLAIM_CRASHES) >= DELIVERY_CRASHES_MAX;
    c->takes_over = db_bool(rows, row, CLAIM_TAKES_OVER);
    c->waits = db_i64(rows, row, CLAIM_WAITS);
    c->waited_ms = db_i64(rows, row, CLAIM_WAITED_MS);
}

struct str claims_data(const struct db_rows *rows, struct id event)
{
    struct str none = {NULL, 0};

    for (int i = 0; i < db_count(rows); i++)
        if (!db_null(rows, i, CLAIM_DATA) && id_eq(db_id(rows, i, CLAIM_EVENT), event))
            return db_str(rows, i, CLAIM_DATA);
    return none;
}

size_t claims_bytes(const struct db_rows *rows)
{
    size_t bytes = 0;

    for (int i = 0; i < db_count(rows); i++)
        bytes += db_str(rows, i, CLAIM_DATA).n;
    return bytes;
}

/* By the primary key alone: the bound of its partition is in it. */
const struct db_stmt stmt_work_data = {"work_data", "select data from event where id = $1::uuid",
                                       1};

struct db_op *work_data(struct db *db, struct id event, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_data, DB_ARGS(DB_ID(event)), cb, arg);
}

/* What comes along, in all and for each webhook. Data may grow in what is sent: what does not fit is given back. */
#define NOT_ALONE       "coalesce(crashes, 0) < " TEXT_OF(DELIVERY_CRASHES_ALONE)
#define ALONG_MAX       "2048"
#define ALONG_BYTES     "102400"
#define ALONG_BYTES_ALL "4194304"

/* A statement of its own, so that other claims pay nothing for it. What was lost with a machine is
 * claimed by itself, and counted. It waits for nobody: what another has
 * locked is another's. Of a backlog it looks at no more than the first ALONG_MAX, which are sorted by their ids if
 * they are due at the same moment; a number as limit, and both columns in the order, leave the planner no other
 * index than that of what is pending for a webhook. */
const struct db_stmt stmt_work_gather = {
    "work_gather",
    "with c as materialized ("
    " select " CLAIMED(
        "d") " from delivery d"
             " where d.id = any ($1::uuid[]) and d.id between $4::uuid and $5::uuid"
             "  and d.state + 0 = " PENDING " and d.lease_token = $2::int8"
             "), g as materialized ("
             " select w.*, least(w.batch_max - count(*), " ALONG_MAX " / count(*) over ()) as most,"
             "  least(" ALONG_BYTES ", " ALONG_BYTES_ALL " / count(*) over ()) as weight"
             " from c join webhook w on w.id = c.webhook_id group by w.id"
             "), n as materialized ("
             " select d.id, g.weight, sum(octet_length(e.data)) over ("
             "  partition by g.id order by d.next_at, d.id) as sum"
             " from g cross join lateral (select * from (select id, event_id, next_at from delivery d"
             "   where (webhook_id, next_at) >= (g.id, timestamptz '-infinity')"
             "    and (webhook_id, next_at) <= (g.id, now() + " SLACK ")"
             "    and state = " PENDING " and not test and " NOT_LEASED "    and (" EXPIRED
             ") is not true and " NOT_ALONE "   order by webhook_id, next_at limit " ALONG_MAX ") x"
             "  order by next_at, id limit greatest(g.most, 0)) d"
             " cross join lateral (select data from event where id = d.event_id offset 0) e"
             "), k as materialized ("
             " select d.id from n cross join lateral (select d.id from delivery d"
             "  where d.id = n.id and d.state + 0 = " PENDING " and " NOT_LEASED " and not " LOST
             "   and d.next_at + interval '0 s' <= now() + " SLACK " for update skip locked) d"
             " where n.sum <= n.weight"
             "), u as ("
             " update delivery d set lease_token = $2::int8, lease_owner = $3::int8,"
             "  lease_until = " LEASE_END ", attempts = least(d.attempts + 1, 32767)"
             " where d.id = any (array (select id from k))"
             "   and d.id between (select id from k order by id limit 1)"
             "   and (select id from k order by id desc limit 1)"
             " returning " CLAIMED(
                 "d") "), l as ("
                      " update lease set ids = ids || array (select id from u)"
                      " where owner = $3::int8 and token = $2::int8"
                      ") select " CLAIM_ROW_OF("c.along") " from " CLAIMS_OF(
                          "(select *, false as along from c union all select *, true from u) c")
                          CLAIM_JOIN(""),
    5};

struct db_op *work_gather(struct db *db, const struct id *ids, size_t count, int64_t token,
                          int64_t owner, db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_work_gather,
        DB_ARGS(DB_IDS(ids, count), DB_I64(token), DB_I64(owner), STORE_BOUNDS(ids, count)), cb,
        arg);
}

const struct db_stmt stmt_work_waiting = {
    "work_waiting",
    "select d.id, greatest(ms_of(d.next_at) - ms_of(now()), 0) from delivery d"
    " where d.id = any ($1::uuid[]) and d.id between $2::uuid and $3::uuid"
    "  and d.state + 0 = " PENDING " and " NOT_LEASED " and isfinite(d.next_at)",
    3};

struct db_op *work_waiting(struct db *db, const struct id *ids, size_t count, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_waiting, DB_ARGS(DB_IDS(ids, count), STORE_BOUNDS(ids, count)),
                      cb, arg);
}

const struct db_stmt stmt_work_release = {
    "work_release",
    "update delivery d set attempts = greatest(d.attempts - 1, 0), " END_LEASE ","
    " next_at = case when d.crashes >= " TEXT_OF(DELIVERY_CRASHES_ALONE) "  then now() + (1 + random()) * interval '" TEXT_OF(
        DELIVERY_ALONE_MS) " ms' else d.next_at end"
                           " where d.id = any ($1::uuid[]) and d.id between $3::uuid and $4::uuid"
                           "  and d.state + 0 = " PENDING " and d.lease_token = $2::int8"
                           " returning d.id, ms_of(d.next_at) - ms_of(now())",
    4};

struct db_op *work_release(struct db *db, const struct id *ids, size_t count, int64_t token,
                           db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_release,
                      DB_ARGS(DB_IDS(ids, count), DB_I64(token), STORE_BOUNDS(ids, count)), cb,
                      arg);
}
