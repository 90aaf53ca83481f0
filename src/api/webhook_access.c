/* `headers`, `auth` and `tls`, from what clients give to what is sealed, and back to what may be shown. */
#include "webhook_access.h"

#include "api/webhook_url.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "core/credentials.h"
#include "core/tls_settings.h"
#include "input.h"
#include "io/pem.h"

/* Of JSON with secrets in it, which is forgotten. White space takes six bytes in it: who has very much does not fit. */
static struct str seal(struct call *call, enum webhook_column column, const char *field,
                       struct id id, struct buf *json)
{
    struct str copy = STR_LIT("");
    struct buf sealed;

    buf_init(&sealed, json->max + SEAL_OVERHEAD);
    if (json->overflow) {
        fields_problem(&call->fields, field, "has too many tabs and newlines: leave some out");
    } else {
        webhook_seal(call->api->settings, column, id, buf_str(json), &sealed);
        copy = call_copy(call, buf_str(&sealed));
    }
    buf_fini(&sealed);
    crypto_forget(json);
    return copy;
}

static bool is_good(struct fields *f, const char *field, const char *wrong)
{
    if (wrong != NULL)
        fields_problem(f, field, wrong);
    return wrong == NULL;
}

/* As a webhook's own. */
static bool token_url_is_good(struct call *call, struct credentials *credentials)
{
    struct url *url = call_alloc(call, sizeof *url);
    const char *why;

    if (credentials->type != CREDENTIALS_OAUTH2)
        return true;
    if (webhook_url_check(credentials->token_url, call->api->settings, url, &why) < 0)
        return is_good(&call->fields, "auth.token_url", why);
    credentials->token_url = str_of(url->text);
    return true;
}

void webhook_apply_headers(struct call *call, const struct field_map *given, struct webhook *w)
{
    struct buf json;

    w->sealed_headers = STR_LIT("");
    if (given->n == 0)
        return;
    buf_init(&json, WEBHOOK_HEADERS_JSON_MAX - SEAL_OVERHEAD);
    buf_add_str(&json, input_map_json(call, given));
    w->sealed_headers = seal(call, WEBHOOK_HEADERS, "headers", w->id, &json);
}

void webhook_apply_auth(struct call *call, struct str given, struct webhook *w)
{
    struct fields *f = &call->fields;
    struct credentials credentials;
    struct buf json;

    w->sealed_auth = STR_LIT("");
    if (credentials_bind(f, given, &credentials) == 0 && token_url_is_good(call, &credentials)) {
        buf_init(&json, CREDENTIALS_JSON_MAX);
        struct jsonw writer = jsonw_on(&json);
        credentials_write(&writer, NULL, &credentials, false);
        w->sealed_auth = seal(call, WEBHOOK_AUTH, "auth", w->id, &json);
    }
}

static const char *key_check(struct str key)
{
    const char *wrong = webhook_mask_check(key);
    return wrong != NULL ? wrong : pem_key_check(key);
}

/* As a handshake would find it. */
static bool tls_is_good(struct fields *f, const struct tls_settings *tls)
{
    bool good = tls->ca.n == 0 || is_good(f, "tls.ca", pem_certificates_check(tls->ca));

    if (tls->certificate.n == 0)
        return good;
    bool certificate =
        is_good(f, "tls.client_certificate", pem_certificates_check(tls->certificate));
    bool key = is_good(f, "tls.client_key", key_check(tls->key));
    return certificate && key &&
           is_good(f, "tls.client_key", pem_pair_check(tls->certificate, tls->key)) && good;
}

void webhook_apply_tls(struct call *call, struct str given, struct webhook *w)
{
    struct fields *f = &call->fields;
    struct tls_settings tls;
    struct buf json;

    w->sealed_tls = STR_LIT("");
    if (tls_settings_bind(f, given, &tls) == 0 && tls_is_good(f, &tls)) {
        buf_init(&json, TLS_SETTINGS_JSON_MAX);
        struct jsonw writer = jsonw_on(&json);
        tls_settings_write(&writer, NULL, &tls, false);
        w->sealed_tls = seal(call, WEBHOOK_TLS, "tls", w->id, &json);
    }
}

