/* Redis on a loop: one connection that reconnects with backoff, Lua scripts by hash, and a deadline
 * on every command. Redis may be gone at any time: callers carry on without it.
 *
 * URL: redis://[user:password@]host[:port][/db] or unix:///path/to/socket[?db=N]. */
#ifndef IO_REDIS_H
#define IO_REDIS_H

#include "base/str.h"
#include "io/loop.h"

struct redis;
struct redis_op;

/* Loaded at connect, and again when Redis says NOSCRIPT. */
struct redis_script {
    const char *name; /* for the log */
    const char *lua;
};

struct redis_config {
    const char *url;
    const struct redis_script *const *scripts; /* ends with NULL; NULL: none */
    const char *channel; /* SUBSCRIBEd to on a second connection; NULL: none */
    int outstanding_max; /* commands without an answer; the next one gets ERR_BUSY */

    void (*on_message)(void *arg); /* a message on `channel`, or the subscription is up again */
    void (*on_up)(void *arg);      /* connected, scripts loaded */
    void (*on_down)(void *arg);    /* it was up and is no more */
    void *arg;
};

/* ERR_INVALID if the URL is not one. */
int redis_check_url(const char *url) MUST_CHECK;

/* Never fails: it connects, and goes on trying. */
struct redis *redis_create(struct loop *loop, const struct redis_config *config);
void redis_destroy(
    struct redis *redis); /* commands under way call back with ERR_UNAVAILABLE first */

bool redis_up(const struct redis *redis);

/* A reply as hiredis gave it, flattened to what scripts of ours return. Borrowed until the callback
 * returns. */
struct redis_reply;
int64_t redis_i64(const struct redis_reply *reply);
struct str redis_str(const struct redis_reply *reply); /* nil: p == NULL */
size_t redis_count(const struct redis_reply *reply);   /* elements; 0 if it is no array */
const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i);

/* `err` is 0, ERR_UNAVAILABLE (down, or -LOADING, -READONLY, -OOM and the like), ERR_TIMEOUT,
 * ERR_BUSY or ERR_INTERNAL (any other error reply). `reply` is NULL unless err is 0. */
typedef void redis_cb(void *arg, int err, const struct redis_reply *reply);

/* Runs a script that is in the config. `keys` and `args` are copied. */
struct redis_op *redis_eval(struct redis *redis, const struct redis_script *script,
                            const struct str *keys, size_t key_count, const struct str *args,
                            size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg);

/* The callback will not run. The command may. NULL is fine. */
void redis_cancel(struct redis_op *op);

#endif
