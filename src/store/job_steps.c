/* The steps of jobs. Each is one statement under the lock of the job's row, which moves the job's place in
 * the same commit: what is not committed was not done, what is will not be done again. That commit waits for
 * the disk although a worker's does not: what it made may be sent at once. */
#include "sql.h"
#include "store/jobs.h"
#include "store/store.h"

#define PAGE            "10" /* webhooks that a step of a retry looks at */
#define LOOKED_AT       "4"  /* of those that a step of a fan-out goes to */
#define SHARE_MIN       "10" /* of a step for each webhook that it settles */
#define ROOM            TEXT_OF(JOB_ROOM)
#define FANOUT_ROOM     TEXT_OF(JOB_FANOUT_ROOM)
#define FANOUT_ROOM_MIN TEXT_OF(JOB_FANOUT_ROOM_MIN)
#define STALLS_MAX      TEXT_OF(JOB_STALLS_MAX)
#define FAILURES_MAX    TEXT_OF(JOB_FAILURES_MAX)
#define FOLLOWS_PAUSE   TEXT_OF(JOB_FOLLOWS_PAUSE_S)
#define MS(number)      "interval '" TEXT_OF(number) " ms'"
#define REST            MS(JOB_REST_MS)
#define REST_MAX        MS(JOB_REST_MAX_MS)
#define LOOK_AGAIN      MS(JOB_SETTLE_EVERY_MS)
#define IN_FLIGHT       MS(JOB_SETTLE_AFTER_MS)
#define OF_ITS          IS_ONE_OF("d.webhook_id", "w.id")
#define OF_APP          IS_ONE_OF("app_id", "j.app_id")
#define LACKS_IT        JOB_LACKS("j.event_type")

/* $1: the job. */
#define DURABLE "set_config('synchronous_commit', 'on', true) = 'on'"
#define JOB_J                                                     \
    "j as materialized ("                                         \
    " select * from job where id = $1::uuid and ended_at is null" \
    "  and " DURABLE " for update skip locked)"

/* Of a webhook w and its job j: so much of it waits that the job rests. */
#define FULL_WITH(room)                                                \
    "j.stalls < " STALLS_MAX " and w.status = " ACTIVE " and exists (" \
    " select from delivery d where " OF_ITS " and d.state = " PENDING  \
    "  and d.next_at <= now() order by d.webhook_id, d.next_at"        \
    "  offset " room " limit 1) as is_full"
#define FULL FULL_WITH(ROOM)
#define FANOUT_FULL \
    FULL_WITH("least(greatest(" FANOUT_ROOM " / c.width, " FANOUT_ROOM_MIN "), " ROOM ")")

/* Of an event e that gets deliveries after it was accepted: it is not erased meanwhile, or they are none. */
#define EVENT_LOCKED                                            \
    "(select lane, replaces, deliver_at, expires_at from event" \
    "  where event.id = e.id and erased_at is null for share)"

#define BEGUN_STATE "case w.status when " ACTIVE " then " PENDING " else " HELD " end"

/* Of the job and of what a step found, s (over, stalled): what every kind of step writes. Nobody's step begins before
 * stepped_at. */
#define STEPPED                                                                                     \
    "state = case when s.over then " JOB_DONE_TEXT " else " JOB_RUNNING_TEXT " end,"                \
    " ended_at = case when s.over then now() end, events = case when not s.over then t.events end," \
    " webhooks = case when not s.over then t.webhooks end,"                                         \
    " found = t.found + s.found, done = t.done + s.done, failures = 0,"                             \
    " stepped_at = clock_timestamp() + least(clock_timestamp() - statement_timestamp(), " REST_MAX  \
    "),"                                                                                            \
    " stalls = case when s.stalled then least(t.stalls + 1, " STALLS_MAX ") else 0 end,"            \
    " step_at = case when s.stalled then now() + case t.kind when " JOB_SETTLE_TEXT                 \
    "  then " LOOK_AGAIN " else " REST " end else t.step_at end"
