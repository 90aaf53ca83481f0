/* Events: the accept statement, and reading. */
#include "store/events.h"

#include "sql.h"
#include "store/store.h"

#include <stdlib.h>

/* The series tells the planner that there are many rows, so that what is matched by number is
 * hashed: of an array alone it expects ten, and loops over all pairs. The lookups are lateral, so
 * that they go by key however few webhooks there were when the plan was made. */
#define MANY        "generate_series(1, cardinality($1::uuid[]))"
#define FANOUT_FROM TEXT_OF(JOB_FANOUT_FROM)
#define FANOUT_MAX  TEXT_OF(JOB_FANOUT_MAX)

/* r: the events; c: the webhooks of each kind, counted; `wanted`: how many want one of them. What was answered to the first
 * request with a key, if there is one, is what its repetition gets. Between the two there may be a condition. */
#define OF_KIND      "coalesce(c.deliveries, 0)"
#define OF_KIND_FROM "r left join c on c.lead = r.lead"
#define KEYS(wanted, from)                                                        \
    "i as ("                                                                      \
    " insert into idempotency as t (key, hash, event_id, deliveries, expires_at)" \
    " select distinct on (r.key) r.key, r.hash, r.id, " wanted ","                \
    "  now() + interval '24 h'"                                                   \
    " from " from " where r.key is not null"
#define KEYS_OR_THEIR_OWNERS                                                                        \
    " order by r.key, r.n on conflict (key) do update set"                                          \
    "  hash = case when t.expires_at > now() then t.hash else excluded.hash end,"                   \
    "  event_id = case when t.expires_at > now() then t.event_id else excluded.event_id end,"       \
    "  deliveries = case when t.expires_at > now() then t.deliveries else excluded.deliveries end," \
    "  expires_at = case when t.expires_at > now() then t.expires_at else excluded.expires_at end"  \
    " returning key, hash, event_id, deliveries)"

/* o: an event, its key's if there is one. */
#define OWNED(wanted)                                                                         \
    "r.*, coalesce(i.event_id, r.id) as owner, coalesce(i.hash <> r.hash, false) as differs," \
    " coalesce(i.deliveries, " wanted ") as deliveries"
#define OWNED_FROM(from) from " left join i on i.key = r.key"

/* s: a webhook that has one of their patterns. */
#define WEBHOOK_OF_S                                                                                        \
    "   select id, app_id, status, concurrency, rate_limit, batch_seconds, batch_max, ordering, conditions" \
    "    from webhook"                                                                                      \
    "   where app_id = s.app_id and id = s.webhook_id and deleted_at is null"                               \
    "    and " WANTED_STATUS
#define LANE           LANE_OF("o")
#define ACCEPTED_STATE "case w.status when " ACTIVE " then " PENDING " else " HELD " end"

/* d: what was made of them. */
#define ACCEPTED                                                              \
    "select o.n, o.owner, o.differs,"                                         \
    " case when o.differs and o.grouped then idempotency_conflict()"          \
    "  when d.id is not null then 1 else o.deliveries end,"                   \
    " d.state::int8, " QUEUE_ENTRY " from o left join d on d.event_id = o.id" \
    "  left join w on w.lead = o.lead and w.id = d.webhook_id order by o.n"

/* Events of the same app and type are of one kind, the number of the first of them. Which webhooks want it
 * is found by those of its patterns that anybody has; where these are the same for several kinds, once for all
 * of them, for the lead. */
#define KINDS                                                                             \
    "p as materialized ("                                                                 \
    " select p.kind, p.pattern, p.app_id"                                                 \
    " from rows from (unnest($8::int8[]), unnest($9::text[]), unnest($10::uuid[]), " MANY \
    ") as p (kind, pattern, app_id, many)"                                                \
    "  cross join lateral (select from subscription s"                                    \
    "   where s.app_id = p.app_id and s.pattern = p.pattern limit 1) s"                   \
    "), k as materialized ("                                                              \
    " select kind, lead, kind = lead as leads from ("                                     \
    "  select kind, min(kind) over (partition by app_id, patterns) as lead from ("        \
    "   select kind, app_id, array_agg(pattern order by pattern) as patterns"             \
    "   from p group by kind, app_id) p) k"                                               \
    ")"

