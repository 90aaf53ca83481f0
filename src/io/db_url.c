/* Whether the URL of a PostgreSQL server is one, by libpq's parser. */
#include "base/buf.h"
#include "base/err.h"
#include "io/db_internal.h"

/* A comma list, one for each host or one for all; an empty one stands for the standard port. */
static bool are_ports(const char *text)
{
    struct str list = str_of(text), piece;
    int64_t port;

    while (str_next(&list, ',', &piece))
        if (piece.n > 0 && !str_to_i64(piece, 1, 65535, &port))
            return false;
    return true;
}

/* A comma list. A name with an @ in it is the end of a password that was not percent-encoded, and libpq's errors would
 * show it; one that begins with it is a socket without a file. */
static bool are_hosts(const char *text)
{
    struct str list = str_of(text), piece;

    while (str_next(&list, ',', &piece))
        if (piece.n > 1 && memchr(piece.p + 1, '@', piece.n - 1) != NULL)
            return false;
    return true;
}

static const struct {
    const char *keyword;
    bool (*check)(const char *text);
} checks[] = {{"port", are_ports}, {"host", are_hosts}};

/* Of a URL, that no @ stands behind the host: it would be that of a login, with a / in the password. */
static bool path_is_plain(const char *url)
{
    const char *start = strstr(url, "://");
    const char *path = start != NULL ? strchr(start + 3, '/') : NULL;

    return path == NULL || memchr(path, '@', strcspn(path, "?")) == NULL;
}

int db_check_url(const char *url)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    int err = options != NULL && path_is_plain(url) ? 0 : ERR_INVALID;

    if (options == NULL && (why == NULL || strstr(why, "out of memory") != NULL))
        out_of_memory();
    PQfreemem(why);
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        for (size_t i = 0; i < ARRAY_LEN(checks); i++)
            if (strcmp(o->keyword, checks[i].keyword) == 0 && o->val != NULL &&
                !checks[i].check(o->val))
                err = ERR_INVALID;
    PQconninfoFree(options);
    return err;
}
