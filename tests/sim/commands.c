/* Redis's commands, of redis.call() with the command's name taken off: arguments on Lua's stack from 1 on, what scripts
 * see of the reply on top of it. Forms that our scripts do not use are refused, so that none passes unnoticed. */
#include "server.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

static struct str arg(lua_State *lua, int n)
{
    struct str s = {NULL, 0};
    s.p = lua_tolstring(lua, n, &s.n);
    if (s.p == NULL)
        luaL_error(lua, "ERR arguments must be strings or integers");
    return s;
}

static bool is(lua_State *lua, int n, const char *word)
{
    return lua_type(lua, n) == LUA_TSTRING && str_eq_nocase(arg(lua, n), str_of(word));
}

/* Digits, as most are: turns have sixteen. */
static bool whole(struct str s, double *value)
{
    int64_t sum = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!str_is_digit(s.p[i]))
            return false;
        sum = sum * 10 + (s.p[i] - '0');
    }
    *value = (double)sum;
    return sum <= WHOLE_MAX;
}

static double number(lua_State *lua, int n)
{
    struct str s = arg(lua, n);
    char *end;
    double value;

    if (whole(s, &value))
        return value;
    if (str_eq_text(s, "-inf"))
        return -1.0 / 0.0;
    if (str_eq_text(s, "+inf"))
        return 1.0 / 0.0;
    value = strtod(s.p, &end);
    if (end != s.p + s.n || s.n == 0)
        luaL_error(lua, "ERR value is not a number");
    return value;
}

static struct key *find(lua_State *lua, int n, enum key_type type)
{
    struct key *key = key_find(&server.keys, arg(lua, n));
    if (key != NULL && key->type != type)
        luaL_error(lua, "WRONGTYPE");
    return key;
}

static struct key *make(lua_State *lua, int n, enum key_type type)
{
    find(lua, n, type);
    return key_make(&server.keys, arg(lua, n), type);
}

static int push_i64(lua_State *lua, int64_t value)
{
    lua_pushnumber(lua, (double)value);
    return 1;
}

static int push_nil(lua_State *lua)
{
    lua_pushboolean(lua, 0);
    return 1;
}

static int push_str(lua_State *lua, struct str s)
{
    lua_pushlstring(lua, s.p, s.n);
    return 1;
}

/* As Redis writes a double. */
static void push_score(lua_State *lua, double score)
{
    char text[40];
    if (is_whole(score)) {
        push_whole(lua, (int64_t)score);
        return;
    }
    snprintf(text, sizeof text, "%.17g", score);
    lua_pushstring(lua, text);
}

static void add(lua_State *lua, int table, int *n)
{
    lua_rawseti(lua, table, ++*n);
}

static int push_ok(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushliteral(lua, "OK");
    lua_setfield(lua, -2, "ok");
    return 1;
}

/* --- keys and strings ------------------------------------------------------------------------- */

static int cmd_exists(lua_State *lua)
{
    return push_i64(lua, key_find(&server.keys, arg(lua, 1)) != NULL);
}

static int cmd_del(lua_State *lua)
{
    struct key *key = key_find(&server.keys, arg(lua, 1));
    if (key != NULL)
        key_drop(&server.keys, key);
    return push_i64(lua, key != NULL);
}

static int cmd_expire(lua_State *lua)
{
    struct key *key = key_find(&server.keys, arg(lua, 1));
    if (key != NULL)
        key->ends_ms = server_now_us() / 1000 + (int64_t)number(lua, 2) * 1000;
    return push_i64(lua, key != NULL);
}

static int cmd_get(lua_State *lua)
{
    struct key *key = find(lua, 1, KEY_STRING);
    return key == NULL ? push_nil(lua) : push_str(lua, item_value(&key->items[0]));
}

