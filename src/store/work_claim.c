/* Claiming and giving back. `+ 0` and `+ '0 s'` keep the planner off the due index: the ids are
 * known, and the primary key is the shortest way to them (migrations/README.md). */
#include "sql.h"
#include "store/store.h"
#include "store/work.h"

/* Redis's clock and ours differ by less when all is well; nothing is sent earlier by more than that. */
#define SLACK "interval '5 ms'"

/* What goes along with what was claimed, in all and for each webhook. Data may grow in what is sent, so that not
 * all of it goes in one request: what is over is given back. */
#define ALONG_MAX       "4096"
#define ALONG_BYTES     "102400"
#define ALONG_BYTES_ALL "4194304"

/* What is needed of a delivery that was claimed. */
#define CLAIMED(d)                                                                           \
    d ".id, " d ".event_id, " d ".webhook_id, " d ".app_id, " d ".state, " d ".attempts, " d \
      ".step, " d ".test, " d ".next_at, " d ".waits, " d ".waiting_since"

/* What is leased is an attempt, and counted: the number that its receiver may be told is nobody else's, whether or
 * not what comes of it is ever recorded. */
const struct db_stmt stmt_work_claim = {
    "work_claim",
    "with c as ("
    " update delivery d set"
    "  state = case when w.deleted_at is not null then " CANCELLED " when not d.test and"
    "   w.status <> " ACTIVE " then " HELD " else " PENDING " end,"
    "  completed_at = case when w.deleted_at is not null then now() end,"
    "  lease_token = $2::int8, lease_owner = $3::int8,"
    "  lease_until = case when " SENT " then now() + " LEASE " end,"
    "  attempts = least(d.attempts + case when " SENT " then 1 else 0 end, 32767)"
    " from webhook w"
    " where w.id = d.webhook_id and d.id = any ($1::uuid[]) and d.id between $4::uuid and $5::uuid"
    "  and d.state + 0 = " PENDING " and d.next_at + interval '0 s' <= now() + " SLACK
    "  and " NOT_LEASED " returning " CLAIMED(
        "d") ", w.batch_max"
             "), g as ("
             " select webhook_id, batch_max - count(*) as most, count(*) over () as webhooks from c"
             " where batch_max > 1 and state = " PENDING
             " and not test group by webhook_id, batch_max"
             "), m as ("
             " select " CLAIMED(
                 "c") ", e.type, e.data, e.profile_options, false as along from c"
                      "  cross join lateral (select type, data, profile_options from event"
                      "   where event.id = c.event_id and event.id between $4::uuid and $5::uuid offset 0) e"
                      " union all select " CLAIMED(
                          "s") ", e.type, e.data, e.profile_options, true from g"
                               "  cross join lateral gather_claim(g.webhook_id, $2::int8, $3::int8, now() + " SLACK
                               ","
                               "   now() + " LEASE ", greatest(least(g.most, " ALONG_MAX
                               " / g.webhooks), 0),"
                               "   least(" ALONG_BYTES ", " ALONG_BYTES_ALL " / g.webhooks)) s"
                               "  cross join lateral (select type, data, profile_options from event"
                               "   where event.id = s.event_id offset 0) e"
                               ") select m.id, m.event_id, m.webhook_id, m.app_id, m.state::int8, m.attempts::int8,"
                               "  m.step::int8, m.test, m.along, ms_of(m.next_at), w.batch_max::int8,"
                               "  m.type, m.data, w.url, w.profile,"
                               "  coalesce(m.profile_options, w.profile_options), w.secret, " PREVIOUS_SECRET
                               ","
                               "  w.headers, w.retry_schedule, w.timeout_ms::int8, m.waits::int8,"
                               "  ms_of(now()) - ms_of(m.waiting_since)"
                               " from m join webhook w on w.id = m.webhook_id",
    5};

struct db_op *work_claim(struct db *db, const struct id *ids, size_t count, int64_t token,
                         int64_t owner, db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_work_claim,
        DB_ARGS(DB_IDS(ids, count), DB_I64(token), DB_I64(owner), STORE_BOUNDS(ids, count)), cb,
        arg);
}

void claims_read(const struct db_rows *rows, int row, struct claim *c)
{
    enum {
        ID,
        EVENT,
        WEBHOOK,
        APP,
        STATE,
        ATTEMPTS,
        STEP,
        TEST,
        ALONG,
        DUE,
        BATCH_MAX,
        TYPE,
        DATA,
        URL,
        PROFILE,
        PROFILE_OPTIONS,
        SECRET,
        PREVIOUS,
        HEADERS,
        SCHEDULE,
        TIMEOUT_MS,
        WAITS,
        WAITED_MS
    };
    c->content.delivery = db_id(rows, row, ID);
    c->content.event = db_id(rows, row, EVENT);
    c->to.webhook = db_id(rows, row, WEBHOOK);
    c->state = (int)db_i64(rows, row, STATE);
    c->along = db_bool(rows, row, ALONG);
    c->batch_max = db_i64(rows, row, BATCH_MAX);
    c->content.due_ms = db_i64(rows, row, DUE);
    c->content.attempt = (int)db_i64(rows, row, ATTEMPTS);
    c->step = db_i64(rows, row, STEP);
    c->content.test = db_bool(rows, row, TEST);
    c->ref =
        queue_ref_of(c->content.delivery, c->to.webhook, db_id(rows, row, APP), c->content.test);
    c->content.type = db_str(rows, row, TYPE);
    c->content.data = db_str(rows, row, DATA);
    c->to.url = db_str(rows, row, URL);
    c->to.profile = db_str(rows, row, PROFILE);
    c->to.options = db_str(rows, row, PROFILE_OPTIONS);
    c->to.sealed_secret = db_str(rows, row, SECRET);
    c->to.sealed_previous = db_str(rows, row, PREVIOUS);
    c->to.sealed_headers = db_str(rows, row, HEADERS);
    schedule_read(rows, row, SCHEDULE, &c->schedule);
    c->timeout_ms = db_i64(rows, row, TIMEOUT_MS);
    c->waits = db_i64(rows, row, WAITS);
    c->waited_ms = db_i64(rows, row, WAITED_MS);
}

const struct db_stmt stmt_work_waiting = {
    "work_waiting",
    "select d.id, greatest(ms_of(d.next_at) - ms_of(now()), 0) from delivery d"
    " where d.id = any ($1::uuid[]) and d.id between $2::uuid and $3::uuid"
    "  and d.state + 0 = " PENDING " and " NOT_LEASED,
    3};

struct db_op *work_waiting(struct db *db, const struct id *ids, size_t count, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_waiting, DB_ARGS(DB_IDS(ids, count), STORE_BOUNDS(ids, count)),
                      cb, arg);
}

const struct db_stmt stmt_work_release = {
    "work_release",
    "update delivery d set attempts = greatest(d.attempts - 1, 0), " END_LEASE
    " where d.id = any ($1::uuid[]) and d.id between $3::uuid and $4::uuid"
    "  and d.state + 0 = " PENDING " and d.lease_token = $2::int8"
    " returning d.id",
    4};

struct db_op *work_release(struct db *db, const struct id *ids, size_t count, int64_t token,
                           db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_release,
                      DB_ARGS(DB_IDS(ids, count), DB_I64(token), STORE_BOUNDS(ids, count)), cb,
                      arg);
}
