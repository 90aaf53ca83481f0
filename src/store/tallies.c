/* The tally. */
#include "store/tallies.h"

#include "base/buf.h"
#include "sql.h"
#include "store/store.h"

#define OF_APP   "'00000000-0000-0000-0000-000000000000'::uuid"
#define KEY      "app_id, webhook_id, hour"
#define TEXT_MAX ((size_t)1024) /* of TALLY_TIMES numbers */

/* The classes of times, as times_part() of migrations/ has them: in microseconds. */
#define FIRST  1000.0
#define SQRT_2 1.4142135623730951

int tallies_class(int64_t us)
{
    double high = FIRST;
    int i = 0;

    for (; i < TALLY_TIMES - 1 && (double)us > high; i++)
        high *= SQRT_2;
    return i;
}

/* In the order of the key, so that two workers wait for each other and not in a circle. */
const struct db_stmt stmt_tally_add = {
    "tally_add",
    "with v as materialized ("
    " select app_id, webhook_id, time_of(hour) as hour, attempts, succeeded, exhausted, retried,"
    "  time_of(nullif(success, 0)) as success, time_of(nullif(failure, 0)) as failure,"
    "  times::int8[] as times"
    " from unnest($1::uuid[], $2::uuid[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],"
    "  $8::int8[], $9::text[], $10::int8[])"
    "  as v (app_id, webhook_id, hour, attempts, succeeded, exhausted, success, failure, times, retried)"
    "), a as ("
    " select * from v union all"
    " select app_id, " OF_APP
    ", hour, sum(attempts), sum(succeeded), sum(exhausted), sum(retried), max(success),"
    "  max(failure), times_sum(times) from v group by app_id, hour"
    ") insert into tally as t (" KEY ", attempts, succeeded, exhausted, retried, last_success_at,"
    "  last_failure_at, times)"
    " select a.app_id, a.webhook_id, a.hour, a.attempts, a.succeeded, a.exhausted, a.retried,"
    "  greatest(a.success, p.last_success_at), greatest(a.failure, p.last_failure_at), a.times"
    " from a left join lateral (select last_success_at, last_failure_at from tally"
    "  where app_id = a.app_id and webhook_id = a.webhook_id order by hour desc limit 1) p on true"
    " order by a.app_id, a.webhook_id, a.hour"
    " on conflict (" KEY ") do update set attempts = t.attempts + excluded.attempts,"
    "  succeeded = t.succeeded + excluded.succeeded, exhausted = t.exhausted + excluded.exhausted,"
    "  retried = t.retried + excluded.retried,"
    "  last_success_at = greatest(t.last_success_at, excluded.last_success_at),"
    "  last_failure_at = greatest(t.last_failure_at, excluded.last_failure_at),"
    "  times = times_add(t.times, excluded.times)",
    10};

/* Without the zeros at its end. In `room`, until the next. */
static struct str times_text(struct buf *room, const struct tally_row *row)
{
    int n = TALLY_TIMES;

    while (n > 0 && row->times[n - 1] == 0)
        n--;
    buf_clear(room);
    buf_add_char(room, '{');
    for (int i = 0; i < n; i++)
        buf_printf(room, i == 0 ? "%d" : ",%d", row->times[i]);
    buf_add_char(room, '}');
    return buf_str(room);
}

struct db_op *tallies_add(struct db *db, const struct tally_row *const *list, size_t count,
                          db_cb *cb, void *arg)
{
    struct db_args args;
    struct buf room;

    assert(count > 0 && count <= TALLY_ROWS_MAX);
    buf_init(&room, TEXT_MAX);
    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->app));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i]->webhook));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->hour_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->attempts));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->succeeded));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->exhausted));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->last_success_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->last_fail_ms));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(times_text(&room, list[i])));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i]->retried));
    buf_fini(&room);
    return store_exec(db, &stmt_tally_add, args, cb, arg);
}

/* In the order of the key, as above. */
const struct db_stmt stmt_tally_add_accepted = {
    "tally_add_accepted",
    "insert into tally as t (" KEY
    ", attempts, succeeded, exhausted, last_success_at, last_failure_at,"
    "  times, accepted)"
    " select v.app_id, " OF_APP ", time_of(v.hour), 0, 0, 0, p.last_success_at, p.last_failure_at,"
    "  '{}', v.events"
    " from unnest($1::uuid[], $2::int8[], $3::int8[]) as v (app_id, hour, events)"
    " left join lateral (select last_success_at, last_failure_at from tally"
    "  where app_id = v.app_id and webhook_id = " OF_APP " order by hour desc limit 1) p on true"
    " order by v.app_id, v.hour"
    " on conflict (" KEY ") do update set accepted = t.accepted + excluded.accepted",
    3};

struct db_op *tallies_add_accepted(struct db *db, const struct tally_accepted *list, size_t count,
                                   db_cb *cb, void *arg)
{
    struct db_args args;

    assert(count > 0 && count <= TALLY_ROWS_MAX);
    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(list[i].app));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i].hour_ms));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(list[i].events));
    return store_exec(db, &stmt_tally_add_accepted, args, cb, arg);
}

