/* Events: the accept statement, and reading. */
#include "store/events.h"

#include "sql.h"
#include "store/store.h"

/* The series tells the planner that there are many rows, so that what is matched by number is
 * hashed: of an array alone it expects ten, and loops over all pairs. The lookups are lateral, so
 * that they go by key however few webhooks there were when the plan was made. */
#define MANY "generate_series(1, cardinality($1::uuid[]))"

/* Now, or when the window of a webhook that gathers ends. */
#define DUE_AT                                                                   \
    "case when w.batch_seconds > 0 then (select g.due from g where g.id = w.id)" \
    " else now() end"

const struct db_stmt stmt_event_accept = {
    "event_accept",
    "with r as materialized ("
    " select * from rows from (unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]),"
    "  unnest($4::bytea[]), unnest($5::uuid[]), unnest($6::uuid[]), unnest($7::bool[]), " MANY
    ") with ordinality as r (id, app_id, type, data, key, hash, grouped, many, n)"
    "), w as materialized ("
    " select distinct p.n, w.id, w.status, w.concurrency, w.rate_limit,"
    "  w.batch_seconds, w.batch_max"
    " from rows from (unnest($8::int8[]), unnest($9::text[]), unnest($10::uuid[]), " MANY
    ") as p (n, pattern, app_id, many)"
    "  cross join lateral (select webhook_id from subscription s"
    "   where s.app_id = p.app_id and s.pattern = p.pattern offset 0) s"
    "  cross join lateral (select id, status, concurrency, rate_limit,"
    "   batch_seconds, batch_max from webhook"
    "   where app_id = p.app_id and id = s.webhook_id and deleted_at is null"
    "    and (status <> " DISABLED " or disabled_reason <> " REASON_API ") offset 0) w"
    "), c as materialized (select n, count(*) as deliveries from w group by n"
    "), i as ("
    " insert into idempotency as t (key, hash, event_id, deliveries, expires_at)"
    " select distinct on (r.key) r.key, r.hash, r.id, coalesce(c.deliveries, 0),"
    "  now() + interval '24 h'"
    " from r left join c on c.n = r.n where r.key is not null order by r.key, r.n"
    " on conflict (key) do update set"
    "  hash = case when t.expires_at > now() then t.hash else excluded.hash end,"
    "  event_id = case when t.expires_at > now() then t.event_id else excluded.event_id end,"
    "  deliveries = case when t.expires_at > now() then t.deliveries else excluded.deliveries end,"
    "  expires_at = case when t.expires_at > now() then t.expires_at else excluded.expires_at end"
    " returning key, hash, event_id, deliveries"
    "), o as materialized ("
    " select r.*, coalesce(i.event_id, r.id) as owner,"
    "  coalesce(i.hash <> r.hash, false) as differs,"
    "  coalesce(i.deliveries, c.deliveries, 0) as deliveries"
    " from r left join i on i.key = r.key left join c on c.n = r.n"
    /* After the keys in every statement, and webhook by webhook: so that no two wait for each other. */
    "), g as materialized ("
    " select id, gather_due(id, batch_seconds) as due from ("
    "  select distinct id, batch_seconds from w"
    "  where batch_seconds > 0 and (select count(*) from o) > 0 order by id offset 0) x"
    "), e as ("
    " insert into event (id, app_id, test, type, data)"
    " select id, app_id, false, type, data from o where owner = id"
    "), d as ("
    " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
    " select new_delivery_id(o.id), o.id, w.id, o.app_id, " DUE_AT ","
    "  case w.status when " ACTIVE " then " PENDING " else " HELD " end, false"
    " from o join w on w.n = o.n where o.owner = o.id"
    " returning id, event_id, webhook_id, app_id, test, state, next_at"
    ") select o.n, o.owner, o.differs,"
    " case when o.differs and o.grouped then idempotency_conflict() else o.deliveries end,"
    " d.state::int8, " QUEUE_ENTRY " from o left join d on d.event_id = o.id"
    "  left join w on w.n = o.n and w.id = d.webhook_id"
    " order by o.n",
    10};

