/* Keys for the command line. */
#include "store/keys_sync.h"

#include "base/err.h"
#include "io/dbsync.h"
#include "store/store.h"

#define NAME_MAX_BYTES 100

static const char sql_create[] =
    "insert into api_key (id, app_id, name, scope, hash)"
    " select $1::uuid, case when $4 = '3' then null else app.id end, $2, $4::int2, $5::bytea"
    " from app where app.name = $3 returning id";
static const char sql_list[] = "select k.id, k.scope, coalesce(a.name, '-'), k.name from api_key k"
                               " left join app a on a.id = k.app_id order by k.id";
static const char sql_revoke[] = "with k as (delete from api_key where id = $1::uuid returning id)"
                                 " select pg_notify('" STORE_KEY_CHANNEL "', id::text) from k";

static int scope_of(const char *name)
{
    for (int i = 0; key_scope_names[i] != NULL; i++)
        if (strcmp(name, key_scope_names[i]) == 0)
            return i;
    return -1;
}

static void add_uuid(struct buf *out, struct id id)
{
    crypto_hex(out, id.b, sizeof id.b);
}

int keys_sync_create(struct dbsync *db, const char *name, const char *scope, const char *app,
                     struct buf *key)
{
    uint8_t hash[SHA256_SIZE];
    struct id id = id_new();
    struct buf uuid, hex;
    struct dbsync_rows *rows = NULL;
    char number[12];
    int scope_number = scope_of(scope);
    size_t n = strlen(name);

    if (scope_number < 0 || n < 1 || n > NAME_MAX_BYTES || !str_is_utf8(str_of(name)))
        return ERR_INVALID;
    key_make(id, key, hash);
    buf_init(&uuid, 2 * sizeof id.b);
    buf_init(&hex, 2 + 2 * sizeof hash);
    add_uuid(&uuid, id);
    buf_add_text(&hex, "\\x");
    crypto_hex(&hex, hash, sizeof hash);
    snprintf(number, sizeof number, "%d", scope_number);
    const char *params[] = {buf_text(&uuid), name, app, number, buf_text(&hex)};
    int err = dbsync_exec(db, sql_create, ARRAY_LEN(params), params, &rows);
    if (err == 0 && dbsync_count(rows) == 0)
        err = ERR_NOT_FOUND;
    dbsync_rows_free(rows);
    buf_fini(&uuid);
    buf_fini(&hex);
    return err;
}

/* PostgreSQL's text of a UUID, "018f…-…", as the id it is. */
static struct id uuid_parse(const char *text)
{
    struct id id = {0};
    size_t n = 0;
    for (; *text != '\0' && n < 2 * sizeof id.b; text++) {
        if (*text == '-')
            continue;
        int digit = *text <= '9' ? *text - '0' : *text - 'a' + 10;
        id.b[n / 2] = (uint8_t)(id.b[n / 2] << 4 | digit);
        n++;
    }
    return id;
}

int keys_sync_list(struct dbsync *db, FILE *out)
{
    struct dbsync_rows *rows;
    char id[ID_TEXT_SIZE];
    int err = dbsync_exec(db, sql_list, 0, NULL, &rows);

    if (err < 0)
        return err;
    for (int i = 0; i < dbsync_count(rows); i++)
        fprintf(out, "%s %s %s %s\n", id_text(id, ID_KEY, uuid_parse(dbsync_text(rows, i, 0))),
                key_scope_names[dbsync_text(rows, i, 1)[0] - '0'], dbsync_text(rows, i, 2),
                dbsync_text(rows, i, 3));
    dbsync_rows_free(rows);
    return 0;
}

int keys_sync_revoke(struct dbsync *db, struct id id)
{
    struct dbsync_rows *rows = NULL;
    struct buf uuid;

    buf_init(&uuid, 2 * sizeof id.b);
    add_uuid(&uuid, id);
    const char *params[] = {buf_text(&uuid)};
    int err = dbsync_exec(db, sql_revoke, 1, params, &rows);
    if (err == 0 && dbsync_count(rows) == 0)
        err = ERR_NOT_FOUND;
    dbsync_rows_free(rows);
    buf_fini(&uuid);
    return err;
}
