/* The servers that a URL names, which libpq is given by address, and beginning with another one each time. */
#include "base/buf.h"
#include "io/db_internal.h"

#include <stdlib.h>

/* Options of libpq that are comma lists: parallel, or one port for all. */
enum { HOSTS, ADDRESSES, PORTS, LISTS };
static const char *const lists[LISTS] = {"host", "hostaddr", "port"};

enum {
    OPTIONS_MAX = 128,    /* that libpq has: some forty */
    LIST_MAX = 256 << 10, /* bytes */
};

struct db_servers {
    PQconninfoOption *options; /* NULL: libpq cannot read the URL */
    size_t count;
    struct db_place places[];
};

static size_t length_of(const char *list)
{
    size_t n = list != NULL ? 1 : 0;

    for (; list != NULL && *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* One entry for all, or the entry `i`. */
static struct str entry_of(const char *list, size_t i)
{
    if (list == NULL)
        return (struct str){"", 0};
    for (; strchr(list, ',') != NULL && i > 0; i--)
        list = strchr(list, ',') + 1;
    return (struct str){list, strcspn(list, ",")};
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val;
    return NULL;
}

/* 0: none is named, or libpq will say what is wrong with the lists. */
static size_t count_of(const char *hosts, const char *addresses, const char *ports)
{
    size_t count = length_of(hosts != NULL ? hosts : addresses);
    bool good = (addresses == NULL || length_of(addresses) == count) &&
                (length_of(ports) <= 1 || length_of(ports) == count);

    return good ? count : 0;
}

struct db_servers *db_servers_create(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    const char *hosts = value_of(options, lists[HOSTS]), *ports = value_of(options, lists[PORTS]);
    const char *addresses = value_of(options, lists[ADDRESSES]);
    size_t count = count_of(hosts, addresses, ports);
    struct db_servers *s = xcalloc(1, sizeof *s + (count + 1) * sizeof *s->places);

    s->options = options;
    s->count = count > 0 ? count : 1; /* the one that libpq takes when none is named */
    for (size_t i = 0; i < count; i++)
        s->places[i] =
            (struct db_place){entry_of(hosts, i), entry_of(addresses, i), entry_of(ports, i)};
    return s;
}

void db_servers_destroy(struct db_servers *servers)
{
    if (servers == NULL)
        return;
    PQconninfoFree(servers->options);
    free(servers);
}

size_t db_servers_count(const struct db_servers *servers)
{
    return servers->count;
}

const struct db_place *db_servers_place(const struct db_servers *servers, size_t i)
{
    return &servers->places[i];
}

void db_ways_add(struct db_ways *ways, const struct db_place *place, const char *address)
{
    struct db_way *way;

    ways->list = xrealloc(ways->list, (ways->count + 1) * sizeof *ways->list);
    way = &ways->list[ways->count++];
    way->place = place;
    snprintf(way->address, sizeof way->address, "%s", address);
}

void db_ways_of_places(struct db_ways *ways, const struct db_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++)
        db_ways_add(ways, &servers->places[i], "");
}

void db_ways_fini(struct db_ways *ways)
{
    free(ways->list);
    *ways = (struct db_ways){0};
}

static void add_entry(struct buf *list, bool first, struct str entry)
{
    if (!first)
        buf_add_char(list, ',');
    buf_add_str(list, entry);
}

static void write_lists(struct buf out[LISTS], const struct db_ways *ways, size_t first)
{
    for (size_t i = 0; i < ways->count; i++) {
        const struct db_way *way = &ways->list[(first + i) % ways->count];
        const struct db_place *place = way->place;
        add_entry(&out[HOSTS], i == 0, place->host);
        add_entry(&out[ADDRESSES], i == 0,
                  way->address[0] != '\0' ? str_of(way->address) : place->address);
        add_entry(&out[PORTS], i == 0, place->port);
    }
}

/* A list that says nothing. */
static bool is_blank(struct buf *list)
{
    const char *text = buf_text(list);
    return text[strspn(text, ",")] == '\0';
}

/* Options without a value are passed over; of two the last one counts. */
PGconn *db_servers_connect(const struct db_servers *servers, const struct db_ways *ways,
                           size_t first)
{
    const char *keywords[OPTIONS_MAX + 1] = {NULL}, *values[OPTIONS_MAX + 1] = {NULL};
    struct buf turned[LISTS];
    size_t n = 0;

    if (servers->options == NULL)
        return NULL;
    for (size_t i = 0; i < LISTS; i++)
        buf_init(&turned[i], LIST_MAX);
    write_lists(turned, ways, first);
    for (const PQconninfoOption *o = servers->options; o->keyword != NULL; o++) {
        assert(n < OPTIONS_MAX - LISTS);
        keywords[n] = o->keyword;
        values[n++] = o->val;
    }
    for (size_t i = 0; i < LISTS; i++) {
        keywords[n] = lists[i];
        values[n++] = is_blank(&turned[i]) ? NULL : buf_text(&turned[i]);
    }
    PGconn *pg = PQconnectStartParams(keywords, values, 0);
    for (size_t i = 0; i < LISTS; i++)
        buf_fini(&turned[i]);
    return pg;
}
