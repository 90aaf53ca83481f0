/* The URL of a Redis server, taken apart by libcurl. That of a socket is parsed as the file's that it
 * is: to libcurl every other scheme has a host. */
#include "redis_internal.h"

#include "base/err.h"
#include "base/host.h"
#include "url_checked.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { PORT = 6379, SENTINEL_PORT = 26379, URL_MAX = 4096, NUMBER_MAX = 65535 };

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
    char *text = part(url, CURLUPART_HOST, 0);
    struct str host = str_of(text);

    if (host.n > 2 && host.p[0] == '[')
        host = (struct str){host.p + 1, host.n - 2};
    bool good = host.n > 0 && host.n <= HOST_MAX && !has(url, CURLUPART_ZONEID);
    if (good)
        memcpy(address->server.host, host.p, host.n);
    free(text);
    return good;
}

/* libcurl is generous about what is missing: `rest` is what stands behind the two slashes. */
static bool read_tcp(struct redis_address *address, CURLU *url, const char *rest)
{
    size_t n = strcspn(rest, "/?#"); /* of login, host and port */

    if (n == 0 || rest[n - 1] == ':' || has(url, CURLUPART_QUERY))
        return false;
    return (memchr(rest, '@', n) == NULL || read_login(address, url)) && read_host(address, url) &&
           read_number(url, CURLUPART_PORT, "", 1, &address->server.port) &&
           read_number(url, CURLUPART_PATH, "/", 0, &address->db);
}

static bool read_tls(struct redis_address *address, CURLU *url, const char *rest)
{
    address->secure = true;
    return read_tcp(address, url, rest);
}

/* --- sentinels: several plain URLs in one ------------------------------------------------------ */

static bool read_sentinel(struct redis_address *address, struct str text)
{
    struct host host;

    if (address->sentinel_count == SENTINELS_MAX || !host_parse(text, &host) ||
        host.kind < HOST_NAME || (host.port.p != NULL && host.number == 0))
        return false;
    struct redis_place *place = &address->sentinels[address->sentinel_count++];
    memcpy(place->host, host.name.p, host.name.n);
    place->port = host.port.p != NULL ? host.number : SENTINEL_PORT;
    return true;
}

/* What Redis takes for the name of a master. */
static bool read_service(struct redis_address *address, struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!str_is_alnum(name.p[i]) && strchr("._-", name.p[i]) == NULL)
            return false;
    if (name.n == 0 || name.n > SERVICE_MAX)
        return false;
    memcpy(address->service, name.p, name.n);
    return true;
}

/* Takes apart what plain URLs do not have, and writes into `plain` what would stand behind the slashes of one. */
static bool read_sentinels(struct redis_address *address, struct str rest, char plain[URL_MAX])
{
    struct str hosts, service, host;

    if (!str_next(&rest, '/', &hosts) || !str_next(&rest, '/', &service))
        return false;
    size_t login = hosts.n;
    while (login > 0 && hosts.p[login - 1] != '@')
        login--;
    snprintf(plain, URL_MAX, "%.*ssentinel/%.*s", (int)login, hosts.p, STR_FMT(rest));
    hosts = (struct str){hosts.p + login, hosts.n - login};
    if (hosts.n == 0 || hosts.p[hosts.n - 1] == ',')
        return false;
    while (str_next(&hosts, ',', &host))
        if (!read_sentinel(address, host))
            return false;
    return read_service(address, service);
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
    bool sentinels;
};

static const struct scheme schemes[] = {
    {"redis://", "redis://", read_tcp, false},
    {"rediss://", "redis://", read_tls, false},
    {"redis+sentinel://", "redis://", read_tcp, true},
    {"rediss+sentinel://", "redis://", read_tls, true},
    {"unix://", "file://", read_unix, false},
};

static bool parse(struct redis_address *address, const struct scheme *scheme, const char *rest)
{
    char text[URL_MAX + 1], plain[URL_MAX];
    unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;

    if (scheme->sentinels) {
        if (!read_sentinels(address, str_of(rest), plain))
            return false;
        rest = plain;
    }
    CURLU *url = curl_url();
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
    *address = (struct redis_address){.server.port = PORT};
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
    free(address->user);
    free(address->password);
    *address = (struct redis_address){0};
}

bool redis_place_is(const struct redis_place *a, const struct redis_place *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

int redis_check_url(const char *url)
{
    struct redis_address address;
    int err = redis_address_init(&address, url);
    if (err == 0)
        redis_address_fini(&address);
    return err;
}