/* What filters say: `late` are events that it would take too long to ask them about, of one app or of all, and whose
 * deliveries a job makes therefore, which asks then; `refused` are the others that one of them does not want. Data is read
 * once for all that ask. */
#define FILTERED                                                                                                            \
    "asked as materialized ("                                                                                               \
    " select r.n, r.id, r.app_id, r.lead, octet_length(r.data)"                                                             \
    "   + f.conditions * " CONDITION_COST(                                                                                  \
        "octet_length(r.data)") " as cost from ("                                                                           \
                                "  select lead, sum(conditions) as conditions from w where conditions > 0 group by lead) f" \
                                "  join r on r.lead = f.lead"                                                               \
                                "), late as materialized ("                                                                 \
                                " select n from (select n, sum(cost) over (partition by app_id order by n) as of_app,"      \
                                "  sum(cost) over (order by n) as of_all from asked) a"                                     \
                                " where of_app > " FILTERS_OF_APP " or of_all > " FILTERS_OF_ALL                            \
                                "), read as materialized ("                                                                 \
                                " select r.n, r.lead, event_json(r.data) as data from asked a join r on r.n = a.n"          \
                                " where a.n not in (select n from late)"                                                    \
                                "), refused as materialized ("                                                              \
                                " select e.n, w.id from read e join w on w.lead = e.lead and w.conditions > 0"              \
                                "  cross join lateral (select filter_plan from webhook where id = w.id offset 0) f"         \
                                " where filter_refusal(f.filter_plan, e.data) is not null"                                  \
                                "), unwanted as materialized (select n, count(*) as webhooks from refused group by n)"
#define WANTED      "coalesce(c.deliveries - coalesce(u.webhooks, 0), 0)"
#define WANTED_FROM OF_KIND_FROM " left join unwanted u on u.n = r.n"
#define NOT_REFUSED "not exists (select from refused u where u.n = o.n and u.id = w.id)"

/* The events whose deliveries the statement does not make, because there are too many in all: those that go to
 * the most webhooks; and those that are late. Where their app has fan-outs enough that is found out here, before anything is stored. */
#define BIG                                                                                     \
    "big as materialized ("                                                                     \
    " select id, app_id, lead, n from ("                                                        \
    "  select *, sum(deliveries) over (order by deliveries, n) as so_far from o"                \
    "  where owner = id) o where case when (so_far > " FANOUT_FROM                              \
    "   and (select sum(deliveries) from o) > " FANOUT_FROM "   ) or n in (select n from late)" \
    "  then case when app_id in (select job.app_id from job where ended_at is null"             \
    "    and job.kind = " JOB_FANOUT_TEXT " group by job.app_id having count(*) >= " TEXT_OF(   \
        JOB_FANOUTS_MAX) ") then fanout_refused('PH002') else true end else false end)"

/* They get jobs: one for all that go to the same webhooks by the same patterns. */
#define FAN_OUT                                                                                 \
    "j as ("                                                                                    \
    " insert into job (id, app_id, kind, events, webhooks, matched, exact)"                     \
    " select new_delivery_id(events[1]), app_id, " JOB_FANOUT_TEXT ", events, webhooks,"        \
    "  cardinality(events)::int8 * cardinality(webhooks), true from ("                          \
    "   select app_id, lead, array_agg(id order by n) as events from big group by app_id, lead" \
    "  ) e join ("                                                                              \
    "   select lead, array_agg(id order by id) as webhooks from w"                              \
    "   where (select count(*) from big) > 0 group by lead"                                     \
    "  ) v on v.lead = e.lead)"

