/* Scripts on one connection, and the subscription on another.
 *
 * Redis is up when it is connected and has taken a write. One that refuses writes is down from then on; the connection
 * is kept for the probes, since coming back to it at once would only bring the next refusal. One that takes the probe
 * and refuses again what follows gets longer and longer pauses. */
#include "redis_internal.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    SHA_SIZE = 41,
    PROBE_MS = 1000,
    PROBE_LAST_MS = 32000,
    STEADY_MS = 10000, /* up for so long: the next refusal is a new one */
    PROBE_DEADLINE_MS = 2000,
};

struct script {
    const struct redis_script *script;
    char sha[SHA_SIZE]; /* as Redis told it */
};

struct redis {
    struct loop *loop;
    struct redis_config config;
    struct redis_address address;
    struct dns *dns;
    struct redis_link *commands, *subscription;
    struct redis_place server; /* where it came up last */
    bool moved;                /* that was another one than the time before */
    struct script *scripts;
    size_t script_count;
    size_t loading; /* scripts without an answer */
    bool works;     /* it has taken a write since it was connected, or refused one */
    bool refuses, probing, full;
    bool gone_unheard; /* the owner has yet to hear that it is down */
    int64_t probe_ms;  /* to the next probe */
    int64_t up_ms;     /* monotonic: when it came up */
    struct timeout *probe;
    int outstanding;
    struct list done, telling; /* operations that failed; those whose turn it is to be told */
    struct timeout *tell;
    bool closing;
};

struct redis_op {
    struct redis_request request;
    struct list done;
    struct script *script;
    char *command;
    size_t length;
    bool repeated;
    int err;
    redis_cb *cb;
    void *arg;
};

static void op_free(struct redis_op *op)
{
    free(op->command);
    free(op);
}

/* The last thing done to it; `redis` may be closing afterwards. */
static void finish(struct redis_op *op, int err, const redisReply *reply)
{
    if (op->cb != NULL)
        op->cb(op->arg, err, (const struct redis_reply *)(const void *)(err == 0 ? reply : NULL));
    op_free(op);
}

static void fail_later(struct redis *redis, struct redis_op *op, int err)
{
    op->err = err;
    list_push(&redis->done, &op->done);
    timeout_set(redis->tell, 0);
}

/* What fails meanwhile waits for its own turn, or a caller that always fails would keep the loop. */
static void on_tell(void *arg)
{
    struct redis *redis = arg;
    struct list *node;

    list_move_all(&redis->telling, &redis->done);
    while ((node = list_pop(&redis->telling)) != NULL) {
        struct redis_op *op = CONTAINER_OF(node, struct redis_op, done);
        finish(op, op->err, NULL);
    }
}

/* --- does it work? ---------------------------------------------------------------------------- */

static void probe(struct redis *redis);

/* The old master may go on, alone and unheard, and what is said at the new one would not come from there. */
static void note_server(struct redis *redis)
{
    const struct redis_place *now = redis_link_place(redis->commands);

    redis->moved = redis->server.port != 0 && !redis_place_is(now, &redis->server);
    redis->server = *now;
    if (redis_hears(redis) && !redis_place_is(now, redis_link_place(redis->subscription)))
        redis_link_drop(redis->subscription, "the master is another one");
}

static void come_up(struct redis *redis)
{
    char server[LOG_QUOTE_SIZE];

    redis->works = true;
    redis->refuses = false;
    redis->up_ms = clock_mono_ms();
    note_server(redis);
    log_info("redis_up", "scripts=%zu server=%s moved=%s", redis->script_count,
             redis_link_server(redis->commands, server), redis->moved ? "true" : "false");
    if (redis->config.on_up != NULL)
        redis->config.on_up(redis->config.arg);
}

static void go_down(struct redis *redis)
{
    if (!redis->works && !redis->gone_unheard)
        return;
    redis->works = redis->gone_unheard = false;
    if (redis->config.on_down != NULL)
        redis->config.on_down(redis->config.arg);
}

/* It answers and cannot work: as good as away, and maybe another one is in its place soon. */
static void refuse(struct redis *redis, const redisReply *reply)
{
    char quoted[LOG_QUOTE_SIZE];
    bool steady = clock_mono_ms() - redis->up_ms >= STEADY_MS;

    if (!redis->refuses)
        log_warn("redis_refuses", "error=%s", log_quote(quoted, reply->str));
    redis->refuses = true;
    redis->full = redis_reply_is_full(reply);
    if (redis->config.probe == NULL || redis_reply_is_elsewhere(reply)) {
        redis_link_drop(redis->commands, reply->str);
        return;
    }
    if (!redis->works)
        return; /* a probe, or what was sent before it was refused */
    redis->probe_ms = steady                                ? PROBE_MS
                      : 2 * redis->probe_ms < PROBE_LAST_MS ? 2 * redis->probe_ms
                                                            : PROBE_LAST_MS;
    redis->works = false;
    redis->gone_unheard = true;
    timeout_set(redis->probe, 0);
}

