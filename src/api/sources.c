/* Sources: create, list, get, update, rotate, delete. A source's URL is shown when it is made. */
#include "core/source.h"

#include "base/json.h"
#include "base/metrics.h"
#include "core/key.h"
#include "core/signature.h"
#include "core/webhook.h"
#include "deed.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "tokens.h"

#define NAME_LENGTH_MAX 100
#define URL_MAX         1000

struct source_input {
    struct str name, secret, prefix, options;
    int kind;
};

/* The last does not change. */
enum { IN_NAME, IN_SECRET, IN_PREFIX, IN_OPTIONS, IN_UPDATE_COUNT, IN_KIND = IN_UPDATE_COUNT };

#define AT(member) offsetof(struct source_input, member)
#define SETTINGS(required)                                                                 \
    [IN_NAME] = {"name", FIELD_STR, AT(name), required, .min = 1, .max = NAME_LENGTH_MAX}, \
    [IN_SECRET] = {"secret",                                                               \
                   FIELD_STR,                                                              \
                   AT(secret),                                                             \
                   FIELD_NULLABLE,                                                         \
                   .min = 1,                                                               \
                   .max = SECRET_MAX,                                                      \
                   .check = secret_check_printable},                                       \
    [IN_PREFIX] = {"type_prefix",                                                          \
                   FIELD_STR,                                                              \
                   AT(prefix),                                                             \
                   FIELD_NULLABLE,                                                         \
                   .max = SOURCE_PREFIX_MAX,                                               \
                   .check = source_prefix_check},                                          \
    [IN_OPTIONS] = {"options",                                                             \
                    FIELD_RAW,                                                             \
                    AT(options),                                                           \
                    FIELD_NULLABLE,                                                        \
                    .max = SOURCE_OPTIONS_MAX,                                             \
                    .kinds = FIELD_KIND(JSON_OBJECT)}

static const struct field update_fields[] = {SETTINGS(0)};
static const struct field create_fields[] = {
    SETTINGS(FIELD_REQUIRED),
    [IN_KIND] = {"kind", FIELD_ENUM, AT(kind), FIELD_REQUIRED, .names = source_kind_names},
};

/* --- what is said of one ---------------------------------------------------------------------- */

/* By the way that this request came. */
static void write_url(struct jsonw *w, const struct call *call, struct str token)
{
    bool tls = str_eq_nocase(call_header(call, "x-forwarded-proto"), STR_LIT("https"));
    struct buf url;

    buf_init(&url, URL_MAX + KEY_TEXT_MAX);
    if (call->host.n > 0 && call->host.n < URL_MAX / 2 && str_is_utf8(call->host))
        buf_printf(&url, "%s://%.*s", tls ? "https" : "http", STR_FMT(call->host));
    buf_printf(&url, "/v1/ingest/%.*s", STR_FMT(token));
    jsonw_str(w, "url", buf_str(&url));
    jsonw_str(w, "token", token);
    buf_fini(&url);
}

/* Of a kind that a later release has, nothing is known. */
static struct str prefix_of(const struct source *s)
{
    const struct source_kind *kind = source_find(s->kind);
    return s->prefix.p != NULL || kind == NULL ? s->prefix : str_of(kind->prefix);
}

/* `call`, and the token, only when that is new. */
static void write_source(struct jsonw *w, const struct source *s, const struct call *call,
                         struct str token)
{
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_SOURCE, s->id);
    jsonw_str(w, "name", s->name);
    jsonw_str(w, "kind", s->kind);
    jsonw_str_or_null(w, "type_prefix", prefix_of(s));
    jsonw_raw(w, "options", json_is_object(s->options) ? s->options : STR_LIT("{}"));
    jsonw_bool(w, "has_secret", s->sealed_secret.n > 0);
    jsonw_time(w, "created_at", id_time_ms(s->id), CLOCK_SECONDS);
    jsonw_time(w, "updated_at", s->updated_us / 1000, CLOCK_SECONDS);
    jsonw_time_or_null(w, "previous_url_until", s->previous_until_ms, CLOCK_SECONDS);
    if (token.p != NULL)
        write_url(w, call, token);
    jsonw_end(w, '}');
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct source source;

    (void)settings;
    sources_read(rows, row, &source);
    write_source(w, &source, NULL, STR_NONE);
}

