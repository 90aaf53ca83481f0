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

int keys_sync_create(struct dbsync *db, const char *name, const char *scope, const char *app,
                     struct buf *key)
{
    uint8_t hash[SHA256_SIZE];
    struct id id = id_new();
    struct buf hex;
    char uuid[ID_HEX_SIZE];
    struct dbsync_rows *rows = NULL;
    char number[12];
    int scope_number = scope_of(scope);
    size_t n = strlen(name);

    if (scope_number < 0 || n < 1 || n > NAME_MAX_BYTES || !str_is_utf8(str_of(name)))
        return ERR_INVALID;
    key_make(id, key, hash);
    buf_init(&hex, 2 + 2 * sizeof hash);
    buf_add_text(&hex, "\\x");
    crypto_hex(&hex, hash, sizeof hash);
    snprintf(number, sizeof number, "%d", scope_number);
    const char *params[] = {id_hex(uuid, id), name, app, number, buf_text(&hex)};
    int err = dbsync_exec(db, sql_create, ARRAY_LEN(params), params, &rows);
    if (err == 0 && dbsync_count(rows) == 0)
        err = ERR_NOT_FOUND;
    dbsync_rows_free(rows);
    buf_fini(&hex);
    return err;
}

int keys_sync_list(struct dbsync *db, FILE *out)
{
    struct dbsync_rows *rows;
    char text[ID_TEXT_SIZE];
    struct id id;
    int err = dbsync_exec(db, sql_list, 0, NULL, &rows);

    if (err < 0)
        return err;
    for (int i = 0; i < dbsync_count(rows); i++)
        if (id_parse_uuid(str_of(dbsync_text(rows, i, 0)), &id))
            fprintf(out, "%s %s %s %s\n", id_text(text, ID_KEY, id),
                    key_scope_names[dbsync_text(rows, i, 1)[0] - '0'], dbsync_text(rows, i, 2),
                    dbsync_text(rows, i, 3));
    dbsync_rows_free(rows);
    return 0;
}

int keys_sync_revoke(struct dbsync *db, struct id id)
{
    struct dbsync_rows *rows = NULL;
    char uuid[ID_HEX_SIZE];
    const char *params[] = {id_hex(uuid, id)};
    int err = dbsync_exec(db, sql_revoke, 1, params, &rows);

    if (err == 0 && dbsync_count(rows) == 0)
        err = ERR_NOT_FOUND;
    dbsync_rows_free(rows);
    return err;
}