/* When what is made now for webhooks that gather is due. */
#define GATHERED                                                                    \
    "g as materialized ("                                                           \
    " select id, gather_due(id, batch_seconds) as due from (select * from ("        \
    "   select distinct w.id, w.app_id, w.batch_seconds from o"                     \
    "    join w on w.lead = o.lead and w.batch_seconds > 0"                         \
    "   where o.owner = o.id and o.id not in (select id from big) and " NOT_REFUSED \
    "  ) x order by gather_lock(app_id, id), id offset 0) x)"

/* At the event's time, or when the window of a webhook that gathers ends. */
#define DUE_AT                                                                                           \
    "case when w.batch_seconds > 0 then greatest((select g.due from g where g.id = w.id), o.deliver_at)" \
    " else greatest(now(), o.deliver_at) end"

/* Most are of this form, and so short that the start of the other, which has a place for everything, would cost
 * them more than all their work. It finds out whether they are: else it stores nothing, and answers no row. */
const struct db_stmt stmt_event_accept_plain = {
    "event_accept_plain",
    "with r as materialized ("
    " select * from rows from ("
    "  unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]),"
    "  unnest($4::bytea[]), unnest($5::uuid[]), unnest($6::uuid[]), unnest($7::bool[]),"
    "  unnest($11::int8[]), " MANY
    ") with ordinality as r (id, app_id, type, data, key, hash, grouped, lead, many, n)"
    "), s as materialized ("
    " select p.lead, p.app_id, s.webhook_id"
    " from rows from (unnest($8::int8[]), unnest($9::text[]), unnest($10::uuid[]), " MANY
    ") as p (lead, pattern, app_id, many)"
    "  cross join lateral (select webhook_id from subscription s"
    "   where s.app_id = p.app_id and s.pattern = p.pattern offset 0) s limit " FANOUT_FROM " + 1"
    "), w as materialized ("
    " select distinct s.lead, w.* from s cross join lateral (" WEBHOOK_OF_S " offset 0) w"
    "), c as materialized (select lead, count(*) as deliveries from w group by lead"
    "), f as materialized ("
    " select (select count(*) from s) <= " FANOUT_FROM
    "  and coalesce((select sum(deliveries) from r join c on c.lead = r.lead), 0) <= " FANOUT_FROM
    "  and not exists (select from w where batch_seconds > 0 or conditions > 0) as plain"
    "), " KEYS(
        OF_KIND,
        OF_KIND_FROM) " and (select plain from f)" KEYS_OR_THEIR_OWNERS ", o as materialized ("
                      " select " OWNED(OF_KIND) ", null::int8 as lane from " OWNED_FROM(
                          OF_KIND_FROM) " where (select plain from f)"
                                        "), e as ("
                                        " insert into event (id, app_id, test, type, data)"
                                        " select id, app_id, false, type, data from o where owner = id"
                                        "), d as ("
                                        " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, lane, turn)"
                                        " select new_delivery_id(o.id), o.id, w.id, o.app_id, now(), " ACCEPTED_STATE
                                        ", false,"
                                        "  " LANE ", case when (" LANE
                                        ") is not null then (select nextval('delivery_turn')) + o.n end"
                                        " from o join w on w.lead = o.lead where o.owner = o.id"
                                        " returning id, event_id, webhook_id, app_id, test, state, next_at"
                                        ") " ACCEPTED,
    11};

/* Where there are more subscriptions than are looked at, webhooks count too that nobody delivers to: one of them
 * then says that there are too many, as one that gathers says that. */
#define SUBSCRIBED                                                                                 \
    "select *, count(*) over () > " FANOUT_FROM " as too_many from ("                              \
    " select p.lead, p.app_id, s.webhook_id"                                                       \
    "  from rows from (unnest($5::int8[]), unnest($6::text[]), unnest($7::uuid[]), " MANY          \
    "  ) as p (lead, pattern, app_id, many)"                                                       \
    "  cross join lateral (select webhook_id from subscription s"                                  \
    "   where s.app_id = p.app_id and s.pattern = p.pattern offset 0) s limit " FANOUT_FROM " + 1" \
    ") s"
