/* Lua, with what Redis gives to scripts: redis.call() and struct. */
#include "server.h"

#include "base/buf.h"
#include "mutants.h"
#include "receivers.h"
#include "store/queue_scripts.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#define SCRIPTS_MAX 16
#define SCRIPT_MAX  ((size_t)1 << 20) /* bytes, compiled */

struct server server;
void (*server_on_publish)(void);

static lua_State *lua;
static int loaded[SCRIPTS_MAX];   /* the compiled ones of queue_scripts */
static enum mutant loaded_mutant; /* that they have in them */

int64_t server_now_us(void)
{
    return EPOCH_MS * 1000 + sim.now_us + server.clock_us;
}

/* --- redis.call() ----------------------------------------------------------------------------- */

/* Whole numbers in digits, which is most of what there is to write. */
void push_whole(lua_State *state, int64_t n)
{
    char text[24], *at = text + sizeof text;
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (n < 0)
        *--at = '-';
    lua_pushlstring(state, at, (size_t)(text + sizeof text - at));
}

/* Numbers as Redis writes them for its commands. */
static void write_numbers(int top)
{
    char text[40];

    for (int i = 1; i <= top; i++) {
        if (lua_type(lua, i) != LUA_TNUMBER)
            continue;
        double n = lua_tonumber(lua, i);
        if (is_whole(n)) {
            push_whole(lua, (int64_t)n);
        } else {
            snprintf(text, sizeof text, "%.17g", n);
            lua_pushstring(lua, text);
        }
        lua_replace(lua, i);
    }
}

static int call(lua_State *state)
{
    (void)state;
    lua_pushvalue(lua, 1);
    lua_rawget(lua, lua_upvalueindex(1));
    const struct command *command = lua_touserdata(lua, -1);
    if (command == NULL)
        return luaL_error(lua, "ERR unknown command");
    lua_pop(lua, 1);
    lua_remove(lua, 1);
    write_numbers(lua_gettop(lua));
    if (command->kind == GROWS && server.full && !server.wrote)
        return luaL_error(lua, "OOM");
    server.wrote = server.wrote || command->kind != READS;
    return command->run(lua);
}

/* --- struct: big-endian integers, and strings of a given length ------------------------------- */

/* The next of a format: its letter and how many bytes; 0: that was the last. */
static char next_field(const char **format, size_t *size)
{
    char c = **format;

    if (c == '>') {
        ++*format;
        c = **format;
    }
    if (c == '\0')
        return 0;
    ++*format;
    *size = 0;
    while (str_is_digit(**format))
        *size = *size * 10 + (size_t)(*(*format)++ - '0');
    if (c == 'B')
        *size = 1;
    if (c != 'B' && c != 'i' && c != 'c')
        luaL_error(lua, "struct: no such format");
    return c;
}

static int struct_unpack(lua_State *state)
{
    const char *format = luaL_checkstring(lua, 1);
    size_t n, size, pos = (size_t)luaL_optnumber(lua, 3, 1) - 1;
    const char *bytes = luaL_checklstring(lua, 2, &n);
    int count = 0;

    (void)state;
    for (char c; (c = next_field(&format, &size)) != 0; pos += size, count++) {
        if (pos + size > n)
            return luaL_error(lua, "struct: data string too short");
        if (c == 'c') {
            lua_pushlstring(lua, bytes + pos, size);
            continue;
        }
        int64_t value = c == 'i' && (bytes[pos] & 0x80) != 0 ? -1 : 0;
        for (size_t i = 0; i < size; i++)
            value = (int64_t)((uint64_t)value << 8 | (uint8_t)bytes[pos + i]);
        lua_pushnumber(lua, (double)value);
    }
    lua_pushnumber(lua, (double)(pos + 1));
    return count + 1;
}

