/* io/redis.h over the model: a connection that runs scripts in order, and another one that hears of wakes. */
#include "base/err.h"
#include "lines.h"
#include "mutants.h"
#include "server.h"
#include "store/queue_scripts.h"

#include <stdlib.h>

#define CLIENTS_MAX    16
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define PROBE_MS       1000
#define NOTICED_MS     1500 /* that a server hangs */

struct redis {
    struct redis_config config;
    struct proc *proc;
    bool connected, up, hears;
    int outstanding;
    int64_t backoff_ms, sent_us, answered_us;
    struct list ops, failed;
    struct event *connect, *probe, *subscribe, *broken;
    uintptr_t number; /* nobody else's in this run */
    struct redis_op *probing;
};

struct redis_op {
    struct list node;
    struct redis *redis; /* NULL: the client is gone, or has its answer */
    const struct redis_script *script;
    struct str *args;
    size_t arg_count;
    struct event *run, *answer, *deadline;
    redis_cb *cb;
    void *arg;
    struct redis_reply *reply;
    int err;
    bool full, failed; /* failed: its client will hear so */
};

static struct redis *clients[CLIENTS_MAX];
static uintptr_t clients_made;

static void on_publish(void);

void redis_lines_begin(void)
{
    memset(clients, 0, sizeof clients);
    clients_made = 0;
    server_on_publish = on_publish;
}

/* --- replies ---------------------------------------------------------------------------------- */

int64_t redis_i64(const struct redis_reply *reply)
{
    return reply->i64;
}

struct str redis_str(const struct redis_reply *reply)
{
    return reply->text;
}

size_t redis_count(const struct redis_reply *reply)
{
    return (size_t)reply->count;
}

const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i)
{
    assert(i < (size_t)reply->count);
    return &reply->elements[i];
}

/* --- the end of a call ------------------------------------------------------------------------ */

static void free_if_over(struct redis_op *op)
{
    if (op->redis != NULL || op->run != NULL || op->answer != NULL)
        return;
    reply_free(op->reply);
    for (size_t i = 0; i < op->arg_count; i++)
        free((char *)(uintptr_t)op->args[i].p);
    free(op->args);
    free(op);
}

static void leave(struct redis_op *op)
{
    list_remove(&op->node);
    sim_forget(op->deadline);
    sim_forget(op->answer);
    op->deadline = op->answer = NULL;
    op->redis->outstanding--;
    op->redis = NULL;
}

static void go_down(struct redis *redis);

static void on_answer(void *arg)
{
    struct redis_op *op = arg;
    struct redis *redis = op->redis;
    redis_cb *cb = op->cb;
    bool full = op->full;

    op->answer = NULL;
    leave(op);
    if (full)
        go_down(redis);
    if (cb != NULL)
        cb(op->arg, op->err, op->err == 0 ? op->reply : NULL);
    free_if_over(op);
}

static void fail(struct redis_op *op, int err)
{
    struct redis *redis = op->redis;

    list_remove(&op->node);
    list_push(&redis->failed, &op->node);
    sim_forget(op->deadline);
    sim_forget(op->answer);
    op->deadline = NULL;
    op->full = false;
    op->failed = true;
    op->err = err;
    op->answer = sim_in(1, redis->proc, on_answer, op);
}

/* --- the connection --------------------------------------------------------------------------- */

static void on_connect(void *arg);
static void on_probe(void *arg);

static void connect_in(struct redis *redis, int64_t ms)
{
    if (redis->connect == NULL)
        redis->connect = sim_in(MS(ms) + sim_delay(), redis->proc, on_connect, redis);
}

/* Where it was up. */
static void go_down(struct redis *redis)
{
    if (redis->connected && redis->probe == NULL)
        redis->probe = sim_in(MS(PROBE_MS), redis->proc, on_probe, redis);
    if (!redis->up)
        return;
    redis->up = false;
    TRACE("Redis is down for it");
    if (redis->config.on_down != NULL)
        redis->config.on_down(redis->config.arg);
}

static void on_broken(void *arg)
{
    struct redis *redis = arg;
    redis->broken = NULL;
    go_down(redis);
}

static void break_client(struct redis *redis, int err, bool server_gone)
{
    LIST_FOREACH_SAFE(node, &redis->ops)
    {
        struct redis_op *op = CONTAINER_OF(node, struct redis_op, node);
        if (op->run != NULL && (server_gone || sim_one_in(2))) {
            sim_forget(op->run);
            op->run = NULL;
        }
        fail(op, err);
    }
    redis->connected = false;
    redis->probing = NULL;
    sim_forget(redis->probe);
    redis->probe = NULL;
    redis->sent_us = redis->answered_us = 0;
    if (redis->broken == NULL)
        redis->broken = sim_in(0, redis->proc, on_broken, redis);
    connect_in(redis, redis->backoff_ms);
}

