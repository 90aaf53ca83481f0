/* Webhooks: statements, binding, decoding. */
#include "store/webhooks.h"

#include "sql.h"
#include "store/store.h"

#define COLUMNS                                                                                                 \
    "w.id, w.app_id, w.url, w.events, w.status::int8, w.disabled_reason::int8, w.profile, "                     \
    "w.profile_options, " SIGNING_SECRET ", " PREVIOUS_SECRET ", "                                              \
    "case when w.previous_until > now() and (" SECRET_IS_AHEAD                                                  \
    ") is not true then ms_of(w.previous_until) end, "                                                          \
    "case when " SECRET_IS_AHEAD " then ms_of(w.secret_from) end, "                                             \
    "w.headers, w.auth, w.tls, w.retry_schedule, w.timeout_ms::int8, w.rate_limit::int8, w.concurrency::int8, " \
    "w.description, w.metadata, us_of(w.updated_at), w.managed, ms_of(now()), "                                 \
    "ms_of(w.gate_until), ms_of(w.failing_since), w.gate_limit, w.gate_failures::int8, "                        \
    "w.gate_openings::int8, w.gate_error::int8, w.batch_max::int8, w.ordering::int8, "                          \
    "webhook_day(w.app_id, w.id), w.uid, w.filter, w.filter_plan::text, w.conditions::int8"

enum {
    COL_ID,
    COL_APP,
    COL_URL,
    COL_EVENTS,
    COL_STATUS,
    COL_DISABLED_REASON,
    COL_PROFILE,
    COL_PROFILE_OPTIONS,
    COL_SECRET,
    COL_PREVIOUS_SECRET,
    COL_PREVIOUS_UNTIL,
    COL_SECRET_FROM,
    COL_HEADERS,
    COL_AUTH,
    COL_TLS,
    COL_RETRY_SCHEDULE,
    COL_TIMEOUT_MS,
    COL_RATE_LIMIT,
    COL_CONCURRENCY,
    COL_DESCRIPTION,
    COL_METADATA,
    COL_UPDATED,
    COL_MANAGED,
    COL_NOW,
    COL_GATE_UNTIL,
    COL_FAILING_SINCE,
    COL_GATE_LIMIT,
    COL_GATE_FAILURES,
    COL_GATE_OPENINGS,
    COL_GATE_ERROR,
    COL_BATCH_MAX,
    COL_ORDERING,
    COL_DAY,
    COL_UID,
    COL_FILTER,
    COL_FILTER_PLAN,
    COL_CONDITIONS,
    COL_REFUSAL, /* of those that were asked */
};

static_assert(WEBHOOKS_COL_FITS == COL_CONDITIONS + 1, "what is listed stands behind its columns");

/* webhook_day() of migrations/. */
static void read_day(const struct db_rows *rows, int row, struct webhook_day *day)
{
    int64_t *const members[] = {&day->last_success_ms, &day->last_fail_ms, &day->attempts,
                                &day->succeeded,       &day->exhausted,    &day->p50_us,
                                &day->p95_us,          &day->retried};
    struct db_array array = db_array(rows, row, COL_DAY);
    struct str element;

    *day = (struct webhook_day){0};
    for (size_t i = 0; i < ARRAY_LEN(members) && db_array_next(&array, &element); i++)
        *members[i] = db_element_i64(element);
}

void schedule_read(const struct db_rows *rows, int row, int column, struct schedule *schedule)
{
    struct db_array array = db_array(rows, row, column);
    struct str element;

    schedule->count = 0;
    while (schedule->count < SCHEDULE_STEPS_MAX && db_array_next(&array, &element))
        schedule->seconds[schedule->count++] = (int32_t)db_element_i64(element);
}