#define OF_STEP     " returning t.id, t.state, s.stalled, t.done"
#define SELECT_STEP "select u.id, u.state::int8, u.stalled, u.done, " QUEUE_ENTRY " from u"

/* Webhook after webhook, and of each delivery after delivery: at_webhook and at_id are the last that was
 * looked at, or at_id is `before`, when nothing is left of that webhook. */
const struct db_stmt stmt_job_step_again = {
    "job_step_again",
    "with " JOB_J ", page as materialized ("
    " select w.*, " FULL " from j cross join lateral ("
    "  select id, status, concurrency, rate_limit, batch_max from webhook"
    "  where app_id = j.app_id and id >= j.at_webhook"
    "   and id <= coalesce(j.webhook_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
    "   and (id > j.at_webhook or j.at_id < j.before)"
    "   and deleted_at is null and status <> " DISABLED
    "   and (j.chosen_host is null or url_host(url) = j.chosen_host)"
    "  order by id limit " PAGE ") w"
    "), open as materialized ("
    " select * from page where id < all (select id from page where is_full)"
    "), x as materialized ("
    " select d.* from j cross join open w cross join lateral ("
    "  select id, event_id, webhook_id, state, test, last_error, last_code, expires_at from delivery d"
    "  where " OF_ITS " and d.id < j.before"
    "   and d.id > case when w.id = j.at_webhook then j.at_id else j.since end"
    "  order by d.webhook_id desc, d.id limit $2::int8) d"
    " order by d.webhook_id, d.id limit $2::int8"
    "), m as materialized ("
    " select x.id, x.webhook_id, j.chosen_state, row_number() over (order by x.id) as n"
    " from x cross join j"
    " where x.state = j.chosen_state and not x.test and x.expires_at is distinct from " ERASED
    "  and (j.chosen_event is null or x.event_id = j.chosen_event)"
    "  and (j.chosen_error is null or x.last_error = j.chosen_error)"
    "  and (j.chosen_code is null or x.last_code = j.chosen_code)"
    "  and (j.event_type is null"
    "   or (select type from event where event.id = x.event_id) = j.event_type)"
    "), d as ("
    " update delivery t set state = " BEGUN_STATE ", next_at = now(), " BEGIN_ANEW ","
    "  turn = " NEW_TURN " + m.n"
    " from m join open w on w.id = m.webhook_id where t.id = m.id and t.state = m.chosen_state"
    "  and t.expires_at is distinct from " ERASED
    " returning t.id, t.webhook_id, t.app_id, t.test, t.next_at, t.state"
    "), n as materialized ("
    " select (select count(*) from x) as looked, (select count(*) from m) as found,"
    "  (select count(*) from d) as done, (select count(*) from page) as pages,"
    "  (select count(*) from open) as opens"
    "), s as ("
    " select found, done, looked = $2::int8 as cut, opens,"
    "  looked < $2::int8 and opens = pages and pages < " PAGE " as over,"
    "  opens = 0 and pages > 0 as stalled from n"
    "), u as ("
    " update job t set " STEPPED ","
    "  at_webhook = case when s.cut then (select webhook_id from x order by webhook_id desc limit 1)"
    "   when s.opens > 0 then (select id from open order by id desc limit 1)"
    "   else t.at_webhook end,"
    "  at_id = case when s.cut then (select id from x order by webhook_id desc, id desc limit 1)"
    "   when s.opens > 0 then t.before else t.at_id end"
    " from j, s where t.id = j.id" OF_STEP ") " SELECT_STEP " left join d on d.state = " PENDING
    " left join open w on w.id = d.webhook_id",
    2};

