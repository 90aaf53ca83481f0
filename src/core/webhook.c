/* Rules for what customers may set on a webhook. */
#include "core/webhook.h"

const char *const webhook_status_names[] = {"active", "paused", "disabled", NULL};
const char *const webhook_disabled_reasons[] = {NULL, "api", "gone"};

/* Headers that frame the message, that we set, or that steer a proxy. One that ends with '-' stands
 * for all that begin so. */
static const char *const reserved[] = {
    "Host",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "User-Agent",
    "Accept-Encoding",
    "Proxy-",
    "X-Webhook-",
    "webhook-",
};

static bool is_reserved(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        struct str r = str_of(reserved[i]);
        bool prefix = r.p[r.n - 1] == '-' && name.n >= r.n;
        if (str_eq_nocase(prefix ? (struct str){name.p, r.n} : name, r))
            return true;
    }
    return false;
}

/* tchar of RFC 9110 §5.6.2 */
static bool is_token_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

const char *webhook_header_check(struct str name, struct str value)
{
    if (name.n == 0)
        return "the name is empty";
    for (size_t i = 0; i < name.n; i++)
        if (!is_token_byte(name.p[i]))
            return "the name is not a header name";
    if (is_reserved(name))
        return "this header is reserved";
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < 0x20 || value.p[i] > 0x7e) && value.p[i] != '\t')
            return "the value may contain only visible ASCII, spaces and tabs";
    return NULL;
}
