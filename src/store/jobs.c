/* Jobs, as the API plans, begins, shows and cancels them. */
#include "store/jobs.h"

#include "sql.h"
#include "store/store.h"

/* What a plan looks at, so that its time is bounded however long the history is. */
#define PLAN_DELIVERIES 20000
#define PLAN_EVENTS     5000
#define PLAN_WEBHOOKS   1000

#define OF_APP          IS_ONE_OF("app_id", "$1::uuid")

/* --- plans ------------------------------------------------------------------------------------ */

/* The limit is a parameter, although it never changes: of one that it knows to be large the planner thinks
 * that all may as well be read and sorted. */
const struct db_stmt stmt_job_plan_again = {
    "job_plan_again",
    "with w as materialized ("
    " select id from webhook where app_id = $1::uuid and id between $2::uuid and $3::uuid"
    "  and deleted_at is null and status <> " DISABLED
    "  and ($12::text is null or url_host(url) = " HOST_GIVEN(
        "$12::text") ")"
                     " order by id limit " TEXT_OF(
                         PLAN_WEBHOOKS) "), x as materialized ("
                                        " select d.* from w cross join lateral ("
                                        "  select event_id, state, test, last_error, last_code, expires_at from delivery d"
                                        "  where " IS_ONE_OF(
                                            "d.webhook_id",
                                            "w.id") " and d.id > $4::uuid and d.id < $5::uuid"
                                                    "  order by d.webhook_id, d.id desc limit $10::int8) d limit $10::int8"
                                                    ") select count(*) filter (where x.state = $6::int8 and not x.test"
                                                    "  and x.expires_at is distinct from " ERASED
                                                    "  and ($11::uuid is null or x.event_id = $11::uuid)"
                                                    "  and ($7::int8 = 0 or x.last_error = $7::int8) and ($8::int8 = 0 or x.last_code = $8::int8)"
                                                    "  and ($9::text is null"
                                                    "   or (select type from event where event.id = x.event_id) = $9::text)),"
                                                    " count(*) < $10::int8 and (select count(*) from w) < " TEXT_OF(
                                                        PLAN_WEBHOOKS) " from x having exists (select from w) or $2::uuid <> $3::uuid",
    12};

const struct db_stmt stmt_job_plan_backfill = {
    "job_plan_backfill",
    "with w as materialized ("
    " select id, events, filter_plan, conditions from webhook where app_id = $1::uuid and id = $2::uuid"
    "  and deleted_at is null and status <> " DISABLED "), x as materialized ("
    " select *, sum(cost) over (order by id desc) <= " FILTERS_OF_ALL " as near from ("
    "  select id, type, test, erased_at, " FILTER_COST("(select conditions from w)") " as cost from event where " IS_ONE_OF(
        "app_id",
        "$1::uuid") "   and id > $3::uuid and id < $4::uuid order by app_id, id desc limit $6::int8) e"
                    ") select count(*) filter (where x.near and " JOB_LACKS(
                        "$5::text") "),"
                                    " count(*) < $6::int8 and bool_and(x.near) is not false"
                                    " from w left join x on true having count(w.id) > 0",
    6};

const struct db_stmt stmt_job_plan_erase = {
    "job_plan_erase",
    "select count(*) filter (where x.erased_at is null and ($4::text is null or x.type = $4::text)),"
    " count(*) < $5::int8 from (select type, erased_at from event where " OF_APP
    "  and id > $2::uuid and id < $3::uuid order by app_id, id desc limit $5::int8) x",
    5};

/* Whether it moves deliveries that have ended, or held ones. */
static bool is_again(enum job_kind kind)
{
    return kind == JOB_REPLAY || kind == JOB_RETRY;
}

void jobs_narrow(struct job_choice *c)
{
    struct id low = store_low(&c->event, 1), high = store_high(&c->event, 1);

    /* There is no event of a time to come, which an id may name: nothing is left. */
    low = id_cmp(low, c->before) < 0 ? low : c->before;
    c->since = id_cmp(low, c->since) > 0 ? low : c->since;
    c->before = id_cmp(high, c->before) < 0 ? high : c->before;
}