void webhooks_read(const struct db_rows *rows, int row, struct webhook *w)
{
    struct db_array events = db_array(rows, row, COL_EVENTS);

    w->id = db_id(rows, row, COL_ID);
    w->app = db_id(rows, row, COL_APP);
    w->uid = db_str(rows, row, COL_UID);
    w->filter = db_str(rows, row, COL_FILTER);
    w->filter_plan = db_str(rows, row, COL_FILTER_PLAN);
    w->conditions = db_i64(rows, row, COL_CONDITIONS);
    w->url = db_str(rows, row, COL_URL);
    w->event_count = 0;
    while (w->event_count < WEBHOOK_EVENTS_MAX &&
           db_array_next(&events, &w->events[w->event_count]))
        w->event_count++;
    w->status = (int)db_i64(rows, row, COL_STATUS);
    w->disabled_reason = (int)db_i64(rows, row, COL_DISABLED_REASON);
    w->profile = db_str(rows, row, COL_PROFILE);
    w->profile_options = db_str(rows, row, COL_PROFILE_OPTIONS);
    w->sealed_secret = db_str(rows, row, COL_SECRET);
    w->sealed_previous = db_str(rows, row, COL_PREVIOUS_SECRET);
    w->previous_until_ms = db_i64(rows, row, COL_PREVIOUS_UNTIL);
    w->secret_from_ms = db_i64(rows, row, COL_SECRET_FROM);
    w->sealed_headers = db_str(rows, row, COL_HEADERS);
    w->sealed_auth = db_str(rows, row, COL_AUTH);
    w->sealed_tls = db_str(rows, row, COL_TLS);
    schedule_read(rows, row, COL_RETRY_SCHEDULE, &w->schedule);
    w->timeout_ms = db_i64(rows, row, COL_TIMEOUT_MS);
    w->rate_limit = db_i64(rows, row, COL_RATE_LIMIT);
    w->concurrency = db_i64(rows, row, COL_CONCURRENCY);
    w->description = db_str(rows, row, COL_DESCRIPTION);
    w->metadata = db_str(rows, row, COL_METADATA);
    w->updated_us = db_i64(rows, row, COL_UPDATED);
    w->managed = db_str(rows, row, COL_MANAGED);
    w->now_ms = db_i64(rows, row, COL_NOW);
    w->batch_max = db_i64(rows, row, COL_BATCH_MAX);
    w->ordering = (int)db_i64(rows, row, COL_ORDERING);
    w->gate = (struct gate){
        .until_ms = db_i64(rows, row, COL_GATE_UNTIL),
        .failing_ms = db_i64(rows, row, COL_FAILING_SINCE),
        .limit = db_i64(rows, row, COL_GATE_LIMIT),
        .failures = (int32_t)db_i64(rows, row, COL_GATE_FAILURES),
        .openings = (int32_t)db_i64(rows, row, COL_GATE_OPENINGS),
        .error = (int32_t)db_i64(rows, row, COL_GATE_ERROR),
    };
    read_day(rows, row, &w->day);
}

struct recipient webhook_recipient(const struct webhook *w)
{
    return (struct recipient){
        .webhook = w->id,
        .url = w->url,
        .profile = w->profile,
        .options = w->profile_options,
        .sealed_secret = w->sealed_secret,
        .sealed_previous = w->sealed_previous,
        .sealed_headers = w->sealed_headers,
        .sealed_auth = w->sealed_auth,
        .sealed_tls = w->sealed_tls,
    };
}

#define OF_WEBHOOK "w.app_id, w.id, null"

/* $1 id, $2 app, and the settable columns from $3 to $24. */
#define SETTINGS(w)                                                                            \
    DB_ID((w)->id), DB_ID((w)->app), DB_STR((w)->url), DB_STRS((w)->events, (w)->event_count), \
        DB_I64((w)->status), DB_I64((w)->disabled_reason), DB_STR((w)->profile),               \
        DB_STR((w)->profile_options), DB_STR((w)->sealed_headers),                             \
        DB_I32S((w)->schedule.seconds, (w)->schedule.count), DB_I64((w)->timeout_ms),          \
        DB_I64((w)->rate_limit), DB_I64((w)->concurrency), DB_STR((w)->description),           \
        DB_STR((w)->metadata), DB_I64((w)->batch_seconds), DB_I64((w)->batch_max),             \
        DB_I64((w)->ordering), DB_STR((w)->sealed_auth), DB_STR((w)->sealed_tls),              \
        DB_STR((w)->uid), DB_STR((w)->filter), DB_STR((w)->filter_plan), DB_I64((w)->conditions)