static int struct_pack(lua_State *state)
{
    const char *format = luaL_checkstring(lua, 1);
    luaL_Buffer out;
    size_t size, n;
    int at = 2;

    (void)state;
    luaL_buffinit(lua, &out);
    for (char c; (c = next_field(&format, &size)) != 0; at++) {
        if (c == 'c') {
            const char *text = luaL_checklstring(lua, at, &n);
            if (n < size)
                return luaL_error(lua, "struct: string too short");
            luaL_addlstring(&out, text, size);
            continue;
        }
        uint64_t bits = (uint64_t)(int64_t)luaL_checknumber(lua, at);
        for (size_t i = size; i > 0; i--)
            luaL_addchar(&out, (char)(bits >> (8 * (i - 1)) & 0xff));
    }
    luaL_pushresult(&out);
    return 1;
}

/* --- scripts ---------------------------------------------------------------------------------- */

/* Lua's memory: one block after another, and none comes back. Scripts leave nothing in Lua that the next one needs, so it is
 * put back to what it was when all of them were loaded as soon as it has grown: no collector, no search for room. */
#define ARENA_SIZE ((size_t)64 << 20)
#define ARENA_MORE ((size_t)512 << 10) /* than it was, and it is put back */
#define ALIGNED    16

static struct {
    char *p;
    size_t used, last; /* last: where the last block begins */
    char *kept;        /* what it was */
    size_t kept_n;
} arena;

static void *allocate(void *arg, void *old, size_t had, size_t wanted)
{
    (void)arg;
    if (wanted == 0 || (wanted <= had && old != NULL))
        return wanted == 0 ? NULL : old;
    bool grows = old != NULL && old == arena.p + arena.last;
    size_t at = grows ? arena.last : (arena.used + ALIGNED - 1) / ALIGNED * ALIGNED;
    assert(at + wanted <= ARENA_SIZE);
    arena.last = at;
    arena.used = at + wanted;
    if (old != NULL && !grows)
        memcpy(arena.p + at, old, had);
    return arena.p + at;
}

static void keep_lua(void)
{
    free(arena.kept);
    arena.kept_n = arena.used;
    arena.kept = xcalloc(1, arena.kept_n);
    memcpy(arena.kept, arena.p, arena.kept_n);
}

static void put_lua_back(void)
{
    memcpy(arena.p, arena.kept, arena.kept_n);
    arena.used = arena.kept_n;
    arena.last = SIZE_MAX;
}

static void open_lua(void)
{
    arena.used = 0;
    arena.last = SIZE_MAX;
    if (arena.p == NULL)
        arena.p = xcalloc(1, ARENA_SIZE);
    lua = lua_newstate(allocate, NULL);
    lua_gc(lua, LUA_GCSTOP, 0);
    luaL_openlibs(lua);
    lua_newtable(lua);
    lua_newtable(lua); /* commands by their names */
    for (const struct command *c = commands; c->name != NULL; c++) {
        lua_pushlightuserdata(lua, (void *)(uintptr_t)c);
        lua_setfield(lua, -2, c->name);
    }
    lua_pushcclosure(lua, call, 1);
    lua_setfield(lua, -2, "call");
    lua_setglobal(lua, "redis");
    lua_newtable(lua);
    lua_pushcfunction(lua, struct_unpack);
    lua_setfield(lua, -2, "unpack");
    lua_pushcfunction(lua, struct_pack);
    lua_setfield(lua, -2, "pack");
    lua_setglobal(lua, "struct");
}

static int on_dumped(lua_State *state, const void *p, size_t n, void *arg)
{
    (void)state;
    buf_add(arg, p, n);
    return ((struct buf *)arg)->overflow;
}

static void check_loaded(lua_State *state, int status, const char *name)
{
    if (status == 0)
        return;
    fprintf(stderr, "%s: %s\n", name, lua_tostring(state, -1));
    abort();
}

/* Compiled elsewhere, so that nothing but the script comes into the arena. */
static int load(const struct redis_script *script)
{
    char *changed = mutant_script(script->name, script->lua);
    const char *text = changed != NULL ? changed : script->lua;
    lua_State *compiler = luaL_newstate();
    struct buf compiled;

    buf_init(&compiled, SCRIPT_MAX);
    check_loaded(compiler, luaL_loadbuffer(compiler, text, strlen(text), script->name),
                 script->name);
    if (lua_dump(compiler, on_dumped, &compiled) != 0)
        abort();
    lua_close(compiler);
    free(changed);
    check_loaded(lua, luaL_loadbuffer(lua, compiled.p, compiled.n, script->name), script->name);
    buf_fini(&compiled);
    return luaL_ref(lua, LUA_REGISTRYINDEX);
}

