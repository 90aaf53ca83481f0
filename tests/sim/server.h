/* A model of Redis: its data, its commands as far as src/store/lua/ has them, and Lua itself, which is the one that Redis
 * has inside. The scripts are those of the program. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "keys.h"
#include "sim.h"

#include "io/redis.h"

#include <stdio.h>

struct server {
    struct keyspace keys;
    bool down;
    int64_t frozen_until_us; /* the world's time */
    int64_t clock_us;        /* how far its clock is from the world's */
    bool full;               /* out of memory: it takes no write that needs some */
    bool wrote;              /* the script that runs has */
    struct keyspace saved;   /* an older state of it */
    bool has_saved;
};
extern struct server server;

void server_begin(void);
void server_end(void);
int64_t server_now_us(void);

/* Everything forgotten; what was saved taken back; one key chosen by chance gone, if it may be of what is
 * under way. */
void server_flush(void);
void server_save(void);
void server_restore(void);
void server_evict(bool of_flight);

/* What a script answers, of the shape in redis_script.reply. */
struct redis_reply {
    bool is_array, is_text;
    int64_t i64;
    struct str text;
    int count;
    struct redis_reply *elements;
};

/* NULL: an error of the server's, whose first word is in `error`. To be freed. */
struct redis_reply *server_eval(const struct redis_script *script, const struct str *args,
                                size_t count, const char **error);
void reply_free(struct redis_reply *reply); /* NULL is fine */

/* Where all that happens to it is written down, for the real Redis to do again (test_redis.py says how); NULL: nowhere. */
extern FILE *server_record;

/* What it has: now and then, and at the end of a run. */
void server_record_keys(bool last);

/* Somebody published on the queue's channel. */
extern void (*server_on_publish)(void);

/* --- for server.c and commands.c alone -------------------------------------------------------- */

struct lua_State;
typedef int command_fn(struct lua_State *lua);
struct command {
    const char *name;
    command_fn *run;
    enum { READS, WRITES, GROWS } kind; /* grows: it takes memory too */
};
void push_whole(struct lua_State *lua, int64_t n);

/* A number that is whole and no larger: its digits are what "%.17g" says. */
#define WHOLE_MAX ((int64_t)1 << 53)

static inline bool is_whole(double n)
{
    return n >= -(double)WHOLE_MAX && n <= (double)WHOLE_MAX && n == (double)(int64_t)n;
}

extern const struct command commands[]; /* ends with a name of NULL */

#endif