const struct db_stmt stmt_tally_list = {
    "tally_list",
    "select ms_of(t.hour), t.attempts, t.succeeded, t.exhausted, times_part(t.times, 0.5),"
    " times_part(t.times, 0.95), t.retried, case when $2::uuid is null then t.accepted end"
    " from (select $1::uuid as app_id, coalesce($2::uuid, " OF_APP ") as webhook_id"
    "  where $2::uuid is null or exists (select from webhook"
    "   where id = $2::uuid and app_id = $1::uuid and deleted_at is null)) w"
    " left join lateral (select * from tally where app_id = w.app_id and webhook_id = w.webhook_id"
    "  and hour >= time_of($3::int8) and hour < time_of($4::int8)"
    "  order by hour desc limit $5::int8) t on true order by t.hour desc",
    5};

struct db_op *tallies_list(struct db *db, struct id app, const struct id *webhook, int64_t from_ms,
                           int64_t until_ms, int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_tally_list,
                      DB_ARGS(DB_ID(app), webhook != NULL ? DB_ID(*webhook) : DB_NULL,
                              DB_I64(from_ms), DB_I64(until_ms), DB_I64(limit)),
                      cb, arg);
}

void tallies_read(const struct db_rows *rows, int row, struct tally_hour *h)
{
    enum { HOUR, ATTEMPTS, SUCCEEDED, EXHAUSTED, P50, P95, RETRIED, ACCEPTED };
    *h = (struct tally_hour){
        .hour_ms = db_i64(rows, row, HOUR),
        .attempts = db_i64(rows, row, ATTEMPTS),
        .succeeded = db_i64(rows, row, SUCCEEDED),
        .exhausted = db_i64(rows, row, EXHAUSTED),
        .p50_us = db_i64(rows, row, P50),
        .p95_us = db_i64(rows, row, P95),
        .retried = db_i64(rows, row, RETRIED),
        .accepted = db_null(rows, row, ACCEPTED) ? -1 : db_i64(rows, row, ACCEPTED),
    };
}

const struct db_stmt stmt_tally_list_webhooks = {
    "tally_list_webhooks",
    "select c.id, webhook_times($1::uuid, c.id), c.fits, c.ends from " WEBHOOKS_CHOSEN
    " order by c.id desc",
    8};

struct db_op *tallies_list_webhooks(struct db *db, const struct webhook_choice *choice, db_cb *cb,
                                    void *arg)
{
    return store_read(db, &stmt_tally_list_webhooks, DB_ARGS(WEBHOOK_CHOICE(choice)), cb, arg);
}

struct db_array tallies_hours(const struct db_rows *rows, int row)
{
    enum { ID, HOURS };
    return db_array(rows, row, HOURS);
}

/* What that part of them did not exceed, as times_part() of migrations/ has it. */
static int64_t part_of(const int64_t *times, int count, double part)
{
    double goal = 0, upto = 0, low = 0, high = FIRST;

    for (int i = 0; i < count; i++)
        goal += (double)times[i];
    goal *= part;
    for (int i = 0; i < count; i++) {
        double n = (double)times[i];
        upto += n;
        if (n > 0 && upto >= goal)
            return (int64_t)(low + (high - low) * (goal - upto + n) / n + 0.5);
        low = high;
        high *= SQRT_2;
    }
    return 0;
}

static bool next_number(struct db_array *array, int64_t *out)
{
    struct str element;

    if (!db_array_next(array, &element))
        return false;
    *out = db_element_i64(element);
    return true;
}

/* webhook_times() of migrations/. */
bool tallies_next_hour(struct db_array *hours, struct tally_hour *h)
{
    int64_t *const members[] = {&h->hour_ms, &h->attempts, &h->succeeded, &h->exhausted,
                                &h->retried};
    int64_t times[TALLY_TIMES], count, n;
    int known = 0;

    *h = (struct tally_hour){.accepted = -1};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!next_number(hours, members[i]))
            return false;
    if (!next_number(hours, &count))
        return false;
    while (count-- > 0 && next_number(hours, &n))
        if (known < TALLY_TIMES)
            times[known++] = n;
    h->p50_us = part_of(times, known, 0.5);
    h->p95_us = part_of(times, known, 0.95);
    return true;
}

const struct db_stmt stmt_tally_forget = {
    "tally_forget",
    "with k as (delete from tally where (" KEY ") in ("
    "  select " KEY " from tally t where hour < now() - ($1::int8 + 1) * interval '24 h'"
    "   and (exists (select from tally n where n.app_id = t.app_id"
    "     and n.webhook_id = t.webhook_id and n.hour > t.hour)"
    "    or not exists (select from app where id = t.app_id)"
    "    or (t.webhook_id <> " OF_APP " and not exists (select from webhook"
    "     where id = t.webhook_id and deleted_at is null)))"
    "   order by hour limit $2::int8 for update skip locked)"
    " returning 1)"
    " select count(*) from k",
    2};

struct db_op *tallies_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_tally_forget, DB_ARGS(DB_I64(days), DB_I64(limit)), cb, arg);
}
