/* Deliveries and attempts for the API. The joins to event are lateral with offset 0, which keeps
 * them a probe of one partition's primary key (migrations/README.md, traps). */
#include "store/deliveries.h"

#include "core/message.h"
#include "core/shorthand.h"
#include "sql.h"
#include "store/store.h"

#define EVENT_OF_D \
    " cross join lateral (select type from event where event.id = d.event_id offset 0) e"

void deliveries_read(const struct db_rows *rows, int row, struct delivery *d)
{
    enum {
        ID,
        EVENT,
        WEBHOOK,
        TEST,
        TYPE,
        STATE,
        ATTEMPTS,
        NEXT,
        COMPLETED,
        CODE,
        LAST_US,
        LAST_ERROR,
        IS_ASLEEP
    };
    d->id = db_id(rows, row, ID);
    d->event = db_id(rows, row, EVENT);
    d->webhook = db_id(rows, row, WEBHOOK);
    d->test = db_bool(rows, row, TEST);
    d->type = db_str(rows, row, TYPE);
    d->state = (int)db_i64(rows, row, STATE);
    d->attempts = db_i64(rows, row, ATTEMPTS);
    d->created_ms = id_time_ms(d->id);
    d->next_ms = db_i64(rows, row, NEXT);
    d->completed_ms = db_i64(rows, row, COMPLETED);
    d->answered = !db_null(rows, row, CODE);
    d->code = db_i64(rows, row, CODE);
    d->recorded = !db_null(rows, row, LAST_US);
    d->last_us = db_i64(rows, row, LAST_US);
    d->last_error = (int)db_i64(rows, row, LAST_ERROR);
    d->asleep = db_bool(rows, row, IS_ASLEEP);
}

/* $3 to $6, and $9 to $12. */
#define FILTER(f)      DB_I64((f)->state), DB_STR((f)->type), DB_ID((f)->from), DB_ID((f)->before)
#define FILTER_MORE(f) DB_I64((f)->code), DB_I64((f)->error), DB_STR((f)->host), of_event(f)
#define STATE_MATCHES                                                                   \
    "($3::int8 < 0 or d.state = $3::int8) and ($9::int8 = 0 or d.last_code = $9::int8)" \
    " and ($10::int8 = 0 or d.last_error = $10::int8)"                                  \
    " and ($12::uuid is null or d.event_id = $12::uuid)"
#define TYPE_MATCHES "($4::text is null or e.type = $4::text)"
#define HOST_MATCHES "($11::text is null or url_host(w.url) = " HOST_GIVEN("$11::text") ")"

/* Of a delivery what DELIVERY_ROW needs: numbering rows copies them, and whole ones have what was sent and answered. */
#define LISTED                                                                      \
    "id, event_id, webhook_id, test, state, attempts, next_at, turn, completed_at," \
    " last_code, last_us, last_error"

/* Row $8 of the history ends the scan: it comes whether it matches or not. */
const struct db_stmt stmt_delivery_list = {
    "delivery_list",
    "select d.* from webhook w left join lateral ("
    " select " DELIVERY_ROW ", " STATE_MATCHES " and " TYPE_MATCHES " and " HOST_MATCHES
    ", d.n = $8::int8"
    "  from (select d.*, row_number() over (order by d.webhook_id, d.id desc) as n from ("
    "   select " LISTED " from delivery d where " IS_ONE_OF(
        "d.webhook_id",
        "$1::uuid") "    and d.id >= $5::uuid and d.id < $6::uuid"
                    "   order by d.webhook_id, d.id desc limit $8::int8) d) d" EVENT_OF_D
                    "  where (d.n = $8::int8 or (" STATE_MATCHES " and " HOST_MATCHES
                    ")) and (d.n = $8::int8 or " TYPE_MATCHES ")"
                    "  order by d.webhook_id, d.id desc limit $7::int8) d on true"
                    " where w.id = $1::uuid and w.app_id = $2::uuid and w.deleted_at is null order by d.id desc",
    12};

static struct db_value of_event(const struct delivery_filter *f)
{
    return f->of_event ? DB_ID(f->event) : DB_NULL;
}

/* How many rows it looks at: of which of them another table has to be asked, fewer. */
static int64_t most_of(const struct delivery_filter *f)
{
    return f->type.p != NULL || f->host.p != NULL ? STORE_PROBE_MAX : STORE_SCAN_MAX;
}

