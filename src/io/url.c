/* URLs by libcurl's parser, plus the rules that it leaves open: no credentials, no fragment, no
 * zone, a host that is an address or a plain DNS name, one spelling of each. */
#include "io/url.h"

#include "base/err.h"
#include "base/host.h"
#include "url_checked.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

/* Every function below returns NULL, or the reason for people. */

static const char *check_bytes(struct str text)
{
    if (text.n == 0)
        return "must not be empty";
    if (text.n > URL_SIZE_MAX)
        return "must be at most 2048 bytes long";
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= ' ' || c == 0x7f)
            return "must not contain spaces or control characters";
        if (c == '\\')
            return "must not contain a backslash";
        if (c == '#')
            return "must not have a fragment (a #)";
    }
    return NULL;
}

/* The authority must have no '@' at all, and not be empty: parsers disagree about what comes before
 * the one, and libcurl looks for a host behind a third slash. */
static const char *check_authority(const char *text)
{
    const char *start = strstr(text, "://");
    if (start == NULL)
        return "must start with http:// or https://";
    start += 3;
    size_t n = strcspn(start, "/?");
    if (n == 0)
        return "must name a host";
    if (memchr(start, '@', n) != NULL)
        return "must not contain a user name or password";
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)start[i] >= 0x80)
            return "has a host that is not ASCII: write it in its xn-- form";
    return NULL;
}

static const char *explain(CURLUcode code)
{
    switch (code) {
    case CURLUE_UNSUPPORTED_SCHEME:
    case CURLUE_BAD_SCHEME:
        return "must start with http:// or https://";
    case CURLUE_BAD_PORT_NUMBER:
        return "has a port that is not 1 to 65535";
    case CURLUE_NO_HOST:
        return "must name a host";
    case CURLUE_BAD_HOSTNAME:
    case CURLUE_BAD_IPV6:
        return "has an invalid host";
    default:
        return "is not a valid URL";
    }
}

static bool has_part(CURLU *handle, CURLUPart part)
{
    char *value = NULL;
    CURLUcode code = url_checked(curl_url_get(handle, part, &value, 0));
    curl_free(value);
    return code == CURLUE_OK;
}

static const char *parse(CURLU *handle, const char *text)
{
    CURLUcode code = url_checked(
        curl_url_set(handle, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_URLENCODE));
    if (code != CURLUE_OK)
        return explain(code);
    if (has_part(handle, CURLUPART_ZONEID))
        return "must not have a zone in its IPv6 address";
    return NULL;
}

/* Copies a part without a trace of the allocation; false if it is missing or too long. */
static bool take_part(CURLU *handle, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *value = NULL;
    CURLUcode code = url_checked(curl_url_get(handle, part, &value, flags));
    bool ok = code == CURLUE_OK && strlen(value) < size;
    if (ok)
        memcpy(out, value, strlen(value) + 1);
    curl_free(value);
    return ok;
}

/* Sets the address if the host is one. */
static const char *read_address(struct url *url)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&url->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&url->address;
    uint8_t bytes[16];

    switch (host_read(str_of(url->host), bytes)) {
    case HOST_BAD_NAME:
        return "has a host that is not a valid DNS name";
    case HOST_BAD_ADDRESS:
        return "has a host that is not a valid IP address";
    case HOST_NAME:
        return NULL;
    case HOST_IPV4:
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(url->port)};
        memcpy(&v4->sin_addr, bytes, sizeof v4->sin_addr);
        break;
    case HOST_IPV6:
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(url->port)};
        memcpy(&v6->sin6_addr, bytes, sizeof v6->sin6_addr);
        inet_ntop(AF_INET6, bytes, url->host, sizeof url->host);
    }
    url->literal = true;
    return NULL;
}

/* Lower case, no brackets; true if there was a trailing dot, which is gone. */
static bool tidy_host(char *host)
{
    size_t n = strlen(host);
    for (size_t i = 0; i < n; i++)
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] + ('a' - 'A'));
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
        return false;
    }
    if (n >= 2 && host[n - 1] == '.') {
        host[n - 1] = '\0';
        return true;
    }
    return false;
}

/* Puts the tidied host back, with brackets if it needs them. */
static bool put_host(CURLU *handle, const char *host)
{
    char text[sizeof((struct url *)NULL)->host + 2];
    snprintf(text, sizeof text, strchr(host, ':') != NULL ? "[%s]" : "%s", host);
    return url_checked(curl_url_set(handle, CURLUPART_HOST, text, 0)) == CURLUE_OK;
}

/* libcurl reads numbers as addresses ("0x7f.1"), but not before a trailing dot: without the dot
 * it is asked again. */
static const char *read_host(CURLU *handle, struct url *url)
{
    if (!take_part(handle, CURLUPART_HOST, 0, url->host, sizeof url->host) || url->host[0] == '\0')
        return "has an invalid host";
    if (!tidy_host(url->host))
        return NULL;
    if (!put_host(handle, url->host) ||
        !take_part(handle, CURLUPART_URL, 0, url->text, sizeof url->text))
        return "has an invalid host";
    const char *why = parse(handle, url->text);
    if (why != NULL)
        return why;
    if (!take_part(handle, CURLUPART_HOST, 0, url->host, sizeof url->host))
        return "has an invalid host";
    return tidy_host(url->host) ? "has a host that is not a valid DNS name" : NULL;
}

static const char *read_parts(CURLU *handle, struct url *url)
{
    char scheme[8], port[8];
    int64_t number;

    const char *why = read_host(handle, url);
    if (why != NULL)
        return why;
    if (!take_part(handle, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return "must start with http:// or https://";
    url->tls = strcmp(scheme, "https") == 0;
    if (!take_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) ||
        !str_to_i64(str_of(port), 1, 65535, &number))
        return "has a port that is not 1 to 65535";
    url->port = (uint16_t)number;
    if ((why = read_address(url)) != NULL)
        return why;
    if (!put_host(handle, url->host))
        return "has an invalid host";
    if (!take_part(handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT, url->text, sizeof url->text))
        return "must be at most 2048 bytes long";
    size_t start = url->tls ? strlen("https://") : strlen("http://");
    url->path = start + strcspn(url->text + start, "/");
    return NULL;
}

int url_parse(struct str text, struct url *url, const char **why)
{
    char copy[URL_SIZE_MAX + 1];
    CURLU *handle = NULL;

    *url = (struct url){0};
    if ((*why = check_bytes(text)) != NULL)
        return ERR_INVALID;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if ((*why = check_authority(copy)) != NULL)
        return ERR_INVALID;

    handle = curl_url();
    if (handle == NULL)
        out_of_memory();
    *why = parse(handle, copy);
    if (*why == NULL)
        *why = read_parts(handle, url);
    curl_url_cleanup(handle);
    return *why == NULL ? 0 : ERR_INVALID;
}