static int cmd_set(lua_State *lua)
{
    bool nx = false;
    int64_t ends_ms = 0;

    for (int i = 3; i <= lua_gettop(lua); i++) {
        if (is(lua, i, "NX"))
            nx = true;
        else if (is(lua, i, "PX"))
            ends_ms = server_now_us() / 1000 + (int64_t)number(lua, ++i);
        else
            return luaL_error(lua, "ERR syntax error");
    }
    if (nx && key_find(&server.keys, arg(lua, 1)) != NULL)
        return push_nil(lua);
    struct key *key = make(lua, 1, KEY_STRING);
    item_set(key, STR_LIT(""), arg(lua, 2));
    key->ends_ms = ends_ms;
    return push_ok(lua);
}

static int cmd_incr(lua_State *lua)
{
    struct key *key = make(lua, 1, KEY_STRING);
    long long value = key->count > 0 ? atoll(key->items[0].bytes) : 0;
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", value + 1);

    item_set(key, STR_LIT(""), (struct str){text, (size_t)n + 1});
    key->items[0].value_n--; /* the NUL is for atoll() */
    return push_i64(lua, value + 1);
}

static int cmd_publish(lua_State *lua)
{
    server_on_publish();
    return push_i64(lua, 1);
}

static int cmd_time(lua_State *lua)
{
    int64_t now_us = server_now_us();

    lua_createtable(lua, 2, 0);
    push_whole(lua, now_us / 1000000);
    lua_rawseti(lua, -2, 1);
    push_whole(lua, now_us % 1000000);
    lua_rawseti(lua, -2, 2);
    return 1;
}

/* --- hashes ----------------------------------------------------------------------------------- */

static int cmd_hget(lua_State *lua)
{
    struct item *item = item_find(find(lua, 1, KEY_HASH), arg(lua, 2));
    return item == NULL ? push_nil(lua) : push_str(lua, item_value(item));
}

static int cmd_hmget(lua_State *lua)
{
    struct key *key = find(lua, 1, KEY_HASH);
    int top = lua_gettop(lua), n = 0;

    if (top < 2)
        return luaL_error(lua, "ERR wrong number of arguments");
    lua_createtable(lua, top, 0);
    for (int i = 2; i <= top; i++) {
        struct item *item = item_find(key, arg(lua, i));
        if (item == NULL)
            push_nil(lua);
        else
            push_str(lua, item_value(item));
        add(lua, top + 1, &n);
    }
    return 1;
}

static int cmd_hset(lua_State *lua)
{
    struct key *key = make(lua, 1, KEY_HASH);
    int top = lua_gettop(lua), count = 0;

    if (top < 3 || top % 2 == 0)
        return luaL_error(lua, "ERR wrong number of arguments");
    for (int i = 2; i < top; i += 2)
        count += item_set(key, arg(lua, i), arg(lua, i + 1));
    return push_i64(lua, count);
}

static int cmd_hdel(lua_State *lua)
{
    struct key *key = find(lua, 1, KEY_HASH);
    struct item *item = item_find(key, arg(lua, 2));

    if (item != NULL)
        item_drop(key, item);
    key_tidy(&server.keys, key);
    return push_i64(lua, item != NULL);
}

static int cmd_hincrby(lua_State *lua)
{
    struct key *key = make(lua, 1, KEY_HASH);
    struct item *item = item_find(key, arg(lua, 2));
    int64_t value = 0;
    char text[24];

    if (item != NULL && !str_to_i64(item_value(item), INT64_MIN, INT64_MAX, &value))
        return luaL_error(lua, "ERR hash value is not an integer");
    value += (int64_t)number(lua, 3);
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    item_set(key, arg(lua, 2), (struct str){text, (size_t)n});
    return push_i64(lua, value);
}

static int push_all(lua_State *lua, const struct key *key, bool names, bool values)
{
    int n = 0, table;

    lua_newtable(lua);
    table = lua_gettop(lua);
    for (size_t i = 0; key != NULL && i < key->count; i++) {
        if (names) {
            push_str(lua, item_name(&key->items[i]));
            add(lua, table, &n);
        }
        if (values) {
            push_str(lua, item_value(&key->items[i]));
            add(lua, table, &n);
        }
    }
    return 1;
}

static int cmd_hvals(lua_State *lua)
{
    return push_all(lua, find(lua, 1, KEY_HASH), false, true);
}

static int cmd_hkeys(lua_State *lua)
{
    return push_all(lua, find(lua, 1, KEY_HASH), true, false);
}

