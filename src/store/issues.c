/* Issues: statements, binding, decoding. */
#include "store/issues.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS                                                                                   \
    "i.id, i.opening, i.webhook_id, i.delivery_id, i.status::int8, i.error::int8, i.code::int8, " \
    "ms_of(i.first_at), ms_of(i.last_at), ms_of(i.resolved_at), ms_of(i.oldest_at), "             \
    "i.recurred, i.attempts, i.deliveries"

#define OF_ISSUE "i.app_id, i.id, null"

/* The row of a webhook that was deleted stays until the janitor comes. */
#define IS_THERE "exists (select from webhook w where w.id = i.webhook_id and w.deleted_at is null)"

/* What somebody resolved has not come again by a failure that was on its way then. */
#define RECURS      "i.status = " ISSUE_RESOLVED_TEXT " and excluded.last_at > i.resolved_at"
#define SINCE(name) name " = case when " RECURS " then 0 else i." name " end + excluded." name

/* In the order of the key, so that two workers wait for each other and not in a circle. */
const struct db_stmt stmt_issue_add = {
    "issue_add",
    "insert into issue as i (id, opening, app_id, webhook_id, error, code, status, first_at, last_at, attempts,"
    "  deliveries, oldest_at, delivery_id)"
    " select v.id, v.id, v.app_id, v.webhook_id, v.error, v.code, " ISSUE_OPEN_TEXT
    ", time_of(v.first_ms), time_of(v.last_ms), v.attempts, v.deliveries, time_of(nullif(v.oldest_ms, 0)),"
    "  v.delivery_id"
    " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],"
    "  $8::int8[], $9::int8[], $10::int8[], $11::uuid[])"
    "  as v (id, app_id, webhook_id, error, code, attempts, deliveries, first_ms, last_ms, oldest_ms,"
    "   delivery_id)"
    " join webhook w on w.id = v.webhook_id and w.deleted_at is null"
    " order by v.webhook_id, v.error, v.code"
    " on conflict (webhook_id, error, code) do update set"
    "  status = case when " RECURS " then " ISSUE_OPEN_TEXT " else i.status end,"
    "  opening = case when " RECURS " then excluded.opening else i.opening end,"
    "  resolved_at = case when " RECURS " then null else i.resolved_at end,"
    "  recurred = i.recurred + case when " RECURS " then 1 else 0 end,"
    "  oldest_at = case when " RECURS " then excluded.oldest_at"
    "   else least(i.oldest_at, excluded.oldest_at) end,"
    "  " SINCE("attempts") ", " SINCE(
        "deliveries") ","
                      "  first_at = least(i.first_at, excluded.first_at), last_at = greatest(i.last_at, excluded.last_at),"
                      "  delivery_id = case when excluded.last_at >= i.last_at then excluded.delivery_id"
                      "   else i.delivery_id end",
    11};

struct db_op *issues_add(struct db *db, const struct issue_row *const *list, size_t count,
                         db_cb *cb, void *arg)
{
    struct db_args args;

    assert(count > 0 && count <= ISSUE_ROWS_MAX);
    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->id));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->app));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->webhook));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->error));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->code));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->attempts));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->deliveries));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->first_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->last_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->oldest_ms));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->delivery));
    return store_exec(db, &stmt_issue_add, args, cb, arg);
}

void issues_read(const struct db_rows *rows, int row, struct issue *issue)
{
    enum {
        ID,
        OPENING = ISSUES_COL_OPENING,
        WEBHOOK,
        DELIVERY,
        STATUS,
        ERROR,
        CODE,
        FIRST,
        LAST,
        RESOLVED,
        OLDEST,
        RECURRED,
        ATTEMPTS,
        DELIVERIES
    };

    *issue = (struct issue){
        .id = db_id(rows, row, ID),
        .opening = db_id(rows, row, OPENING),
        .webhook = db_id(rows, row, WEBHOOK),
        .delivery = db_id(rows, row, DELIVERY),
        .status = (int)db_i64(rows, row, STATUS),
        .error = (int)db_i64(rows, row, ERROR),
        .code = db_i64(rows, row, CODE),
        .first_ms = db_i64(rows, row, FIRST),
        .last_ms = db_i64(rows, row, LAST),
        .opened_ms = id_time_ms(db_id(rows, row, OPENING)),
        .resolved_ms = db_i64(rows, row, RESOLVED),
        .oldest_ms = db_i64(rows, row, OLDEST),
        .recurred = db_i64(rows, row, RECURRED),
        .attempts = db_i64(rows, row, ATTEMPTS),
        .deliveries = db_i64(rows, row, DELIVERIES),
    };
}