/* Those of one event stand together. */
static void narrow(struct delivery_filter *f)
{
    struct id low, high;

    if (!f->of_event)
        return;
    low = store_low(&f->event, 1);
    high = store_high(&f->event, 1);
    f->from = id_cmp(low, f->from) > 0 ? low : f->from;
    f->before = id_cmp(high, f->before) < 0 ? high : f->before;
}

struct db_op *deliveries_list(struct db *db, struct id app, struct id webhook,
                              const struct delivery_filter *filter, int limit, db_cb *cb, void *arg)
{
    struct delivery_filter f = *filter;

    narrow(&f);
    return store_read(db, &stmt_delivery_list,
                      DB_ARGS(DB_ID(webhook), DB_ID(app), FILTER(&f), DB_I64(limit),
                              DB_I64(most_of(&f)), FILTER_MORE(&f)),
                      cb, arg);
}

/* An app's deliveries are in no index. They are found by its events, newest first, whose deliveries share their first
 * eight bytes: of events that begin alike the last brings those of all. $8 bounds the events, the deliveries of each, and
 * the rows that come of both, of which an event without deliveries is one: the order is that of what comes, so that
 * no more is read. What ends the scan comes whether it matches or not, and says from where on there may be more. */
const struct db_stmt stmt_delivery_search = {
    "delivery_search",
    "with x as materialized ("
    " select x.*, row_number() over (order by place desc, x.id desc) as n, count(*) over () as count"
    " from (select e.id as place, e.low, e.n as event_n, d.* from ("
    "   select id, delivery_low(id) as low, n from ("
    "    select id, lead(delivery_low(id)) over o as next, row_number() over o as n from ("
    "     select app_id, id from event where " IS_ONE_OF(
        "app_id",
        "$1::uuid") " and id >= $5::uuid and id <= delivery_high($6::uuid)"
                    "     order by app_id, id desc limit $8::int8) e window o as (order by id desc)) e"
                    "   where next is distinct from delivery_low(id)) e"
                    "  left join lateral (select " LISTED " from delivery d"
                    "   where d.id >= greatest(e.low, $5::uuid) and d.id <= delivery_high(e.id)"
                    "    and d.id < $6::uuid and d.app_id = $2::uuid order by d.id desc limit $8::int8) d on true"
                    "  order by place desc, d.id desc limit $8::int8) x"
                    "), d as ("
                    " select coalesce(x.id, x.low) as id, x.event_id, x.webhook_id, x.test, x.state, x.attempts,"
                    "  x.next_at, x.turn, x.completed_at, x.last_code, x.last_us, x.last_error, x.n,"
                    "  x.id is not null as is_there,"
                    "  x.n = $8::int8 or (x.n = x.count and x.event_n = $8::int8) as ends from x"
                    ") select " DELIVERY_ROW ", d.is_there and " STATE_MATCHES " and " TYPE_MATCHES
                    " and " HOST_MATCHES ", d.ends"
                    " from d left join lateral (select type from event where app_id = $2::uuid"
                    "  and id = d.event_id offset 0) e on true"
                    " left join lateral (select url from webhook where id = d.webhook_id offset 0) w on true"
                    " where d.ends or (d.is_there and " STATE_MATCHES " and " TYPE_MATCHES
                    " and " HOST_MATCHES ") order by d.n limit $7::int8",
    12};

struct db_op *deliveries_search(struct db *db, struct id app, const struct delivery_filter *filter,
                                int limit, db_cb *cb, void *arg)
{
    struct delivery_filter f = *filter;

    narrow(&f);
    return store_read(db, &stmt_delivery_search,
                      DB_ARGS(DB_ID(app), DB_ID(app), FILTER(&f), DB_I64(limit),
                              DB_I64(most_of(&f)), FILTER_MORE(&f)),
                      cb, arg);
}

/* An event's deliveries share its first eight bytes: a short walk along the primary key. */
const struct db_stmt stmt_delivery_of_event = {
    "delivery_of_event",
    "select " DELIVERY_ROW " from delivery d" EVENT_OF_D " where d.event_id = $1::uuid"
    " and d.id between $2::uuid and $3::uuid and d.app_id = $4::uuid order by d.id limit $5::int8",
    5};

