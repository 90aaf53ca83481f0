/* Portals: the page of one app, for whoever has the link to it. The link is of two parts: an id, which is no secret and
 * says who may embed the page, and behind '#' a token, which browsers send to nobody. The token is a key's text of a kind
 * of its own; what it may ask for stands in the table of routes. */
#include "core/portal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "dashboard.h"
#include "deed.h"
#include "input.h"
#include "lookup.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/apps.h"
#include "store/portals.h"

#define URL_MAX    600
#define POLICY_MAX 4096

/* --- what it is ------------------------------------------------------------------------------- */

static void write_brand(struct jsonw *w, struct str brand)
{
    jsonw_raw(w, "brand", json_is_object(brand) ? brand : STR_LIT("{}"));
}

static void on_shown(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct portal portal;

    if (!result_row(call, err, rows))
        return;
    portals_read(rows, &portal);
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_KEY, call->key);
    jsonw_id(w, "app_id", ID_APP, portal.app);
    jsonw_str(w, "app_name", portal.app_name);
    jsonw_text(w, "scope", portal_scope_name(portal.scope));
    jsonw_time(w, "expires_at", portal.expires_ms, CLOCK_SECONDS);
    write_brand(w, portal.brand);
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_portal_get(struct call *call)
{
    if (call->portal)
        call->op = portals_get(call->api->db, call->key, on_shown, call);
    else
        reply_error(call, ERR_NOT_FOUND, "This is for portal tokens, and was asked with a key");
}

/* --- its page --------------------------------------------------------------------------------- */

/* Rows are the world's: what is no origin does not get into a header. */
static void add_origin(struct buf *policy, struct str origin)
{
    if (portal_check_origin(origin) == NULL)
        buf_printf(policy, " %.*s", STR_FMT(origin));
}

static void send_page(struct call *call, const struct portal *portal)
{
    struct db_array frames = portal->frames;
    struct str origin;
    struct buf policy;

    buf_init(&policy, POLICY_MAX);
    buf_add_text(&policy, PAGE_POLICY("") "; img-src 'self'");
    add_origin(&policy, portal->images);
    buf_add_text(&policy, "; frame-ancestors");
    size_t none = policy.n;
    for (int i = 0; i < PORTAL_ORIGINS_MAX && db_array_next(&frames, &origin); i++)
        add_origin(&policy, origin);
    if (policy.n == none)
        buf_add_text(&policy, " 'none'");
    dashboard_send(call, STR_LIT("portal.html"), call_copy_text(call, buf_str(&policy)));
    buf_fini(&policy);
}

static void on_page(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct portal portal = {0};

    lookup_end(call);
    if (!result_ok(call, err))
        return;
    if (db_count(rows) > 0)
        portals_read(rows, &portal);
    send_page(call, &portal);
}

/* Of an id that is none, or not any more, too: it says so to whoever has a link, and nobody may embed it. Strangers' ids
 * have the little room of guesses. */
void handle_portal_page(struct call *call)
{
    static const struct portal none;
    struct id id;

    if (id_parse(call->params[0], ID_KEY, &id))
        lookup_start(call, id, KEY_UNPROVEN, portals_get, on_page);
    else
        send_page(call, &none);
}

/* --- a new one -------------------------------------------------------------------------------- */

struct portal_input {
    struct str name, brand;
    struct field_strs origins;
    int scope;
    int64_t seconds;
};

enum { IN_NAME, IN_SCOPE, IN_SECONDS, IN_ORIGINS, IN_BRAND };

#define AT(member) offsetof(struct portal_input, member)

static const struct field fields[] = {
    [IN_NAME] = {"name", FIELD_STR, AT(name), 0, .min = 1, .max = PORTAL_NAME_MAX},
    [IN_SCOPE] = {"scope", FIELD_ENUM, AT(scope), 0, .names = portal_scope_names},
    [IN_SECONDS] = {"expires_in_seconds", FIELD_I64, AT(seconds), 0, .min = PORTAL_SECONDS_MIN,
                    .max = PORTAL_SECONDS_MAX},
    [IN_ORIGINS] = {"origins", FIELD_STRS, AT(origins), 0, .max = PORTAL_ORIGINS_MAX,
                    .item_max = PORTAL_ORIGIN_MAX, .check = portal_check_origin},
    [IN_BRAND] = {"brand", FIELD_RAW, AT(brand), 0, .max = PORTAL_BRAND_MAX,
                  .kinds = FIELD_KIND(JSON_OBJECT)},
};

