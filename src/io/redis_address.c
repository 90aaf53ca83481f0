/* The URL of a Redis server, taken apart by libcurl. That of a socket is parsed as the file's that it
 * is: to libcurl every other scheme has a host. */
#include "redis_internal.h"

#include "base/err.h"
#include "url_checked.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { PORT = 6379, URL_MAX = 4096, NUMBER_MAX = 65535 };

/* A copy of the part; NULL when it is missing, empty or malformed. */
static char *part(CURLU *url, CURLUPart what, unsigned flags)
{
    char *value = NULL, *copy = NULL;

    if (url_checked(curl_url_get(url, what, &value, flags)) == CURLUE_OK && value[0] != '\0')
        copy = xstrdup(value);
    curl_free(value);
    return copy;
}

static bool has(CURLU *url, CURLUPart what)
{
    char *value = part(url, what, 0);
    free(value);
    return value != NULL;
}

/* What stands behind `prefix`, a number of its own; `*out` stays when the part is missing or is "/". */
static bool read_number(CURLU *url, CURLUPart what, const char *prefix, int64_t min, int *out)
{
    char *text = part(url, what, 0);
    int64_t value = *out;
    bool good = text == NULL || strcmp(text, "/") == 0;

    if (!good) {
        struct str s = str_of(text), start = str_of(prefix);
        good = str_starts(s, start) &&
               str_to_i64((struct str){s.p + start.n, s.n - start.n}, min, NUMBER_MAX, &value);
    }
    *out = (int)value;
    free(text);
    return good;
}

static bool read_unix(struct redis_address *address, CURLU *url, const char *rest)
{
    if (rest[0] != '/')
        return false;
    address->path = part(url, CURLUPART_PATH, CURLU_URLDECODE);
    return address->path != NULL && address->path[1] != '\0' &&
           read_number(url, CURLUPART_QUERY, "db=", 0, &address->db);
}

/* "user:password" or ":password". */
static bool read_login(struct redis_address *address, CURLU *url)
{
    bool has_user = has(url, CURLUPART_USER);

    address->user = part(url, CURLUPART_USER, CURLU_URLDECODE);
    address->password = part(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
    return address->password != NULL && has_user == (address->user != NULL);
}

static bool read_host(struct redis_address *address, CURLU *url)
{
    char *host = address->host = part(url, CURLUPART_HOST, 0);
    size_t n = host != NULL ? strlen(host) : 0;

    if (n > 2 && host[0] == '[') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
    return n > 0 && !has(url, CURLUPART_ZONEID);
}

/* libcurl is generous about what is missing: `rest` is what stands behind the two slashes. */
static bool read_tcp(struct redis_address *address, CURLU *url, const char *rest)
{
    size_t n = strcspn(rest, "/?#"); /* of login, host and port */

    if (n == 0 || rest[n - 1] == ':' || has(url, CURLUPART_QUERY))
        return false;
    return (memchr(rest, '@', n) == NULL || read_login(address, url)) && read_host(address, url) &&
           read_number(url, CURLUPART_PORT, "", 1, &address->port) &&
           read_number(url, CURLUPART_PATH, "/", 0, &address->db);
}

static bool read_tls(struct redis_address *address, CURLU *url, const char *rest)
{
    address->secure = true;
    return read_tcp(address, url, rest);
}

/* To libcurl a percent sign that begins no escape is one of its own. */
static bool escapes_are_whole(const char *text)
{
    while ((text = strchr(text, '%')) != NULL) {
        if (str_hex(text[1]) < 0 || str_hex(text[2]) < 0)
            return false;
        text += 3;
    }
    return true;
}

struct scheme {
    const char *name, *parsed_as;
    bool (*read)(struct redis_address *address, CURLU *url, const char *rest);
};

static const struct scheme schemes[] = {
    {"redis://", "redis://", read_tcp},
    {"rediss://", "redis://", read_tls},
    {"unix://", "file://", read_unix},
};

static bool parse(struct redis_address *address, const struct scheme *scheme, const char *rest)
{
    char text[URL_MAX + 1];
    CURLU *url = curl_url();
    unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;

    if (url == NULL)
        out_of_memory();
    snprintf(text, sizeof text, "%s%s", scheme->parsed_as, rest);
    bool good = url_checked(curl_url_set(url, CURLUPART_URL, text, flags)) == CURLUE_OK &&
                !has(url, CURLUPART_FRAGMENT) && scheme->read(address, url, rest);
    curl_url_cleanup(url);
    return good;
}

int redis_address_init(struct redis_address *address, const char *url)
{
    *address = (struct redis_address){.port = PORT};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i].name);
        if (strncmp(url, schemes[i].name, n) != 0)
            continue;
        if (strlen(url) < URL_MAX && escapes_are_whole(url) && parse(address, &schemes[i], url + n))
            return 0;
        redis_address_fini(address);
    }
    return ERR_INVALID;
}

void redis_address_fini(struct redis_address *address)
{
    SSL_CTX_free(address->tls);
    free(address->path);
    free(address->host);
    free(address->user);
    free(address->password);
    *address = (struct redis_address){0};
}

int redis_check_url(const char *url)
{
    struct redis_address address;
    int err = redis_address_init(&address, url);
    if (err == 0)
        redis_address_fini(&address);
    return err;
}