#define WANTING                                                                                  \
    "select distinct on (s.lead, w.id) s.lead, w.* from (" SUBSCRIBED ") s cross join lateral (" \
    " select id, status, concurrency, rate_limit, batch_max, ordering,"                          \
    "  s.too_many or batch_seconds > 0 or conditions > 0 as not_plain from webhook"              \
    "  where app_id = s.app_id and id = s.webhook_id and deleted_at is null"                     \
    "   and (s.too_many or " WANTED_STATUS ") offset 0) w"
#define NEW_TURN_OF_P "case when lane is not null then nextval('delivery_turn') + n end"

/* The same of events without keys. That is so little that every part of the plan counts: what is plain is found out
 * while p is made, which has a row for each delivery and for each event without any. */
const struct db_stmt stmt_event_accept_unkeyed = {
    "event_accept_unkeyed",
    "with p as materialized ("
    " select *, count(webhook_id) over () <= " FANOUT_FROM
    "   and bool_or(not_plain) over () is not true as plain from ("
    "  select r.n, r.id, r.app_id, w.id as webhook_id, w.not_plain, " ACCEPTED_STATE " as state,"
    "   case when w.id is not null then new_delivery_id(r.id) end as delivery_id,"
    "   " LANE_OF(
        "r") " as lane, " AT_ONCE " as at_once, w.rate_limit::int8 as rate_limit"
             "   from (select *, null::int8 as lane from rows from ("
             "     unnest($1::uuid[]), unnest($2::uuid[]), unnest($8::int8[]), " MANY
             "    ) with ordinality as r (id, app_id, lead, many, n)) r"
             "   left join (" WANTING ") w on w.lead = r.lead"
             "   limit " FANOUT_FROM " + 1 + cardinality($1::uuid[])) p"
             "), e as ("
             " insert into event (id, app_id, test, type, data)"
             " select id, app_id, false, type, data"
             "  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) as e (id, app_id, type, data)"
             "  where exists (select from p where plain)"
             "), d as ("
             " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, lane, turn)"
             " select delivery_id, id, webhook_id, app_id, now(), state, false, lane, " NEW_TURN_OF_P
             "  from p where plain and webhook_id is not null"
             ") select n, id, false, (webhook_id is not null)::int4::int8, state::int8, delivery_id, webhook_id,"
             " app_id, false, 0::int8, at_once, rate_limit from p where plain order by n",
    8};

/* All that an event may have. `taken`: a table before r, which `from_r` joins to it; `also`: one behind o. Webhooks that
 * gather come after the keys in every statement, and one by one: so that no two wait for each other. */
