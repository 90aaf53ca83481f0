/* What is held for listeners. All of it goes by the index of what is held for a webhook, oldest first, and of that no
 * further than LOOKED_AT: the next look begins behind it. What waits there for another time, or for others in its lane,
 * is passed by. */
#include "store/listens.h"

#include "sql.h"
#include "store/store.h"

#define LOOKED_AT     500
#define LOOKED_AT_SQL TEXT_OF(LOOKED_AT)

/* Of a delivery d, its event e and its webhook w. */
#define LISTENED                                                                             \
    "d.id, d.event_id, d.webhook_id, d.test, d.attempts::int8, d.state::int8, "              \
    "case when d.attempts > 0 then ms_of(d.next_at) end, e.type, e.data, w.url, w.profile, " \
    "coalesce(e.profile_options, w.profile_options), " SIGNING_SECRET ", " PREVIOUS_SECRET   \
    ", w.headers, w.auth, w.tls, w.status::int8, w.retry_schedule"

enum {
    COL_ALLOWED,
    COL_STATUS,
    COL_LOOKED,
    COL_LAST,
    COL_OVER,
    COL_LANDED,
    COL_LISTENED,
};

/* $7: the key, unless it is that of the options. */
#define STILL_ALLOWED                                                             \
    "($7::uuid is null or exists (select from api_key k where k.id = $7::uuid"    \
    " and k.scope >= $8::int8 and (k.expires_at is null or k.expires_at > now())" \
    " and (k.app_id is null or k.app_id = $2::uuid)))"

/* Scalar subqueries are probes, each of one partition. */
#define LANDED                                                                     \
    "array (select f.id from unnest($3::uuid[], $4::int8[]) f (id, attempt) where" \
    " (select x.state = " HELD                                                     \
    " and x.attempts = f.attempt - 1 from delivery x where x.id = f.id)"           \
    " is not true)"
#define IS_FIRST_OF_LANE                                                        \
    "(h.lane is null or h.turn is null or (select true from delivery b"         \
    " where b.webhook_id = $1::uuid and b.lane = h.lane and b.turn is not null" \
    " and b.turn < h.turn and b.state in (" PENDING ", " HELD ") limit 1) is not true)"

const struct db_stmt stmt_listen_next = {
    "listen_next",
    "with w as materialized ("
    " select w.*, " STILL_ALLOWED " as allowed from webhook w"
    " where w.id = $1::uuid and w.app_id = $2::uuid and w.deleted_at is null"
    "), h as materialized ("
    " select d.id, d.event_id, d.lane, d.turn, d.next_at, (" EXPIRED ") is true as over"
    "  from delivery d where " IS_ONE_OF(
        "d.webhook_id",
        "$1::uuid") " and d.state = " HELD
                    "  and d.id > $6::uuid order by d.webhook_id, d.id limit " LOOKED_AT_SQL
                    "), n as materialized ("
                    " select n.id, sum(e.size) over (order by n.id rows between unbounded preceding and 1 preceding)"
                    "  as before from (select h.id, h.event_id from h where not h.over and h.next_at <= now()"
                    "   and h.id <> all ($3::uuid[]) and " IS_FIRST_OF_LANE
                    " order by h.id limit $5::int8) n"
                    "  cross join lateral (select octet_length(data) as size from event"
                    "   where event.id = n.event_id offset 0) e"
                    "), r as materialized (select id from n where coalesce(before, 0) < " LISTEN_BYTES
                    ")"
                    " select w.allowed, w.status::int8, (select count(*) from h),"
                    "  (select id from h order by id desc limit 1), array (select id from h where over), " LANDED
                    ", " LISTENED " from w left join (r cross join lateral (select * from delivery"
                    "  where delivery.id = r.id offset 0) d cross join lateral (select type, data, profile_options"
                    "  from event where event.id = d.event_id offset 0) e) on true order by d.id",
    8};

struct db_op *listens_next(struct db *db, const struct listen_ask *ask, db_cb *cb, void *arg)
{
    struct db_args args;

    db_args_init(&args);
    db_arg(&args, DB_ID(ask->webhook));
    db_arg(&args, DB_ID(ask->by.app));
    DB_ARRAY(&args, DB_TYPE_ID, ask->count, DB_ID(ask->flights[i].delivery));
    DB_ARRAY(&args, DB_TYPE_I64, ask->count, DB_I64(ask->flights[i].attempt));
    db_arg(&args, DB_I64(ask->limit));
    db_arg(&args, DB_ID(ask->after));
    db_arg(&args, store_id_or_null(ask->by.key));
    db_arg(&args, DB_I64(ask->by.scope));
    return store_read(db, &stmt_listen_next, args, cb, arg);
}