static void on_relieved(void *arg, int err, const struct redis_reply *reply)
{
    (void)arg;
    (void)reply;
    if (err < 0)
        log_debug("redis_relief", "error=%s", err_name(err));
}

static struct redis_op *eval(struct redis *redis, const struct redis_script *script,
                             const struct str *keys, size_t key_count, const struct str *args,
                             size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg);

static void on_probed(void *arg, int err, const struct redis_reply *reply)
{
    struct redis *redis = arg;

    (void)reply;
    redis->probing = false;
    if (err == 0) {
        come_up(redis);
        return;
    }
    timeout_set(redis->probe, redis->probe_ms);
    if (redis->full && redis->config.relief != NULL && redis_link_up(redis->commands))
        eval(redis, redis->config.relief, NULL, 0, NULL, 0, PROBE_DEADLINE_MS, on_relieved, redis);
}

static void probe(struct redis *redis)
{
    if (redis->probing || redis->works || !redis_link_up(redis->commands))
        return;
    redis->probing = true;
    eval(redis, redis->config.probe, NULL, 0, NULL, 0, PROBE_DEADLINE_MS, on_probed, redis);
}

static void on_probe(void *arg)
{
    struct redis *redis = arg;

    if (redis->gone_unheard) {
        timeout_set(redis->probe, redis->probe_ms);
        go_down(redis);
    } else {
        probe(redis);
    }
}

/* Connected, and greeted. */
static void begin(struct redis *redis, struct redis_link *link)
{
    redis_link_ready(link);
    if (redis->config.probe != NULL)
        probe(redis);
    else
        come_up(redis);
}

/* --- the connection for commands -------------------------------------------------------------- */

static void on_script(struct redis_link *link, void *data, const redisReply *reply)
{
    struct redis *redis = redis_link_arg(link);
    struct script *script = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        redis_link_drop(link, reply->str);
        return;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len != SHA_SIZE - 1) {
        redis_link_distrust(link, "SCRIPT LOAD has no hash");
        return;
    }
    memcpy(script->sha, reply->str, SHA_SIZE);
    if (--redis->loading > 0 || redis_link_up(link))
        return;
    begin(redis, link);
}

static void load(struct redis *redis, struct redis_link *link, struct script *script)
{
    redis->loading++;
    redis_link_say(link, on_script, script, 3,
                   (const char *[]){"SCRIPT", "LOAD", script->script->lua});
}

static void on_pong(struct redis_link *link, void *data, const redisReply *reply)
{
    (void)data;
    if (reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_ARRAY ||
        reply->type == REDIS_REPLY_NIL)
        redis_link_distrust(link, "PING has another answer");
    else if (!redis_link_up(link))
        begin(redis_link_arg(link), link);
}

static void beat(struct redis_link *link)
{
    redis_link_say(link, on_pong, NULL, 1, (const char *[]){"PING"});
}

static void on_connected(struct redis_link *link)
{
    struct redis *redis = redis_link_arg(link);

    if (!redis_greet(link))
        return;
    redis->loading = 0;
    for (size_t i = 0; i < redis->script_count; i++)
        load(redis, link, &redis->scripts[i]);
    if (redis->script_count == 0)
        beat(link);
}

/* Redis forgot the script: told again, and the command repeated, once. */
static bool repeat(struct redis *redis, struct redis_op *op)
{
    if (op->repeated)
        return false;
    op->repeated = true;
    load(redis, redis->commands, op->script);
    return redis_link_send(redis->commands, &op->request, op->command, op->length,
                           op->request.deadline_ms);
}

/* An error of another kind, or no answer that the script has: who knows what else this Redis does with it. */
static int distrust(struct redis *redis, const struct redis_script *script, const redisReply *reply)
{
    char why[LOG_QUOTE_SIZE];
    bool error = reply->type == REDIS_REPLY_ERROR;

    snprintf(why, sizeof why, "%s: %s", script->name, error ? reply->str : "not what it answers");
    redis_link_distrust(redis->commands, why);
    return error ? ERR_INTERNAL : ERR_UNAVAILABLE;
}

