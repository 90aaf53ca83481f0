/* The managed webhooks of the ledger, made to match the settings. */
#include "store/managed.h"

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "core/webhook.h"
#include "io/dbsync.h"
#include "store/store.h"
#include "store/webhooks.h"

#include <inttypes.h>
#include <stdio.h>

#define LOCK_KEY "7310579632415171184"
#define TEXT_MAX ((size_t)64 << 10)

/* Commits or not as a whole: the lock ends with the transaction. */
static const char sql_begin[] = "begin; select pg_advisory_xact_lock(" LOCK_KEY ")";

static const char sql_find[] =
    "select w.id, encode(w.secret, 'base64') from webhook w join app a on a.id = w.app_id"
    " where a.name = 'default' and w.managed = $1 and w.url = $2 and w.deleted_at is null";

static const char sql_insert[] =
    "insert into webhook (id, app_id, url, events, profile, profile_options, secret, headers,"
    " retry_schedule, timeout_ms, concurrency, managed, batch_seconds)"
    " select $1::uuid, a.id, $2, $3::text[], $4, $5, $6::bytea, '', $7::int8[], $8::int4, $9::int4,"
    " $10, $11::int4 from app a where a.name = 'default'";

static const char sql_update[] =
    "update webhook set events = $2::text[], profile = $3, profile_options = $4,"
    " retry_schedule = $5::int8[], batch_seconds = $6::int4, status = 0, disabled_reason = 0,"
    " unsettled = unsettled or status <> 0, updated_at = now()"
    " where id = $1::uuid and (events, profile, profile_options, retry_schedule, status)"
    " is distinct from ($2::text[], $3, $4, $5::int8[], 0::int2)";

static const char sql_new_secret[] =
    "update webhook set previous_secret = secret, previous_until = now(), secret = $2::bytea,"
    " updated_at = now() where id = $1::uuid";

static const char sql_subscribe[] =
    "insert into subscription (app_id, pattern, webhook_id)"
    " select app_id, unnest(events), id from webhook where id = $1::uuid on conflict do nothing";

static const char sql_unsubscribe[] =
    "delete from subscription s using webhook w where w.id = $1::uuid and s.webhook_id = w.id"
    " and s.pattern <> all (w.events)";

static const char sql_retire[] =
    "with w as (update webhook set deleted_at = now(), unsettled = true, secret = '',"
    " previous_secret = null from app a where a.id = webhook.app_id and a.name = 'default'"
    " and managed is not null and deleted_at is null and managed || ' ' || url <> all ($1::text[])"
    " returning webhook.id), s as (delete from subscription using w where webhook_id = w.id)"
    " select count(*) from w";

/* The texts of one webhook's parameters. */
struct texts {
    struct buf url, events, schedule, secret;
};

static void texts_init(struct texts *t)
{
    struct buf *const all[] = {&t->url, &t->events, &t->schedule, &t->secret};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], TEXT_MAX);
}

static void texts_fini(struct texts *t)
{
    struct buf *const all[] = {&t->url, &t->events, &t->schedule, &t->secret};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_fini(all[i]);
}

/* Arrays in PostgreSQL's text form; names of events need no escape. */
static void write_texts(struct texts *t, const struct dropin *d)
{
    buf_add_str(&t->url, d->url);
    for (size_t i = 0; d->events[i] != NULL; i++)
        buf_printf(&t->events, "%c\"%s\"", i == 0 ? '{' : ',', d->events[i]);
    buf_add_char(&t->events, '}');
    buf_add_char(&t->schedule, '{');
    for (size_t i = 0; i < d->schedule.count; i++)
        buf_printf(&t->schedule, "%s%d", i > 0 ? "," : "", d->schedule.seconds[i]);
    buf_add_char(&t->schedule, '}');
}

static void write_secret(struct texts *t, const struct settings *settings, struct id id,
                         struct str secret)
{
    struct buf sealed;
    buf_init(&sealed, TEXT_MAX);
    webhook_seal(settings, id, secret, &sealed);
    buf_add_text(&t->secret, "\\x");
    crypto_hex(&t->secret, sealed.p, sealed.n);
    buf_fini(&sealed);
}

static int insert(struct dbsync *db, const struct settings *settings, const struct dropin *d,
                  struct texts *t)
{
    char hex[ID_HEX_SIZE], timeout[16], concurrency[16], batch[24];
    struct id id = id_new();