/* For each state by the index that has their order: any state is all three of them. */
const struct db_stmt stmt_issue_list = {
    "issue_list",
    "select " COLUMNS " from unnest(case when $2::int8 < 0 then '{" ISSUE_OPEN_TEXT
    "," ISSUE_ACKNOWLEDGED_TEXT "," ISSUE_RESOLVED_TEXT
    "}'::int8[] else array[$2::int8] end) s (status)"
    " cross join lateral (select * from issue i where i.app_id = $1::uuid and i.status = s.status"
    "  and i.opening < $3::uuid and " IS_THERE " order by i.opening desc limit $4::int8) i"
    " order by i.opening desc limit $4::int8",
    4};

/* A webhook has as many as there are errors and codes. */
const struct db_stmt stmt_issue_list_webhook = {
    "issue_list_webhook",
    "select " COLUMNS " from issue i where i.webhook_id = $5::uuid and i.app_id = $1::uuid"
    " and ($2::int8 < 0 or i.status = $2::int8) and i.opening < $3::uuid and " IS_THERE
    " order by i.opening desc limit $4::int8",
    5};

struct db_op *issues_list(struct db *db, struct id app, int status, const struct id *webhook,
                          struct id before, int limit, db_cb *cb, void *arg)
{
    if (webhook == NULL)
        return store_read(db, &stmt_issue_list,
                          DB_ARGS(DB_ID(app), DB_I64(status), DB_ID(before), DB_I64(limit)), cb,
                          arg);
    return store_read(
        db, &stmt_issue_list_webhook,
        DB_ARGS(DB_ID(app), DB_I64(status), DB_ID(before), DB_I64(limit), DB_ID(*webhook)), cb,
        arg);
}

const struct db_stmt stmt_issue_get = {
    "issue_get",
    "select " COLUMNS " from issue i where i.id = $1::uuid and i.app_id = $2::uuid and " IS_THERE,
    2};

struct db_op *issues_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_issue_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

const struct db_stmt stmt_issue_update = {
    "issue_update",
    "with i as (update issue i set status = $3::int8,"
    "  resolved_at = case when $3::int8 = " ISSUE_RESOLVED_TEXT " then now() end"
    " where i.id = $1::uuid and i.app_id = $2::uuid and " IS_THERE
    " returning *)" AUDITED("i", AUDIT_DEED(4, 5, 6, 7, 8, 9), OF_ISSUE) " select " COLUMNS
                                                                         " from i",
    9};

struct db_op *issues_update(struct db *db, struct id app, struct id id, enum issue_status status,
                            const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_issue_update,
                      DB_ARGS(DB_ID(id), DB_ID(app), DB_I64(status), DB_DEED(deed)), cb, arg);
}

/* Goes through all of them, once an hour: 100,000 take 24 ms. An index on last_at would end the HOT updates of each failure. */
const struct db_stmt stmt_issue_forget = {
    "issue_forget",
    "with k as (delete from issue where id in (select id from issue i"
    "  where last_at < now() - ($1::int8 + 1) * interval '24 h' or not " IS_THERE
    "  limit $2::int8 for update skip locked) returning 1)"
    " select count(*) from k",
    2};

struct db_op *issues_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_issue_forget, DB_ARGS(DB_I64(days), DB_I64(limit)), cb, arg);
}