#define ACCEPT(taken, from_r, also)                                                                                                   \
    "with " KINDS ", " taken "r as materialized ("                                                                                    \
    " select r.*, k.lead from rows from ("                                                                                            \
    "  unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]),"                                                                   \
    "  unnest($4::bytea[]), unnest($5::uuid[]), unnest($6::uuid[]), unnest($7::bool[]),"                                              \
    "  unnest($11::int8[]), " MANY                                                                                                    \
    ") with ordinality as r (id, app_id, type, data, key, hash, grouped, kind, many, n)" from_r                                       \
    "  left join k on k.kind = r.kind"                                                                                                \
    "), x as materialized ("                                                                                                          \
    " select n, lane, replaces, time_of(deliver_ms) as deliver_at, time_of(expires_ms) as expires_at,"                                \
    "  ordering_key, coalesce_key"                                                                                                    \
    " from unnest($12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::text[],"                                      \
    "  $18::text[]) as x (n, lane, replaces, deliver_ms, expires_ms, ordering_key, coalesce_key)"                                     \
    "), w as materialized ("                                                                                                          \
    " select distinct s.lead, w.* from (select *, count(*) over () as pairs from ("                                                   \
    "  select k.lead, p.app_id, s.webhook_id from k join p on p.kind = k.kind"                                                        \
    "   cross join lateral (select webhook_id from subscription s"                                                                    \
    "    where s.app_id = p.app_id and s.pattern = p.pattern offset 0) s"                                                             \
    "  where k.leads limit " FANOUT_MAX " + 1) s) s"                                                                                  \
    "  cross join lateral (" WEBHOOK_OF_S "    and case when s.pairs > " FANOUT_MAX                                                   \
    " then fanout_refused('PH001') else true end"                                                                                     \
    "   offset 0) w"                                                                                                                  \
    "), c as materialized (select lead, count(*) as deliveries from w group by lead"                                                  \
    "), " FILTERED ", " KEYS(WANTED, WANTED_FROM) KEYS_OR_THEIR_OWNERS                                                                \
        ", o as materialized ("                                                                                                       \
        " select " OWNED(                                                                                                             \
            WANTED) ", x.lane, x.replaces, x.deliver_at, x.expires_at, x.ordering_key,"                                               \
                    "  x.coalesce_key from " OWNED_FROM(                                                                              \
                        WANTED_FROM) " left join x on x.n = r.n"                                                                      \
                                     "), " BIG ", " GATHERED ", e as ("                                                               \
                                     " insert into event (id, app_id, test, type, data, ordering_key, coalesce_key, lane, replaces,"  \
                                     "  deliver_at, expires_at)"                                                                      \
                                     " select id, app_id, false, type, data, ordering_key, coalesce_key, lane, replaces, deliver_at," \
                                     "  expires_at from o where owner = id"                                                           \
                                     "), d as ("                                                                                      \
                                     " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, lane, turn,"     \
                                     "  replaces, expires_at)"                                                                        \
                                     " select new_delivery_id(o.id), o.id, w.id, o.app_id, " DUE_AT                                   \
                                     ","                                                                                              \
                                     "  " ACCEPTED_STATE ", false, " LANE ","                                                         \
                                     "  case when (" LANE                                                                             \
                                     ") is not null and (o.deliver_at > now()) is not true"                                           \
                                     "   then (select nextval('delivery_turn')) + o.n end, o.replaces, o.expires_at"                  \
                                     " from o join w on w.lead = o.lead"                                                              \
                                     " where o.owner = o.id and o.id not in (select id from big) and " NOT_REFUSED                    \
                                     " returning id, event_id, webhook_id, app_id, test, state, next_at, replaces"                    \
                                     "), " FAN_OUT also " (" ACCEPTED ") union all "                                                  \
                                     "select 0, null, null, null, " PENDING                                                           \
                                     ", w.* from deliveries_replace(("                                                                \
                                     " select array_agg(id order by id) from d where replaces is not null), " ERROR_SUPERSEDED        \
                                     "::int2) w"

const struct db_stmt stmt_event_accept = {"event_accept", ACCEPT("", "", ""), 18};

/* What waits in `published` leaves it with the statement that makes an event of it, and no other finds it again. What has
 * another's key is refused here: somebody else may have used that since publish() looked. */
const struct db_stmt stmt_event_accept_published = {
    "event_accept_published",
    ACCEPT(
        "t as (" PUBLISHED_TAKE("unnest($2::uuid[], $19::int8[])") " returning id), ",
        " join t on t.id = r.id",
        ", u as (insert into published_refused (app_id, id, type, reason, detail)"
        " select app_id, id, type, 'idempotency_key', 'was used for another event' from o where differs order by n)"),
    19};

static struct db_value number_of(struct str key)
{
    return key.p != NULL ? DB_I64(order_number(key)) : DB_NULL;
}

static struct db_value time_or_null(int64_t ms)
{
    return ms != 0 ? DB_I64(ms) : DB_NULL;
}

/* The index of the first event of the same kind. Few are of many. */
static size_t kind_of(const struct event_new *const *events, const size_t *kinds, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (kinds[k] == k && id_eq(events[k]->app, events[i]->app) &&
            str_eq(events[k]->type, events[i]->type))
            return k;
    return i;
}