struct db_op *deliveries_of_event(struct db *db, struct id app, struct id event, int limit,
                                  db_cb *cb, void *arg)
{
    return store_read(db, &stmt_delivery_of_event,
                      DB_ARGS(DB_ID(event), STORE_BOUNDS(&event, 1), DB_ID(app), DB_I64(limit)), cb,
                      arg);
}

const struct db_stmt stmt_delivery_get = {
    "delivery_get",
    "select " DELIVERY_ROW ", w.url, a.error_text, e.ordering_key, ms_of(e.expires_at)"
    " from delivery d cross join lateral (select type, ordering_key, expires_at from event"
    "  where event.id = d.event_id offset 0) e"
    " join webhook w on w.id = d.webhook_id"
    " left join lateral (select error_text from attempts where delivery_id = $1::uuid"
    "  order by number desc, started_at desc limit 1) a on true"
    " where d.id = $1::uuid and d.app_id = $2::uuid",
    2};

struct db_op *deliveries_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_delivery_get, DB_ARGS(DB_ID(id), DB_ID(app)), cb, arg);
}

void deliveries_read_whole(const struct db_rows *rows, int row, struct delivery *d)
{
    enum { URL = 13, ERROR_TEXT, ORDERING_KEY, EXPIRES };
    const char *end;

    deliveries_read(rows, row, d);
    d->url = db_str(rows, row, URL);
    end = delivery_end_text(d->last_error);
    d->error_text = end != NULL ? str_of(end)
                                : attempt_error_text(d->last_error, db_str(rows, row, ERROR_TEXT));
    d->ordering_key = db_str(rows, row, ORDERING_KEY);
    d->expires_ms = db_i64(rows, row, EXPIRES);
}

#define OF_MOVED "u.app_id, u.id, null"

/* What is listened to is never due. */
#define BEGUN_AGAIN                                                                             \
    "case when d.status = " LISTENING " and t.state <> " PENDING " then " HELD " else " PENDING \
    " end"

const struct db_stmt stmt_delivery_retry = {
    "delivery_retry",
    "with d as ("
    " select d.id, d.webhook_id, d.app_id, d.test, now() as next_at,"
    "  w.deleted_at is null and w.status <> " DISABLED " as alive,"
    "  d.expires_at = " ERASED " as erased, w.status"
    " from delivery d join webhook w on w.id = d.webhook_id"
    " where d.id = $1::uuid and d.app_id = $2::uuid"
    "), u as ("
    " update delivery t set state = " BEGUN_AGAIN ", next_at = now(), " BEGIN_ANEW ","
    "  turn = case when t.state in (" PENDING ", " HELD ") then t.turn else " NEW_TURN " end"
    " from d where t.id = $1::uuid and d.alive and (t.state <> " PENDING " or " NOT_LEASED ")"
    "  and t.expires_at is distinct from " ERASED " returning t.id, t.app_id"
    ")" AUDITED("u", AUDIT_DEED(3, 4, 5, 6, 7, 8),
                OF_MOVED) " select exists (select from u), " QUEUE_ENTRY ", d.erased"
                          " from d join webhook w on w.id = d.webhook_id",
    8};

bool deliveries_read_erased(const struct db_rows *rows)
{
    enum { IS_ERASED = 8 };
    return db_bool(rows, 0, IS_ERASED);
}

static struct db_op *move(struct db *db, const struct db_stmt *stmt, struct id app, struct id id,
                          const struct deed *deed, db_cb *cb, void *arg)
{
    return store_exec(db, stmt, DB_ARGS(DB_ID(id), DB_ID(app), DB_DEED(deed)), cb, arg);
}

struct db_op *deliveries_retry(struct db *db, struct id app, struct id id, const struct deed *deed,
                               db_cb *cb, void *arg)
{
    return move(db, &stmt_delivery_retry, app, id, deed, cb, arg);
}

/* Without its token, an attempt under way can no longer fail the delivery; a success still counts.
 */
