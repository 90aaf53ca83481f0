/* Apps and keys. */
#include "resources.h"

#include "base/clock.h"
#include "base/json.h"
#include "core/filter.h"
#include "core/webhook.h"
#include "store/store.h"

#define APP_NAME_MAX 64
#define KEY_NAME_MAX 100

/* --- apps
 * ------------------------------------------------------------------------------------------------
 */

struct app_input {
    struct str name;
    struct field_map metadata;
};

enum { APP_IN_NAME, APP_IN_METADATA };

#define APP_FIELDS(required)                                                                    \
    [APP_IN_NAME] = {"name",   FIELD_STR,           offsetof(struct app_input, name), required, \
                     .min = 1, .max = APP_NAME_MAX, .check = event_type_check},                 \
    [APP_IN_METADATA] = {"metadata",                                                            \
                         FIELD_MAP,                                                             \
                         offsetof(struct app_input, metadata),                                  \
                         FIELD_NULLABLE,                                                        \
                         .max = METADATA_MAX,                                                   \
                         .key_max = METADATA_KEY_MAX,                                           \
                         .item_max = METADATA_VALUE_MAX}

static const struct field app_create_fields[] = {APP_FIELDS(FIELD_REQUIRED)};
static const struct field app_change_fields[] = {APP_FIELDS(0)};

static void write_app(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    enum { ID, NAME, METADATA, CREATED };
    (void)settings;
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_APP, db_id(rows, row, ID));
    jsonw_str(w, "name", db_str(rows, row, NAME));
    jsonw_raw(w, "metadata", db_str(rows, row, METADATA));
    jsonw_time(w, "created_at", db_i64(rows, row, CREATED), CLOCK_SECONDS);
    jsonw_end(w, '}');
}

static void reply_app(struct call *call, int err, const struct db_rows *rows, int status)
{
    if (err == ERR_CONFLICT) {
        call->op = NULL;
        reply_error(call, err, "there is an app of that name");
    } else if (call_row(call, err, rows)) {
        write_app(reply_begin(call), call->server->settings, rows, 0);
        reply_send(call, status);
    }
}

static void on_app_created(void *arg, int err, const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    struct call *call = arg;
    if (err == 0)
        reply_location(call, "/apps", id_text(id, ID_APP, db_id(rows, 0, 0)));
    reply_app(call, err, rows, 201);
}

void apps_create(struct call *call)
{
    struct app_input in = {0};
    if (call_bind(call, app_create_fields, ARRAY_LEN(app_create_fields), &in))
        call->op = apps_insert(call->server->db, id_new(), in.name, map_json(call, &in.metadata),
                               on_app_created, call);
}

static void on_app(void *arg, int err, const struct db_rows *rows)
{
    reply_app(arg, err, rows, 200);
}

void apps_show(struct call *call)
{
    struct id id;
    if (call_id(call, 0, ID_APP, &id))
        call->op = apps_get(call->server->db, id, on_app, call);
}

/* Not changed: it is not there, or it is `default`, whose name stays. */
static void on_app_unchanged(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (call_row(call, err, rows))
        reply_error(call, ERR_CONFLICT, "the app `default` keeps its name and stays");
}

static void on_app_changed(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;
    if (err == 0 && db_count(rows) == 0)
        call->op = apps_get(call->server->db, *id, on_app_unchanged, call);
    else
        reply_app(call, err, rows, 200);
}

void apps_change(struct call *call)
{
    struct app_input in = {0};
    struct id *id = call->state = call_alloc(call, sizeof *id);
    const struct fields *f = &call->fields;

    if (!call_id(call, 0, ID_APP, id) ||
        !call_bind(call, app_change_fields, ARRAY_LEN(app_change_fields), &in))
        return;
    struct str metadata =
        field_given(f, APP_IN_METADATA) ? map_json(call, &in.metadata) : (struct str){NULL, 0};
    call->op = apps_update(call->server->db, *id, in.name, metadata, on_app_changed, call);
}

static void on_app_removed(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;

    call->op = NULL;
    if (err < 0) {
        reply_db_error(call, err);
    } else if (db_count(rows) == 0) {
        call->op = apps_get(call->server->db, *id, on_app_unchanged, call);
    } else {
        auth_cache_clear(call->server->auth);
        reply_empty(call, 204);
    }
}

void apps_remove(struct call *call)
{
    struct id *id = call->state = call_alloc(call, sizeof *id);
    if (call_id(call, 0, ID_APP, id))
        call->op = apps_delete(call->server->db, *id, on_app_removed, call);
}

/* --- lists of both ---------------------------------------------------------------------------- */

struct page {
    int limit;
    struct id before;
};

static bool read_page(struct call *call, const char *prefix)
{
    struct page *page = call->state = call_alloc(call, sizeof *page);

    page->limit = PAGE_LIMIT;
    page->before = id_last();
    return query_limit(call, call->values[0], &page->limit) &&
           query_cursor(call, call->values[1], prefix, &page->before);
}

static void reply_page(struct call *call, int err, const struct db_rows *rows, page_row *write_row,
                       const char *prefix)
{
    const struct page *page = call->state;
    call->op = NULL;
    if (err < 0)
        reply_db_error(call, err);
    else
        page_reply(call, rows, page->limit, write_row, prefix);
}

static void on_apps(void *arg, int err, const struct db_rows *rows)
{
    reply_page(arg, err, rows, write_app, ID_APP);
}