static struct db_value of_event(const struct job_choice *c)
{
    return c->of_event ? DB_ID(c->event) : DB_NULL;
}

struct db_op *jobs_plan(struct db *db, enum job_kind kind, const struct job_choice *c, db_cb *cb,
                        void *arg)
{
    if (kind == JOB_BACKFILL)
        return store_read(db, &stmt_job_plan_backfill,
                          DB_ARGS(DB_ID(c->app), DB_ID(c->webhook), DB_ID(c->since),
                                  DB_ID(c->before), DB_STR(c->type), DB_I64(PLAN_EVENTS)),
                          cb, arg);
    if (kind == JOB_ERASE)
        return store_read(db, &stmt_job_plan_erase,
                          DB_ARGS(DB_ID(c->app), DB_ID(c->since), DB_ID(c->before), DB_STR(c->type),
                                  DB_I64(PLAN_EVENTS)),
                          cb, arg);
    struct id low = {0};
    return store_read(db, &stmt_job_plan_again,
                      DB_ARGS(DB_ID(c->app), DB_ID(c->one ? c->webhook : low),
                              DB_ID(c->one ? c->webhook : id_last()), DB_ID(c->since),
                              DB_ID(c->before), DB_I64(c->state), DB_I64(c->error), DB_I64(c->code),
                              DB_STR(c->type), DB_I64(PLAN_DELIVERIES), of_event(c),
                              DB_STR(c->host)),
                      cb, arg);
}