static void bind_patterns(struct db_args *args, const struct event_new *const *events, size_t count)
{
    struct filter_iter it;
    struct str pattern;
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        for (filter_iter_init(&it, events[i]->type); filter_iter_next(&it, &pattern);)
            total++;
    db_array_begin(args, DB_TYPE_I64, total);
    for (size_t i = 0; i < count; i++)
        for (filter_iter_init(&it, events[i]->type); filter_iter_next(&it, &pattern);)
            db_arg(args, DB_I64((int64_t)i + 1));
    db_array_end(args);
    db_array_begin(args, DB_TYPE_TEXT, total);
    for (size_t i = 0; i < count; i++)
        for (filter_iter_init(&it, events[i]->type); filter_iter_next(&it, &pattern);)
            db_arg(args, DB_STR(pattern));
    db_array_end(args);
    db_array_begin(args, DB_TYPE_ID, total);
    for (size_t i = 0; i < count; i++)
        for (filter_iter_init(&it, events[i]->type); filter_iter_next(&it, &pattern);)
            db_arg(args, DB_ID(events[i]->app));
    db_array_end(args);
}

struct db_op *events_accept(struct db *db, const struct event_new *const *events, size_t count,
                            db_cb *cb, void *arg)
{
    struct db_args args;

    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(events[i]->id));
    DB_ARRAY(&args, DB_TYPE_ID, count, DB_ID(events[i]->app));
    DB_ARRAY(&args, DB_TYPE_TEXT, count, DB_STR(events[i]->type));
    DB_ARRAY(&args, DB_TYPE_BYTEA, count, DB_STR(events[i]->data));
    DB_ARRAY(&args, DB_TYPE_ID, count, events[i]->keyed ? DB_ID(events[i]->key) : DB_NULL);
    DB_ARRAY(&args, DB_TYPE_ID, count, events[i]->keyed ? DB_ID(events[i]->hash) : DB_NULL);
    DB_ARRAY(&args, DB_TYPE_BOOL, count, DB_BOOL(events[i]->grouped));
    bind_patterns(&args, events, count);
    return store_exec(db, &stmt_event_accept, args, cb, arg);
}

void events_read_accepted(const struct db_rows *rows, int row, struct event_accepted *out)
{
    enum { N, OWNER, DIFFERS, DELIVERIES, STATE, ENTRY };

    out->index = (size_t)db_i64(rows, row, N) - 1;
    out->event = db_id(rows, row, OWNER);
    out->differs = db_bool(rows, row, DIFFERS);
    out->deliveries = db_i64(rows, row, DELIVERIES);
    out->queued = !db_null(rows, row, STATE) && db_i64(rows, row, STATE) == DELIVERY_PENDING;
    queue_entry_read(rows, row, ENTRY, &out->entry);
}

const struct db_stmt stmt_event_insert_test = {
    "event_insert_test",
    "with w as ("
    " select id, app_id from webhook where id = $2::uuid and app_id = $1::uuid and deleted_at is null"
    "), e as ("
    " insert into event (id, app_id, test, type, data, profile_options)"
    " select $3::uuid, app_id, true, $4::text, $5::bytea, $6::text from w"
    "), d as ("
    " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
    " select new_delivery_id($3::uuid), $3::uuid, id, app_id, now(), " PENDING ", true from w"
    " returning id"
    ") select id from d",
    6};

struct db_op *events_insert_test(struct db *db, struct id app, struct id webhook,
                                 const struct event_new *event, struct str profile_options,
                                 db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_insert_test,
                      DB_ARGS(DB_ID(app), DB_ID(webhook), DB_ID(event->id), DB_STR(event->type),
                              DB_STR(event->data), DB_STR(profile_options)),
                      cb, arg);
}

const struct db_stmt stmt_event_get = {"event_get",
                                       "select id, test, type, data from event"
                                       " where id = $1::uuid and app_id = $2::uuid",
                                       2};

struct db_op *events_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

const struct db_stmt stmt_event_list = {
    "event_list",
    "select id, test, type from event"
    " where app_id = $1::uuid and id >= $2::uuid and id < $3::uuid"
    "  and ($4::text is null or type = $4::text)"
    " order by id desc limit $5::int8",
    5};

struct db_op *events_list(struct db *db, struct id app, struct str type, struct id from,
                          struct id before, int limit, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_event_list,
                      DB_ARGS(DB_ID(app), DB_ID(from), DB_ID(before), DB_STR(type), DB_I64(limit)),
                      cb, arg);
}
