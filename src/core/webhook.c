/* Rules for what customers may set on a webhook, and the seal on its secrets. */
#include "core/webhook.h"

#include "base/header.h"
#include "core/settings.h"

const char *const webhook_status_names[] = {"active", "paused", "disabled", "listening", NULL};
const char *const webhook_ordering_names[] = {"none", "webhook", NULL};
const char *const webhook_disabled_reasons[] = {"", "api", "gone", "failing", NULL};

/* Headers that frame the message or steer a proxy. One that ends with '-' stands for all that begin
 * so. */
static const char *const framing[] = {
    "Host",       "Content-Length",  "Content-Type", "Content-Encoding", "Transfer-Encoding",
    "Connection", "Keep-Alive",      "TE",           "Trailer",          "Upgrade",
    "Expect",     "Accept-Encoding", "Proxy-",
};

/* Headers that profiles set. */
static const char *const ours[] = {"User-Agent", "X-Webhook-", "webhook-"};

static bool is_in(const char *const *list, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        struct str r = str_of(list[i]);
        bool prefix = r.p[r.n - 1] == '-' && name.n >= r.n;
        if (str_eq_nocase(prefix ? (struct str){name.p, r.n} : name, r))
            return true;
    }
    return false;
}

const char *webhook_profile_header_check(struct str name, struct str value)
{
    if (name.n == 0)
        return "must have a name";
    if (!header_is_name(name))
        return "is not a valid header name";
    if (is_in(framing, ARRAY_LEN(framing), name))
        return "is reserved for the request itself: choose another name";
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < 0x20 || value.p[i] > 0x7e) && value.p[i] != '\t')
            return "may contain only visible ASCII characters, spaces and tabs";
    return NULL;
}

const char *webhook_mask_check(struct str value)
{
    return str_eq_text(value, "***") ? "is ***, which stands for what is not shown: give it whole"
                                     : NULL;
}

const char *webhook_header_check(struct str name, struct str value)
{
    if (is_in(ours, ARRAY_LEN(ours), name))
        return "is reserved for the profiles: choose another name";
    const char *wrong = webhook_mask_check(value);
    return wrong != NULL ? wrong : webhook_profile_header_check(name, value);
}

bool webhook_listens(struct str url)
{
    return str_eq_text(url, WEBHOOK_LISTEN_URL);
}

struct str webhook_origin(struct str url)
{
    size_t n = 0;

    for (int slashes = 0; n < url.n; n++)
        if (url.p[n] == '?' || (url.p[n] == '/' && ++slashes == 3))
            break;
    return (struct str){url.p, n};
}

/* --- the seal --------------------------------------------------------------------------------- */

static const char *const columns[] = {
    [WEBHOOK_SECRET] = "secret",
    [WEBHOOK_HEADERS] = "headers",
    [WEBHOOK_OPTIONS] = "profile_options",
    [WEBHOOK_OPTIONS_HERE] = "profile_options of a test",
    [WEBHOOK_AUTH] = "auth",
    [WEBHOOK_TLS] = "tls",
};

static struct str bytes_of(const struct id *id)
{
    return (struct str){(const char *)id->b, sizeof id->b};
}

static void place(struct buf *out, enum webhook_column column, const struct id *id,
                  struct str origin)
{
    buf_init(out, WEBHOOK_URL_MAX + 100);
    buf_add_str(out, bytes_of(id));
    buf_printf(out, "%s %.*s", columns[column], STR_FMT(origin));
}

void webhook_seal_at(const struct settings *settings, enum webhook_column column, struct id id,
                     struct str origin, struct str text, struct buf *out)
{
    struct buf bound;

    place(&bound, column, &id, origin);
    seal_close(&settings->seal_keys, buf_str(&bound), text, out);
    buf_fini(&bound);
}

int webhook_open_at(const struct settings *settings, enum webhook_column column, struct id id,
                    struct str origin, struct str sealed, struct buf *out)
{
    struct buf bound;

    place(&bound, column, &id, origin);
    int err = seal_open(&settings->seal_keys, buf_str(&bound), bytes_of(&id), sealed, out);
    buf_fini(&bound);
    return err;
}

void webhook_seal(const struct settings *settings, enum webhook_column column, struct id id,
                  struct str text, struct buf *out)
{
    webhook_seal_at(settings, column, id, STR_LIT(""), text, out);
}

int webhook_open(const struct settings *settings, enum webhook_column column, struct id id,
                 struct str sealed, struct buf *out)
{
    return webhook_open_at(settings, column, id, STR_LIT(""), sealed, out);
}