static void reply_source(struct call *call, const struct db_rows *rows, int status,
                         struct str token)
{
    struct source source;

    sources_read(rows, 0, &source);
    write_source(reply_begin(call), &source, call, token);
    reply_send(call, status);
}

/* --- what one is set to ----------------------------------------------------------------------- */

static void check_options(struct call *call, const struct source_kind *kind, struct str json)
{
    struct source_options options;
    struct fields *f = &call->fields;

    /* What is wrong waits in f, as what is wrong beside it. */
    if (source_options_bind(f, kind, json, &options) < 0)
        assert(f->problem_count > 0);
}

static void check_secret(struct call *call, const struct source_kind *kind, struct str secret)
{
    const char *wrong = kind->secret_check(secret);

    if (wrong != NULL)
        fields_problem(&call->fields, "secret", wrong);
}

static struct str sealed(struct call *call, struct id source, struct str secret)
{
    struct buf out;

    if (secret.p == NULL)
        return (struct str){"", 0};
    buf_init(&out, SECRET_MAX + SEAL_OVERHEAD);
    source_seal(&call->api->settings->seal_keys, source, secret, &out);
    struct str copy = call_copy(call, buf_str(&out));
    buf_fini(&out);
    return copy;
}

/* The token of a source; its hash is `hash`, in the request's pool. */
static struct str new_token(struct call *call, struct id source, struct str *hash)
{
    uint8_t *bytes = call_alloc(call, SHA256_SIZE);
    struct buf text;

    buf_init(&text, KEY_TEXT_MAX);
    token_make(call->api->settings->key_checks[0], source, &text, bytes);
    *hash = (struct str){(const char *)bytes, SHA256_SIZE};
    struct str token = call_copy(call, buf_str(&text));
    buf_fini(&text);
    return token;
}

/* --- create ----------------------------------------------------------------------------------- */

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct str *token = call->state;
    char id[ID_TEXT_SIZE];

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        metric_add(METRIC_SOURCES_PER_APP_MET, 1);
        reply_errorf(call, ERR_LIMITED,
                     "This app has %lld sources already, which is POSTHORN_SOURCES_PER_APP",
                     (long long)call->api->settings->config.sources_per_app);
        return;
    }
    reply_location(call, "/sources", id_text(id, ID_SOURCE, db_id(rows, 0, 0)));
    reply_source(call, rows, 201, *token);
}

static void check_created(struct call *call, const struct source_input *in)
{
    const struct fields *f = &call->fields;

    if (!field_given(f, IN_SECRET))
        fields_problem(
            &call->fields, "secret",
            "is required: what the sender proves itself with; null says that it does not, "
            "so that whoever has the URL can post");
    if (!field_has(f, IN_KIND))
        return;
    if (field_has(f, IN_SECRET))
        check_secret(call, source_kinds[in->kind], in->secret);
    if (!field_wrong(f, IN_OPTIONS))
        check_options(call, source_kinds[in->kind], in->options);
}

void handle_sources_create(struct call *call)
{
    struct source_input in = {.kind = -1};
    struct str *token = call->state = call_alloc(call, sizeof *token);

    if (!input_bind(call, create_fields, ARRAY_LEN(create_fields), &in))
        return;
    check_created(call, &in);
    if (!input_is_fine(call))
        return;
    struct source source = {
        .id = id_new(),
        .app = call->app,
        .name = in.name,
        .kind = str_of(source_kind_names[in.kind]),
        .options = in.options.p != NULL ? in.options : STR_LIT("{}"),
        .prefix = in.prefix,
    };
    source.sealed_secret = sealed(call, source.id, in.secret);
    *token = new_token(call, source.id, &source.hash);
    call->op = sources_insert(call->api->db, &source, call->api->settings->config.sources_per_app,
                              deed_of(call, AUDIT_SOURCE_CREATE), on_created, call);
}

