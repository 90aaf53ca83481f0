/* API keys. */
#include "store/keys.h"
#include "auth.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/address.h"
#include "core/uid.h"
#include "deed.h"
#include "input.h"
#include "names.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

#define NAME_LENGTH_MAX 100
#define REQUESTS_MAX    1000000

struct key_input {
    struct str name, app;
    struct field_strs networks;
    int scope;
    int64_t expires_ms, requests;
};

/* The last two do not change. */
enum {
    IN_NAME,
    IN_EXPIRES,
    IN_NETWORKS,
    IN_REQUESTS,
    IN_UPDATE_COUNT,
    IN_SCOPE = IN_UPDATE_COUNT,
    IN_APP,
    IN_COUNT
};

static const char *check_network(struct str text)
{
    struct networks networks;
    struct str bad;

    return networks_parse(text, &networks, &bad) == 0 && networks.count == 1
               ? NULL
               : "must be a network such as 192.0.2.0/24 or 2001:db8::/32, with no bit set after the "
                 "prefix";
}

static const char *check_app(struct str text)
{
    struct id id;

    return id_parse(text, ID_APP, &id) || uid_is_possible(text)
               ? NULL
               : "must be the id or the uid of an app";
}

#define AT(member) offsetof(struct key_input, member)
#define SETTINGS(required)                                                                 \
    [IN_NAME] = {"name", FIELD_STR, AT(name), required, .min = 1, .max = NAME_LENGTH_MAX}, \
    [IN_EXPIRES] = {"expires_at", FIELD_TIME, AT(expires_ms), FIELD_NULLABLE},             \
    [IN_NETWORKS] =                                                                        \
        {"allowed_networks",      FIELD_STRS,     AT(networks),          FIELD_NULLABLE,   \
         .max = KEY_NETWORKS_MAX, .item_max = 49, .check = check_network},                 \
    [IN_REQUESTS] = {"requests_per_second", FIELD_I64, AT(requests), FIELD_NULLABLE,       \
                     .max = REQUESTS_MAX}

static const struct field update_fields[IN_UPDATE_COUNT] = {SETTINGS(0)};
static const struct field create_fields[IN_COUNT] = {
    SETTINGS(FIELD_REQUIRED),
    [IN_SCOPE] = {"scope", FIELD_ENUM, AT(scope), FIELD_REQUIRED, .names = key_scope_names},
    [IN_APP] = {"app_id", FIELD_STR, AT(app), FIELD_NULLABLE, .min = 1, .max = UID_MAX,
                .check = check_app},
};

/* `text` is the key itself, p == NULL but when it is shown, once. */
static void write_key(struct jsonw *w, const struct db_rows *rows, int row, struct str text)
{
    struct key key;
    keys_read(rows, row, &key);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_KEY, key.id);
    jsonw_str(w, "name", key.name);
    jsonw_text(w, "scope", str_name(key_scope_names, key.scope));
    jsonw_id_or_null(w, "app_id", key.has_app, ID_APP, key.app);
    jsonw_bool(w, "portal", key.portal);
    jsonw_time(w, "created_at", id_time_ms(key.id), CLOCK_SECONDS);
    jsonw_time_or_null(w, "expires_at", key.expires_ms, CLOCK_SECONDS);
    jsonw_time_or_null(w, "last_used_at", key.used_ms, CLOCK_SECONDS);
    jsonw_begin(w, "allowed_networks", '[');
    for (size_t i = 0; i < key.network_count; i++)
        jsonw_str(w, NULL, key.networks[i]);
    jsonw_end(w, ']');
    jsonw_i64_or_null(w, "requests_per_second", key.requests >= 0, key.requests);
    if (text.p != NULL)
        jsonw_str(w, "key", text);
    jsonw_end(w, '}');
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    (void)settings;
    write_key(w, rows, row, STR_NONE);
}

/* What is to be made; the call's state. */
struct new_key {
    struct key key;
    uint8_t hash[SHA256_SIZE];
    const char *text;
    struct str app; /* as it was named; p == NULL: it was not */
};

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct new_key *new = call->state;
    char id[ID_TEXT_SIZE];

    if (err == ERR_INVALID) {
        call->op = NULL;
        reply_invalid(call, "app_id", "must be the id or the uid of an app that exists");
    } else if (result_ok(call, err)) {
        reply_location(call, "/keys", id_text(id, ID_KEY, db_id(rows, 0, 0)));
        write_key(reply_begin(call), rows, 0, str_of(new->text));
        reply_send(call, 201);
    }
}