const struct db_stmt stmt_webhook_insert = {
    "webhook_insert",
    "with w as ("
    " insert into webhook (id, app_id, url, events, status, disabled_reason, profile,"
    "  profile_options, headers, retry_schedule, timeout_ms, rate_limit, concurrency, description,"
    "  metadata, batch_seconds, batch_max, ordering, auth, tls, uid, filter, filter_plan, conditions, secret)"
    " select $1::uuid, $2::uuid, $3::text, $4::text[], $5::int8, $6::int8, $7::text, $8::text,"
    "  $9::bytea, $10::int8[], $11::int8, nullif($12::int8, 0), $13::int8, $14::text, $15::text,"
    "  $16::int8, $17::int8, $18::int8, $19::bytea, $20::bytea, $21::text,"
    "  $22::text, $23::text::jsonb, nullif($24::int8, 0), $25::bytea"
    "  where (select count(*) from (select from webhook"
    "   where app_id = $2::uuid and deleted_at is null limit $26::int8) x) < $26::int8"
    " returning *"
    "), s as ("
    " insert into subscription (app_id, pattern, webhook_id)"
    " select w.app_id, unnest(w.events), w.id from w"
    ")" AUDITED("w", AUDIT_DEED(27, 28, 29, 30, 31, 32), OF_WEBHOOK) " select " COLUMNS " from w",
    32};

struct db_op *webhooks_insert(struct db *db, const struct webhook *w, int64_t max,
                              const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_insert,
                      DB_ARGS(SETTINGS(w), DB_STR(w->sealed_secret), DB_I64(max), DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_webhook_get = {
    "webhook_get",
    "select " COLUMNS " from webhook w"
    " where w.id = $1::uuid and w.app_id = $2::uuid and w.deleted_at is null",
    2};

struct db_op *webhooks_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

#define REFUSAL_OF(data) \
    "case when filter_plan is not null then filter_refusal(filter_plan, " data ") end"

const struct db_stmt stmt_webhook_get_asked = {
    "webhook_get_asked",
    "select " COLUMNS ", " REFUSAL_OF(
        "event_json($3::bytea)") " from webhook w"
                                 " where w.id = $1::uuid and w.app_id = $2::uuid and w.deleted_at is null",
    3};

struct db_op *webhooks_get_asked(struct db *db, struct id app, struct id id, struct str data,
                                 db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_get_asked, DB_ARGS(DB_ID(id), DB_ID(app), DB_STR(data)), cb,
                      arg);
}

struct str webhooks_read_refusal(const struct db_rows *rows, int row)
{
    return db_str(rows, row, COL_REFUSAL);
}

const struct db_stmt stmt_webhook_explain = {
    "webhook_explain",
    "with w as materialized ("
    " select id, uid, status, " WANTED_STATUS " as gets, type_wanted(events, $3::text) as wants,"
    "  filter_plan from webhook"
    " where app_id = $1::uuid and id < $2::uuid and deleted_at is null"
    " order by id desc limit $5::int8"
    "), e as materialized ("
    " select event_json($4::bytea) as data"
    " where exists (select from w where wants and filter_plan is not null)"
    ") select id, uid, status::int8, gets, wants, " REFUSAL_OF(
        "(select data from e)") " from w order by id desc",
    5};

struct db_op *webhooks_explain(struct db *db, struct id app, struct str type, struct str data,
                               struct id before, int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_webhook_explain,
                      DB_ARGS(DB_ID(app), DB_ID(before), DB_STR(type), DB_STR(data), DB_I64(limit)),
                      cb, arg);
}

void webhooks_read_answer(const struct db_rows *rows, int row, struct webhook_answer *answer)
{
    enum { ID, UID, STATUS, GETS, WANTS, REFUSAL };

    *answer = (struct webhook_answer){
        .id = db_id(rows, row, ID),
        .uid = db_str(rows, row, UID),
        .status = (int)db_i64(rows, row, STATUS),
        .gets = db_bool(rows, row, GETS),
        .wants = db_bool(rows, row, WANTS),
        .refusal = db_str(rows, row, REFUSAL),
    };
}

