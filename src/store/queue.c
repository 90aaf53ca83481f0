/* The queue's contract over its scripts: what goes in is buffered, what comes out is decoded. */
#include "store/queue.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/delivery.h"
#include "core/webhook.h"
#include "outbox.h"
#include "queue_scripts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEADLINE_MS = 2000,
    OUTSTANDING_MAX = 256,
    OWNER_SIZE = 20,
    ACK_LATER_MS = 10,
    AGE_MAX_MS = 20 * 86400000,
    GATES_MAX = 500,      /* that sweep tells */
    SET_GATES_MAX = 2000, /* in one call */
};

#define AGES_MS (INT64_C(100) * 366 * 86400000) /* no gate has been failing for so long */

_Static_assert(GATE_SUCCESS == 1 && GATE_FAILED == 2 && GATE_DEAD == 4 && GATE_CROWDED == 8 &&
                   GATE_UNSENT == 16 && GATE_HEALTHY == 0 && GATE_FAILING == 1 &&
                   GATE_LIMITED == 2 && GATE_PAUSED == 3 && GATE_BROKEN == 4 && QUEUE_GENTLE == 0 &&
                   QUEUE_FORCE == 1 && QUEUE_WOKEN == 2,
               "QUEUE_CONSTANTS has them as numbers");
_Static_assert(sizeof(struct queue_ref) == QUEUE_MEMBER_SIZE, "an entry of claim's answer");

struct queue {
    struct queue_config config;
    char owner[OWNER_SIZE];
    struct redis *redis;
    struct outbox enqueues, acks;
    int64_t beat; /* of the last sweep */
    bool
        moved; /* to a Redis that may lack the last that was written; not asked for what it knows since */
    struct list ops;
};

struct queue_op {
    struct list node; /* in queue.ops */
    struct redis_op *op;
    queue_claim_cb *on_claim;
    queue_sweep_cb *on_sweep;
    queue_resync_cb *on_resync;
    size_t max; /* that a claim asked for */
    struct queue *queue;
    void *arg;
};

/* Who was due earlier goes first, up to some days; beyond, who is put in first. */
static int32_t delay_of(int64_t delay_ms)
{
    return delay_ms < -AGE_MAX_MS ? -AGE_MAX_MS : (int32_t)delay_ms;
}

static void pack_enqueue(uint8_t *out, const struct outbox_entry *entry, int64_t delay_ms)
{
    out = outbox_pack_ref(out, &entry->ref);
    out = outbox_pack_i32(out, delay_of(delay_ms));
    out = outbox_pack_i32(out, entry->concurrency);
    out = outbox_pack_i32(out, entry->rate_limit);
    *out = (uint8_t)entry->force;
}

static void pack_ack(uint8_t *out, const struct outbox_entry *entry, int64_t delay_ms)
{
    out = outbox_pack_ref(out, &entry->ref);
    out = outbox_pack_i32(out, delay_ms == OUTBOX_NEVER ? INT32_MIN : delay_of(delay_ms));
    *out++ = (uint8_t)(entry->news.what | (entry->refused ? QUEUE_REFUSED : 0) |
                       (entry->begins ? QUEUE_BEGINS : 0) | (entry->repeated ? QUEUE_REPEATED : 0));
    *out++ = (uint8_t)entry->news.error;
    out = outbox_pack_i32(out, entry->news.took_ms);
    outbox_pack_i32(out, entry->news.pause_ms);
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
    queue->moved = queue->moved || redis_moved(queue->redis);
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
    list_init(&queue->ops);
    snprintf(queue->owner, sizeof queue->owner, "%016" PRIx64, (uint64_t)config->owner);
    outbox_init(&queue->enqueues, loop, &enqueue_kind, queue->owner);
    outbox_init(&queue->acks, loop, &ack_kind, queue->owner);
    queue->redis =
        redis_create(loop, &(struct redis_config){
                               .url = config->url,
                               .ca_file = config->ca_file,
                               .sentinel_password = config->sentinel_password,
                               .scripts = queue_scripts,
                               .probe = &queue_script_probe,
                               .relief = config->owner != 0 ? &queue_script_relief : NULL,
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
    LIST_FOREACH_SAFE(node, &queue->ops)
    queue_cancel(CONTAINER_OF(node, struct queue_op, node));
    redis_destroy(queue->redis);
    outbox_fini(&queue->enqueues);
    outbox_fini(&queue->acks);
    free(queue);
}

bool queue_up(const struct queue *queue)
{
    return redis_up(queue->redis);
}

bool queue_hears(const struct queue *queue)
{
    return redis_hears(queue->redis);
}

size_t queue_pending(const struct queue *queue)
{
    return queue->enqueues.waiting.count + queue->enqueues.sent + queue->acks.waiting.count +
           queue->acks.sent;
}

uint64_t queue_dropped(const struct queue *queue)
{
    return queue->enqueues.dropped + queue->acks.dropped;
}

uint64_t queue_wrong_replies(const struct queue *queue)
{
    return redis_wrong_replies(queue->redis);
}

/* A stored row may say anything. */
static int between(int64_t min, int64_t n, int64_t max)
{
    return (int)(n < min ? min : n > max ? max : n);
}

void queue_entry_read(const struct db_rows *rows, int row, int column, struct queue_entry *out)
{
    enum { DELIVERY, WEBHOOK, APP, TEST, DELAY, CONCURRENCY, RATE_LIMIT };
    out->ref = queue_ref_of(db_id(rows, row, column + DELIVERY), db_id(rows, row, column + WEBHOOK),
                            db_id(rows, row, column + APP), db_bool(rows, row, column + TEST));
    out->delay_ms = db_i64(rows, row, column + DELAY);
    out->concurrency = between(1, db_i64(rows, row, column + CONCURRENCY), WEBHOOK_CONCURRENCY_MAX);
    out->rate_limit = between(0, db_i64(rows, row, column + RATE_LIMIT), WEBHOOK_RATE_MAX);
}

void queue_enqueue(struct queue *queue, const struct queue_entry *entries, size_t count,
                   enum queue_force force)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < count; i++) {
        const struct queue_entry *e = &entries[i];
        if (e->delay_ms > DELIVERY_HORIZON_MS)
            continue;
        assert(e->concurrency >= 1 && e->rate_limit >= 0);
        outbox_put(&queue->enqueues, &(struct outbox_entry){
                                         .ref = e->ref,
                                         .due_ms = now + e->delay_ms,
                                         .concurrency = e->concurrency,
                                         .rate_limit = e->rate_limit,
                                         .force = force,
                                     });
    }
}

