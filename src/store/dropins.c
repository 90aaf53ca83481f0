/* Drop-in webhooks: statements, binding, decoding. */
#include "store/dropins.h"

#include "core/webhook.h"
#include "sql.h"
#include "store/store.h"

#define LOCK_KEY "7310579632415171184" /* any number that nobody else locks */

const struct db_stmt stmt_dropin_lock = {"dropin_lock",
                                         "select pg_advisory_xact_lock(" LOCK_KEY ")::text", 0};

struct db_op *dropins_lock(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_dropin_lock, DB_ARGS(), cb, arg);
}

const struct db_stmt stmt_dropin_list = {
    "dropin_list",
    "select w.id, w.managed, w.url, w.secret from webhook w join app a on a.id = w.app_id"
    " where a.uid = 'default' and w.managed is not null and w.deleted_at is null",
    0};

struct db_op *dropins_list(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_dropin_list, DB_ARGS(), cb, arg);
}

void dropin_row_read(const struct db_rows *rows, int row, struct dropin_row *out)
{
    enum { ID, SYSTEM, URL, SECRET };
    out->id = db_id(rows, row, ID);
    out->system = db_str(rows, row, SYSTEM);
    out->url = db_str(rows, row, URL);
    out->sealed_secret = db_str(rows, row, SECRET);
}

#define NEW_SECRET "w.secret <> excluded.secret"

const struct db_stmt stmt_dropin_put = {
    "dropin_put",
    "with put as ("
    " insert into webhook as w (id, app_id, managed, url, events, profile, profile_options, secret,"
    "  retry_schedule, batch_seconds, batch_max, timeout_ms, concurrency, headers)"
    " select $1::uuid, a.id, $2::text, $3::text, $4::text[], $5::text, $6::text, $7::bytea,"
    "  $8::int8[], $9::int8, $10::int8, $11::int8, $12::int8, '' from app a where a.uid = 'default'"
    " on conflict (id) do update set events = excluded.events, profile = excluded.profile,"
    "  profile_options = excluded.profile_options, retry_schedule = excluded.retry_schedule,"
    "  batch_seconds = excluded.batch_seconds, batch_max = excluded.batch_max,"
    "  status = " ACTIVE ","
    "  disabled_reason = " REASON_NONE ","
    "  secret = excluded.secret,"
    "  previous_secret = case when " NEW_SECRET " then w.secret else w.previous_secret end,"
    "  previous_until = case when " NEW_SECRET " then now() else w.previous_until end,"
    "  updated_at = now()"
    " where (w.events, w.profile, w.profile_options, w.retry_schedule, w.status, w.secret)"
    "  is distinct from (excluded.events, excluded.profile, excluded.profile_options,"
    "  excluded.retry_schedule, " ACTIVE "::int2, excluded.secret)"
    " returning w.id, w.app_id, w.events"
    "), gone as ("
    " delete from subscription s using put"
    " where s.webhook_id = put.id and s.pattern <> all (put.events)"
    "), added as ("
    " insert into subscription (app_id, pattern, webhook_id)"
    " select app_id, unnest(events), id from put on conflict do nothing"
    ")" AUDITED("put", AUDIT_DEED(13, 14, 15, 16, 17, 18),
                "put.app_id, put.id, null") " select id from put",
    18};

struct db_op *dropins_put(struct db *db, struct id id, const struct dropin *d,
                          struct str sealed_secret, const struct deed *deed, db_cb *cb, void *arg)
{
    size_t events = 0;
    while (d->events[events] != NULL)
        events++;
    return store_exec(
        db, &stmt_dropin_put,
        DB_ARGS(DB_ID(id), DB_TEXT(d->system), DB_STR(d->url), DB_TEXTS(d->events, events),
                DB_TEXT(d->profile), DB_TEXT(d->options), DB_STR(sealed_secret),
                DB_I32S(d->schedule.seconds, d->schedule.count), DB_I64(d->batch_seconds),
                DB_I64(d->batch_max), DB_I64(WEBHOOK_TIMEOUT_MS), DB_I64(WEBHOOK_CONCURRENCY),
                DB_DEED(deed)),
        cb, arg);
}

const struct db_stmt stmt_dropin_retire = {
    "dropin_retire",
    "with w as ("
    " update webhook set " DELETE_WEBHOOK
    " from app a where a.id = webhook.app_id and a.uid = 'default'"
    "  and managed is not null and deleted_at is null"
    "  and (managed, url) not in (select * from unnest($1::text[], $2::text[]))"
    " returning webhook.id, webhook.app_id"
    "), gone as (delete from subscription using w where webhook_id = w.id"
    ")" AUDITED("w", AUDIT_DEED(3, 4, 5, 6, 7, 8), "w.app_id, w.id, null") " select id from w",
    8};

static void bind_deed(struct db_args *args, const struct deed *deed)
{
    const struct db_value values[] = {DB_DEED(deed)};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        db_arg(args, values[i]);
}

struct db_op *dropins_retire(struct db *db, const struct dropins *dropins, const struct deed *deed,
                             db_cb *cb, void *arg)
{
    const struct dropin *kept = dropins->at;
    struct db_args args;

    db_args_init(&args);
    DB_ARRAY(&args, DB_TYPE_TEXT, dropins->count, DB_TEXT(kept[i].system));
    DB_ARRAY(&args, DB_TYPE_TEXT, dropins->count, DB_STR(kept[i].url));
    bind_deed(&args, deed);
    return store_exec(db, &stmt_dropin_retire, args, cb, arg);
}