void apps_index(struct call *call)
{
    if (!read_page(call, ID_APP))
        return;
    const struct page *page = call->state;
    call->op = apps_list(call->server->db, page->before, page->limit + 1, on_apps, call);
}

/* --- keys
 * ------------------------------------------------------------------------------------------------
 */

struct key_input {
    struct str name, app;
    int scope;
    int64_t expires_ms;
};

enum { KEY_IN_NAME, KEY_IN_SCOPE, KEY_IN_APP, KEY_IN_EXPIRES };

static const struct field key_fields[] = {
    [KEY_IN_NAME] = {"name", FIELD_STR, offsetof(struct key_input, name), FIELD_REQUIRED, .min = 1,
                     .max = KEY_NAME_MAX},
    [KEY_IN_SCOPE] = {"scope", FIELD_ENUM, offsetof(struct key_input, scope), FIELD_REQUIRED,
                      .names = key_scope_names},
    [KEY_IN_APP] = {"app_id", FIELD_STR, offsetof(struct key_input, app), FIELD_NULLABLE, .min = 1,
                    .max = ID_TEXT_SIZE},
    [KEY_IN_EXPIRES] = {"expires_at", FIELD_TIME, offsetof(struct key_input, expires_ms),
                        FIELD_NULLABLE},
};

/* `text` is the key itself, p == NULL but when it is shown, once. */
static void write_key_text(struct jsonw *w, const struct db_rows *rows, int row, struct str text)
{
    struct key key;
    keys_read(rows, row, &key);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_KEY, key.id);
    jsonw_str(w, "name", key.name);
    jsonw_text(w, "scope", key_scope_names[key.scope]);
    if (key.has_app)
        jsonw_id(w, "app_id", ID_APP, key.app);
    else
        jsonw_null(w, "app_id");
    jsonw_time(w, "created_at", id_time_ms(key.id), CLOCK_SECONDS);
    if (key.expires_ms > 0)
        jsonw_time(w, "expires_at", key.expires_ms, CLOCK_SECONDS);
    else
        jsonw_null(w, "expires_at");
    if (text.p != NULL)
        jsonw_str(w, "key", text);
    jsonw_end(w, '}');
}

static void write_key(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    (void)settings;
    write_key_text(w, rows, row, (struct str){NULL, 0});
}

static void on_key_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const char *text = call->state;
    char id[ID_TEXT_SIZE];

    call->op = NULL;
    if (err == ERR_INVALID) {
        reply_invalid(call, "app_id", "there is no such app");
    } else if (err < 0) {
        reply_db_error(call, err);
    } else {
        reply_location(call, "/keys", id_text(id, ID_KEY, db_id(rows, 0, 0)));
        write_key_text(reply_begin(call), rows, 0, str_of(text));
        reply_send(call, 201);
    }
}

/* What the table cannot say: an admin key has no tenant, every other has one. */
static bool check_key(struct call *call, const struct key_input *in, struct key *key)
{
    struct fields *f = &call->fields;

    key->has_app = in->scope != SCOPE_ADMIN;
    key->app = call->app;
    if (field_has(f, KEY_IN_APP) && !key->has_app)
        fields_problem(f, "app_id", "an admin key belongs to no app");
    else if (field_has(f, KEY_IN_APP) && !id_parse(in->app, ID_APP, &key->app))
        fields_problem(f, "app_id", "is not the id of an app");
    if (field_has(f, KEY_IN_EXPIRES) && in->expires_ms <= clock_wall_ms())
        fields_problem(f, "expires_at", "is not in the future");
    if (f->problem_count > 0)
        reply_problems(call, ERR_INVALID);
    return f->problem_count == 0;
}

void keys_create(struct call *call)
{
    struct key_input in = {0};
    uint8_t hash[SHA256_SIZE];
    struct buf text;

    if (!call_bind(call, key_fields, ARRAY_LEN(key_fields), &in))
        return;
    struct key key = {
        .id = id_new(), .name = in.name, .scope = in.scope, .expires_ms = in.expires_ms};
    if (!check_key(call, &in, &key))
        return;
    buf_init(&text, KEY_TEXT_MAX);
    key_make(key.id, &text, hash);
    key.hash = (struct str){(const char *)hash, sizeof hash};
    call->state = str_dup(call_allocator(call), buf_str(&text));
    buf_fini(&text);
    call->op = keys_insert(call->server->db, &key, on_key_created, call);
}

static void on_key(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (call_row(call, err, rows)) {
        write_key(reply_begin(call), NULL, rows, 0);
        reply_send(call, 200);
    }
}

void keys_show(struct call *call)
{
    struct id id;
    if (call_id(call, 0, ID_KEY, &id))
        call->op = keys_get(call->server->db, id, on_key, call);
}

static void on_keys(void *arg, int err, const struct db_rows *rows)
{
    reply_page(arg, err, rows, write_key, ID_KEY);
}

void keys_index(struct call *call)
{
    if (!read_page(call, ID_KEY))
        return;
    const struct page *page = call->state;
    call->op = keys_list(call->server->db, page->before, page->limit + 1, on_keys, call);
}

static void on_key_revoked(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (call_row(call, err, rows)) {
        auth_cache_clear(call->server->auth);
        reply_empty(call, 204);
    }
}

void keys_revoke(struct call *call)
{
    struct id id;
    if (call_id(call, 0, ID_KEY, &id))
        call->op = keys_delete(call->server->db, id, on_key_revoked, call);
}