const struct db_stmt stmt_webhook_find = {
    "webhook_find",
    "select id from webhook where app_id = $1::uuid and uid = $2::text and deleted_at is null", 2};

struct db_op *webhooks_find(struct db *db, struct id app, struct str uid, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_find, DB_ARGS(DB_ID(app), DB_STR(uid)), cb, arg);
}

const struct db_stmt stmt_webhook_get_secrets = {
    "webhook_get_secrets",
    "select secret, " SECRET_BEFORE " from webhook w where id = $1::uuid and deleted_at is null",
    1};

struct db_op *webhooks_get_secrets(struct db *db, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_get_secrets, DB_ARGS(DB_ID(id)), cb, arg);
}

/* Of the endpoint's gate: one that was disabled begins anew. */
#define STAYS_AS_IT_IS "(status <> " DISABLED " or $5::int8 = " DISABLED ")"

/* Another one than that which signs ends what is under way of a rotation. */
#define IS_SAME_SECRET SIGNING_SECRET " = $26::bytea"

const struct db_stmt stmt_webhook_update = {
    "webhook_update",
    "with w as ("
    " update webhook w set url = $3::text, events = $4::text[], status = $5::int8,"
    "  disabled_reason = $6::int8, profile = $7::text, profile_options = $8::text,"
    "  headers = $9::bytea, retry_schedule = $10::int8[], timeout_ms = $11::int8,"
    "  rate_limit = nullif($12::int8, 0), concurrency = $13::int8, description = $14::text,"
    "  metadata = $15::text, batch_seconds = $16::int8, batch_max = $17::int8, ordering = $18::int8,"
    "  auth = $19::bytea, tls = $20::bytea, uid = $21::text,"
    "  filter = $22::text, filter_plan = $23::text::jsonb, conditions = nullif($24::int8, 0),"
    "  secret = case when " IS_SAME_SECRET " then secret else $26::bytea end,"
    "  previous_secret = case when " IS_SAME_SECRET " then previous_secret end,"
    "  previous_until = case when " IS_SAME_SECRET " then previous_until end,"
    "  secret_from = case when " IS_SAME_SECRET " then secret_from end,"
    "  gate_until = case when " STAYS_AS_IT_IS " then gate_until end,"
    "  failing_since = case when " STAYS_AS_IT_IS " then failing_since end,"
    "  gate_limit = case when " STAYS_AS_IT_IS " then gate_limit else 0 end,"
    "  gate_failures = case when " STAYS_AS_IT_IS " then gate_failures else 0 end,"
    "  gate_openings = case when " STAYS_AS_IT_IS " then gate_openings else 0 end,"
    "  gate_streak = case when " STAYS_AS_IT_IS " then gate_streak else 0 end,"
    "  gate_cut = case when " STAYS_AS_IT_IS " then gate_cut end,"
    "  gate_at = case when " STAYS_AS_IT_IS " then gate_at end,"
    "  gate_error = case when " STAYS_AS_IT_IS " then gate_error else 0 end, " TOUCH
    " where id = $1::uuid and app_id = $2::uuid and deleted_at is null"
    "  and us_of(updated_at) = $25::int8"
    " returning *"
    "), gone as ("
    " delete from subscription s using w where s.webhook_id = w.id and s.pattern <> all (w.events)"
    "), added as ("
    " insert into subscription (app_id, pattern, webhook_id)"
    " select w.app_id, unnest(w.events), w.id from w on conflict do nothing"
    ")" AUDITED("w", AUDIT_DEED(27, 28, 29, 30, 31, 32), OF_WEBHOOK) " select " COLUMNS " from w",
    32};

struct db_op *webhooks_update(struct db *db, const struct webhook *w, const struct deed *deed,
                              db_cb *cb, void *arg)
{
    return store_exec(
        db, &stmt_webhook_update,
        DB_ARGS(SETTINGS(w), DB_I64(w->updated_us), DB_STR(w->sealed_secret), DB_DEED(deed)), cb,
        arg);
}