/* The call's state. */
struct new_portal {
    struct key key;
    uint8_t hash[SHA256_SIZE];
    struct str token, brand;
    struct field_strs origins;
};

static void on_no_room(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    metric_add(METRIC_PORTALS_PER_APP_MET, 1);
    reply_errorf(
        call, ERR_LIMITED,
        "This app has %d portal tokens that have not ended, which is as many as an app may "
        "have: revoke some with DELETE /keys/{id}, or let them end sooner",
        PORTALS_PER_APP);
}

/* As the client reached this one; see also the URLs of sources. */
static void write_url(struct jsonw *w, const struct call *call, const struct new_portal *new)
{
    bool tls = str_eq_nocase(call_header(call, "x-forwarded-proto"), STR_LIT("https"));
    char id[ID_TEXT_SIZE];
    struct buf url;

    buf_init(&url, URL_MAX);
    if (call->host.n > 0 && call->host.n < URL_MAX / 2 && str_is_utf8(call->host))
        buf_printf(&url, "%s://%.*s", tls ? "https" : "http", STR_FMT(call->host));
    buf_printf(&url, "/portal/%s#token=%.*s", id_text(id, ID_KEY, new->key.id),
               STR_FMT(new->token));
    jsonw_str(w, "url", buf_str(&url));
    buf_fini(&url);
}

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct new_portal *new = call->state;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        call->op = apps_get(call->api->db, new->key.app, on_no_room, call);
        return;
    }
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_KEY, new->key.id);
    jsonw_id(w, "app_id", ID_APP, new->key.app);
    jsonw_str(w, "name", new->key.name);
    jsonw_text(w, "scope", portal_scope_name(new->key.scope));
    jsonw_time(w, "expires_at", new->key.expires_ms, CLOCK_SECONDS);
    jsonw_begin(w, "origins", '[');
    for (size_t i = 0; i < new->origins.n; i++)
        jsonw_str(w, NULL, new->origins.at[i]);
    jsonw_end(w, ']');
    write_brand(w, new->brand);
    write_url(w, call, new);
    jsonw_str(w, "token", new->token);
    jsonw_end(w, '}');
    reply_send(call, 201);
}

static void make_token(struct call *call, struct new_portal *new)
{
    struct buf text;

    buf_init(&text, KEY_TEXT_MAX);
    portal_token_make(call->api->settings->key_checks[0], new->key.id, &text, new->hash);
    new->key.hash = (struct str){(const char *)new->hash, sizeof new->hash};
    new->token = call_copy(call, buf_str(&text));
    buf_fini(&text);
}

static struct str brand_json(struct call *call, const struct portal_brand *brand)
{
    struct buf text;

    buf_init(&text, PORTAL_BRAND_MAX);
    struct jsonw w = jsonw_on(&text);
    portal_write(&w, brand);
    struct str copy = call_copy(call, buf_str(&text));
    buf_fini(&text);
    return copy;
}

void handle_portals_create(struct call *call)
{
    struct portal_input in = {.name = STR_LIT("portal"), .seconds = PORTAL_SECONDS};
    struct new_portal *new = call->state = call_alloc(call, sizeof *new);
    struct portal_brand brand = {0};

    if (!input_id(call, 0, ID_APP, &new->key.app) ||
        !input_bind(call, fields, ARRAY_LEN(fields), &in))
        return;
    if (field_has(&call->fields, IN_BRAND))
        portal_bind(&call->fields, in.brand, &brand);
    if (!input_is_fine(call))
        return;
    new->key.id = id_new();
    new->key.name = in.name;
    new->key.scope = portal_scope(in.scope);
    new->key.expires_ms = clock_wall_ms() + in.seconds * 1000;
    new->origins = in.origins;
    new->brand = brand_json(call, &brand);
    make_token(call, new);
    call->op = portals_insert(call->api->db, &new->key, new->brand, in.origins.at, in.origins.n,
                              portal_origin_of(brand.logo), PORTALS_PER_APP,
                              deed_of(call, AUDIT_PORTAL_CREATE), on_created, call);
}
