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

/* Each count by an index of its own, and not beyond $1. */
#define COUNTED(condition) \
    "(select count(*) from (select from delivery where " condition " limit $1::int8) d)"

const struct db_stmt stmt_work_measure = {
    "work_measure",
    "select coalesce(us_of(now()) - us_of((select min(next_at) from delivery"
    "  where state = " PENDING " and next_at <= now())), 0),"
    " " COUNTED(
        "state = " PENDING
        " and next_at <= now()") ","
                                 " " COUNTED("state = " PENDING) ", " COUNTED("state = " HELD),
    1};

struct db_op *work_measure(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_measure, DB_ARGS(DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_work_partitions_make = {"work_partitions_make",
                                                  "select days_make($1::int8::int)::text", 1};

struct db_op *work_partitions_make(struct db *db, int64_t days, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_partitions_make, DB_ARGS(DB_I64(days)), cb, arg);
}

/* With the claims of workers that never came back, whose leases ran out long ago. */
const struct db_stmt stmt_work_partitions_drop = {
    "work_partitions_drop",
    "with l as (delete from lease where at < now() - interval '1 h')"
    " select dropped, unended from days_drop($1::int8::int)",
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
    "select exists (select from ledger_range"
    " where parent = 'event' and since <= now() and now() < until)",
    0};

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