static void on_probed(void *arg, int err, const struct redis_reply *reply)
{
    struct redis *redis = arg;

    (void)reply;
    redis->probing = NULL;
    if (!redis->connected || redis->up)
        return;
    if (err == 0) {
        redis->up = true;
        redis->backoff_ms = BACKOFF_MIN_MS;
        TRACE("Redis is up for it");
        if (redis->config.on_up != NULL)
            redis->config.on_up(redis->config.arg);
        return;
    }
    if (redis->probe == NULL)
        redis->probe = sim_in(MS(PROBE_MS), redis->proc, on_probe, redis);
}

static struct redis_op *start(struct redis *redis, const struct redis_script *script,
                              const struct str *args, size_t count, int64_t deadline_ms,
                              redis_cb *cb, void *arg);

static void on_relieved(void *arg, int err, const struct redis_reply *reply)
{
    (void)arg;
    (void)err;
    (void)reply;
}

static void on_probe(void *arg)
{
    struct redis *redis = arg;

    redis->probe = NULL;
    if (!redis->connected || redis->up || redis->probing != NULL)
        return;
    if (server.full && redis->config.relief != NULL)
        start(redis, redis->config.relief, NULL, 0, 2000, on_relieved, redis);
    redis->probing = start(redis, redis->config.probe, NULL, 0, 2000, on_probed, redis);
}

static void on_connect(void *arg)
{
    struct redis *redis = arg;

    redis->connect = NULL;
    if (server.down || server.frozen_until_us > sim.now_us) {
        redis->backoff_ms =
            2 * redis->backoff_ms < BACKOFF_MAX_MS ? 2 * redis->backoff_ms : BACKOFF_MAX_MS;
        connect_in(redis, redis->backoff_ms);
        return;
    }
    redis->connected = true;
    on_probe(redis);
}

static void on_subscribe(void *arg)
{
    struct redis *redis = arg;

    redis->subscribe = NULL;
    if (server.down || server.frozen_until_us > sim.now_us) {
        redis->subscribe = sim_in(MS(BACKOFF_MAX_MS), redis->proc, on_subscribe, redis);
        return;
    }
    redis->hears = true;
    redis->config.on_message(redis->config.arg);
}

static void go_deaf(struct redis *redis)
{
    if (!redis->hears)
        return;
    redis->hears = false;
    redis->subscribe = sim_in(MS(BACKOFF_MIN_MS) + sim_delay(), redis->proc, on_subscribe, redis);
}

void redis_cut(const struct proc *proc, bool server_gone)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct redis *redis = clients[i];
        if (redis == NULL || (proc != NULL && redis->proc != proc))
            continue;
        if (redis->connected)
            break_client(redis, ERR_UNAVAILABLE, server_gone);
        if (server_gone || sim_one_in(2))
            go_deaf(redis);
    }
}

static void on_frozen(void *arg)
{
    (void)arg;
    if (server.frozen_until_us > sim.now_us)
        redis_cut(NULL, false);
}

void redis_freeze(int64_t us)
{
    server.frozen_until_us = sim.now_us + us;
    sim_in(sim_between(MS(NOTICED_MS / 2), MS(NOTICED_MS)), NULL, on_frozen, NULL);
}

static void on_message(void *arg)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] != NULL && clients[i]->number == (uintptr_t)arg && clients[i]->hears)
            clients[i]->config.on_message(clients[i]->config.arg);
}

static void on_publish(void)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] != NULL && clients[i]->hears)
            sim_in(sim_delay(), clients[i]->proc, on_message, (void *)clients[i]->number);
}

/* --- on its way ------------------------------------------------------------------------------- */

static bool is_dropped(const struct redis_op *op)
{
    return (is_mutant(MUTANT_ACK_LOST) && op->script == &queue_script_ack) ||
           (is_mutant(MUTANT_ENQUEUE_LOST) && op->script == &queue_script_enqueue) ||
           (is_mutant(MUTANT_RESYNC_NONE) && op->script == &queue_script_resync) ||
           (is_mutant(MUTANT_SWEEP_NONE) && op->script == &queue_script_sweep);
}

/* What it would say if there were nothing to do. */
static struct redis_reply *reply_to_dropped(const struct redis_op *op)
{
    struct redis_reply *reply = xcalloc(1, sizeof *reply);

    reply->i64 = op->script != &queue_script_resync;
    if (op->script == &queue_script_sweep) {
        reply->is_array = true;
        reply->count = 3;
        reply->elements = xcalloc(3, sizeof *reply->elements);
    }
    return reply;
}

