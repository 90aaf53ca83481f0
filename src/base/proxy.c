/* A proxy's URL. */
#include "base/proxy.h"

#include <stdio.h>
#include <string.h>

/* What RFC 3986 §3.2.1 lets stand there, and no empty user. */
static bool are_credentials(struct str s)
{
    static const char marks[] = "-._~!$&'()*+,;=:%";
    static const char hex[] = "0123456789abcdefABCDEF";

    if (s.n == 0 || s.n > PROXY_CREDENTIALS_MAX || s.p[0] == ':')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || str_is_digit(c);
        if (!letter && memchr(marks, c, sizeof marks - 1) == NULL)
            return false;
        if (c == '%' && (s.n - i < 3 || memchr(hex, s.p[i + 1], sizeof hex - 1) == NULL ||
                         memchr(hex, s.p[i + 2], sizeof hex - 1) == NULL))
            return false;
    }
    return true;
}

bool proxy_parse(struct str text, struct proxy *proxy)
{
    static const struct str scheme = {"http://", 7};
    struct host host;

    *proxy = (struct proxy){0};
    if (!str_starts(text, scheme))
        return false;
    struct str rest = {text.p + scheme.n, text.n - scheme.n}, credentials = {0};
    if (rest.n > 0 && rest.p[rest.n - 1] == '/')
        rest.n--;
    const char *at = rest.n > 0 ? memrchr(rest.p, '@', rest.n) : NULL;
    if (at != NULL) {
        credentials = (struct str){rest.p, (size_t)(at - rest.p)};
        rest = (struct str){at + 1, rest.n - credentials.n - 1};
        if (!are_credentials(credentials))
            return false;
    }
    if (!host_parse(rest, &host) || host.port.p == NULL || host.number == 0)
        return false;
    snprintf(proxy->host, sizeof proxy->host, "%.*s", STR_FMT(host.name));
    snprintf(proxy->credentials, sizeof proxy->credentials, "%.*s", STR_FMT(credentials));
    proxy->port = host.number;
    return true;
}