    write_secret(t, settings, id, d->secret);
    snprintf(timeout, sizeof timeout, "%d", WEBHOOK_TIMEOUT_MS);
    snprintf(concurrency, sizeof concurrency, "%d", WEBHOOK_CONCURRENCY);
    snprintf(batch, sizeof batch, "%" PRId64, d->batch_seconds);
    const char *params[] = {id_hex(hex, id),
                            buf_text(&t->url),
                            buf_text(&t->events),
                            d->profile,
                            d->options,
                            buf_text(&t->secret),
                            buf_text(&t->schedule),
                            timeout,
                            concurrency,
                            d->system,
                            batch};
    int err = dbsync_exec(db, sql_insert, ARRAY_LEN(params), params, NULL);
    return err < 0 ? err : dbsync_exec(db, sql_subscribe, 1, params, NULL);
}

static bool same_secret(const struct settings *settings, struct id id, const char *base64,
                        struct str secret)
{
    struct buf sealed, opened;
    uint8_t bytes[1024];
    bool same = false;

    buf_init(&opened, sizeof bytes);
    buf_init(&sealed, sizeof bytes);
    for (const char *p = base64; *p != '\0'; p++)
        if (*p != '\n') /* PostgreSQL breaks lines */
            buf_add_char(&sealed, *p);
    ssize_t n = crypto_base64_decode(buf_str(&sealed), bytes, sizeof bytes);
    if (n > 0 &&
        webhook_open(settings, id, (struct str){(const char *)bytes, (size_t)n}, &opened) == 0)
        same = crypto_equal(buf_str(&opened), secret);
    crypto_wipe(opened.p, opened.n);
    buf_fini(&sealed);
    buf_fini(&opened);
    return same;
}

static int update(struct dbsync *db, const struct settings *settings, const struct dropin *d,
                  struct texts *t, const struct dbsync_rows *rows)
{
    char hex[ID_HEX_SIZE], batch[24];
    struct id id;

    if (!id_parse_uuid(str_of(dbsync_text(rows, 0, 0)), &id))
        return ERR_INTERNAL;
    snprintf(batch, sizeof batch, "%" PRId64, d->batch_seconds);
    const char *params[] = {id_hex(hex, id), buf_text(&t->events),   d->profile,
                            d->options,      buf_text(&t->schedule), batch};
    int err = dbsync_exec(db, sql_update, ARRAY_LEN(params), params, NULL);
    if (err == 0)
        err = dbsync_exec(db, sql_subscribe, 1, params, NULL);
    if (err == 0)
        err = dbsync_exec(db, sql_unsubscribe, 1, params, NULL);
    if (err == 0 && !same_secret(settings, id, dbsync_text(rows, 0, 1), d->secret)) {
        write_secret(t, settings, id, d->secret);
        const char *secret[] = {hex, buf_text(&t->secret)};
        err = dbsync_exec(db, sql_new_secret, ARRAY_LEN(secret), secret, NULL);
    }
    return err;
}

static int sync_one(struct dbsync *db, const struct settings *settings, const struct dropin *d)
{
    struct dbsync_rows *rows = NULL;
    struct texts t;

    texts_init(&t);
    write_texts(&t, d);
    const char *params[] = {d->system, buf_text(&t.url)};
    int err = dbsync_exec(db, sql_find, ARRAY_LEN(params), params, &rows);
    if (err == 0)
        err = dbsync_count(rows) > 0 ? update(db, settings, d, &t, rows)
                                     : insert(db, settings, d, &t);
    dbsync_rows_free(rows);
    texts_fini(&t);
    return err;
}

/* What is managed and not among `dropins` any more. The identities go as an array's text, quoted.
 */
static int retire(struct dbsync *db, const struct dropins *dropins)
{
    struct buf keep;

    buf_init(&keep, TEXT_MAX * 4);
    buf_add_char(&keep, '{');
    for (size_t i = 0; i < dropins->count; i++) {
        const struct dropin *d = &dropins->at[i];
        buf_printf(&keep, "%s\"%s ", i > 0 ? "," : "", d->system);
        for (size_t j = 0; j < d->url.n; j++) {
            if (d->url.p[j] == '"' || d->url.p[j] == '\\')
                buf_add_char(&keep, '\\');
            buf_add_char(&keep, d->url.p[j]);
        }
        buf_add_char(&keep, '"');
    }
    buf_add_char(&keep, '}');
    const char *params[] = {buf_text(&keep)};
    int err = dbsync_exec(db, sql_retire, 1, params, NULL);
    buf_fini(&keep);
    return err;
}

int managed_sync(struct dbsync *db, const struct settings *settings, const struct dropins *dropins)
{
    int err = dbsync_script(db, sql_begin);
    for (size_t i = 0; i < dropins->count && err == 0; i++)
        err = sync_one(db, settings, &dropins->at[i]);
    if (err == 0)
        err = retire(db, dropins);
    int end = dbsync_script(db, err == 0 ? "commit" : "rollback");
    if (err == 0 && end == 0 && dropins->count > 0)
        log_info("webhooks_managed", "count=%zu", dropins->count);
    return err < 0 ? err : end;
}