static void on_reply(void *arg, struct redis_request *request, const redisReply *reply)
{
    struct redis *redis = arg;
    struct redis_op *op = CONTAINER_OF(request, struct redis_op, request);
    const struct redis_script *script = op->script->script;
    int err = 0;

    if (redis_reply_is_noscript(reply) && repeat(redis, op))
        return;
    redis->outstanding--;
    if (reply->type == REDIS_REPLY_ERROR)
        err = redis_reply_err(reply);
    if (err == ERR_UNAVAILABLE)
        refuse(redis, reply);
    else if (err < 0 || (script->reply != NULL && !redis_reply_fits(reply, script->reply)))
        err = distrust(redis, script, reply);
    if (CRASH_POINT_FAILS(script->name, "answered"))
        err = ERR_UNAVAILABLE; /* though it was done */
    finish(op, err, reply);
    CRASH_POINT(script->name, "handled");
}

static void on_failed(void *arg, struct redis_request *request, int err)
{
    struct redis *redis = arg;

    redis->outstanding--;
    fail_later(redis, CONTAINER_OF(request, struct redis_op, request), err);
}

static void on_down(void *arg)
{
    go_down(arg);
}

static const struct redis_link_hooks command_hooks = {"commands", on_connected, beat,   on_reply,
                                                      NULL,       on_failed,    on_down};

/* --- the subscription ------------------------------------------------------------------------- */

static bool says(const redisReply *reply, const char *word, const char *channel)
{
    return strcmp(reply->element[0]->str, word) == 0 &&
           strcmp(reply->element[1]->str, channel) == 0;
}

static void on_push(struct redis_link *link, const redisReply *reply)
{
    struct redis *redis = redis_link_arg(link);
    const char *channel = redis->config.channel;

    if (reply->type == REDIS_REPLY_ERROR) {
        redis_link_drop(link, reply->str);
    } else if (redis_reply_fits(reply, "sss") && says(reply, "message", channel)) {
        redis->config.on_message(redis->config.arg);
    } else if (!redis_reply_fits(reply, "ssi") || !says(reply, "subscribe", channel)) {
        redis_link_distrust(link, "no message, and no subscription");
    } else if (!redis_link_up(link)) {
        redis_link_ready(link);
        redis->config.on_message(redis->config.arg);
    }
}

/* Also the heartbeat. */
static void subscribe(struct redis_link *link)
{
    struct redis *redis = redis_link_arg(link);
    redis_link_say(link, NULL, NULL, 2, (const char *[]){"SUBSCRIBE", redis->config.channel});
}

static void on_subscription_down(void *arg)
{
    (void)arg;
}

static void on_subscriber_connected(struct redis_link *link)
{
    if (redis_greet(link))
        subscribe(link);
}

static const struct redis_link_hooks subscription_hooks = {
    .use = "subscription",
    .on_connected = on_subscriber_connected,
    .on_beat = subscribe,
    .on_push = on_push,
    .on_down = on_subscription_down,
};

/* --- the contract ----------------------------------------------------------------------------- */

static size_t count_scripts(const struct redis_script *const *scripts)
{
    size_t n = 0;
    while (scripts != NULL && scripts[n] != NULL)
        n++;
    return n;
}

struct redis *redis_create(struct loop *loop, const struct redis_config *config)
{
    struct redis *redis = xcalloc(1, sizeof *redis);
    int err = redis_address_init(&redis->address, config->url);

    assert(err == 0); /* redis_check_url() comes first */
    assert(config->channel == NULL || config->on_message != NULL);
    redis->loop = loop;
    redis->config = *config;
    redis->address.sentinel_password = config->sentinel_password;
    if (redis->address.secure)
        redis->address.tls = redis_tls_context(config->ca_file);
    list_init(&redis->done);
    list_init(&redis->telling);
    redis->tell = timeout_create(loop, on_tell, redis);
    redis->probe = timeout_create(loop, on_probe, redis);
    redis->probe_ms = PROBE_MS;
    redis->up_ms = INT64_MIN / 2;
    redis->script_count = count_scripts(config->scripts);
    redis->scripts = xcalloc(redis->script_count + 1, sizeof *redis->scripts);
    for (size_t i = 0; i < redis->script_count; i++)
        redis->scripts[i].script = config->scripts[i];
    redis->dns = dns_create(loop, &DNS_FOR_OURS);
    redis->commands = redis_link_create(loop, &redis->address, redis->dns, &command_hooks, redis);
    if (config->channel != NULL)
        redis->subscription =
            redis_link_create(loop, &redis->address, redis->dns, &subscription_hooks, redis);
    return redis;
}

