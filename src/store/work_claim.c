/* Claiming and giving back. `+ 0` and `+ '0 s'` keep the planner off the due index: the ids are
 * known, and the primary key is the shortest way to them (migrations/README.md). */
#include "claim_sql.h"
#include "store/store.h"
#include "store/work.h"

const struct db_stmt stmt_work_claim = {
    "work_claim",
    "with c as ("
    " update delivery d set " CLAIM_SET " from webhook w"
    " where w.id = d.webhook_id and d.id = any ($1::uuid[]) and d.id between $4::uuid and $5::uuid"
    "  and d.state + 0 = " PENDING " and d.next_at + interval '0 s' <= now() + " SLACK
    "  and " NOT_LEASED " " CLAIM_RETURNING
        CLAIM_MEMBERS("and event.id between $4::uuid and $5::uuid") ") select " CLAIM_ROW(
            "$6::int8") " from m join webhook w on w.id = m.webhook_id",
    6};

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
    c->to.url = db_str(rows, row, CLAIM_URL);
    c->to.profile = db_str(rows, row, CLAIM_PROFILE);
    c->to.options = db_str(rows, row, CLAIM_OPTIONS);
    c->to.sealed_secret = db_str(rows, row, CLAIM_SECRET);
    c->to.sealed_previous = db_str(rows, row, CLAIM_PREVIOUS);
    c->to.sealed_headers = db_str(rows, row, CLAIM_HEADERS);
    schedule_read(rows, row, CLAIM_SCHEDULE, &c->schedule);
    c->timeout_ms = db_i64(rows, row, CLAIM_TIMEOUT_MS);
    c->waits = db_i64(rows, row, CLAIM_WAITS);
    c->waited_ms = db_i64(rows, row, CLAIM_WAITED_MS);
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