static int cmd_hgetall(lua_State *lua)
{
    return push_all(lua, find(lua, 1, KEY_HASH), true, true);
}

/* Of what is as small as ours all at once, as Redis does. */
static int scan(lua_State *lua, enum key_type type)
{
    struct key *key = find(lua, 1, type);

    lua_createtable(lua, 2, 0);
    int table = lua_gettop(lua);
    lua_pushliteral(lua, "0");
    lua_rawseti(lua, table, 1);
    push_all(lua, key, true, type == KEY_HASH);
    lua_rawseti(lua, table, 2);
    return 1;
}

static int cmd_hscan(lua_State *lua)
{
    return scan(lua, KEY_HASH);
}

static int cmd_sscan(lua_State *lua)
{
    return scan(lua, KEY_SET);
}

/* What the command names after the key. */
static int drop_items(lua_State *lua, enum key_type type)
{
    struct key *key = find(lua, 1, type);
    int count = 0;

    for (int i = 2; i <= lua_gettop(lua); i++) {
        struct item *item = item_find(key, arg(lua, i));
        if (item != NULL)
            item_drop(key, item);
        count += item != NULL;
    }
    key_tidy(&server.keys, key);
    return push_i64(lua, count);
}

/* --- sets ------------------------------------------------------------------------------------- */

static int cmd_sadd(lua_State *lua)
{
    struct key *key = make(lua, 1, KEY_SET);
    int count = 0;

    for (int i = 2; i <= lua_gettop(lua); i++)
        count += item_set(key, arg(lua, i), STR_LIT(""));
    return push_i64(lua, count);
}

static int cmd_srem(lua_State *lua)
{
    return drop_items(lua, KEY_SET);
}

static int cmd_smembers(lua_State *lua)
{
    return push_all(lua, find(lua, 1, KEY_SET), true, false);
}

/* Some, whichever: the first. */
static int cmd_spop(lua_State *lua)
{
    struct key *key = find(lua, 1, KEY_SET);
    int most = (int)number(lua, 2), n = 0;

    lua_newtable(lua);
    int table = lua_gettop(lua);
    while (key != NULL && key->count > 0 && n < most) {
        push_str(lua, item_name(&key->items[0]));
        add(lua, table, &n);
        item_drop(key, &key->items[0]);
    }
    key_tidy(&server.keys, key);
    return 1;
}

/* --- sorted sets ------------------------------------------------------------------------------ */

static int cmd_zadd(lua_State *lua)
{
    bool nx = false, gt = false, lt = false, ch = false;
    int i = 2, added = 0, changed = 0;

    for (; lua_gettop(lua) - i >= 2; i++) {
        if (is(lua, i, "NX"))
            nx = true;
        else if (is(lua, i, "GT"))
            gt = true;
        else if (is(lua, i, "LT"))
            lt = true;
        else if (is(lua, i, "CH"))
            ch = true;
        else
            break;
    }
    if ((lua_gettop(lua) - i) % 2 == 0)
        return luaL_error(lua, "ERR syntax error");
    struct key *key = make(lua, 1, KEY_ZSET);
    for (; i < lua_gettop(lua); i += 2) {
        double score = number(lua, i);
        struct str name = arg(lua, i + 1);
        struct item *item = item_find(key, name);
        bool keeps =
            item != NULL && (nx || (gt && score <= item->score) || (lt && score >= item->score) ||
                             (score >= item->score && score <= item->score));
        added += item == NULL;
        changed += !keeps;
        if (!keeps)
            item_score(key, item, name, score);
    }
    return push_i64(lua, ch ? changed : added);
}

static int cmd_zrem(lua_State *lua)
{
    return drop_items(lua, KEY_ZSET);
}

static int cmd_zcard(lua_State *lua)
{
    const struct key *key = find(lua, 1, KEY_ZSET);
    return push_i64(lua, key != NULL ? (int64_t)key->count : 0);
}

static int cmd_zscore(lua_State *lua)
{
    const struct item *item = item_find(find(lua, 1, KEY_ZSET), arg(lua, 2));
    if (item == NULL)
        return push_nil(lua);
    push_score(lua, item->score);
    return 1;
}