static bool check_expiry(struct call *call, const struct key_input *in)
{
    struct fields *f = &call->fields;

    if (field_has(f, IN_EXPIRES) && in->expires_ms <= clock_wall_ms())
        fields_problem(f, "expires_at", "must be in the future");
    return input_is_fine(call);
}

/* What the table cannot say: an admin key has no tenant, every other has one. */
static bool check_key(struct call *call, const struct key_input *in, struct key *key)
{
    struct fields *f = &call->fields;

    key->has_app = in->scope != SCOPE_ADMIN;
    key->app = call->app;
    if (field_has(f, IN_APP) && field_has(f, IN_SCOPE) && !key->has_app)
        fields_problem(f, "app_id", "must be left out: an admin key belongs to no app");
    return check_expiry(call, in);
}

/* What may be changed later too. */
static void set_key(const struct key_input *in, struct key *key)
{
    key->name = in->name;
    key->expires_ms = in->expires_ms;
    key->requests = in->requests;
    key->network_count = in->networks.n;
    if (in->networks.n > 0)
        memcpy(key->networks, in->networks.at, in->networks.n * sizeof in->networks.at[0]);
}

static void insert(struct call *call)
{
    struct new_key *new = call->state;
    struct buf text;

    if (new->app.p != NULL) {
        bool good = id_parse(new->app, ID_APP, &new->key.app);
        assert(good); /* check_app() was asked */
    }
    buf_init(&text, KEY_TEXT_MAX);
    key_make(call->api->settings->key_checks[0], new->key.id, &text, new->hash);
    new->key.hash = (struct str){(const char *)new->hash, sizeof new->hash};
    new->text = call_copy_text(call, buf_str(&text));
    buf_fini(&text);
    call->op =
        keys_insert(call->api->db, &new->key, deed_of(call, AUDIT_KEY_CREATE), on_created, call);
}

void handle_keys_create(struct call *call)
{
    struct key_input in = {.requests = -1};
    struct new_key *new = call->state = call_alloc(call, sizeof *new);

    if (!input_bind(call, create_fields, ARRAY_LEN(create_fields), &in))
        return;
    new->key = (struct key){.id = id_new(), .scope = in.scope};
    if (!check_key(call, &in, &new->key))
        return;
    set_key(&in, &new->key);
    new->app = in.app;
    if (names_resolve_text(call, NAMED_APP, &new->app, insert))
        insert(call);
}

static void on_row(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows)) {
        write_row(reply_begin(call), NULL, rows, 0);
        reply_send(call, 200);
    }
}

void handle_keys_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_KEY, &id))
        call->op = keys_get(call->api->db, id, on_row, call);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_keys_list(struct call *call)
{
    const struct page *page = page_read(call, ID_KEY);
    if (page != NULL)
        call->op = keys_list(call->api->reads, page->before, page->limit + 1, on_list, call);
}

static void on_updated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (err == 0)
        auth_cache_clear(call->api->auth);
    on_row(call, err, rows);
}

void handle_keys_update(struct call *call)
{
    struct key_input in = {.requests = -1};
    struct key key = {0};
    const struct fields *f = &call->fields;

    if (!input_id(call, 0, ID_KEY, &key.id) ||
        !input_bind(call, update_fields, ARRAY_LEN(update_fields), &in) || !check_expiry(call, &in))
        return;
    set_key(&in, &key);
    unsigned given = (field_given(f, IN_NAME) ? 1U : 0) | (field_given(f, IN_EXPIRES) ? 2U : 0) |
                     (field_given(f, IN_NETWORKS) ? 4U : 0) |
                     (field_given(f, IN_REQUESTS) ? 8U : 0);
    call->op =
        keys_update(call->api->db, &key, given, deed_of(call, AUDIT_KEY_UPDATE), on_updated, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows)) {
        auth_cache_clear(call->api->auth);
        reply_empty(call, 204);
    }
}

void handle_keys_delete(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_KEY, &id))
        call->op =
            keys_delete(call->api->db, id, deed_of(call, AUDIT_KEY_REVOKE), on_deleted, call);
}

/* What the key of this very request may do; that of the options has no id. */
void handle_key_get(struct call *call)
{
    static const struct id none;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_id_or_null(w, "id", !id_eq(call->key, none), ID_KEY, call->key);
    jsonw_id(w, "app_id", ID_APP, call->app);
    jsonw_text(w, "scope", key_scope_names[call->scope]);
    jsonw_end(w, '}');
    reply_send(call, 200);
}