static struct outbox_entry entry_of(const struct queue_ack *ack)
{
    bool again = ack->delay_ms != QUEUE_OUT && ack->delay_ms <= DELIVERY_HORIZON_MS;
    return (struct outbox_entry){
        .ref = ack->ref,
        .due_ms = again ? clock_mono_ms() + ack->delay_ms : OUTBOX_NEVER,
        .news = ack->news,
        .refused = ack->refused,
    };
}

void queue_ack(struct queue *queue, const struct queue_ack *acks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct outbox_entry entry = entry_of(&acks[i]);
        outbox_put(&queue->acks, &entry);
    }
}

void queue_ack_later(struct queue *queue, const struct queue_ack *ack, size_t enough)
{
    const struct outbox_entry entry = entry_of(ack);
    outbox_put_later(&queue->acks, &entry, enough, ACK_LATER_MS);
}

void queue_begin(struct queue *queue, const struct queue_ref *ref)
{
    outbox_put(&queue->acks,
               &(struct outbox_entry){.ref = *ref, .due_ms = OUTBOX_NEVER, .begins = true});
}

static struct queue_op *run(struct queue *queue, const struct redis_script *script,
                            const struct str *args, size_t count, redis_cb *cb,
                            const struct queue_op *op)
{
    struct queue_op *copy = xcalloc(1, sizeof *copy);
    *copy = *op;
    copy->queue = queue;
    list_push(&queue->ops, &copy->node);
    copy->op = redis_eval(queue->redis, script, NULL, 0, args, count, DEADLINE_MS, cb, copy);
    return copy;
}

/* Off the list and freed, for its callback to be the last thing. */
static struct queue_op finish(struct queue_op *op)
{
    struct queue_op copy = *op;
    list_remove(&op->node);
    free(op);
    return copy;
}

/* What Redis answers is the world: the shape is io/redis's to check, what is in it ours. */
static int distrust(struct queue *queue, const char *why)
{
    redis_distrust(queue->redis, why);
    return ERR_UNAVAILABLE;
}

/* False: not what the script says. */
static bool read_claim(const struct redis_reply *reply, size_t max, struct queue_claim *claim)
{
    int64_t next_ms = redis_i64(redis_at(reply, 0)), crowded = redis_i64(redis_at(reply, 2));
    struct str refs = redis_str(redis_at(reply, 1)), ahead = redis_str(redis_at(reply, 3));

    claim->refs = (const struct queue_ref *)(const void *)refs.p;
    claim->count = refs.n / sizeof *claim->refs;
    claim->ahead = (const struct queue_ref *)(const void *)ahead.p;
    claim->ahead_count = ahead.n / sizeof *claim->ahead;
    claim->next_ms = next_ms <= GATE_PAUSE_MAX_MS ? next_ms : -1;
    claim->crowded = crowded == 1;
    return refs.n % sizeof *claim->refs == 0 && ahead.n % sizeof *claim->ahead == 0 &&
           claim->count + claim->ahead_count <= max && next_ms >= -1 &&
           (crowded == 0 || crowded == 1);
}