/* Event after event. What the webhook has, it has: a delivery of the event, whatever became of it. */
const struct db_stmt stmt_job_step_backfill = {
    "job_step_backfill",
    "with " JOB_J ", w as materialized ("
    " select w.id, w.app_id, w.status, w.events, w.concurrency, w.rate_limit, w.batch_max,"
    "  w.ordering, w.filter_plan, w.conditions, " FULL
    " from j join webhook w on w.id = j.webhook_id"
    " where w.deleted_at is null and w.status <> " DISABLED "), page as materialized ("
    " select e.*, sum(e.cost) over (order by e.id) - e.cost < " FILTERS_OF_ALL " as near"
    " from j cross join w cross join lateral ("
    "  select id, type, test, lane, expires_at, erased_at, " FILTER_COST(
        "w.conditions") " as cost from event where " OF_APP
                        "   and id > j.at_id and id < j.before order by app_id desc, id limit $2::int8) e where not w.is_full"
                        "), x as materialized (select * from page where near"
                        "), m as materialized ("
                        " select x.id, x.expires_at, " LANE_OF(
                            "x") " as lane, row_number() over (order by x.id) as n"
                                 " from x cross join w cross join j where " LACKS_IT
                                 "), k as materialized ("
                                 " select e.* from m e cross join lateral " EVENT_LOCKED
                                 " o), d as ("
                                 " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, lane, turn,"
                                 "  expires_at)"
                                 " select new_delivery_id(k.id), k.id, w.id, w.app_id, now(), " BEGUN_STATE
                                 ", false, lane,"
                                 "  " NEW_TURN " + k.n, k.expires_at"
                                 " from k cross join w returning id, webhook_id, app_id, test, next_at, state"
                                 "), s as materialized ("
                                 " select (select count(*) from m) as found, (select count(*) from d) as done,"
                                 "  (select count(*) from page) < $2::int8 and (select bool_and(near) from page) is not false"
                                 "   and not exists (select from w where is_full) as over,"
                                 "  exists (select from w where is_full) as stalled"
                                 "), u as ("
                                 " update job t set " STEPPED ","
                                 "  at_id = coalesce((select id from x order by id desc limit 1), t.at_id)"
                                 " from j, s where t.id = j.id" OF_STEP ") " SELECT_STEP
                                 " left join d on d.state = " PENDING
                                 " left join w on w.id = d.webhook_id",
    2};

/* Pair after pair: the first event to every webhook, the second to every webhook, and so on. They were
 * subscribed when the event was accepted; what was deleted since gets none. The arrays are unpacked once
 * each: they may be long. It rests when some of the webhooks whose turn it is, chosen by chance, are all full: one that
 * takes nothing does not hold up the others. */
