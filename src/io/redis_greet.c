/* Login, database, and the way by sentinels. What is wrong with an answer ends the connection. */
#include "redis_internal.h"

#include "base/err.h"

static void on_greeted(struct redis_link *link, void *data, const redisReply *reply)
{
    (void)data;
    if (reply->type == REDIS_REPLY_ERROR)
        redis_link_drop(link, reply->str);
    else if (reply->type != REDIS_REPLY_STATUS)
        redis_link_distrust(link, "a greeting that is no status");
}

static void log_in(struct redis_link *link, const char *user, const char *password)
{
    if (user != NULL)
        redis_link_say(link, on_greeted, NULL, 3, (const char *[]){"AUTH", user, password});
    else if (password != NULL && password[0] != '\0')
        redis_link_say(link, on_greeted, NULL, 2, (const char *[]){"AUTH", password});
}

static void on_way(struct redis_link *link, void *data, const redisReply *reply)
{
    const char *why;

    (void)data;
    int err = redis_route_hear(redis_link_route(link), reply, &why);
    if (err == 0)
        redis_link_go_on(link);
    else if (err == ERR_INVALID)
        redis_link_distrust(link, why);
    else
        redis_link_drop(link, why);
}

/* A sentinel that has not heard yet of a failover names the old master, which may be a replica by now, or not there. */
static void on_info(struct redis_link *link, void *data, const redisReply *reply)
{
    (void)data;
    if (reply->type == REDIS_REPLY_ERROR)
        redis_link_drop(link, reply->str);
    else if (reply->type != REDIS_REPLY_STRING)
        redis_link_distrust(link, "INFO is no text");
    else if (strstr(reply->str, "\nrole:master\r\n") == NULL)
        redis_link_drop(link, "whom the sentinel calls the master is none");
}

bool redis_greet(struct redis_link *link)
{
    const struct redis_route *route = redis_link_route(link);
    const struct redis_address *address = route->address;
    char db[16];

    if (route->asks) {
        log_in(link, NULL, address->sentinel_password);
        redis_link_say(link, on_way, NULL, 3,
                       (const char *[]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", address->service});
        return false;
    }
    log_in(link, address->user, address->password);
    if (address->db != 0) {
        snprintf(db, sizeof db, "%d", address->db);
        redis_link_say(link, on_greeted, NULL, 2, (const char *[]){"SELECT", db});
    }
    if (address->sentinel_count > 0)
        redis_link_say(link, on_info, NULL, 2, (const char *[]){"INFO", "replication"});
    return true;
}