/* All scripts, with the mutant that is in force. */
static void load_all(void)
{
    open_lua();
    for (int i = 0; queue_scripts[i] != NULL; i++) {
        assert(i < SCRIPTS_MAX);
        loaded[i] = load(queue_scripts[i]);
    }
    keep_lua();
    loaded_mutant = mutant;
}

static void push_script(const struct redis_script *script)
{
    int i = 0;

    while (queue_scripts[i] != script)
        i++;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, loaded[i]);
}

/* Off the top of the stack. */
static void read_reply(struct redis_reply *reply)
{
    *reply = (struct redis_reply){0};
    if (lua_type(lua, -1) == LUA_TNUMBER) {
        reply->i64 = (int64_t)lua_tonumber(lua, -1);
    } else if (lua_type(lua, -1) == LUA_TSTRING) {
        size_t n;
        const char *text = lua_tolstring(lua, -1, &n);
        char *copy = xcalloc(1, n + 1);
        memcpy(copy, text, n);
        reply->is_text = true;
        reply->text = (struct str){copy, n};
    } else {
        assert(lua_istable(lua, -1));
        reply->is_array = true;
        reply->count = (int)lua_objlen(lua, -1);
        reply->elements = xcalloc((size_t)reply->count + 1, sizeof *reply->elements);
        for (int i = 0; i < reply->count; i++) {
            lua_rawgeti(lua, -1, i + 1);
            read_reply(&reply->elements[i]);
        }
    }
    lua_pop(lua, 1);
}

static void clear(struct redis_reply *reply)
{
    for (int i = 0; i < reply->count; i++)
        clear(&reply->elements[i]);
    free(reply->elements);
    free((char *)(uintptr_t)reply->text.p);
}

void reply_free(struct redis_reply *reply)
{
    if (reply == NULL)
        return;
    clear(reply);
    free(reply);
}

/* --- the record ------------------------------------------------------------------------------- */

#define RECORD_ALL 16 /* calls between two looks at everything */

FILE *server_record;
static int recorded;

static void write_hex(struct str s)
{
    putc(' ', server_record);
    for (size_t i = 0; i < s.n; i++)
        fprintf(server_record, "%02x", (uint8_t)s.p[i]);
    if (s.n == 0)
        putc('-', server_record);
}

static void record_word(const char *what)
{
    if (server_record != NULL)
        fprintf(server_record, "%s\n", what);
}

static void record_gone(const struct key *key)
{
    if (server_record == NULL)
        return;
    fputs("gone", server_record);
    write_hex((struct str){key->name, key->name_n});
    putc('\n', server_record);
}

static void record_eval(const struct redis_script *script, const struct str *args, size_t count)
{
    static const struct redis_script *known[SCRIPTS_MAX];
    int i = 0;

    while (known[i] != NULL && known[i] != script)
        i++;
    if (known[i] == NULL) {
        known[i] = script;
        fprintf(server_record, "script %s", script->name);
        write_hex(str_of(script->lua));
        putc('\n', server_record);
    }
    fprintf(server_record, "eval %s %lld", script->name, (long long)server_now_us());
    for (size_t k = 0; k < count; k++)
        write_hex(args[k]);
    putc('\n', server_record);
}

static void record_reply(const struct redis_reply *reply)
{
    fputs("answer", server_record);
    for (int i = 0; i < (reply->is_array ? reply->count : 1); i++) {
        const struct redis_reply *r = reply->is_array ? &reply->elements[i] : reply;
        char text[24];
        int n = snprintf(text, sizeof text, "%lld", (long long)r->i64);
        write_hex(r->is_text ? r->text : (struct str){text, (size_t)n});
    }
    putc('\n', server_record);
}