const struct db_stmt stmt_job_step_fanout = {
    "job_step_fanout",
    "with " JOB_J ", f as materialized ("
    " select bool_and(w.is_full) is true as is_full from j"
    "  cross join lateral (select cardinality(j.webhooks) as width) c"
    "  cross join lateral (select greatest(least($2::int8, c.width, j.matched - j.at_place), 1) as span,"
    "   random() as chance) p"
    "  cross join generate_series(0, " LOOKED_AT " - 1) k"
    "  cross join lateral (select " FANOUT_FULL
    " from webhook w where w.id = j.webhooks[1 + (j.at_place"
    "   + ((p.chance * p.span)::int8 + k * p.span / " LOOKED_AT ") % p.span) % c.width]"
    "   and w.deleted_at is null offset 0) w"
    "), a as materialized ("
    " select app_id, events, webhooks, cardinality(webhooks) as width, at_place as low,"
    "  least(at_place + case when f.is_full then 0 else $2::int8 end, matched) as high, matched,"
    "  f.is_full from j, f"
    "), e as materialized ("
    " select e.id, (e.n - 1) * a.width as base"
    " from a cross join lateral unnest(a.events) with ordinality e (id, n)"
    " where e.n > a.low / a.width and (e.n - 1) * a.width < a.high"
    "), l as materialized ("
    " select e.id, o.* from e cross join lateral " EVENT_LOCKED " o"
    "), v as materialized ("
    " select v.id, v.n from a cross join lateral unnest(a.webhooks) with ordinality v (id, n)"
    "), x as materialized ("
    " select e.id as event_id, a.app_id, v.id as webhook_id, e.base + v.n as n from a, e, v"
    " where e.base + v.n > a.low and e.base + v.n <= a.high"
    "), w as materialized ("
    " select x.event_id, w.*, x.n from x cross join lateral ("
    "   select id, app_id, status, ordering, batch_max, filter_plan from webhook"
    "   where id = x.webhook_id and deleted_at is null offset 0) w"
    "), read as materialized ("
    " select l.id, event_json(o.data) as data from ("
    "  select distinct event_id as id from w where filter_plan is not null) l"
    "  cross join lateral (select data from event where event.id = l.id offset 0) o"
    "), d as ("
    " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, lane, turn,"
    "  replaces, expires_at)"
    " select new_delivery_id(e.id), e.id, w.id, w.app_id,"
    "  greatest(now(), e.deliver_at), " BEGUN_STATE ", false, " LANE_OF(
        "e") ","
             "  case when (" LANE_OF(
                 "e") ") is not null and (e.deliver_at > now()) is not true"
                      "   then (select nextval('delivery_turn')) + w.n end, e.replaces, e.expires_at"
                      " from w join l e on e.id = w.event_id left join read r on r.id = w.event_id"
                      " where w.filter_plan is null or filter_refusal(w.filter_plan, r.data) is null"
                      " returning id, webhook_id, app_id, test, next_at, state, replaces"
                      "), r as materialized ("
                      " select count(*) as woken from deliveries_replace(("
                      "  select array_agg(id order by id) from d where replaces is not null), " ERROR_SUPERSEDED
                      "::int2)"
                      "), s as materialized ("
                      " select (select count(*) from x) as found, (select count(*) from d) as done,"
                      "  (select high >= matched from a) and (select woken from r) >= 0 as over,"
                      "  (select is_full from a) as stalled"
                      "), u as ("
                      " update job t set " STEPPED ", at_place = (select high from a)"
                      " from j, s where t.id = j.id" OF_STEP ") " SELECT_STEP
                      " left join d on d.state = " PENDING
                      " left join lateral (select concurrency, rate_limit, batch_max from webhook"
                      "  where webhook.id = d.webhook_id offset 0) w on true",
    2};

/* Event after event. One that has more deliveries than a step takes has several, with the place before it until the
 * last of them is done: those that are have a mark. */
const struct db_stmt stmt_job_step_erase = {
    "job_step_erase",
    "with " JOB_J ", x as materialized ("
    " select e.* from j cross join lateral ("
    "  select id, type, erased_at from event where " OF_APP " and id > j.at_id and id < j.before"
    "   order by app_id desc, id limit $2::int8) e"
    "), m as materialized ("
    " select x.id from x cross join j"
    " where x.erased_at is null and (j.event_type is null or x.type = j.event_type)"
    "), r as materialized ("
    " select * from events_erase((select array_agg(id order by id) from m), $2::int8, " ERROR_ERASED
    "::int2)"
    "), c as materialized ("
    " select (select id from m where id not in (select erased from r where erased is not null)"
    "  order by id limit 1) as id"
    "), s as materialized ("
    " select count(r.erased) as found, count(r.erased) as done, false as stalled,"
    "  (select count(*) from x) < $2::int8 and (select id from c) is null as over from r"
    "), u as ("
    " update job t set " STEPPED ","
    "  at_id = coalesce((select x.id from x, c where c.id is null or x.id < c.id"
    "   order by x.id desc limit 1), t.at_id)"
    " from j, s where t.id = j.id" OF_STEP
    ") select u.id, u.state::int8, u.stalled, u.done, " WOKEN_ENTRY
    " from u left join r on r.id is not null",
    2};

/* Deliveries d to be moved, after the status of their webhook w, by the index of each state: what others have waiting is
 * not looked at. */
#define OF_W "delivery d where " IS_ONE_OF("d.webhook_id", "w.id")
#define TO_RESUME                                                           \
    OF_W " and d.state = " HELD " and (w.deleted or w.status = " ACTIVE ")" \
         " order by d.webhook_id, d.id"
