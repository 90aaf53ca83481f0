/* Rules for what customers may set on a webhook, and the seal on its secrets. */
#include "core/webhook.h"

#include "base/header.h"
#include "core/settings.h"

const char *const webhook_status_names[] = {"active", "paused", "disabled", NULL};
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

const char *webhook_header_check(struct str name, struct str value)
{
    if (is_in(ours, ARRAY_LEN(ours), name))
        return "is reserved for the profiles: choose another name";
    return webhook_profile_header_check(name, value);
}

struct str webhook_origin(struct str url)
{
    size_t n = 0;

    for (int slashes = 0; n < url.n; n++)
        if (url.p[n] == '?' || (url.p[n] == '/' && ++slashes == 3))
            break;
    return (struct str){url.p, n};
}

static struct str bytes_of(const struct id *id)
{
    return (struct str){(const char *)id->b, sizeof id->b};
}

void webhook_seal(const struct settings *settings, struct id id, struct str text, struct buf *out)
{
    crypto_seal(out, settings->seal_key, bytes_of(&id), text);
}

int webhook_open(const struct settings *settings, struct id id, struct str sealed, struct buf *out)
{
    return crypto_open(out, settings->seal_key, bytes_of(&id), sealed);
}