void jobs_read_plan(const struct db_rows *rows, struct job_plan *plan)
{
    enum { MATCHED, EXACT };
    plan->matched = db_i64(rows, 0, MATCHED);
    plan->exact = db_bool(rows, 0, EXACT);
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* What was found counts when all was, or when it is more than was expected. */
#define COLUMNS                                                                          \
    "id, kind::int8, state::int8, webhook_id, chosen_state::int8, chosen_error::int8,"   \
    " chosen_code::int8, event_type, since, before,"                                     \
    " case when state = " JOB_DONE_TEXT " then found else greatest(matched, found) end," \
    " exact or state = " JOB_DONE_TEXT ", done, ms_of(ended_at), chosen_event, chosen_host"

#define OF_JOB "j.app_id, j.id, null"

void jobs_read(const struct db_rows *rows, int row, struct job *job)
{
    enum {
        ID,
        KIND,
        STATE,
        WEBHOOK,
        CHOSEN_STATE,
        CHOSEN_ERROR,
        CHOSEN_CODE,
        TYPE,
        SINCE,
        BEFORE,
        MATCHED,
        EXACT,
        DONE,
        ENDED,
        EVENT,
        HOST
    };
    job->id = db_id(rows, row, ID);
    job->kind = (enum job_kind)db_i64(rows, row, KIND);
    job->state = (enum job_state)db_i64(rows, row, STATE);
    job->one = !db_null(rows, row, WEBHOOK);
    if (job->one)
        job->webhook = db_id(rows, row, WEBHOOK);
    job->chosen_state =
        db_null(rows, row, CHOSEN_STATE) ? -1 : (int)db_i64(rows, row, CHOSEN_STATE);
    job->error = db_i64(rows, row, CHOSEN_ERROR);
    job->code = db_i64(rows, row, CHOSEN_CODE);
    job->type = db_str(rows, row, TYPE);
    job->since_ms = db_null(rows, row, SINCE) ? 0 : id_time_ms(db_id(rows, row, SINCE));
    job->before_ms = db_null(rows, row, BEFORE) ? 0 : id_time_ms(db_id(rows, row, BEFORE));
    job->plan.matched = db_i64(rows, row, MATCHED);
    job->plan.exact = db_bool(rows, row, EXACT);
    job->done = db_i64(rows, row, DONE);
    job->ended_ms = db_i64(rows, row, ENDED);
    job->of_event = !db_null(rows, row, EVENT);
    if (job->of_event)
        job->event = db_id(rows, row, EVENT);
    job->host = db_str(rows, row, HOST);
}

const struct db_stmt stmt_job_insert = {
    "job_insert",
    "with j as (insert into job (id, app_id, kind, webhook_id, since, before, chosen_state, chosen_error,"
    " chosen_code, event_type, matched, exact, at_webhook, at_id, chosen_event, chosen_host)"
    " select $1::uuid, $2::uuid, $3::int8, $4::uuid, $5::uuid, $6::uuid, $7::int8,"
    "  nullif($8::int8, 0), nullif($9::int8, 0), $10::text, $11::int8, $12::bool,"
    "  coalesce($4::uuid, id_floor('epoch')), $5::uuid, $19::uuid, " HOST_GIVEN(
        "$20::text") " where (select count(*) from job where app_id = $2::uuid and ended_at is null"
                     "  and not " JOB_FOLLOWS
                     ") < " TEXT_OF(JOB_ACTIVE_MAX) " returning *)" AUDITED(
                         "j", AUDIT_DEED(13, 14, 15, 16, 17, 18), OF_JOB) " select " COLUMNS
                                                                          " from j",
    20};

struct db_op *jobs_insert(struct db *db, struct id id, enum job_kind kind,
                          const struct job_choice *c, const struct job_plan *plan,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    bool again = is_again(kind);

    assert(!again || (delivery_may_move(ACTOR_PERSON, c->state, DELIVERY_PENDING) &&
                      delivery_may_move(ACTOR_PERSON, c->state, DELIVERY_HELD)));
    return store_exec(
        db, &stmt_job_insert,
        DB_ARGS(DB_ID(id), DB_ID(c->app), DB_I64(kind), c->one ? DB_ID(c->webhook) : DB_NULL,
                DB_ID(c->since), DB_ID(c->before), again ? DB_I64(c->state) : DB_NULL,
                DB_I64(c->error), DB_I64(c->code), DB_STR(c->type), DB_I64(plan->matched),
                DB_BOOL(plan->exact), DB_DEED(deed), of_event(c), DB_STR(c->host)),
        cb, arg);
}

const struct db_stmt stmt_job_list = {
    "job_list",
    "select " COLUMNS " from job where app_id = $1::uuid and id < $2::uuid"
    " and ($3::int8 < 0 or kind = $3::int8) and ($4::int8 < 0 or state = $4::int8)"
    " order by id desc limit $5::int8",
    5};

struct db_op *jobs_list(struct db *db, struct id app, int kind, int state, struct id before,
                        int limit, db_cb *cb, void *arg)
{
    return store_read(
        db, &stmt_job_list,
        DB_ARGS(DB_ID(app), DB_ID(before), DB_I64(kind), DB_I64(state), DB_I64(limit)), cb, arg);
}

const struct db_stmt stmt_job_get = {
    "job_get", "select " COLUMNS " from job where id = $1::uuid and app_id = $2::uuid", 2};

struct db_op *jobs_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_job_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

const struct db_stmt stmt_job_cancel = {
    "job_cancel",
    "with j as (update job set state = " JOB_CANCELLED_TEXT ", " JOB_END
    " where id = $1::uuid and app_id = $2::uuid and ended_at is null"
    "  and kind <> " JOB_SETTLE_TEXT
    " returning *)" AUDITED("j", AUDIT_DEED(3, 4, 5, 6, 7, 8), OF_JOB) " select " COLUMNS " from j",
    8};

struct db_op *jobs_cancel(struct db *db, struct id app, struct id id, const struct deed *deed,
                          db_cb *cb, void *arg)
{
    assert(job_may_move(JOB_BY_PERSON, JOB_REPLAY, JOB_WAITING, JOB_CANCELLED) &&
           job_may_move(JOB_BY_PERSON, JOB_REPLAY, JOB_RUNNING, JOB_CANCELLED));
    return store_exec(db, &stmt_job_cancel, DB_ARGS(DB_ID(id), DB_ID(app), DB_DEED(deed)), cb, arg);
}
