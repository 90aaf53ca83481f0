/* `auth`, from what clients give to what is sealed, and back to what may be shown. */
#include "webhook_access.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "core/credentials.h"

#define HEADERS_MAX_BYTES 65536

static struct str seal(struct call *call, struct id id, const struct credentials *credentials)
{
    struct buf json, sealed;

    buf_init(&json, CREDENTIALS_JSON_MAX);
    buf_init(&sealed, CREDENTIALS_JSON_MAX + SEAL_OVERHEAD);
    struct jsonw w = jsonw_on(&json);
    credentials_write(&w, NULL, credentials, false);
    webhook_seal(call->api->settings, WEBHOOK_AUTH, id, buf_str(&json), &sealed);
    struct str copy = call_copy(call, buf_str(&sealed));
    crypto_wipe(json.p, json.n);
    buf_fini(&json);
    buf_fini(&sealed);
    return copy;
}

void webhook_apply_auth(struct call *call, struct str given, struct webhook *w)
{
    struct fields *f = &call->fields;
    uint32_t present = f->present, nulls = f->nulls;
    struct credentials credentials;

    w->sealed_auth = STR_LIT("");
    if (credentials_bind(f, given, &credentials) == 0)
        w->sealed_auth = seal(call, w->id, &credentials);
    f->present = present;
    f->nulls = nulls;
}

/* --- one header Authorization ----------------------------------------------------------------- */

static const struct str authorization = {"Authorization", 13};

static bool own_headers_have_it(const struct call *call, const struct webhook *w)
{
    struct json_iter it;
    struct str key, value;
    struct buf json, name;
    bool found = false;

    buf_init(&json, HEADERS_MAX_BYTES);
    buf_init(&name, WEBHOOK_HEADER_NAME_MAX);
    if (w->sealed_headers.n > 0 &&
        webhook_open(call->api->settings, WEBHOOK_HEADERS, w->id, w->sealed_headers, &json) == 0) {
        json_iter_init(&it, buf_str(&json));
        while (!found && json_iter_next(&it, &key, &value)) {
            buf_clear(&name);
            found = json_unquote(&name, key) == 0 && str_eq_nocase(buf_str(&name), authorization);
        }
    }
    crypto_wipe(json.p, json.n);
    buf_fini(&json);
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

void webhook_write_auth(struct jsonw *w, const struct settings *settings,
                        const struct webhook *webhook)
{
    struct scratch scratch;
    struct credentials credentials;
    struct buf json;

    if (webhook->sealed_auth.n == 0) { /* nearly always */
        jsonw_null(w, "auth");
        return;
    }
    buf_init(&json, CREDENTIALS_JSON_MAX);
    if (webhook_open(settings, WEBHOOK_AUTH, webhook->id, webhook->sealed_auth, &json) == 0 &&
        credentials_read(scratch_allocator(&scratch), buf_str(&json), &credentials) == 0)
        credentials_write(w, "auth", &credentials, true);
    else
        jsonw_null(w, "auth");
    crypto_wipe(&scratch, sizeof scratch);
    crypto_wipe(json.p, json.n);
    buf_fini(&json);
}