#define TO_HOLD                                                                 \
    OF_W " and d.state = " PENDING " and (w.deleted or w.status <> " ACTIVE ")" \
         " and not d.test and " NOT_LEASED " order by d.webhook_id, d.next_at"

/* With the job, others of its kind that are due: most have little to do, and what a step costs is mostly that there is
 * one. What failed has its steps alone: it does not hold the others up. Every webhook gets its share, what is held
 * oldest first; what another session has locked is left for the next step. A job is over when a step finds nothing that
 * is to be moved, and not before whatever began to accept or claim under an earlier status has ended: it may still write
 * what is to be moved here. The webhook's row is locked meanwhile, so that its status does not change between the look
 * and the end (0014_settle.sql); if another has it, there is a step again. A delivery in flight is left to its attempt;
 * the claim looks at the webhook again. A retry that was held keeps its time; what slept in a lane is claimed, and goes
 * to sleep, once more. */
const struct db_stmt stmt_job_step_settle = {
    "job_step_settle",
    "with j as materialized ("
    " select id, webhook_id from job where kind = " JOB_SETTLE_TEXT " and ended_at is null"
    "  and (id = $1::uuid or (step_at <= now() and failures = 0"
    "   and (select failures from job where id = $1::uuid) = 0)) and " DURABLE
    " order by id <> $1::uuid, stepped_at, id"
    " limit greatest($2::int8 / " SHARE_MIN ", 1) for update skip locked"
    "), w as materialized ("
    " select l.*, greatest($2::int8 / count(*) over (), 1) as share from ("
    "  select x.* from j cross join lateral ("
    "   select id, status, deleted_at is not null as deleted, concurrency, rate_limit, batch_max,"
    "    greatest(updated_at, deleted_at) < now() - " IN_FLIGHT " as old"
    "   from webhook where id = j.webhook_id for no key update skip locked) x) l"
    "), n as materialized ("
    " select h.id, w.id as webhook_id, w.status, w.deleted from w cross join lateral (("
    "  select id from (select d.id from " TO_RESUME
    "   limit w.share for no key update skip locked) r"
    " ) union all ("
    "  select id from (select d.id from " TO_HOLD
    "   limit w.share for no key update skip locked) p"
    " )) h"
    "), d as ("
    " update delivery t set"
    "  state = case when n.deleted then " CANCELLED " when n.status = " ACTIVE " then"
    "   " PENDING " else " HELD " end,"
    "  next_at = case when t.turn > 0 then now() else t.next_at end,"
    "  completed_at = case when n.deleted then now() end"
    " from n where t.id = n.id"
    "  and (t.state = " HELD " or (t.state = " PENDING " and " NOT_LEASED "))"
    " returning t.id, t.webhook_id, t.app_id, t.test, t.next_at, t.state"
    "), s as materialized ("
    " select j.id, coalesce(f.found, 0) as found, coalesce(m.done, 0) as done,"
    "  coalesce(f.found, 0) < coalesce(w.share, 1) as stalled,"
    "  case when f.found > 0 then false"
    "   when w.id is null then not exists (select from webhook x where x.id = j.webhook_id)"
    "   else w.old and (select d.id from " TO_RESUME " limit 1) is null"
    "    and (select d.id from " TO_HOLD " limit 1) is null end as over"
    " from j left join w on w.id = j.webhook_id"
    "  left join (select webhook_id, count(*) as found from n group by webhook_id) f"
    "   on f.webhook_id = j.webhook_id"
    "  left join (select webhook_id, count(*) as done from d group by webhook_id) m"
    "   on m.webhook_id = j.webhook_id"
    "), u as ("
    " update job t set " STEPPED " from s where t.id = s.id" OF_STEP ", t.webhook_id"
    ") " SELECT_STEP " left join d on d.webhook_id = u.webhook_id and d.state = " PENDING
    " left join w on w.id = d.webhook_id order by u.id, d.id",
    2};