const struct db_stmt stmt_webhook_rotate = {
    "webhook_rotate",
    "with w as ("
    " update webhook w set previous_secret = " SIGNING_SECRET ", secret = $3::bytea,"
    "  previous_until = now() + ($4::int8 + $5::int8) * interval '1 s',"
    "  secret_from = case when $5::int8 > 0 then now() + $5::int8 * interval '1 s' end, " TOUCH
    " where id = $1::uuid and app_id = $2::uuid and deleted_at is null and managed is null"
    " returning *"
    ")" AUDITED("w", AUDIT_DEED(6, 7, 8, 9, 10, 11), OF_WEBHOOK) " select " COLUMNS " from w",
    11};

struct db_op *webhooks_rotate(struct db *db, struct id app, struct id id,
                              const struct rotation *rotation, const struct deed *deed, db_cb *cb,
                              void *arg)
{
    return store_exec(db, &stmt_webhook_rotate,
                      DB_ARGS(DB_ID(id), DB_ID(app), DB_STR(rotation->sealed_secret),
                              DB_I64(rotation->overlap_seconds), DB_I64(rotation->delay_seconds),
                              DB_DEED(deed)),
                      cb, arg);
}

const struct db_stmt stmt_webhook_delete = {
    "webhook_delete",
    "with w as ("
    " update webhook set " DELETE_WEBHOOK
    " where id = $1::uuid and app_id = $2::uuid and deleted_at is null and managed is null"
    " returning id, app_id"
    "), gone as (delete from subscription s using w where s.webhook_id = w.id"
    ")" AUDITED("w", AUDIT_DEED(3, 4, 5, 6, 7, 8), OF_WEBHOOK) " select id from w",
    8};

struct db_op *webhooks_delete(struct db *db, struct id app, struct id id, const struct deed *deed,
                              db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_delete, DB_ARGS(DB_ID(id), DB_ID(app), DB_DEED(deed)), cb,
                      arg);
}

/* Lateral with offset 0: each of the page by its key, and nobody else's. */
const struct db_stmt stmt_webhook_list = {"webhook_list",
                                          "select " COLUMNS ", c.fits, c.ends from " WEBHOOKS_CHOSEN
                                          " cross join lateral (select * from webhook"
                                          "  where id = c.id offset 0) w order by c.id desc",
                                          8};

struct db_op *webhooks_list(struct db *db, const struct webhook_choice *choice, db_cb *cb,
                            void *arg)
{
    return store_read(db, &stmt_webhook_list, DB_ARGS(WEBHOOK_CHOICE(choice)), cb, arg);
}

/* The oldest of each webhook by the index of what is pending. */
const struct db_stmt stmt_webhook_standing = {
    "webhook_standing",
    "select count(*), count(*) filter (where w.status = " ACTIVE "),"
    " count(*) filter (where webhook_fits(w, -1, null, false, 1)),"
    " ms_of(min(d.next_at) filter (where d.next_at <= now()))"
    " from webhook w left join lateral (select next_at from delivery"
    "  where webhook_id = w.id and state = " PENDING " order by next_at limit 1) d on true"
    " where w.app_id = $1::uuid and w.deleted_at is null",
    1};

struct db_op *webhooks_standing(struct db *db, struct id app, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_webhook_standing, DB_ARGS(DB_ID(app)), cb, arg);
}

struct standing webhooks_read_standing(const struct db_rows *rows)
{
    enum { WEBHOOKS, ACTIVE_ONES, NEEDS_ATTENTION, OLDEST };
    return (struct standing){db_i64(rows, 0, WEBHOOKS), db_i64(rows, 0, ACTIVE_ONES),
                             db_i64(rows, 0, NEEDS_ATTENTION), db_i64(rows, 0, OLDEST)};
}

#define IN_HISTORY "exists (select from delivery d where " IS_ONE_OF("d.webhook_id", "w.id") ")"

