/* The URL of a PostgreSQL server, by libpq's parser. */
#include "base/buf.h"
#include "base/err.h"
#include "io/db_internal.h"

#include <stdlib.h>

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

/* --- several hosts ---------------------------------------------------------------------------- */

static const char *const lists[] = {"host", "hostaddr", "port"};

static bool is_list(const char *keyword)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (strcmp(keyword, lists[i]) == 0)
            return true;
    return false;
}

static int length_of(const char *list)
{
    int n = 1;

    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

static int hosts_of(const PQconninfoOption *options)
{
    int most = 1;

    for (; options->keyword != NULL; options++)
        if (options->val != NULL && is_list(options->keyword) && length_of(options->val) > most)
            most = length_of(options->val);
    return most;
}

int db_url_hosts(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    int count = options != NULL ? hosts_of(options) : 1;

    PQconninfoFree(options);
    return count;
}

/* The list from its entry `first` on, and then what stands before that. */
static void turn(struct buf *out, const char *list, int first)
{
    const char *from = list;

    while (first-- > 0)
        from = strchr(from, ',') + 1;
    buf_add_text(out, from);
    if (from > list) {
        buf_add_char(out, ',');
        buf_add(out, list, (size_t)(from - list) - 1);
    }
}

/* Options that are not given have no value, and are passed over. */
static PGconn *connect_to(const PQconninfoOption *options, int hosts, int first)
{
    const char *keywords[DB_OPTIONS_MAX + 1] = {NULL}, *values[DB_OPTIONS_MAX + 1] = {NULL};
    struct buf turned[ARRAY_LEN(lists)];
    size_t turns = 0;

    for (size_t i = 0; options[i].keyword != NULL; i++) {
        assert(i < DB_OPTIONS_MAX);
        keywords[i] = options[i].keyword;
        values[i] = options[i].val;
        if (values[i] == NULL || !is_list(keywords[i]) || length_of(values[i]) != hosts)
            continue;
        buf_init(&turned[turns], strlen(values[i]) + 1);
        turn(&turned[turns], values[i], first);
        values[i] = buf_text(&turned[turns++]);
    }
    PGconn *pg = PQconnectStartParams(keywords, values, 0);
    while (turns > 0)
        buf_fini(&turned[--turns]);
    return pg;
}

PGconn *db_url_connect(const char *url, int first)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    int hosts = options != NULL ? hosts_of(options) : 1;
    PGconn *pg = hosts > 1 ? connect_to(options, hosts, first % hosts) : PQconnectStart(url);

    PQconninfoFree(options);
    return pg;
}