static const struct db_stmt *const steps[JOB_KINDS] = {
    [JOB_REPLAY] = &stmt_job_step_again,      [JOB_RETRY] = &stmt_job_step_again,
    [JOB_BACKFILL] = &stmt_job_step_backfill, [JOB_FANOUT] = &stmt_job_step_fanout,
    [JOB_ERASE] = &stmt_job_step_erase,       [JOB_SETTLE] = &stmt_job_step_settle,
};

struct db_op *jobs_step(struct db *db, enum job_kind kind, struct id id, int64_t limit, db_cb *cb,
                        void *arg)
{
    assert(limit > 0 && job_may_move(JOB_BY_RUNNER, kind, JOB_RUNNING, JOB_DONE));
    return store_exec(db, steps[kind], DB_ARGS(DB_ID(id), DB_I64(limit)), cb, arg);
}

void jobs_read_step(const struct db_rows *rows, int row, struct job_step *step)
{
    enum { ID, STATE, STALLED, DONE };
    step->id = db_id(rows, row, ID);
    step->state = (enum job_state)db_i64(rows, row, STATE);
    step->stalled = db_bool(rows, row, STALLED);
    step->done = db_i64(rows, row, DONE);
    step->queued = !db_null(rows, row, JOB_STEP_ENTRY);
}

/* Until when all rest, of those that have not ended or did so just now; and how long that is yet. */
#define REST_OF(which) \
    "(select max(stepped_at) from job where " which " and stepped_at > clock_timestamp())"
#define RUNNING_REST REST_OF("ended_at is null")
#define ENDED_REST   REST_OF("ended_at > now() - 2 * " REST_MAX)
#define REST_MS \
    "coalesce(ms_of(greatest(" RUNNING_REST ", " ENDED_REST ")) - ms_of(clock_timestamp()), 0)"

const struct db_stmt stmt_job_next = {
    "job_next",
    "select id, kind::int8, " REST_MS " from ("
    " select id, kind, max(stepped_at) over (partition by app_id) as turn,"
    "  row_number() over (partition by app_id"
    "   order by not " JOB_FOLLOWS ", stepped_at, id) as place"
    " from job where ended_at is null and step_at <= now()"
    ") j where place = 1 order by turn, id limit 1",
    0};

struct db_op *jobs_next(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_job_next, DB_ARGS(), cb, arg);
}

const struct db_stmt stmt_job_put_off = {
    "job_put_off",
    "update job j set failures = f.failures, stepped_at = now(),"
    " step_at = now() + interval '1 s' * least(1 << f.before, f.pause_max),"
    " state = case when f.fails then " JOB_FAILED_TEXT " else j.state end,"
    " ended_at = case when f.fails then now() end from ("
    "  select id, failures as before, least(failures + 1, " FAILURES_MAX ") as failures,"
    "   case when " JOB_FOLLOWS " then " FOLLOWS_PAUSE " else 1 << " FAILURES_MAX
    " end as pause_max,"
    "   not " JOB_FOLLOWS " and failures + 1 >= " FAILURES_MAX " as fails"
    "  from job where id = $1::uuid and ended_at is null for update) f"
    " where j.id = f.id returning j.state = " JOB_FAILED_TEXT,
    1};

struct db_op *jobs_put_off(struct db *db, struct id id, db_cb *cb, void *arg)
{
    assert(job_may_move(JOB_BY_RUNNER, JOB_REPLAY, JOB_RUNNING, JOB_FAILED) &&
           job_may_move(JOB_BY_RUNNER, JOB_REPLAY, JOB_WAITING, JOB_FAILED));
    return store_exec(db, &stmt_job_put_off, DB_ARGS(DB_ID(id)), cb, arg);
}

const struct db_stmt stmt_job_forget = {
    "job_forget",
    "with k as (delete from job where id in ("
    "  select id from job where ended_at < now() - interval '30 days' limit $1::int8"
    "  for update skip locked)"
    " returning id)"
    " select count(*) from k",
    1};

struct db_op *jobs_forget(struct db *db, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_job_forget, DB_ARGS(DB_I64(limit)), cb, arg);
}