static void forget_all(struct list *ops)
{
    struct list *node;
    while ((node = list_pop(ops)) != NULL)
        op_free(CONTAINER_OF(node, struct redis_op, done));
}

void redis_destroy(struct redis *redis)
{
    if (redis == NULL)
        return;
    assert(!redis->closing);
    redis->closing = true;
    redis_link_destroy(redis->subscription);
    redis_link_destroy(redis->commands); /* what was sent fails, and is in `done` */
    forget_all(&redis->done);
    forget_all(&redis->telling);
    timeout_destroy(redis->tell);
    timeout_destroy(redis->probe);
    dns_destroy(redis->dns);
    redis_address_fini(&redis->address);
    free(redis->scripts);
    loop_free(redis->loop, redis);
}

void redis_distrust(struct redis *redis, const char *why)
{
    redis_link_distrust(redis->commands, why);
}

uint64_t redis_wrong_replies(const struct redis *redis)
{
    return redis_link_wrong(redis->commands) +
           (redis->subscription != NULL ? redis_link_wrong(redis->subscription) : 0);
}

bool redis_up(const struct redis *redis)
{
    return !redis->closing && redis->works && redis_link_up(redis->commands);
}

bool redis_hears(const struct redis *redis)
{
    return redis->subscription != NULL && redis_link_up(redis->subscription);
}

bool redis_moved(const struct redis *redis)
{
    return redis->moved;
}

static struct script *find(struct redis *redis, const struct redis_script *script)
{
    size_t i = 0;
    while (i < redis->script_count && redis->scripts[i].script != script)
        i++;
    assert(i < redis->script_count);
    return &redis->scripts[i];
}

static void format(struct redis_op *op, const struct str *keys, size_t key_count,
                   const struct str *args, size_t arg_count)
{
    size_t count = 3 + key_count + arg_count, n = 0;
    const char **argv = xcalloc(count, sizeof *argv);
    size_t *lengths = xcalloc(count, sizeof *lengths);
    char key_count_text[24];

    snprintf(key_count_text, sizeof key_count_text, "%zu", key_count);
    const struct str head[] = {STR_LIT("EVALSHA"), str_of(op->script->sha), str_of(key_count_text)};
    const struct {
        const struct str *p;
        size_t count;
    } parts[] = {{head, 3}, {keys, key_count}, {args, arg_count}};
    for (size_t part = 0; part < ARRAY_LEN(parts); part++)
        for (size_t i = 0; i < parts[part].count; i++, n++) {
            argv[n] = parts[part].p[i].p;
            lengths[n] = parts[part].p[i].n;
        }
    int length = redisFormatCommandArgv(&op->command, (int)count, argv, lengths);
    if (length < 0)
        out_of_memory();
    op->length = (size_t)length;
    free(argv);
    free(lengths);
}

static struct redis_op *op_create(struct redis *redis, const struct redis_script *script,
                                  redis_cb *cb, void *arg)
{
    struct redis_op *op = xcalloc(1, sizeof *op);
    op->script = find(redis, script);
    op->cb = cb;
    op->arg = arg;
    return op;
}

static struct redis_op *eval(struct redis *redis, const struct redis_script *script,
                             const struct str *keys, size_t key_count, const struct str *args,
                             size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg)
{
    struct redis_op *op = op_create(redis, script, cb, arg);

    format(op, keys, key_count, args, arg_count);
    if (!CRASH_POINT_FAILS(script->name, "before") &&
        redis_link_send(redis->commands, &op->request, op->command, op->length,
                        clock_mono_ms() + deadline_ms))
        redis->outstanding++;
    else
        fail_later(redis, op, ERR_UNAVAILABLE);
    CRASH_POINT(script->name, "sent");
    return op;
}

struct redis_op *redis_eval(struct redis *redis, const struct redis_script *script,
                            const struct str *keys, size_t key_count, const struct str *args,
                            size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg)
{
    bool up = redis_up(redis);

    assert(!redis->closing);
    if (up && redis->outstanding < redis->config.outstanding_max)
        return eval(redis, script, keys, key_count, args, arg_count, deadline_ms, cb, arg);
    struct redis_op *op = op_create(redis, script, cb, arg);
    fail_later(redis, op, up ? ERR_BUSY : ERR_UNAVAILABLE);
    return op;
}

void redis_cancel(struct redis_op *op)
{
    if (op != NULL)
        op->cb = NULL;
}