/* What is said of a pattern that wants the events of a kind: the kind's number, the pattern, the kind's app. */
enum pattern_column { PATTERN_KIND, PATTERN_TEXT, PATTERN_APP, PATTERN_COLUMNS };

/* Adds one column of all patterns, if there is anything to add to; how many there are. A pattern lives until
 * the next. */
static size_t add_patterns(struct db_args *args, enum pattern_column column,
                           const struct event_new *const *events, const size_t *kinds, size_t count)
{
    struct filter_iter it;
    struct str pattern;
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        if (kinds[i] != i)
            continue;
        for (filter_iter_init(&it, events[i]->type); filter_iter_next(&it, &pattern); total++)
            if (args != NULL)
                db_arg(args, column == PATTERN_KIND   ? DB_I64((int64_t)i + 1)
                             : column == PATTERN_TEXT ? DB_STR(pattern)
                                                      : DB_ID(events[i]->app));
    }
    return total;
}

static void bind_patterns(struct db_args *args, const struct event_new *const *events,
                          const size_t *kinds, size_t count)
{
    static const enum db_type types[PATTERN_COLUMNS] = {DB_TYPE_I64, DB_TYPE_TEXT, DB_TYPE_ID};
    size_t total = add_patterns(NULL, PATTERN_COLUMNS, events, kinds, count);

    for (enum pattern_column column = PATTERN_KIND; column < PATTERN_COLUMNS; column++) {
        db_array_begin(args, types[column], total);
        add_patterns(args, column, events, kinds, count);
        db_array_end(args);
    }
}

bool event_is_plain(const struct event_new *event)
{
    return event->ordering_key.p == NULL && event->coalesce_key.p == NULL &&
           event->deliver_ms == 0 && event->expires_ms == 0;
}

/* Of the few that have any: arrays of the others' nulls would cost them more than a join with nothing. */
static void bind_extras(struct db_args *args, const struct event_new *const *events, size_t count)
{
    const struct event_new **some = xcalloc(count, sizeof *some);
    int64_t *numbers = xcalloc(count, sizeof *numbers);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const struct event_new *e = events[i];
        if (event_is_plain(e))
            continue;
        numbers[n] = (int64_t)i + 1;
        some[n++] = e;
    }
    DB_ARRAY(args, DB_TYPE_I64, n, DB_I64(numbers[i]));
    DB_ARRAY(args, DB_TYPE_I64, n, number_of(some[i]->ordering_key));
    DB_ARRAY(args, DB_TYPE_I64, n, number_of(some[i]->coalesce_key));
    DB_ARRAY(args, DB_TYPE_I64, n, time_or_null(some[i]->deliver_ms));
    DB_ARRAY(args, DB_TYPE_I64, n, time_or_null(some[i]->expires_ms));
    DB_ARRAY(args, DB_TYPE_TEXT, n, DB_STR(some[i]->ordering_key));
    DB_ARRAY(args, DB_TYPE_TEXT, n, DB_STR(some[i]->coalesce_key));
    free(numbers);
    free(some);
}

static void bind_keys(struct db_args *args, const struct event_new *const *events, size_t count)
{
    DB_ARRAY(args, DB_TYPE_ID, count, events[i]->keyed ? DB_ID(events[i]->key) : DB_NULL);
    DB_ARRAY(args, DB_TYPE_ID, count, events[i]->keyed ? DB_ID(events[i]->hash) : DB_NULL);
    DB_ARRAY(args, DB_TYPE_BOOL, count, DB_BOOL(events[i]->grouped));
}

static struct db_args bind_events(const struct event_new *const *events, size_t count, bool keyed)
{
    size_t *kinds = xcalloc(count, sizeof *kinds);
    struct db_args args;