static void on_claimed(void *arg, int err, const struct redis_reply *reply)
{
    struct queue_op op = finish(arg);
    struct queue_claim claim;

    if (err == 0 && !read_claim(reply, op.max, &claim))
        err = distrust(op.queue, "claim: entries that were not asked for");
    op.on_claim(op.arg, err, err == 0 ? &claim : NULL);
}

static struct str packed(const uint8_t *from, const uint8_t *end)
{
    return (struct str){(const char *)from, (size_t)(end - from)};
}

static struct str pack_held(uint8_t *out, const struct queue_room *room)
{
    uint8_t *end = out;
    for (size_t i = 0; i < room->held_count; i++)
        end = outbox_pack_i32(outbox_pack_id(end, room->held[i].app), room->held[i].count);
    return packed(out, end);
}

static struct str pack_ahead(uint8_t *out, const struct queue_room *room)
{
    uint8_t *end = out;
    for (size_t i = 0; i < room->ahead_count; i++)
        end = outbox_pack_i32(outbox_pack_id(end, room->ahead[i].endpoint), room->ahead[i].count);
    return packed(out, end);
}

struct queue_op *queue_claim(struct queue *queue, const struct queue_room *room, queue_claim_cb *cb,
                             void *arg)
{
    char max[24], free_places[24];
    uint8_t *held = xcalloc(room->held_count + 1, QUEUE_HELD_SIZE),
            *ahead = xcalloc(room->ahead_count + 1, QUEUE_AHEAD_SIZE);

    assert(room->max >= 1 && room->max <= QUEUE_CLAIM_MAX && room->free >= room->max);
    /* First what frees slots that somebody may wait for: the claim shall find them. */
    if (outbox_is_hurried(&queue->acks))
        outbox_flush(&queue->acks);
    outbox_flush(&queue->enqueues);
    snprintf(max, sizeof max, "%zu", room->max);
    snprintf(free_places, sizeof free_places, "%zu", room->free);
    const struct str args[] = {str_of(max), str_of(free_places), str_of(queue->owner),
                               pack_held(held, room), pack_ahead(ahead, room)};
    struct queue_op *op = run(queue, &queue_script_claim, args, ARRAY_LEN(args), on_claimed,
                              &(struct queue_op){.on_claim = cb, .arg = arg, .max = room->max});
    free(held);
    free(ahead);
    return op;
}

static void on_resynced(void *arg, int err, const struct redis_reply *reply)
{
    struct queue_op op = finish(arg);

    if (err == 0)
        op.queue->moved = false;
    op.on_resync(op.arg, err, err == 0 && redis_i64(reply) == 1);
}

static struct str members(const struct queue_ref *refs, size_t count)
{
    return (struct str){(const char *)refs, count * sizeof *refs};
}

struct queue_op *queue_resync(struct queue *queue, const struct queue_hand *hand,
                              queue_resync_cb *cb, void *arg)
{
    char beat[24];

    snprintf(beat, sizeof beat, "%" PRId64, queue->moved ? INT64_MAX : queue->beat);
    outbox_flush(&queue->acks);
    const struct str args[] = {str_of(queue->owner), members(hand->refs, hand->count), str_of(beat),
                               members(hand->ahead, hand->ahead_count)};
    return run(queue, &queue_script_resync, args, ARRAY_LEN(args), on_resynced,
               &(struct queue_op){.on_resync = cb, .arg = arg});
}

static uint8_t *pack_gate(uint8_t *out, const struct queue_gate *g)
{
    out = outbox_pack_id(out, g->endpoint);
    out = outbox_pack_i32(out, (int32_t)g->gate.until_ms);
    out = outbox_pack_i64(out, g->gate.failing_ms);
    out = outbox_pack_i64(out, g->gate.limit);
    out = outbox_pack_i32(out, g->gate.failures);
    out = outbox_pack_i32(out, g->gate.openings);
    *out++ = (uint8_t)g->gate.error;
    return outbox_pack_i32(out, g->age_ms);
}

/* Fire and forget. */
static void on_gates_set(void *arg, int err, const struct redis_reply *reply)
{
    (void)arg;
    (void)err;
    (void)reply;
}

