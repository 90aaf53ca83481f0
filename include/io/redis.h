/* Redis on a loop: one connection that reconnects with backoff, Lua scripts by hash, and a deadline
 * on every command. Redis may be gone at any time: callers carry on without it.
 *
 * URL: redis://[user:password@]host[:port][/db], rediss:// likewise, in TLS, or unix:///path/to/socket[?db=N]; user,
 * password and path may be percent-encoded. With redis+sentinel://[user:password@]host[:port][,…]/name[/db], and
 * rediss+sentinel:// in TLS, up to 8 Sentinels are asked in turn, at every connect, where the master of that name is; it
 * has to say itself that it is one, and user, password and database are the master's. A host name is resolved at every connect and blocks the loop for
 * that time: give an address, or a name that /etc/hosts or a local resolver knows. The process must
 * ignore SIGPIPE.
 *
 * A server that hangs is noticed within 1.5 s, also without a command under way. One that answers
 * but cannot work (-LOADING, -READONLY, -OOM, -MISCONF and the like) counts as down, until a write is taken: the
 * connection stays, unless a new one may lead to another server, and a probe a second is all that it gets.
 *
 * What it says is the world. A reply that nobody awaits, of another shape than the script's, larger than any of ours,
 * no RESP at all, or an error of another kind: the connection ends, and the next one is made after a pause that doubles
 * from one second to 32 s until one has been in order for ten seconds. That is logged once for a series. */
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
    const char *
        reply; /* what it answers: "i" an integer, "s" a string, more an array of these; NULL: anything */
};

struct redis_config {
    const char *url;
    const char *ca_file; /* of rediss://: certificates in PEM to trust; NULL or "": the system's */
    const char *sentinel_password;             /* NULL or "": Sentinels ask for none */
    const struct redis_script *const *scripts; /* ends with NULL; NULL: none */
    /* Among the scripts; without keys and arguments. `probe` writes something: before that has passed Redis is not up.
     * `relief` runs when the probe finds that there is no memory left, to free some. Each may be NULL; without a probe
     * a server that refuses is left, and connected to again. */
    const struct redis_script *probe, *relief;

    const char *channel; /* SUBSCRIBEd to on a second connection; NULL: none */
    int outstanding_max; /* commands without an answer; the next one gets ERR_BUSY */

    /* A message on `channel`, or the subscription came up: what was said before is not known. */
    void (*on_message)(void *arg);
    void (*on_up)(void *arg);   /* connected, scripts loaded, and it works */
    void (*on_down)(void *arg); /* it was up and is no more */
    void *arg;
};

/* ERR_INVALID if the URL is not one. */
int redis_check_url(const char *url) MUST_CHECK;

/* Never fails: it connects, and goes on trying. The URL is one that redis_check_url() accepted. The
 * config is copied; what it points to is not and stays, but for the URL. */
struct redis *redis_create(struct loop *loop, const struct redis_config *config);

/* At any time (src/README.md, "What takes time"). NULL is fine. */
void redis_destroy(struct redis *redis);

bool redis_up(const struct redis *redis);
bool redis_hears(const struct redis *redis); /* the channel: it may be away alone */

/* It came up at another server than the time before, which Sentinels had named: one that took over may lack the last
 * that was written. */
bool redis_moved(const struct redis *redis);

/* For what only the caller sees: what Redis answered has the right shape and cannot be true. As for a wrong shape. */
void redis_distrust(struct redis *redis, const char *why);
uint64_t redis_wrong_replies(const struct redis *redis); /* since its creation */

/* A reply as hiredis gave it, of the shape that the script has. Borrowed until the callback
 * returns. */
struct redis_reply;
int64_t redis_i64(const struct redis_reply *reply);
struct str redis_str(const struct redis_reply *reply); /* nil: p == NULL */
size_t redis_count(const struct redis_reply *reply);   /* elements; 0 if it is no array */
const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i);

/* `err` is 0, ERR_UNAVAILABLE (down, -LOADING, -READONLY, -OOM and the like, or a reply of a wrong shape),
 * ERR_TIMEOUT, ERR_BUSY or ERR_INTERNAL (any other error reply). `reply` is NULL unless err is 0. */
typedef void redis_cb(void *arg, int err, const struct redis_reply *reply);

/* Runs a script that is in the config, on this connection in the order of the starts. When it is
 * down it fails at once, in a later turn of the loop: nothing waits for the connection. A deadline
 * that passes breaks the connection, since what follows would wait as well. `keys` and `args` are
 * copied. */
struct redis_op *redis_eval(struct redis *redis, const struct redis_script *script,
                            const struct str *keys, size_t key_count, const struct str *args,
                            size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg);

/* The callback will not run. The command may. NULL is fine. */
void redis_cancel(struct redis_op *op);

#endif