    for (size_t i = 0; i < count; i++)
        kinds[i] = kind_of(events, kinds, i);
    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(events[i]->id));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(events[i]->app));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(events[i]->type));
    DB_ARRAY(&args, DB_TYPE_BYTEA, count, DB_STR(events[i]->data));
    if (keyed)
        bind_keys(&args, events, count);
    bind_patterns(&args, events, kinds, count);
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64((int64_t)kinds[i] + 1));
    free(kinds);
    return args;
}

static bool any_keyed(const struct event_new *const *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (events[i]->keyed)
            return true;
    return false;
}

struct db_op *events_accept_plain(struct db *db, const struct event_new *const *events,
                                  size_t count, db_cb *cb, void *arg)
{
    bool keyed = any_keyed(events, count);

    return store_exec(db, keyed ? &stmt_event_accept_plain : &stmt_event_accept_unkeyed,
                      bind_events(events, count, keyed), cb, arg);
}

struct db_op *events_accept(struct db *db, const struct event_new *const *events, size_t count,
                            db_cb *cb, void *arg)
{
    struct db_args args = bind_events(events, count, true);

    bind_extras(&args, events, count);
    return store_exec(db, &stmt_event_accept, args, cb, arg);
}

struct db_op *events_accept_published(struct db *db, const struct event_new *const *events,
                                      const int64_t *numbers, size_t count, db_cb *cb, void *arg)
{
    struct db_args args = bind_events(events, count, true);

    bind_extras(&args, events, count);
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(numbers[i]));
    return store_exec(db, &stmt_event_accept_published, args, cb, arg);
}

void events_read_accepted(const struct db_rows *rows, int row, struct event_accepted *out)
{
    enum { N, OWNER, DIFFERS, DELIVERIES, STATE, ENTRY };

    out->of_event = db_i64(rows, row, N) > 0;
    out->index = out->of_event ? (size_t)db_i64(rows, row, N) - 1 : 0;
    out->event = db_id(rows, row, OWNER);
    out->differs = db_bool(rows, row, DIFFERS);
    out->deliveries = db_i64(rows, row, DELIVERIES);
    out->queued = !db_null(rows, row, STATE) && db_i64(rows, row, STATE) == DELIVERY_PENDING;
    queue_entry_read(rows, row, ENTRY, &out->entry);
}

const struct db_stmt stmt_event_forget_keys = {
    "event_forget_keys", "delete from idempotency where key = any ($1::uuid[])", 1};

struct db_op *events_forget_keys(struct db *db, const struct id *keys, size_t count, db_cb *cb,
                                 void *arg)
{
    return store_exec(db, &stmt_event_forget_keys, DB_ARGS(DB_IDS(keys, count)), cb, arg);
}

const struct db_stmt stmt_event_insert_test = {
    "event_insert_test",
    "with w as ("
    " select id, app_id, status from webhook where id = $2::uuid and app_id = $1::uuid and deleted_at is null"
    "), e as ("
    " insert into event (id, app_id, test, type, data, profile_options)"
    " select $3::uuid, app_id, true, $4::text,"
    "  coalesce($5::bytea, (select data from event where id = $7::uuid and app_id = w.app_id)), $6::text"
    "  from w"
    "), d as ("
    " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
    " select new_delivery_id($3::uuid), $3::uuid, id, app_id, now(),"
    "  case status when " LISTENING " then " HELD " else " PENDING " end, true from w"
    " returning id"
    ") select id from d",
    7};

struct db_op *events_insert_test(struct db *db, struct id app, struct id webhook,
                                 const struct event_new *event, struct id like,
                                 struct str profile_options, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_insert_test,
                      DB_ARGS(DB_ID(app), DB_ID(webhook), DB_ID(event->id), DB_STR(event->type),
                              DB_STR(event->data), DB_STR(profile_options), DB_ID(like)),
                      cb, arg);
}

#define EVENT_ROW                                                                       \
    "id, test, type, ordering_key, coalesce_key, ms_of(deliver_at), ms_of(expires_at)," \
    " ms_of(erased_at)"