static void on_run(void *arg)
{
    struct redis_op *op = arg;
    const char *error = NULL;

    op->run = NULL;
    if (trace_more)
        TRACE("  %s of %s is run", op->script->name,
              op->redis != NULL ? op->redis->proc->name : "nobody");
    if (server.frozen_until_us > sim.now_us) {
        op->run = sim_plan(server.frozen_until_us + 1, NULL, EVENT_IO, on_run, op);
        return;
    }
    if (server.down) {
        free_if_over(op);
        return;
    }
    if (is_dropped(op)) {
        op->reply = reply_to_dropped(op);
    } else {
        op->reply = server_eval(op->script, op->args, op->arg_count, &error);
    }
    if (op->redis == NULL || op->failed) {
        free_if_over(op);
        return;
    }
    op->full = error != NULL && error[0] == 'O';
    op->err = error == NULL ? 0 : op->full ? ERR_UNAVAILABLE : ERR_INTERNAL;
    struct redis *redis = op->redis;
    int64_t at_us = sim.now_us + sim_delay();
    redis->answered_us = at_us > redis->answered_us ? at_us : redis->answered_us;
    op->answer = sim_plan(redis->answered_us, redis->proc, EVENT_IO, on_answer, op);
}

static void on_late(void *arg)
{
    struct redis_op *op = arg;
    struct redis *redis = op->redis;

    op->deadline = NULL;
    fail(op, ERR_TIMEOUT);
    break_client(redis, ERR_UNAVAILABLE, false);
}

static struct redis_op *start(struct redis *redis, const struct redis_script *script,
                              const struct str *args, size_t count, int64_t deadline_ms,
                              redis_cb *cb, void *arg)
{
    struct redis_op *op = xcalloc(1, sizeof *op);

    *op = (struct redis_op){
        .redis = redis, .script = script, .arg_count = count, .cb = cb, .arg = arg};
    op->args = xcalloc(count + 1, sizeof *op->args);
    for (size_t i = 0; i < count; i++) {
        char *copy = xcalloc(1, args[i].n + 1);
        if (args[i].n > 0)
            memcpy(copy, args[i].p, args[i].n);
        op->args[i] = (struct str){copy, args[i].n};
    }
    redis->outstanding++;
    list_push(&redis->ops, &op->node);
    if (redis->proc->broken_off)
        return op;
    int64_t at_us = sim.now_us + sim_delay();
    redis->sent_us = at_us > redis->sent_us ? at_us : redis->sent_us;
    op->run = sim_plan(redis->sent_us, NULL, EVENT_IO, on_run, op);
    op->deadline = sim_plan(sim.now_us + MS(deadline_ms), redis->proc, EVENT_TIMEOUT, on_late, op);
    return op;
}

/* --- the contract ----------------------------------------------------------------------------- */

struct redis *redis_create(struct loop *loop, const struct redis_config *config)
{
    struct redis *redis = xcalloc(1, sizeof *redis);

    (void)loop;
    *redis = (struct redis){.config = *config,
                            .proc = sim.current,
                            .backoff_ms = BACKOFF_MIN_MS,
                            .number = ++clients_made};
    list_init(&redis->ops);
    list_init(&redis->failed);
    connect_in(redis, 0);
    if (config->channel != NULL)
        redis->subscribe = sim_in(sim_delay(), redis->proc, on_subscribe, redis);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i] != NULL)
            continue;
        clients[i] = redis;
        return redis;
    }
    abort();
}

static void forget_ops(struct list *ops)
{
    while (!list_empty(ops)) {
        struct redis_op *op = CONTAINER_OF(ops->next, struct redis_op, node);
        leave(op);
        free_if_over(op);
    }
}

void redis_destroy(struct redis *redis)
{
    if (redis == NULL)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] == redis)
            clients[i] = NULL;
    sim_forget(redis->connect);
    sim_forget(redis->probe);
    sim_forget(redis->subscribe);
    sim_forget(redis->broken);
    forget_ops(&redis->ops);
    forget_ops(&redis->failed);
    free(redis);
}

bool redis_up(const struct redis *redis)
{
    return redis->up;
}

bool redis_hears(const struct redis *redis)
{
    return redis->hears;
}

bool redis_moved(const struct redis *redis)
{
    (void)redis;
    return false;
}

void redis_distrust(struct redis *redis, const char *why)
{
    (void)redis;
    fail_run("the queue distrusts Redis", "%s", why);
}

uint64_t redis_wrong_replies(const struct redis *redis)
{
    (void)redis;
    return 0;
}

struct redis_op *redis_eval(struct redis *redis, const struct redis_script *script,
                            const struct str *keys, size_t key_count, const struct str *args,
                            size_t arg_count, int64_t deadline_ms, redis_cb *cb, void *arg)
{
    (void)keys;
    assert(key_count == 0);
    struct redis_op *op = start(redis, script, args, arg_count, deadline_ms, cb, arg);
    if (redis->proc->broken_off || (redis->up && redis->connected))
        return op;
    sim_forget(op->run);
    op->run = NULL;
    fail(op, ERR_UNAVAILABLE);
    return op;
}

void redis_cancel(struct redis_op *op)
{
    if (op != NULL)
        op->cb = NULL;
}