static void read_at(const struct db_rows *rows, int row, int first, struct listened *l)
{
    enum {
        ID,
        EVENT,
        WEBHOOK,
        TEST,
        ATTEMPTS,
        STATE,
        DUE,
        TYPE,
        DATA,
        URL,
        PROFILE,
        OPTIONS,
        SECRET,
        PREVIOUS,
        HEADERS,
        AUTH,
        TLS,
        STATUS,
        SCHEDULE
    };
    *l = (struct listened){
        .to = {.webhook = db_id(rows, row, first + WEBHOOK),
               .url = db_str(rows, row, first + URL),
               .profile = db_str(rows, row, first + PROFILE),
               .options = db_str(rows, row, first + OPTIONS),
               .sealed_secret = db_str(rows, row, first + SECRET),
               .sealed_previous = db_str(rows, row, first + PREVIOUS),
               .sealed_headers = db_str(rows, row, first + HEADERS),
               .sealed_auth = db_str(rows, row, first + AUTH),
               .sealed_tls = db_str(rows, row, first + TLS)},
        .content = {.event = db_id(rows, row, first + EVENT),
                    .test = db_bool(rows, row, first + TEST),
                    .type = db_str(rows, row, first + TYPE),
                    .data = db_str(rows, row, first + DATA),
                    .delivery = db_id(rows, row, first + ID),
                    .attempt = (int)db_i64(rows, row, first + ATTEMPTS) + 1,
                    .due_ms = db_i64(rows, row, first + DUE)},
        .state = (int)db_i64(rows, row, first + STATE),
        .status = (int)db_i64(rows, row, first + STATUS),
    };
    schedule_read(rows, row, first + SCHEDULE, &l->schedule);
}

void listens_read_look(const struct db_rows *rows, struct listen_look *look)
{
    *look = (struct listen_look){
        .allowed = db_bool(rows, 0, COL_ALLOWED),
        .status = (int)db_i64(rows, 0, COL_STATUS),
        .end = db_i64(rows, 0, COL_LOOKED) < LOOKED_AT,
        .last = db_id(rows, 0, COL_LAST),
        .over = db_array(rows, 0, COL_OVER),
        .landed = db_array(rows, 0, COL_LANDED),
        .count = db_null(rows, 0, COL_LISTENED) ? 0 : db_count(rows),
    };
}

void listens_read(const struct db_rows *rows, int row, struct listened *listened)
{
    read_at(rows, row, COL_LISTENED, listened);
}

const struct db_stmt stmt_listen_get = {
    "listen_get",
    "select " LISTENED " from delivery d cross join lateral (select type, data, profile_options"
    "  from event where event.id = d.event_id offset 0) e"
    " join webhook w on w.id = d.webhook_id where d.id = $1::uuid and d.app_id = $2::uuid",
    2};

struct db_op *listens_get(struct db *db, struct id app, struct id delivery, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_listen_get, DB_ARGS(DB_ID(delivery), DB_ID(app)), cb, arg);
}

void listens_read_one(const struct db_rows *rows, struct listened *listened)
{
    read_at(rows, 0, 0, listened);
}

const struct db_stmt stmt_listen_expire = {
    "listen_expire",
    "update delivery d set state = " FAILED ", completed_at = now(), last_error = " ERROR_EXPIRED
    " where d.id = any ($1::uuid[]) and d.id between $2::uuid and $3::uuid"
    "  and d.webhook_id = $4::uuid and d.state + 0 = " HELD " and " EXPIRED
    "  and d.expires_at > " ERASED
    "  and (select status from webhook w where w.id = d.webhook_id) = " LISTENING " returning d.id",
    4};

struct db_op *listens_expire(struct db *db, struct id webhook, const struct id *ids, size_t count,
                             db_cb *cb, void *arg)
{
    assert(delivery_may_move(ACTOR_LISTENER, DELIVERY_HELD, DELIVERY_FAILED));
    return store_exec(db, &stmt_listen_expire,
                      DB_ARGS(DB_IDS(ids, count), STORE_BOUNDS(ids, count), DB_ID(webhook)), cb,
                      arg);
}