void events_read(const struct db_rows *rows, int row, struct event *e)
{
    enum { ID, TEST, TYPE, ORDERING_KEY, COALESCE_KEY, DELIVER, EXPIRES, ERASED_AT };

    e->id = db_id(rows, row, ID);
    e->test = db_bool(rows, row, TEST);
    e->type = db_str(rows, row, TYPE);
    e->ordering_key = db_str(rows, row, ORDERING_KEY);
    e->coalesce_key = db_str(rows, row, COALESCE_KEY);
    e->deliver_ms = db_i64(rows, row, DELIVER);
    e->expires_ms = db_i64(rows, row, EXPIRES);
    e->erased_ms = db_i64(rows, row, ERASED_AT);
}

void events_read_whole(const struct db_rows *rows, int row, struct event *e)
{
    enum { DATA = 8 };
    events_read(rows, row, e);
    e->data = db_str(rows, row, DATA);
}

const struct db_stmt stmt_event_get = {"event_get",
                                       "select " EVENT_ROW ", data from event"
                                       " where id = $1::uuid and app_id = $2::uuid",
                                       2};

struct db_op *events_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_event_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

/* Row $6 of the history ends the scan: it comes whether it matches or not. */
const struct db_stmt stmt_event_list = {
    "event_list",
    "select " EVENT_ROW ", $4::text is null or type = $4::text, n = $6::int8"
    " from (select *, row_number() over (order by app_id, id desc) as n from ("
    "  select id, app_id, test, type, ordering_key, coalesce_key, deliver_at, expires_at, erased_at"
    "   from event where " IS_ONE_OF(
        "app_id", "$1::uuid") " and id >= $2::uuid and id < $3::uuid"
                              "  order by app_id, id desc limit $6::int8) e) e"
                              " where $4::text is null or type = $4::text or n = $6::int8"
                              " order by app_id, id desc limit $5::int8",
    6};

struct db_op *events_list(struct db *db, struct id app, struct str type, struct id from,
                          struct id before, int limit, db_cb *cb, void *arg)
{
    return store_read(db, &stmt_event_list,
                      DB_ARGS(DB_ID(app), DB_ID(from), DB_ID(before), DB_STR(type), DB_I64(limit),
                              DB_I64(STORE_SCAN_MAX)),
                      cb, arg);
}

const struct db_stmt stmt_event_erase = {
    "event_erase",
    "with e as materialized (select id, app_id, erased_at from event"
    " where id = $1::uuid and app_id = $2::uuid for no key update"
    "), r as materialized ("
    " select * from events_erase((select array_agg(id) from e), $3::int8, " ERROR_ERASED "::int2)"
    ")" AUDITED(
        "(select * from e where $4::bool and erased_at is null) e", AUDIT_DEED(5, 6, 7, 8, 9, 10),
        "e.app_id, e.id, null") " select exists (select from r where erased is not null), " WOKEN_ENTRY
                                " from e left join r on r.id is not null",
    10};

struct db_op *events_erase(struct db *db, struct id app, struct id id, int64_t limit, bool first,
                           const struct deed *deed, db_cb *cb, void *arg)
{
    assert(limit > 0 && delivery_may_move(ACTOR_PERSON, DELIVERY_PENDING, DELIVERY_CANCELLED) &&
           delivery_may_move(ACTOR_PERSON, DELIVERY_HELD, DELIVERY_CANCELLED));
    return store_exec(db, &stmt_event_erase,
                      DB_ARGS(DB_ID(id), DB_ID(app), DB_I64(limit), DB_BOOL(first), DB_DEED(deed)),
                      cb, arg);
}

bool events_read_erased(const struct db_rows *rows, int row, struct queue_entry *woken,
                        bool *is_woken)
{
    enum { WHOLE, ENTRY };
    *is_woken = !db_null(rows, row, ENTRY);
    if (*is_woken)
        queue_entry_read(rows, row, ENTRY, woken);
    return db_bool(rows, row, WHOLE);
}
