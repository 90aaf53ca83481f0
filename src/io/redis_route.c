/* The way to a server that sentinels know: one is asked, and who does not lead there is behind the others from then on.
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/ says what a client has to do. */
#include "redis_internal.h"

#include "base/err.h"

const struct redis_place *redis_route_next(struct redis_route *route)
{
    const struct redis_address *address = route->address;

    if (address->sentinel_count == 0)
        return &address->server;
    route->asks = !route->told;
    route->told = false;
    if (!route->asks)
        return &route->master;
    route->asked = route->turn;
    route->turn = (route->turn + 1) % address->sentinel_count;
    return &address->sentinels[route->asked];
}

void redis_route_arrived(struct redis_route *route)
{
    route->turn = route->asked;
}

/* A name or an address, and a port, as text. */
static bool read_place(const redisReply *reply, struct redis_place *place)
{
    const redisReply *host = reply->element[0], *port = reply->element[1];
    struct str name = {host->str, host->len};
    int64_t number;
    uint8_t bytes[16];

    if (name.n > HOST_MAX || host_read(name, bytes) < HOST_NAME ||
        !str_to_i64((struct str){port->str, port->len}, 1, UINT16_MAX, &number))
        return false;
    memcpy(place->host, name.p, name.n);
    place->host[name.n] = '\0';
    place->port = (int)number;
    return true;
}

int redis_route_hear(struct redis_route *route, const redisReply *reply, const char **why)
{
    if (reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_NIL) {
        *why = reply->type == REDIS_REPLY_ERROR ? reply->str
                                                : "the sentinel knows no master of that name";
        return ERR_NOT_FOUND;
    }
    route->told = redis_reply_fits(reply, "ss") && read_place(reply, &route->master);
    *why = route->told ? NULL : "the sentinel does not say where the master is";
    return route->told ? 0 : ERR_INVALID;
}
