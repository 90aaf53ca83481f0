/* What Redis answers: the accessors of the contract, and what its error replies mean. */
#include "redis_internal.h"

#include "base/err.h"

#define ELEMENTS_MAX 8 /* of an array, which holds none itself */

static const redisReply *raw(const struct redis_reply *reply)
{
    return (const redisReply *)(const void *)reply;
}

int64_t redis_i64(const struct redis_reply *reply)
{
    return raw(reply)->type == REDIS_REPLY_INTEGER ? raw(reply)->integer : 0;
}

struct str redis_str(const struct redis_reply *reply)
{
    const redisReply *r = raw(reply);
    if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS)
        return (struct str){NULL, 0};
    return (struct str){r->str, r->len};
}

size_t redis_count(const struct redis_reply *reply)
{
    return raw(reply)->type == REDIS_REPLY_ARRAY ? raw(reply)->elements : 0;
}

const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i)
{
    assert(i < redis_count(reply));
    return (const struct redis_reply *)(const void *)raw(reply)->element[i];
}

static bool says(const redisReply *reply, struct str code)
{
    return reply->type == REDIS_REPLY_ERROR &&
           str_starts((struct str){reply->str, reply->len}, code);
}

bool redis_reply_is_noscript(const redisReply *reply)
{
    return says(reply, STR_LIT("NOSCRIPT"));
}

int redis_reply_err(const redisReply *reply)
{
    /* A server that lives and cannot do its work now. */
    static const struct str codes[] =
        {
            {"LOADING", 7},   {"OOM", 3},    {"BUSY", 4},        {"MISCONF", 7},
            {"TRYAGAIN", 8},  {"NOPERM", 6}, {"NOREPLICAS", 10}, {"UNKILLABLE", 10},
            {"WRONGTYPE", 9}, /* somebody else uses our keys */
        };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (says(reply, codes[i]))
            return ERR_UNAVAILABLE;
    return redis_reply_is_elsewhere(reply) ? ERR_UNAVAILABLE : ERR_INTERNAL;
}

bool redis_reply_is_elsewhere(const redisReply *reply)
{
    static const struct str codes[] = {
        {"READONLY", 8}, {"MASTERDOWN", 10}, {"CLUSTERDOWN", 11}, {"NOAUTH", 6}, {"NOSCRIPT", 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (says(reply, codes[i]))
            return true;
    return false;
}

bool redis_reply_is_full(const redisReply *reply)
{
    return says(reply, STR_LIT("OOM"));
}

static bool is(const redisReply *reply, char kind)
{
    return (kind == 'i' && reply->type == REDIS_REPLY_INTEGER) ||
           (kind == 's' && reply->type == REDIS_REPLY_STRING);
}

bool redis_reply_fits(const redisReply *reply, const char *shape)
{
    size_t count = strlen(shape);

    if (count == 1)
        return is(reply, shape[0]);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is(reply->element[i], shape[i]))
            return false;
    return true;
}

/* --- what its reader may make ----------------------------------------------------------------- */

static void *create_array(const redisReadTask *task, int elements)
{
    struct redis_bound *bound = task->privdata;

    bound->outgrown = elements > ELEMENTS_MAX || task->parent != NULL;
    return bound->outgrown ? NULL : bound->create_array(task, elements);
}

void redis_bound_set(struct redis_bound *bound, redisReader *reader)
{
    bound->objects = *reader->fn;
    bound->create_array = bound->objects.createArray;
    bound->objects.createArray = create_array;
    bound->outgrown = false;
    reader->fn = &bound->objects;
    reader->privdata = bound;
}
