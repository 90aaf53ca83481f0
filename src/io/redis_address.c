/* The URL of a Redis server, taken apart. */
#include "redis_internal.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdlib.h>

enum { PORT = 6379, URL_MAX = 4096 };

static char *copy(struct str s)
{
    char *text = xcalloc(1, s.n + 1);
    if (s.n > 0)
        memcpy(text, s.p, s.n);
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* Percent-decoding; NULL when it is malformed or has a NUL. */
static char *decode(struct str s)
{
    char *text = copy(s);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++, n++) {
        text[n] = s.p[i];
        if (s.p[i] != '%')
            continue;
        int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            free(text);
            return NULL;
        }
        text[n] = (char)(high * 16 + low);
        i += 2;
    }
    text[n] = '\0';
    return text;
}

/* Splits at the first `c`, or at the last: `*after` is empty and false comes back without one. */
static bool split(struct str s, char c, bool last, struct str *before, struct str *after)
{
    const char *at = s.n == 0 ? NULL : last ? memrchr(s.p, c, s.n) : memchr(s.p, c, s.n);

    *before = s;
    *after = (struct str){s.p + s.n, 0};
    if (at == NULL)
        return false;
    before->n = (size_t)(at - s.p);
    *after = (struct str){at + 1, s.n - before->n - 1};
    return true;
}

static int parse_number(struct str s, int64_t min, int64_t max, int *out)
{
    int64_t value;
    if (!str_to_i64(s, min, max, &value))
        return ERR_INVALID;
    *out = (int)value;
    return 0;
}

static int parse_unix(struct redis_address *address, struct str rest)
{
    struct str path, query;

    if (split(rest, '?', false, &path, &query)) {
        if (!str_starts(query, STR_LIT("db=")))
            return ERR_INVALID;
        if (parse_number((struct str){query.p + 3, query.n - 3}, 0, 65535, &address->db) < 0)
            return ERR_INVALID;
    }
    if (path.n < 2 || path.p[0] != '/')
        return ERR_INVALID;
    address->path = decode(path);
    return address->path != NULL ? 0 : ERR_INVALID;
}

static int parse_login(struct redis_address *address, struct str login)
{
    struct str user, password;

    if (!split(login, ':', false, &user, &password) || password.n == 0)
        return ERR_INVALID;
    if (user.n > 0 && (address->user = decode(user)) == NULL)
        return ERR_INVALID;
    address->password = decode(password);
    return address->password != NULL ? 0 : ERR_INVALID;
}

static int parse_host(struct redis_address *address, struct str place)
{
    struct str host = place, port = {place.p, 0};
    bool has_port;

    if (place.n > 0 && place.p[0] == '[') {
        struct str after;
        if (!split((struct str){place.p + 1, place.n - 1}, ']', false, &host, &after))
            return ERR_INVALID;
        has_port = after.n > 0;
        if (has_port && after.p[0] != ':')
            return ERR_INVALID;
        port = has_port ? (struct str){after.p + 1, after.n - 1} : after;
    } else {
        has_port = split(place, ':', false, &host, &port);
    }
    if (host.n == 0 || (has_port && parse_number(port, 1, 65535, &address->port) < 0))
        return ERR_INVALID;
    address->host = copy(host);
    return 0;
}

static int parse_tcp(struct redis_address *address, struct str rest)
{
    struct str authority, db, login, place;

    if (split(rest, '/', false, &authority, &db) && db.n > 0 &&
        parse_number(db, 0, 65535, &address->db) < 0)
        return ERR_INVALID;
    if (split(authority, '@', true, &login, &place)) {
        if (parse_login(address, login) < 0)
            return ERR_INVALID;
    } else {
        place = authority;
    }
    return parse_host(address, place);
}

int redis_address_init(struct redis_address *address, const char *url)
{
    static const struct {
        struct str scheme;
        int (*parse)(struct redis_address *, struct str);
    } schemes[] = {
        {{"redis://", 8}, parse_tcp},
        {{"unix://", 7}, parse_unix},
    };
    struct str text = str_of(url);

    *address = (struct redis_address){.port = PORT};
    for (size_t i = 0; text.n <= URL_MAX && i < ARRAY_LEN(schemes); i++) {
        struct str scheme = schemes[i].scheme;
        if (!str_starts(text, scheme))
            continue;
        int err = schemes[i].parse(address, (struct str){text.p + scheme.n, text.n - scheme.n});
        if (err < 0)
            redis_address_fini(address);
        return err;
    }
    return ERR_INVALID;
}

void redis_address_fini(struct redis_address *address)
{
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