const struct db_stmt stmt_delivery_cancel = {
    "delivery_cancel",
    "with d as ("
    " select id from delivery where id = $1::uuid and app_id = $2::uuid"
    "), u as ("
    " update delivery t set state = " CANCELLED ", completed_at = now(), " END_LEASE
    " from d where t.id = $1::uuid and t.state in (" PENDING ", " HELD ")"
    " returning t.id, t.app_id, t.lane"
    ")" AUDITED(
        "u", AUDIT_DEED(3, 4, 5, 6, 7, 8),
        OF_MOVED) " select exists (select from u), w.* from d left join"
                  "  lanes_wake((select array_agg(id) from u where lane is not null)) w on true",
    8};

struct db_op *deliveries_cancel(struct db *db, struct id app, struct id id, const struct deed *deed,
                                db_cb *cb, void *arg)
{
    return move(db, &stmt_delivery_cancel, app, id, deed, cb, arg);
}

/* A row ends a page when those before it have as many bytes: what is large is not read to be left out. */
#define PLACE       "number::int8, (extract(epoch from started_at) * 1000000)::int8, token"
#define PLACES_DOWN "number desc, started_at desc, token desc"
#define PAGE_BYTES  "2097152"
#define ROW_BYTES                                                          \
    "head_bytes(request_head) + coalesce(head_bytes(response_head), 0) + " \
    "coalesce(octet_length(response_body), 0) + (select size from e)"

/* The event comes once, with the first of them. */
const struct db_stmt stmt_attempt_list = {
    "attempt_list",
    "with e as materialized ("
    " select e.type, e.data, octet_length(e.data)::int8 as size from delivery d cross join lateral ("
    "  select type, data from event where app_id = d.app_id and id = d.event_id offset 0) e"
    "  where d.id = $1::uuid and d.app_id = $2::uuid"
    "), a as ("
    " select * from attempts"
    "  where delivery_id = $1::uuid and (" PLACE ") < ($4::int8, $5::int8, $6::int8)"
    "  order by " PLACES_DOWN " limit $3::int8"
    "), b as ("
    " select a.*, concat_ws('.', " PLACE ") as place, lead(true) over o as more,"
    "  row_number() over o as n,"
    "  sum(" ROW_BYTES ") over (o rows between unbounded preceding and 1 preceding) as before"
    "  from a window o as (order by " PLACES_DOWN ")"
    ") select " ATTEMPT_ROW
    ", a.request_head, a.response_head, a.response_body, coalesce(a.url, w.url),"
    "  a.body_cut, a.place, a.place is not null, coalesce(a.more, false), d.id, d.event_id,"
    "  d.webhook_id, d.test, case when a.n = 1 then e.type end, e.size,"
    "  case when a.n = 1 and e.size <= $7::int8 then e.data end,"
    "  case when a.n = 1 and w.profile in ('discord', 'slack') then w.profile_options end"
    " from delivery d join webhook w on w.id = d.webhook_id left join e on true"
    " left join b a on coalesce(a.before, 0) < " PAGE_BYTES
    " where d.id = $1::uuid and d.app_id = $2::uuid"
    " order by a.number desc, a.started_at desc, a.token desc",
    7};

bool attempt_place_read(struct str text, struct attempt_place *place)
{
    int64_t *numbers[] = {&place->number, &place->started_us, &place->token};
    struct str piece;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!str_next(&text, '.', &piece) || !str_to_i64(piece, INT64_MIN, INT64_MAX, numbers[i]))
            return false;
    return text.n == 0;
}

struct db_op *attempts_list(struct db *db, struct id app, struct id delivery,
                            const struct attempt_place *after, int limit, int64_t data_max,
                            db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_attempt_list,
                      DB_ARGS(DB_ID(delivery), DB_ID(app), DB_I64(limit), DB_I64(after->number),
                              DB_I64(after->started_us), DB_I64(after->token), DB_I64(data_max)),
                      cb, arg);
}

enum { ATTEMPT_TEST = 22, ATTEMPT_TYPE, ATTEMPT_SIZE, ATTEMPT_DATA, ATTEMPT_OPTIONS };

int64_t attempts_read_size(const struct db_rows *rows)
{
    return db_i64(rows, 0, ATTEMPT_SIZE);
}