static int cmd_zmscore(lua_State *lua)
{
    struct key *key = find(lua, 1, KEY_ZSET);
    int top = lua_gettop(lua), n = 0;

    lua_createtable(lua, top, 0);
    for (int i = 2; i <= top; i++) {
        const struct item *item = item_find(key, arg(lua, i));
        if (item == NULL)
            push_nil(lua);
        else
            push_score(lua, item->score);
        add(lua, top + 1, &n);
    }
    return 1;
}

struct range {
    bool by_score, scores, beyond; /* beyond: the first bound itself is not in it */
    double from, to;
    int64_t skip, most;
};

static void read_range(lua_State *lua, struct range *r)
{
    *r = (struct range){.most = INT64_MAX};
    for (int i = 4; i <= lua_gettop(lua); i++) {
        if (is(lua, i, "BYSCORE")) {
            r->by_score = true;
        } else if (is(lua, i, "WITHSCORES")) {
            r->scores = true;
        } else if (is(lua, i, "LIMIT")) {
            r->skip = (int64_t)number(lua, ++i);
            r->most = (int64_t)number(lua, ++i);
        } else {
            luaL_error(lua, "ERR syntax error");
        }
    }
    struct str from = arg(lua, 2);
    r->beyond = r->by_score && from.n > 0 && from.p[0] == '(';
    r->from = r->beyond ? strtod(from.p + 1, NULL) : number(lua, 2);
    r->to = number(lua, 3);
}

static bool in_range(const struct range *r, const struct item *item, size_t at, size_t count)
{
    double last = r->to < 0 && !r->by_score ? (double)count + r->to : r->to;

    if (!r->by_score)
        return (double)at >= r->from && (double)at <= last;
    return (r->beyond ? item->score > r->from : item->score >= r->from) && item->score <= r->to;
}

static int cmd_zrange(lua_State *lua)
{
    const struct key *key = find(lua, 1, KEY_ZSET);
    struct range r;
    int n = 0;

    read_range(lua, &r);
    lua_newtable(lua);
    int table = lua_gettop(lua);
    for (size_t i = 0; key != NULL && i < key->count && r.most > 0; i++) {
        if (!in_range(&r, &key->items[i], i, key->count) || r.skip-- > 0)
            continue;
        push_str(lua, item_name(&key->items[i]));
        add(lua, table, &n);
        if (r.scores) {
            push_score(lua, key->items[i].score);
            add(lua, table, &n);
        }
        r.most--;
    }
    return 1;
}

const struct command commands[] = {
    {"EXISTS", cmd_exists, READS},   {"DEL", cmd_del, WRITES},
    {"UNLINK", cmd_del, WRITES},     {"EXPIRE", cmd_expire, WRITES},
    {"GET", cmd_get, READS},         {"SET", cmd_set, GROWS},
    {"INCR", cmd_incr, GROWS},       {"PUBLISH", cmd_publish, READS},
    {"TIME", cmd_time, READS},       {"HGET", cmd_hget, READS},
    {"HMGET", cmd_hmget, READS},     {"HSET", cmd_hset, GROWS},
    {"HDEL", cmd_hdel, WRITES},      {"HINCRBY", cmd_hincrby, GROWS},
    {"HVALS", cmd_hvals, READS},     {"HKEYS", cmd_hkeys, READS},
    {"HGETALL", cmd_hgetall, READS}, {"HSCAN", cmd_hscan, READS},
    {"SSCAN", cmd_sscan, READS},     {"SADD", cmd_sadd, GROWS},
    {"SREM", cmd_srem, WRITES},      {"SMEMBERS", cmd_smembers, READS},
    {"SPOP", cmd_spop, WRITES},      {"ZADD", cmd_zadd, GROWS},
    {"ZREM", cmd_zrem, WRITES},      {"ZCARD", cmd_zcard, READS},
    {"ZSCORE", cmd_zscore, READS},   {"ZMSCORE", cmd_zmscore, READS},
    {"ZRANGE", cmd_zrange, READS},   {NULL, NULL, READS},
};
