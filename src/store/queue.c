/* The queue's contract over its scripts: what goes in is buffered, what comes out is decoded. */
#include "store/queue.h"

#include "base/clock.h"
#include "base/err.h"
#include "outbox.h"
#include "queue_scripts.h"

#include <stdlib.h>

enum { DEADLINE_MS = 2000, OUTSTANDING_MAX = 256 };

struct queue {
    struct queue_config config;
    struct redis *redis;
    struct outbox enqueues, acks;
};

struct queue_op {
    struct redis_op *op;
    queue_claim_cb *on_claim;
    queue_sweep_cb *on_sweep;
    void *arg;
};

_Static_assert(sizeof(struct queue_ref) == 32, "an entry of claim's answer");

static const struct redis_script *const scripts[] = {&queue_script_enqueue, &queue_script_claim,
                                                     &queue_script_ack, &queue_script_sweep, NULL};

static void pack_enqueue(uint8_t *out, const struct outbox_entry *entry, int32_t delay_ms)
{
    out = outbox_pack_id(out, entry->delivery);
    out = outbox_pack_id(out, entry->webhook);
    out = outbox_pack_i32(out, delay_ms);
    out = outbox_pack_i32(out, entry->concurrency);
    out = outbox_pack_i32(out, entry->rate_per_second);
    *out = entry->force;
}

static void pack_ack(uint8_t *out, const struct outbox_entry *entry, int32_t delay_ms)
{
    out = outbox_pack_id(out, entry->delivery);
    out = outbox_pack_id(out, entry->webhook);
    outbox_pack_i32(out, delay_ms);
}

static const struct outbox_kind enqueue_kind = {&queue_script_enqueue, QUEUE_ENQUEUE_SIZE,
                                                pack_enqueue};
static const struct outbox_kind ack_kind = {&queue_script_ack, QUEUE_ACK_SIZE, pack_ack};

static void on_message(void *arg)
{
    struct queue *queue = arg;
    queue->config.on_wake(queue->config.arg);
}

static void on_up(void *arg)
{
    struct queue *queue = arg;
    outbox_flush(&queue->acks);
    outbox_flush(&queue->enqueues);
    if (queue->config.on_up != NULL)
        queue->config.on_up(queue->config.arg);
}

static void on_down(void *arg)
{
    struct queue *queue = arg;
    if (queue->config.on_down != NULL)
        queue->config.on_down(queue->config.arg);
}

struct queue *queue_create(struct loop *loop, const struct queue_config *config)
{
    struct queue *queue = xcalloc(1, sizeof *queue);

    queue->config = *config;
    if (queue->config.lease_ms == 0)
        queue->config.lease_ms = QUEUE_LEASE_MS;
    outbox_init(&queue->enqueues, loop, &enqueue_kind, queue->config.lease_ms);
    outbox_init(&queue->acks, loop, &ack_kind, queue->config.lease_ms);
    queue->redis = redis_create(loop, &(struct redis_config){
                                          .url = config->url,
                                          .scripts = scripts,
                                          .channel = config->on_wake != NULL ? QUEUE_WAKE : NULL,
                                          .outstanding_max = OUTSTANDING_MAX,
                                          .on_message = on_message,
                                          .on_up = on_up,
                                          .on_down = on_down,
                                          .arg = queue,
                                      });
    queue->enqueues.redis = queue->acks.redis = queue->redis;
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (queue == NULL)
        return;
    redis_destroy(queue->redis);
    outbox_fini(&queue->enqueues);
    outbox_fini(&queue->acks);
    free(queue);
}

bool queue_up(const struct queue *queue)
{
    return redis_up(queue->redis);
}

size_t queue_pending(const struct queue *queue)
{
    return queue->enqueues.count + queue->enqueues.sent + queue->acks.count + queue->acks.sent;
}

uint64_t queue_dropped(const struct queue *queue)
{
    return queue->enqueues.dropped + queue->acks.dropped;
}

void queue_enqueue(struct queue *queue, const struct queue_entry *entries, size_t count,
                   enum queue_force force)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < count; i++) {
        if (entries[i].delay_ms > QUEUE_HORIZON_MS)
            continue;
        assert(entries[i].concurrency >= 1 && entries[i].rate_per_second >= 0);
        int64_t delay_ms = entries[i].delay_ms > 0 ? entries[i].delay_ms : 0;
        outbox_put(&queue->enqueues, &(struct outbox_entry){
                                         .delivery = entries[i].delivery,
                                         .webhook = entries[i].webhook,
                                         .due_ms = now + delay_ms,
                                         .concurrency = entries[i].concurrency,
                                         .rate_per_second = entries[i].rate_per_second,
                                         .force = force == QUEUE_FORCE,
                                     });
    }
}

void queue_ack(struct queue *queue, const struct queue_ack *acks, size_t count)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < count; i++) {
        int64_t delay_ms = acks[i].delay_ms;
        bool again = delay_ms >= 0 && delay_ms <= QUEUE_HORIZON_MS;
        outbox_put(&queue->acks, &(struct outbox_entry){
                                     .delivery = acks[i].delivery,
                                     .webhook = acks[i].webhook,
                                     .due_ms = again ? now + delay_ms : OUTBOX_NEVER,
                                 });
    }
}

static void on_claimed(void *arg, int err, const struct redis_reply *reply)
{
    struct queue_op op = *(struct queue_op *)arg;
    struct queue_claim claim = {.next_ms = -1};

    free(arg);
    if (err == 0 && redis_count(reply) == 2) {
        struct str refs = redis_str(redis_at(reply, 1));
        claim.refs = (const struct queue_ref *)(const void *)refs.p;
        claim.count = refs.n / sizeof *claim.refs;
        claim.next_ms = redis_i64(redis_at(reply, 0));
    }
    op.on_claim(op.arg, err, err == 0 ? &claim : NULL);
}

struct queue_op *queue_claim(struct queue *queue, size_t max, queue_claim_cb *cb, void *arg)
{
    struct queue_op *op = xcalloc(1, sizeof *op);
    char max_text[24], lease[24];

    assert(max >= 1 && max <= QUEUE_CLAIM_MAX);
    /* First what frees slots: the claim shall find them. */
    outbox_flush(&queue->acks);
    outbox_flush(&queue->enqueues);
    op->on_claim = cb;
    op->arg = arg;
    snprintf(max_text, sizeof max_text, "%zu", max);
    snprintf(lease, sizeof lease, "%lld", (long long)queue->config.lease_ms);
    const struct str args[] = {str_of(max_text), str_of(lease)};
    op->op = redis_eval(queue->redis, &queue_script_claim, NULL, 0, args, ARRAY_LEN(args),
                        DEADLINE_MS, on_claimed, op);
    return op;
}

static void on_swept(void *arg, int err, const struct redis_reply *reply)
{
    struct queue_op op = *(struct queue_op *)arg;

    free(arg);
    op.on_sweep(op.arg, err, err == 0 && redis_i64(reply) == 1);
}

struct queue_op *queue_sweep(struct queue *queue, queue_sweep_cb *cb, void *arg)
{
    struct queue_op *op = xcalloc(1, sizeof *op);
    char epoch[ID_TEXT_SIZE];

    op->on_sweep = cb;
    op->arg = arg;
    const struct str args[] = {str_of(id_text(epoch, "epoch", id_new()))};
    op->op = redis_eval(queue->redis, &queue_script_sweep, NULL, 0, args, ARRAY_LEN(args),
                        DEADLINE_MS, on_swept, op);
    return op;
}

void queue_cancel(struct queue_op *op)
{
    if (op == NULL)
        return;
    redis_cancel(op->op);
    free(op);
}
