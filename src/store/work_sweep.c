/* The statements of the reconciler and the janitor. */
#include "sql.h"
#include "store/store.h"
#include "store/work.h"

const struct db_stmt stmt_work_overdue = {
    "work_overdue",
    "select " QUEUE_ENTRY " from ("
    " select id, webhook_id, app_id, test, next_at from delivery"
    " where state = " PENDING " and next_at < now() - " OVERDUE " and " NOT_LEASED
    " order by next_at desc limit $1::int8) d join webhook w on w.id = d.webhook_id",
    1};

struct db_op *work_overdue(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_overdue, DB_ARGS(DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_work_upcoming = {
    "work_upcoming",
    "select " QUEUE_ENTRY ", us_of(d.next_at) from ("
    " select id, webhook_id, app_id, test, next_at from delivery"
    " where state = " PENDING " and (us_of(next_at), id) > ($1::int8, $2::uuid)"
    "  and next_at >= time_of($1::int8 / 1000) and next_at < now() + " HORIZON "  and " NOT_LEASED
    " order by next_at, id limit $3::int8) d join webhook w on w.id = d.webhook_id"
    " order by d.next_at, d.id",
    3};

struct db_op *work_upcoming(struct db *db, int64_t due_us, struct id id, int limit, db_cb *cb,
                            void *arg)
{
    return store_exec(db, &stmt_work_upcoming, DB_ARGS(DB_I64(due_us), DB_ID(id), DB_I64(limit)),
                      cb, arg);
}

/* Of a delivery d, after the status of its webhook w. */
#define TO_RESUME \
    "d.state = " HELD " and d.webhook_id = w.id and (w.deleted or w.status = " ACTIVE ")"
#define TO_HOLD                                                                               \
    "d.state = " PENDING " and d.webhook_id = w.id and (w.deleted or w.status <> " ACTIVE ")" \
    " and not d.test and " NOT_LEASED

/* Every webhook gets its share, what is held oldest first; what another session has locked is left for
 * the next pass. One is settled when a pass finds nothing of it that is to be moved, and not before
 * whatever began to accept or claim under an earlier status has ended (statement_timeout): it may still
 * write what is to be moved here. A delivery in flight is left to its attempt; the claim looks at the
 * webhook again. A retry that was held keeps its time; what slept in a lane is claimed, and goes to sleep,
 * once more. */
const struct db_stmt stmt_work_settle = {
    "work_settle",
    "with w as materialized ("
    " select id, status, deleted_at is not null as deleted, concurrency, rate_limit,"
    "  batch_max,"
    "  greatest(updated_at, deleted_at) < now() - interval '10 s' as old,"
    "  greatest($1::int8 / count(*) over (), 1) as share from ("
    "  select * from webhook where unsettled order by id limit 1000 for update skip locked) u"
    "), n as materialized ("
    " select h.id, w.id as webhook_id from w cross join lateral (("
    "  select id from (select d.id from delivery d where " TO_RESUME
    "   order by d.id limit w.share for no key update skip locked) r"
    " ) union all ("
    "  select id from (select d.id from delivery d where " TO_HOLD
    "   limit w.share for no key update skip locked) p"
    " )) h"
    "), d as ("
    " update delivery t set"
    "  state = case when w.deleted then " CANCELLED " when w.status = " ACTIVE " then"
    "   " PENDING " else " HELD " end,"
    "  next_at = case when t.turn > 0 then now() else t.next_at end,"
    "  completed_at = case when w.deleted then now() end"
    " from n, w where t.id = n.id and w.id = t.webhook_id"
    "  and (t.state = " HELD " or (t.state = " PENDING " and " NOT_LEASED "))"
    " returning t.id, t.webhook_id, t.app_id, t.test, t.next_at, t.state"
    "), done as ("
    " update webhook set unsettled = false from w where webhook.id = w.id and w.old"
    "  and not exists (select from n where n.webhook_id = w.id)"
    "  and (select d.id from delivery d where " TO_RESUME " limit 1) is null"
    "  and (select d.id from delivery d where " TO_HOLD " limit 1) is null"
    ") select " QUEUE_ENTRY ", d.state::int8 from d join w on w.id = d.webhook_id order by d.id",
    1};

struct db_op *work_settle(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_settle, DB_ARGS(DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_work_partitions_make = {"work_partitions_make",
                                                  "select partitions_make(-1, 7)::text", 0};

struct db_op *work_partitions_make(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_partitions_make, DB_ARGS(), cb, arg);
}

/* With the claims of workers that never came back, whose leases ran out long ago. */
const struct db_stmt stmt_work_partitions_drop = {
    "work_partitions_drop",
    "with l as (delete from lease where at < now() - interval '1 h')"
    " select dropped, unended from partitions_drop($1::int8::int)",
    1};

struct db_op *work_partitions_drop(struct db *db, int64_t days, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_partitions_drop, DB_ARGS(DB_I64(days)), cb, arg);
}

/* Lane after lane, each found by the one before it. Locks in the order that all who take several keep. */
const struct db_stmt stmt_work_wake = {
    "work_wake",
    "with recursive l as (("
    "  select webhook_id, lane from delivery where turn is not null and state in (" PENDING
    ", " HELD ")"
    "   and (webhook_id, lane) > ($1::uuid, $2::int8) order by webhook_id, lane limit 1"
    " ) union all"
    "  select n.webhook_id, n.lane from l cross join lateral ("
    "   select d.webhook_id, d.lane from delivery d"
    "   where d.turn is not null and d.state in (" PENDING ", " HELD ")"
    "    and (d.webhook_id, d.lane) > (l.webhook_id, l.lane)"
    "   order by d.webhook_id, d.lane limit 1) n"
    "), page as materialized (select * from l limit $3::int8"
    "), woken as materialized ("
    " select lane_wake(webhook_id, lane) as id from ("
    "  select * from page order by lane_lock(webhook_id, lane)) p"
    ") select webhook_id, lane, (select count(*) from page), (select count(id) from woken)"
    " from page order by webhook_id desc, lane desc limit 1",
    3};

struct db_op *work_wake(struct db *db, struct id webhook, int64_t lane, int limit, db_cb *cb,
                        void *arg)
{
    return store_exec(db, &stmt_work_wake, DB_ARGS(DB_ID(webhook), DB_I64(lane), DB_I64(limit)), cb,
                      arg);
}

const struct db_stmt stmt_work_today = {
    "work_today",
    "select to_regclass('event_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')) is not null", 0};

struct db_op *work_today(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_today, DB_ARGS(), cb, arg);
}

const struct db_stmt stmt_work_forget = {
    "work_forget",
    "with k as (delete from idempotency where key in ("
    "  select key from idempotency where expires_at < now() limit $1::int8"
    "  for update skip locked)"
    " and expires_at < now() returning key)"
    " select count(*) from k",
    1};

struct db_op *work_forget(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_forget, DB_ARGS(DB_I64(limit)), cb, arg);
}
