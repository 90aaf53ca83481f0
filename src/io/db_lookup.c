/* The names of a URL to addresses, side by side, so that libpq has none to look up, for which it would stop the loop. */
#include "io/db_internal.h"

#include "base/host.h"

#include <stdlib.h>

struct db_lookup {
    const struct db_servers *servers;
    db_lookup_cb *cb;
    void *arg;
    size_t waits;            /* for so many names */
    char why[HOST_MAX + 64]; /* one of them has no address */
    struct name {
        struct db_lookup *lookup;
        struct dns_op *op;
        struct db_ways ways;
    } names[];
};

/* A path and an address is none, and whatever else is no name is libpq's. */
static bool is_name(const struct db_place *place)
{
    return place->address.n == 0 && dns_is_name(place->host);
}

bool db_lookup_needed(const struct db_servers *servers)
{
    for (size_t i = 0; i < db_servers_count(servers); i++)
        if (is_name(db_servers_place(servers, i)))
            return true;
    return false;
}

/* In the order of the URL. */
static void conclude(struct db_lookup *lookup)
{
    struct db_ways ways = {0};
    db_lookup_cb *cb = lookup->cb;
    void *arg = lookup->arg;
    char why[sizeof lookup->why];

    for (size_t i = 0; i < db_servers_count(lookup->servers); i++)
        for (size_t j = 0; j < lookup->names[i].ways.count; j++)
            db_ways_add(&ways, lookup->names[i].ways.list[j].place,
                        lookup->names[i].ways.list[j].address);
    memcpy(why, lookup->why, sizeof why);
    db_lookup_cancel(lookup);
    cb(arg, ways, why);
}

static void on_addresses(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct name *name = arg;
    struct db_lookup *lookup = name->lookup;
    const struct db_place *place =
        db_servers_place(lookup->servers, (size_t)(name - lookup->names));
    char text[INET6_ADDRSTRLEN];

    name->op = NULL;
    for (size_t i = 0; i < count; i++) {
        dns_address_text(text, &addresses[i]);
        db_ways_add(&name->ways, place, text);
    }
    if (err != 0)
        snprintf(lookup->why, sizeof lookup->why, "%s for %.*s", dns_reason(err),
                 STR_FMT(place->host));
    if (--lookup->waits == 0)
        conclude(lookup);
}

struct db_lookup *db_lookup_start(struct dns *dns, const struct db_servers *servers,
                                  int64_t deadline_ms, db_lookup_cb *cb, void *arg)
{
    size_t count = db_servers_count(servers);
    struct db_lookup *lookup = xcalloc(1, sizeof *lookup + count * sizeof *lookup->names);
    char host[HOST_MAX + 2];

    lookup->servers = servers;
    lookup->cb = cb;
    lookup->arg = arg;
    for (size_t i = 0; i < count; i++) {
        struct name *name = &lookup->names[i];
        const struct db_place *place = db_servers_place(servers, i);
        name->lookup = lookup;
        if (!is_name(place)) {
            db_ways_add(&name->ways, place, "");
            continue;
        }
        snprintf(host, sizeof host, "%.*s", STR_FMT(place->host));
        lookup->waits++;
        name->op = dns_start(dns, host, (struct id){0}, deadline_ms, on_addresses, name);
    }
    assert(lookup->waits > 0);
    return lookup;
}

void db_lookup_cancel(struct db_lookup *lookup)
{
    if (lookup == NULL)
        return;
    for (size_t i = 0; i < db_servers_count(lookup->servers); i++) {
        dns_cancel(lookup->names[i].op);
        db_ways_fini(&lookup->names[i].ways);
    }
    free(lookup);
}
