/* Apps: the tenants. */
#include "store/apps.h"
#include "auth.h"
#include "base/json.h"
#include "core/uid.h"
#include "core/webhook.h"
#include "deed.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "tokens.h"

#define NAME_LENGTH_MAX 256

struct app_input {
    struct str uid, name;
    struct field_map metadata;
    bool strict_types, validate;
};

enum { IN_UID, IN_NAME, IN_METADATA, IN_STRICT, IN_VALIDATE };

#define FIELDS(required)                                                                     \
    [IN_UID] = {"uid",                                                                       \
                FIELD_STR,                                                                   \
                offsetof(struct app_input, uid),                                             \
                FIELD_NULLABLE,                                                              \
                .min = 1,                                                                    \
                .max = UID_MAX,                                                              \
                .check = uid_check},                                                         \
    [IN_NAME] = {"name",   FIELD_STR, offsetof(struct app_input, name),                      \
                 required, .min = 1,  .max = NAME_LENGTH_MAX},                               \
    [IN_METADATA] = {"metadata",                                                             \
                     FIELD_MAP,                                                              \
                     offsetof(struct app_input, metadata),                                   \
                     FIELD_NULLABLE,                                                         \
                     .max = METADATA_MAX,                                                    \
                     .key_max = METADATA_KEY_MAX,                                            \
                     .item_max = METADATA_VALUE_MAX},                                        \
    [IN_STRICT] = {"strict_types", FIELD_BOOL, offsetof(struct app_input, strict_types), 0}, \
    [IN_VALIDATE] = {"validate", FIELD_BOOL, offsetof(struct app_input, validate), 0}

static const struct field create_fields[] = {FIELDS(FIELD_REQUIRED)};
static const struct field update_fields[] = {FIELDS(0)};

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct app app;

    (void)settings;
    app_read(rows, row, &app);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_APP, app.id);
    jsonw_str_or_null(w, "uid", app.uid);
    jsonw_str(w, "name", app.name);
    jsonw_raw(w, "metadata", app.metadata);
    jsonw_bool(w, "strict_types", (app.checks & APP_STRICT_TYPES) != 0);
    jsonw_bool(w, "validate", (app.checks & APP_VALIDATE) != 0);
    jsonw_time(w, "created_at", app.created_ms, CLOCK_SECONDS);
    jsonw_end(w, '}');
}

/* What was given, as the ledger takes it. */
static struct app app_of(struct call *call, struct id id, const struct app_input *in)
{
    return (struct app){
        .id = id,
        .uid = in->uid,
        .name = in->name,
        .metadata = input_map_json(call, &in->metadata),
        .checks = (in->strict_types ? APP_STRICT_TYPES : 0) | (in->validate ? APP_VALIDATE : 0),
    };
}

static void reply_app(struct call *call, int err, const struct db_rows *rows, int status)
{
    if (result_uid_taken(call, err, "is that of another app") || !result_row(call, err, rows))
        return;
    write_row(reply_begin(call), NULL, rows, 0);
    reply_send(call, status);
}

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    struct call *call = arg;
    if (err == 0)
        reply_location(call, "/apps", id_text(id, ID_APP, db_id(rows, 0, 0)));
    reply_app(call, err, rows, 201);
}

void handle_apps_create(struct call *call)
{
    struct app_input in = {0};
    if (!input_body(call, create_fields, ARRAY_LEN(create_fields), &in))
        return;
    struct app app = app_of(call, id_new(), &in);
    call->op = apps_insert(call->api->db, &app, deed_of(call, AUDIT_APP_CREATE), on_created, call);
}

static void on_row(void *arg, int err, const struct db_rows *rows)
{
    reply_app(arg, err, rows, 200);
}

void handle_apps_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_APP, &id))
        call->op = apps_get(call->api->db, id, on_row, call);
}

/* Not changed: it is not there, or it is `default`, whose uid stays. */
static void on_untouched(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows))
        reply_error(call, ERR_CONFLICT, "The app `default` keeps its uid, and cannot be deleted");
}

static void on_updated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;
    if (err == 0 && db_count(rows) == 0) {
        call->op = apps_get(call->api->db, *id, on_untouched, call);
        return;
    }
    auth_cache_clear(call->api->auth);
    token_cache_clear(call->api->tokens);
    reply_app(call, err, rows, 200);
}

void handle_apps_update(struct call *call)
{
    struct app_input in = {0};
    struct id *id = call->state = call_alloc(call, sizeof *id);
    const struct fields *f = &call->fields;

    if (!input_id(call, 0, ID_APP, id) ||
        !input_body(call, update_fields, ARRAY_LEN(update_fields), &in))
        return;
    struct app app = app_of(call, *id, &in);
    if (!field_given(f, IN_METADATA))
        app.metadata = STR_NONE;
    int checks = (field_given(f, IN_STRICT) ? APP_STRICT_TYPES : 0) |
                 (field_given(f, IN_VALIDATE) ? APP_VALIDATE : 0);
    call->op = apps_update(call->api->db, &app, field_given(f, IN_UID), checks,
                           deed_of(call, AUDIT_APP_UPDATE), on_updated, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        call->op = apps_get(call->api->db, *id, on_untouched, call);
    } else {
        auth_cache_clear(call->api->auth);
        token_cache_clear(call->api->tokens);
        reply_empty(call, 204);
    }
}

void handle_apps_delete(struct call *call)
{
    struct id *id = call->state = call_alloc(call, sizeof *id);
    if (input_id(call, 0, ID_APP, id))
        call->op =
            apps_delete(call->api->db, *id, deed_of(call, AUDIT_APP_DELETE), on_deleted, call);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_apps_list(struct call *call)
{
    const struct page *page = page_read(call, ID_APP);
    if (page != NULL)
        call->op = apps_list(call->api->reads, page->before, page->limit + 1, on_list, call);
}