/* The history of a webhook joins its row, so that stays until retention has taken the last delivery. */
const struct db_stmt stmt_webhook_forget = {
    "webhook_forget",
    "with w as (delete from webhook where id in ("
    "  select id from webhook w where deleted_at < now() - ($1::int8 + 1) * interval '24 h'"
    "   and not " IN_HISTORY
    "   and not exists (select from job j where j.webhook_id = w.id and j.ended_at is null)"
    "  limit $2::int8 for update of w skip locked) returning id)"
    " select count(*) from w",
    2};

struct db_op *webhooks_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_forget, DB_ARGS(DB_I64(days), DB_I64(limit)), cb, arg);
}

/* Whatever failed before the webhook was last changed is not held against it. */
const struct db_stmt stmt_webhook_disable_failing = {
    "webhook_disable_failing",
    "update webhook set status = " DISABLED ", disabled_reason = " REASON_FAILING ","
    " " TOUCH " where id in ("
    "  select id from webhook where $1::int8 > 0 and $2::int8 > 0 and gate_failures >= $2::int8"
    "   and greatest(failing_since, updated_at) <= now() - $1::int8 * interval '24 h'"
    "   and status = " ACTIVE " and deleted_at is null for update skip locked)"
    " returning id, app_id, ms_of(failing_since), gate_failures::int8, gate_error::int8",
    2};

struct db_op *webhooks_disable_failing(struct db *db, int64_t days, int64_t failures, db_cb *cb,
                                       void *arg)
{
    return store_exec(db, &stmt_webhook_disable_failing, DB_ARGS(DB_I64(days), DB_I64(failures)),
                      cb, arg);
}

/* --- what is sealed --------------------------------------------------------------------------- */

/* A previous secret that is not valid any more is not worth a key. */
const struct db_stmt stmt_webhook_list_sealed = {
    "webhook_list_sealed",
    "select w.id, us_of(w.updated_at), w.url, w.profile, w.profile_options, w.secret, " SECRET_BEFORE
    ", w.headers, w.auth, w.tls from webhook w where w.id > $1::uuid and w.deleted_at is null"
    " order by w.id limit $2::int8",
    2};

struct db_op *webhooks_list_sealed(struct db *db, struct id after, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_list_sealed, DB_ARGS(DB_ID(after), DB_I64(limit)), cb, arg);
}

void sealed_read(const struct db_rows *rows, int row, struct sealed *s)
{
    enum { ID, UPDATED, URL, PROFILE, OPTIONS, SECRET, PREVIOUS, HEADERS, AUTH, TLS };
    s->webhook = db_id(rows, row, ID);
    s->updated_us = db_i64(rows, row, UPDATED);
    s->url = db_str(rows, row, URL);
    s->profile = db_str(rows, row, PROFILE);
    s->options = db_str(rows, row, OPTIONS);
    s->secret = db_str(rows, row, SECRET);
    s->previous = db_str(rows, row, PREVIOUS);
    s->headers = db_str(rows, row, HEADERS);
    s->auth = db_str(rows, row, AUTH);
    s->tls = db_str(rows, row, TLS);
}

const struct db_stmt stmt_webhook_seal_again = {
    "webhook_seal_again",
    "with w as ("
    "update webhook set profile_options = $3::text, secret = $4::bytea, previous_secret = $5::bytea,"
    " headers = $6::bytea, auth = $7::bytea, tls = $8::bytea, updated_at = updated_at + interval '1 us'"
    " where id = $1::uuid and us_of(updated_at) = $2::int8 and deleted_at is null"
    " returning id, app_id)" AUDITED("w", AUDIT_DEED(9, 10, 11, 12, 13, 14),
                                     OF_WEBHOOK) " select id from w",
    14};

struct db_op *webhooks_seal_again(struct db *db, const struct sealed *s, const struct deed *deed,
                                  db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_webhook_seal_again,
                      DB_ARGS(DB_ID(s->webhook), DB_I64(s->updated_us), DB_STR(s->options),
                              DB_STR(s->secret), DB_STR(s->previous), DB_STR(s->headers),
                              DB_STR(s->auth), DB_STR(s->tls), DB_DEED(deed)),
                      cb, arg);
}
