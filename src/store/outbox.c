/* What waits, and the parcels that carry it, a script call each. One that fails puts its
 * entries back: both scripts may run twice for an entry without harm. */
#include "outbox.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

enum {
    PARCEL_ENTRIES = 1000,
    PARCELS_MAX = 4, /* under way: more would only wait in Redis's socket */
    PARCEL_DEADLINE_MS = 2000,
    TELL_MS = 10000, /* between lines about what was dropped */
};

struct parcel {
    struct list node; /* in outbox.parcels */
    struct outbox *box;
    size_t count;
    struct outbox_entry entries[];
};

static void on_flush(void *arg)
{
    outbox_flush(arg);
}

static void tell_dropped(struct outbox *box)
{
    if (box->dropped > box->told)
        log_warn("queue_dropped", "script=%s count=%llu total=%llu", box->kind->script->name,
                 (unsigned long long)(box->dropped - box->told), (unsigned long long)box->dropped);
    box->told = box->dropped;
    box->told_ms = clock_mono_ms();
}

static void on_tell(void *arg)
{
    tell_dropped(arg);
}

void outbox_init(struct outbox *box, struct loop *loop, const struct outbox_kind *kind,
                 const char *owner)
{
    *box = (struct outbox){.kind = kind, .owner = owner, .told_ms = INT64_MIN / 2};
    outbox_turns_init(&box->waiting, OUTBOX_MAX);
    list_init(&box->parcels);
    box->loop = loop;
    turn_end_init(&box->soon, on_flush, box);
    box->later = timeout_create(loop, on_flush, box);
    box->tell = timeout_create(loop, on_tell, box);
}

void outbox_fini(struct outbox *box)
{
    struct list *node;
    tell_dropped(box);
    metric_add(METRIC_WAITING_REDIS, -(int64_t)(box->waiting.count + box->sent));
    while ((node = list_pop(&box->parcels)) != NULL)
        free(CONTAINER_OF(node, struct parcel, node));
    turn_end_cancel(&box->soon);
    timeout_destroy(box->later);
    timeout_destroy(box->tell);
    outbox_turns_fini(&box->waiting);
}

static void drop(struct outbox *box, size_t count)
{
    box->dropped += count;
    metric_add(METRIC_QUEUE_DROPPED, (int64_t)count);
    if (!timeout_is_set(box->tell)) /* at once, but with what follows in this turn */
        timeout_set(box->tell, box->told_ms + TELL_MS - clock_mono_ms());
}

static bool push(struct outbox *box, const struct outbox_entry *entry)
{
    if (!outbox_turns_push(&box->waiting, entry)) {
        drop(box, 1);
        return false;
    }
    metric_add(METRIC_WAITING_REDIS, 1);
    return true;
}

void outbox_put(struct outbox *box, const struct outbox_entry *entry)
{
    if (push(box, entry))
        turn_end_ask(box->loop, &box->soon);
}

void outbox_put_later(struct outbox *box, const struct outbox_entry *entry, size_t enough,
                      int64_t delay_ms)
{
    if (!push(box, entry))
        return;
    if (box->waiting.count >= enough)
        turn_end_ask(box->loop, &box->soon);
    else if (!timeout_is_set(box->later))
        timeout_set(box->later, delay_ms);
}

bool outbox_is_hurried(const struct outbox *box)
{
    return !list_empty(&box->soon.node);
}

static struct parcel *take(struct outbox *box)
{
    size_t waiting = box->waiting.count,
           count = waiting < PARCEL_ENTRIES ? waiting : PARCEL_ENTRIES;
    struct parcel *parcel = xcalloc(1, sizeof *parcel + count * sizeof parcel->entries[0]);

    parcel->box = box;
    parcel->count = count;
    for (size_t i = 0; i < count; i++)
        outbox_turns_take(&box->waiting, &parcel->entries[i]);
    return parcel;
}

static void put_back(struct outbox *box, struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++) {
        parcel->entries[i].repeated = true;
        outbox_put(box, &parcel->entries[i]);
    }
}

static void on_done(void *arg, int err, const struct redis_reply *reply)
{
    struct parcel *parcel = arg;
    struct outbox *box = parcel->box;

    (void)reply;
    list_remove(&parcel->node);
    box->parcel_count--;
    box->sent -= parcel->count;
    metric_add(METRIC_WAITING_REDIS, -(int64_t)parcel->count);
    if (err == ERR_INTERNAL)
        drop(box, parcel->count);
    else if (err < 0)
        put_back(box, parcel);
    free(parcel);
    outbox_flush(box);
}

static void send_parcel(struct outbox *box)
{
    struct parcel *parcel = take(box);
    int64_t now = clock_mono_ms();
    size_t size = parcel->count * box->kind->size;
    uint8_t *packed = xcalloc(1, size);

    for (size_t i = 0; i < parcel->count; i++) {
        int64_t due_ms = parcel->entries[i].due_ms;
        box->kind->pack(packed + i * box->kind->size, &parcel->entries[i],
                        due_ms == OUTBOX_NEVER ? OUTBOX_NEVER : due_ms - now);
    }
    list_push(&box->parcels, &parcel->node);
    box->parcel_count++;
    box->sent += parcel->count;
    const struct str args[] = {{(const char *)packed, size}, str_of(box->owner)};
    redis_eval(box->redis, box->kind->script, NULL, 0, args, ARRAY_LEN(args), PARCEL_DEADLINE_MS,
               on_done, parcel);
    free(packed);
}

void outbox_flush(struct outbox *box)
{
    turn_end_cancel(&box->soon);
    timeout_clear(box->later);
    while (box->waiting.count > 0 && box->parcel_count < PARCELS_MAX && redis_up(box->redis))
        send_parcel(box);
}

uint8_t *outbox_pack_i32(uint8_t *out, int32_t value)
{
    uint32_t bits = (uint32_t)value;
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(bits >> (24 - 8 * i));
    return out + 4;
}

uint8_t *outbox_pack_i64(uint8_t *out, int64_t value)
{
    out = outbox_pack_i32(out, (int32_t)(value >> 32));
    return outbox_pack_i32(out, (int32_t)(value & 0xffffffff));
}

uint8_t *outbox_pack_id(uint8_t *out, struct id id)
{
    memcpy(out, id.b, sizeof id.b);
    return out + sizeof id.b;
}

uint8_t *outbox_pack_ref(uint8_t *out, const struct queue_ref *ref)
{
    out = outbox_pack_id(out, ref->delivery);
    out = outbox_pack_id(out, ref->endpoint);
    return outbox_pack_id(out, ref->app);
}
