/* To a server by its addresses, one after the other. A name is looked up here, since hiredis stops the loop for it. */
#include "redis_internal.h"

#define LOOKUP_MS 2000

static void on_addresses(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct redis_ways *ways = arg;
    char why[HOST_MAX + 64] = "";

    ways->lookup = NULL;
    for (size_t i = 0; i < count; i++)
        dns_address_text(ways->addresses[i], &addresses[i]);
    ways->count = ways->left = count;
    if (err != 0)
        snprintf(why, sizeof why, "%s for %s", dns_reason(err), ways->place->host);
    ways->on_found(ways->arg, err == 0 ? NULL : why);
}

bool redis_ways_find(struct redis_ways *ways, const struct redis_place *place)
{
    ways->place = place;
    ways->count = ways->left = 0;
    if (!dns_is_name(str_of(place->host)))
        return true;
    ways->lookup = dns_start(ways->dns, place->host, (struct id){0}, LOOKUP_MS, on_addresses, ways);
    return false;
}

redisContext *redis_ways_connect(struct redis_ways *ways)
{
    if (ways->count == 0)
        return redisConnectNonBlock(ways->place->host, ways->place->port);
    assert(ways->left > 0);
    ways->left--;
    return redisConnectNonBlock(ways->addresses[ways->first % ways->count], ways->place->port);
}

void redis_ways_failed(struct redis_ways *ways)
{
    ways->first++;
}

void redis_ways_cancel(struct redis_ways *ways)
{
    dns_cancel(ways->lookup);
    ways->lookup = NULL;
}