void attempts_read(const struct db_rows *rows, int row, struct attempt_row *a)
{
    enum {
        NUMBER,
        STARTED,
        CODE,
        ERROR,
        ERROR_TEXT,
        ADDRESS,
        DNS,
        CONNECT,
        TLS,
        FIRST_BYTE,
        TOTAL
    };
    a->number = db_i64(rows, row, NUMBER);
    a->started_ms = db_i64(rows, row, STARTED);
    a->answered = !db_null(rows, row, CODE);
    a->code = db_i64(rows, row, CODE);
    a->error = (int)db_i64(rows, row, ERROR);
    a->error_text = attempt_error_text(a->error, db_str(rows, row, ERROR_TEXT));
    a->address = db_str(rows, row, ADDRESS);
    a->dns_us = db_i64(rows, row, DNS);
    a->connect_us = db_i64(rows, row, CONNECT);
    a->tls_us = db_i64(rows, row, TLS);
    a->first_byte_us = db_i64(rows, row, FIRST_BYTE);
    a->total_us = db_i64(rows, row, TOTAL);
}

/* Appends what is stored, if it is a head; how many bytes. */
static size_t add_head(struct buf *heads, struct str stored, const struct known *known)
{
    size_t start = heads->n;

    if (!shorthand_read(heads, stored, known))
        heads->n = start;
    return heads->n - start;
}

/* Takes the mark off. */
static struct str without_mark(struct str stored, struct body_mark *mark)
{
    *mark = (struct body_mark){0};
    if (stored.n <= sizeof mark->b || stored.p[0] != WORK_MARKED)
        return stored;
    memcpy(mark->b, stored.p + 1, sizeof mark->b);
    return (struct str){stored.p + 1 + sizeof mark->b, stored.n - 1 - sizeof mark->b};
}

/* What the options of these rows' webhook say of messages now. */
static struct str transform_of(const struct db_rows *rows)
{
    struct str options = db_str(rows, 0, ATTEMPT_OPTIONS);

    if (options.p == NULL || !json_is_object(options))
        return STR_NONE;
    struct str transform = json_at(options, STR_LIT("/transform"));
    return transform.p != NULL && json_kind(transform) == JSON_OBJECT ? transform : STR_NONE;
}

/* The body of an attempt of these rows, if it comes out as it was. */
static void write_again(const struct db_rows *rows, int row, struct attempt_row *a,
                        const struct known *known, struct body_mark mark)
{
    struct profile_input in = {
        .event = known->event,
        .test = db_bool(rows, row, ATTEMPT_TEST),
        .type = db_str(rows, 0, ATTEMPT_TYPE),
        .data = db_str(rows, 0, ATTEMPT_DATA),
        .delivery = known->delivery,
        .attempt = (int)a->number,
        .now_ms = a->started_ms,
        .webhook = known->webhook,
        .options.transform = transform_of(rows),
    };

    buf_init(&a->body, MESSAGE_BODY_MAX);
    a->has_body = in.data.n > 0 && body_again(mark, &in, &a->body);
}

void attempts_read_whole(const struct db_rows *rows, int row, struct attempt_row *a)
{
    enum {
        REQUEST_HEAD = 11,
        RESPONSE_HEAD,
        RESPONSE_BODY,
        URL,
        BODY_CUT,
        DELIVERY = 19,
        EVENT,
        WEBHOOK
    };
    attempts_read(rows, row, a);
    const struct known known = {db_id(rows, row, DELIVERY), db_id(rows, row, EVENT),
                                db_id(rows, row, WEBHOOK), a->started_ms};
    buf_init(&a->heads, ATTEMPT_HEADS_MAX);
    struct body_mark mark;
    struct str sent = without_mark(db_str(rows, row, REQUEST_HEAD), &mark);
    size_t request = add_head(&a->heads, sent, &known);
    size_t response = add_head(&a->heads, db_str(rows, row, RESPONSE_HEAD), &known);
    const char *p = buf_text(&a->heads);
    a->request_head = (struct str){p, request};
    a->response_head =
        (struct str){db_null(rows, row, RESPONSE_HEAD) ? NULL : p + request, response};
    a->response_body = db_str(rows, row, RESPONSE_BODY);
    a->url = db_str(rows, row, URL);
    a->body_cut = db_bool(rows, row, BODY_CUT);
    write_again(rows, row, a, &known, mark);
}

void attempt_row_fini(struct attempt_row *a)
{
    buf_fini(&a->heads);
    buf_fini(&a->body);
}