/* --- one header Authorization ----------------------------------------------------------------- */

static const struct str authorization = {"Authorization", 13};

static bool own_headers_have_it(const struct call *call, const struct webhook *w)
{
    struct json_iter it;
    struct str key, value;
    struct buf json, name;
    bool found = false;

    buf_init(&json, WEBHOOK_HEADERS_JSON_MAX);
    buf_init(&name, WEBHOOK_HEADER_NAME_MAX);
    if (w->sealed_headers.n > 0 &&
        webhook_open(call->api->settings, WEBHOOK_HEADERS, w->id, w->sealed_headers, &json) == 0) {
        json_iter_init(&it, buf_str(&json));
        while (!found && json_iter_next(&it, &key, &value)) {
            buf_clear(&name);
            found = json_unquote(&name, key) == 0 && str_eq_nocase(buf_str(&name), authorization);
        }
    }
    crypto_forget(&json);
    buf_fini(&name);
    return found;
}

static bool options_have_it(const struct profile_options *options)
{
    for (size_t i = 0; i < options->headers.n; i++)
        if (str_eq_nocase(options->headers.at[i].key, authorization))
            return true;
    return false;
}

void webhook_check_auth(struct call *call, const struct webhook *w,
                        const struct profile_options *options)
{
    if (w->sealed_auth.n == 0)
        return;
    if (own_headers_have_it(call, w))
        fields_problem(&call->fields, "auth",
                       "makes the header Authorization, and so does `headers`: leave one out");
    if (options_have_it(options))
        fields_problem(
            &call->fields, "auth",
            "makes the header Authorization, and so does `profile_options.headers`: leave one out");
}

/* --- showing ---------------------------------------------------------------------------------- */

static void write_auth(struct jsonw *w, const struct settings *settings,
                       const struct webhook *webhook)
{
    struct scratch scratch;
    struct credentials credentials;
    struct buf json;

    buf_init(&json, CREDENTIALS_JSON_MAX);
    if (webhook_open(settings, WEBHOOK_AUTH, webhook->id, webhook->sealed_auth, &json) == 0 &&
        credentials_read(scratch_allocator(&scratch), buf_str(&json), &credentials) == 0)
        credentials_write(w, "auth", &credentials, true);
    else
        jsonw_null(w, "auth");
    crypto_wipe(&scratch, sizeof scratch);
    crypto_forget(&json);
}

/* False: it cannot be opened. The texts are in `text`, which is made here; crypto_forget() it. */
static bool read_tls(const struct settings *settings, const struct webhook *webhook,
                     struct tls_settings *tls, struct buf *text)
{
    struct buf json;

    buf_init(text, TLS_SETTINGS_JSON_MAX);
    buf_init(&json, TLS_SETTINGS_JSON_MAX);
    bool good = webhook_open(settings, WEBHOOK_TLS, webhook->id, webhook->sealed_tls, &json) == 0 &&
                tls_settings_read(buf_str(&json), text, tls) == 0;
    crypto_forget(&json);
    return good;
}

static void write_tls(struct jsonw *w, const struct settings *settings,
                      const struct webhook *webhook)
{
    struct tls_settings tls;
    struct buf text;

    if (read_tls(settings, webhook, &tls, &text))
        tls_settings_write(w, "tls", &tls, true);
    else
        jsonw_null(w, "tls");
    crypto_forget(&text);
}

bool webhook_has_certificate(const struct settings *settings, const struct webhook *webhook)
{
    struct tls_settings tls;
    struct buf text;

    if (webhook->sealed_tls.n == 0)
        return false;
    bool has = read_tls(settings, webhook, &tls, &text) && tls.certificate.n > 0;
    crypto_forget(&text);
    return has;
}

/* Nearly always there is none. */
void webhook_write_access(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    if (webhook->sealed_auth.n > 0)
        write_auth(w, settings, webhook);
    else
        jsonw_null(w, "auth");
    if (webhook->sealed_tls.n > 0)
        write_tls(w, settings, webhook);
    else
        jsonw_null(w, "tls");
}