void server_record_keys(bool last)
{
    static const char *const types[] = {"string", "hash", "set", "zset"};

    for (size_t i = 0; i < server.keys.count; i++) {
        const struct key *key = &server.keys.keys[i];
        fprintf(server_record, "key %s", types[key->type]);
        write_hex((struct str){key->name, key->name_n});
        for (size_t k = 0; k < key->count; k++) {
            const struct item *item = &key->items[k];
            char text[40];
            int n = snprintf(text, sizeof text, "%.0f", item->score);
            if (key->type != KEY_STRING)
                write_hex(item_name(item));
            if (key->type != KEY_SET)
                write_hex(key->type == KEY_ZSET ? (struct str){text, (size_t)n} : item_value(item));
        }
        putc('\n', server_record);
    }
    record_word(last ? "end" : "so_far");
}

/* --- a call ----------------------------------------------------------------------------------- */

struct redis_reply *server_eval(const struct redis_script *script, const struct str *args,
                                size_t count, const char **error)
{
    struct redis_reply *reply;

    for (size_t i = 0; server_record != NULL && i < server.keys.count; i++)
        if (server.keys.keys[i].ends_ms != 0 &&
            server.keys.keys[i].ends_ms <= server_now_us() / 1000)
            record_gone(&server.keys.keys[i]);
    keyspace_expire(&server.keys, server_now_us() / 1000);
    server.wrote = false;
    if (server_record != NULL)
        record_eval(script, args, count);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, args[i].p, args[i].n);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_setglobal(lua, "ARGV");
    push_script(script);
    if (lua_pcall(lua, 0, 1, 0) != 0) {
        const char *text = lua_tostring(lua, -1);
        *error = strstr(text, "OOM") != NULL ? "OOM" : "ERR";
        if ((*error)[0] == 'E')
            fail_run("a script failed", "%s: %s", script->name, text);
        lua_pop(lua, 1);
        record_word("error");
        return NULL;
    }
    reply = xcalloc(1, sizeof *reply);
    read_reply(reply);
    if (arena.used > arena.kept_n + ARENA_MORE)
        put_lua_back();
    if (server_record == NULL)
        return reply;
    record_reply(reply);
    if (++recorded % RECORD_ALL == 0)
        server_record_keys(false);
    return reply;
}

/* --- what happens to it ----------------------------------------------------------------------- */

void server_begin(void)
{
    if (lua == NULL || loaded_mutant != mutant)
        load_all();
    put_lua_back();
    keyspace_clear(&server.keys);
    keyspace_clear(&server.saved);
    server = (struct server){0};
}

void server_end(void)
{
    keyspace_clear(&server.keys);
    keyspace_clear(&server.saved);
}

void server_flush(void)
{
    struct keyspace all = server.keys;
    struct key *epoch;

    server.keys = (struct keyspace){0};
    epoch = is_mutant(MUTANT_EPOCH_STAYS) ? key_find(&all, STR_LIT("posthorn:{q}:epoch")) : NULL;
    if (epoch != NULL)
        item_set(key_make(&server.keys, STR_LIT("posthorn:{q}:epoch"), KEY_STRING), STR_LIT(""),
                 STR_LIT("x"));
    keyspace_clear(&all);
    receivers_emptied();
    record_word("flush");
}

void server_save(void)
{
    keyspace_clear(&server.saved);
    keyspace_copy(&server.saved, &server.keys);
    server.has_saved = true;
    record_word("save");
}

void server_restore(void)
{
    keyspace_clear(&server.keys);
    keyspace_copy(&server.keys, &server.saved);
    record_word("restore");
}

void server_evict(bool of_flight)
{
    struct key *key = NULL;

    if (server.keys.count == 0)
        return;
    if (of_flight)
        key = key_find(&server.keys, sim_one_in(2) ? STR_LIT("posthorn:{q}:inflight")
                                                   : STR_LIT("posthorn:{q}:slots"));
    if (key == NULL)
        key = &server.keys.keys[sim_random() % server.keys.count];
    record_gone(key);
    key_drop(&server.keys, key);
}