void queue_set_gates(struct queue *queue, const struct queue_gate *gates, size_t count, bool last)
{
    char epoch[ID_TEXT_SIZE];
    uint8_t *packed = xcalloc(SET_GATES_MAX, QUEUE_SET_GATE_SIZE);
    size_t done = 0;

    id_text(epoch, "epoch", id_new());
    do {
        uint8_t *end = packed;
        for (size_t stop = done + SET_GATES_MAX; done < count && done < stop; done++)
            end = pack_gate(end, &gates[done]);
        const struct str args[] = {{(const char *)packed, (size_t)(end - packed)},
                                   str_of(last && done == count ? epoch : "")};
        redis_eval(queue->redis, &queue_script_gates, NULL, 0, args, ARRAY_LEN(args), DEADLINE_MS,
                   on_gates_set, NULL);
    } while (done < count);
    free(packed);
}

void queue_forget_gate(struct queue *queue, struct id endpoint, struct id app)
{
    const struct id ids[] = {endpoint, app};
    const struct str args[] = {{(const char *)ids, sizeof ids}};
    redis_eval(queue->redis, &queue_script_forget, NULL, 0, args, ARRAY_LEN(args), DEADLINE_MS,
               on_gates_set, NULL);
}

void queue_set_limits(struct queue *queue, struct id endpoint, struct id app, int concurrency,
                      int rate_limit)
{
    const struct id ids[] = {endpoint, app};
    char limits[32];

    snprintf(limits, sizeof limits, "%d %d", concurrency, rate_limit);
    const struct str args[] = {{(const char *)ids, sizeof ids}, str_of(limits)};
    redis_eval(queue->redis, &queue_script_limits, NULL, 0, args, ARRAY_LEN(args), DEADLINE_MS,
               on_gates_set, NULL);
}

static int64_t unpack(const uint8_t **p, int size)
{
    uint64_t bits = 0;
    for (int i = 0; i < size; i++)
        bits = bits << 8 | *(*p)++;
    return size == 4 ? (int32_t)bits : (int64_t)bits;
}

/* False: one that the ledger could not keep. */
static bool unpack_gate(const uint8_t *p, struct queue_gate *g)
{
    memcpy(g->endpoint.b, p, sizeof g->endpoint.b);
    p += sizeof g->endpoint.b;
    g->gate.until_ms = unpack(&p, 4);
    g->gate.failing_ms = unpack(&p, 8);
    g->gate.limit = unpack(&p, 8);
    g->gate.failures = (int32_t)unpack(&p, 4);
    g->gate.openings = (int32_t)unpack(&p, 4);
    g->gate.error = *p;
    return g->gate.until_ms >= 0 && g->gate.failing_ms >= -AGES_MS &&
           g->gate.failing_ms <= AGES_MS && g->gate.limit >= 0 &&
           g->gate.limit <= INT64_C(1000) * WEBHOOK_CONCURRENCY_MAX && g->gate.failures >= 0 &&
           g->gate.openings >= 0;
}

/* The gates are to be freed, whatever it says. */
static bool read_swept(const struct redis_reply *reply, struct queue_swept *swept,
                       struct queue_gate **gates)
{
    int64_t empty = redis_i64(redis_at(reply, 0));
    struct str blob = redis_str(redis_at(reply, 1));
    size_t count = blob.n / QUEUE_GATE_SIZE;

    if (blob.n % QUEUE_GATE_SIZE != 0 || count > GATES_MAX || empty < 0 || empty > 2)
        return false;
    *gates = xcalloc(count + 1, sizeof **gates);
    for (size_t i = 0; i < count; i++)
        if (!unpack_gate((const uint8_t *)blob.p + i * QUEUE_GATE_SIZE, &(*gates)[i]))
            return false;
    *swept = (struct queue_swept){empty != 0, empty == 1, *gates, count};
    return true;
}

static void on_swept(void *arg, int err, const struct redis_reply *reply)
{
    struct queue_op op = finish(arg);
    struct queue_gate *gates = NULL;
    struct queue_swept swept;

    if (err == 0 && !read_swept(reply, &swept, &gates))
        err = distrust(op.queue, "sweep: no gates");
    if (err == 0)
        op.queue->beat = redis_i64(redis_at(reply, 2));
    op.on_sweep(op.arg, err, err == 0 ? &swept : NULL);
    free(gates);
}

struct queue_op *queue_sweep(struct queue *queue, queue_sweep_cb *cb, void *arg)
{
    const struct str args[] = {str_of(queue->owner)};
    return run(queue, &queue_script_sweep, args, ARRAY_LEN(args), on_swept,
               &(struct queue_op){.on_sweep = cb, .arg = arg});
}

void queue_cancel(struct queue_op *op)
{
    if (op == NULL)
        return;
    redis_cancel(op->op);
    finish(op);
}