/* --- read ------------------------------------------------------------------------------------- */

static void on_row(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (result_row(call, err, rows))
        reply_source(call, rows, 200, STR_NONE);
}

void handle_sources_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_SOURCE, &id))
        call->op = sources_get(call->api->db, call->app, id, on_row, call);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_sources_list(struct call *call)
{
    const struct page *page = page_read(call, ID_SOURCE);
    if (page != NULL)
        call->op =
            sources_list(call->api->reads, call->app, page->before, page->limit + 1, on_list, call);
}

/* --- update: read, apply, write if nobody wrote meanwhile ------------------------------------- */

static void on_updated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_ok(call, err))
        return;
    token_cache_clear(call->api->tokens);
    if (db_count(rows) == 0)
        reply_error(call, ERR_CONFLICT,
                    "The source was changed or deleted in the meantime; read it again");
    else
        reply_source(call, rows, 200, STR_NONE);
}

static void apply(struct call *call, const struct source_input *in, struct source *source)
{
    const struct fields *f = &call->fields;

    if (field_has(f, IN_NAME))
        source->name = in->name;
    if (field_given(f, IN_PREFIX))
        source->prefix = in->prefix;
    if (field_given(f, IN_OPTIONS))
        source->options = in->options.p != NULL ? in->options : STR_LIT("{}");
    if (field_given(f, IN_SECRET))
        source->sealed_secret = sealed(call, source->id, in->secret);
}

static void on_read(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct source_input *in = call->state;
    struct source source;

    if (!result_row(call, err, rows))
        return;
    sources_read(rows, 0, &source);
    const struct source_kind *kind = source_find(source.kind);
    if (kind != NULL && field_has(&call->fields, IN_SECRET))
        check_secret(call, kind, in->secret);
    if (kind != NULL && field_given(&call->fields, IN_OPTIONS))
        check_options(call, kind, in->options);
    if (!input_is_fine(call))
        return;
    apply(call, in, &source);
    call->op = sources_update(call->api->db, &source, deed_of(call, AUDIT_SOURCE_UPDATE),
                              on_updated, call);
}

void handle_sources_update(struct call *call)
{
    struct source_input *in = call->state = call_alloc(call, sizeof *in);
    struct id id;

    if (input_id(call, 0, ID_SOURCE, &id) &&
        input_bind(call, update_fields, ARRAY_LEN(update_fields), in))
        call->op = sources_get(call->api->db, call->app, id, on_read, call);
}

/* --- rotate, delete --------------------------------------------------------------------------- */

static void on_rotated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct str *token = call->state;

    if (err == 0)
        token_cache_clear(call->api->tokens);
    if (result_row(call, err, rows))
        reply_source(call, rows, 200, *token);
}

static const struct field rotate_fields[] = {
    {"overlap_seconds", FIELD_I64, 0, FIELD_NULLABLE, .max = WEBHOOK_OVERLAP_MAX},
};

void handle_sources_rotate(struct call *call)
{
    struct str *token = call->state = call_alloc(call, sizeof *token), hash;
    int64_t overlap_seconds = WEBHOOK_OVERLAP_SECONDS;
    struct id id;

    if (!input_id(call, 0, ID_SOURCE, &id) ||
        !input_body_if_any(call, rotate_fields, ARRAY_LEN(rotate_fields), &overlap_seconds))
        return;
    *token = new_token(call, id, &hash);
    call->op = sources_rotate(call->api->db, call->app, id, hash, overlap_seconds,
                              deed_on(call, AUDIT_SOURCE_ROTATE, "url"), on_rotated, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    token_cache_clear(call->api->tokens);
    reply_empty(call, 204);
}

void handle_sources_delete(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_SOURCE, &id))
        call->op = sources_delete(call->api->db, call->app, id, deed_of(call, AUDIT_SOURCE_DELETE),
                                  on_deleted, call);
}
