/* Results into the ledger. Batches form by themselves: what ends within a few milliseconds, or
 * while statements are under way, goes together. A batch that PostgreSQL did not take is tried
 * again as it is, for it is idempotent; one that fails on its data is split until the culprit
 * stands alone. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

#define BATCH_MAX   256
#define BATCHES_MAX 4 /* statements under way */
#define GATHER_MS   3
#define RETRY_MS    200

struct batch {
    struct list node;
    struct worker *worker;
    struct db_op *op; /* NULL: to be tried again */
    size_t count;
    struct attempt *attempts[BATCH_MAX];
};

static void on_timeout(void *arg);
static void submit(struct batch *b);

void recorder_init(struct worker *w)
{
    list_init(&w->recorder.waiting);
    list_init(&w->recorder.batches);
    w->recorder.timeout = timeout_create(w->loop, on_timeout, w);
}

void recorder_fini(struct worker *w)
{
    struct list *node;
    while ((node = list_pop(&w->recorder.batches)) != NULL) {
        struct batch *b = CONTAINER_OF(node, struct batch, node);
        db_cancel(b->op);
        for (size_t i = 0; i < b->count; i++)
            attempt_destroy(b->attempts[i]);
        free(b);
    }
    while ((node = list_pop(&w->recorder.waiting)) != NULL)
        attempt_destroy(CONTAINER_OF(node, struct attempt, node));
    timeout_destroy(w->recorder.timeout);
}

bool recorder_idle(const struct worker *w)
{
    return list_empty(&w->recorder.waiting) && list_empty(&w->recorder.batches);
}

static void forget(struct worker *w, struct attempt *a)
{
    attempt_destroy(a);
    w->in_flight--;
}

static void on_disabled(void *arg, int err, const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    (void)arg;
    for (int i = 0; err == 0 && i < db_count(rows); i++)
        log_warn("webhook_disabled", "webhook=%s reason=gone",
                 id_text(id, ID_WEBHOOK, db_id(rows, i, 0)));
}

/* Recorded: out of the queue, or back into it for the retry. */
static void settle(struct batch *b)
{
    struct worker *w = b->worker;
    struct queue_ack acks[BATCH_MAX] = {0};
    struct id gone[BATCH_MAX];
    const char *gone_urls[BATCH_MAX];
    size_t gone_count = 0;

    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        bool again = a->finish.state == DELIVERY_PENDING;
        acks[i] =
            (struct queue_ack){a->finish.delivery, a->webhook, again ? a->finish.delay_ms : -1};
        if (a->disable) {
            gone[gone_count] = a->webhook;
            gone_urls[gone_count++] = a->url;
        }
    }
    queue_ack(w->queue, acks, b->count);
    if (gone_count > 0)
        webhooks_disable(w->db, gone, gone_urls, gone_count, on_disabled, w);
    for (size_t i = 0; i < b->count; i++)
        forget(w, b->attempts[i]);
}

static void split(struct batch *b)
{
    struct batch *half = xcalloc(1, sizeof *half);
    half->worker = b->worker;
    half->count = b->count / 2;
    b->count -= half->count;
    memcpy(half->attempts, b->attempts + b->count, half->count * sizeof(struct attempt *));
    list_push(&b->worker->recorder.batches, &half->node);
    submit(b);
    submit(half);
}

/* The culprit stands alone: first without what came from outside, then not at all. */
static void strip_or_drop(struct batch *b)
{
    char id[ID_TEXT_SIZE];
    struct attempt *a = b->attempts[0];

    id_text(id, ID_DELIVERY, a->finish.delivery);
    log_error("record_failed", "delivery=%s stripped=%s", id, a->stripped ? "true" : "false");
    if (!a->stripped) {
        a->stripped = true;
        a->finish.response_head = a->finish.response_body = (struct str){0};
        a->finish.error_text = a->finish.address = STR_LIT("");
        submit(b);
        return;
    }
    list_remove(&b->node);
    forget(b->worker, a);
    free(b);
}

static void on_recorded(void *arg, int err, const struct db_rows *rows)
{
    struct batch *b = arg;
    struct worker *w = b->worker;
    (void)rows;

    b->op = NULL;
    if (err == 0) {
        list_remove(&b->node);
        settle(b);
        free(b);
    } else if (err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_BUSY) {
        timeout_set(w->recorder.timeout, RETRY_MS);
    } else if (b->count > 1) {
        split(b);
    } else {
        strip_or_drop(b);
    }
    if (w->recorder.waiting_count > 0 && !timeout_is_set(w->recorder.timeout))
        timeout_set(w->recorder.timeout, 0);
    worker_advance(w);
}

static void submit(struct batch *b)
{
    const struct finish *list[BATCH_MAX];
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < b->count; i++) {
        struct attempt *a = b->attempts[i];
        /* The delay counts from the attempt's end, not from when it could be recorded. */
        int64_t passed = now - a->ended_ms;
        a->finish.delay_ms = a->finish.delay_ms > passed ? a->finish.delay_ms - passed : 0;
        a->ended_ms = now;
        list[i] = &a->finish;
    }
    b->op = work_finish(b->worker->db, list, b->count, on_recorded, b);
}

static void submit_waiting(struct worker *w)
{
    size_t under_way = 0;
    LIST_FOREACH(node, &w->recorder.batches)
    {
        under_way++;
    }
    while (w->recorder.waiting_count > 0 && under_way++ < BATCHES_MAX) {
        struct batch *b = xcalloc(1, sizeof *b);
        b->worker = w;
        while (b->count < BATCH_MAX && !list_empty(&w->recorder.waiting)) {
            struct list *node = list_pop(&w->recorder.waiting);
            b->attempts[b->count++] = CONTAINER_OF(node, struct attempt, node);
        }
        w->recorder.waiting_count -= b->count;
        list_push(&w->recorder.batches, &b->node);
        submit(b);
    }
}

void recorder_retry(struct worker *w)
{
    LIST_FOREACH(node, &w->recorder.batches)
    {
        struct batch *b = CONTAINER_OF(node, struct batch, node);
        if (b->op == NULL)
            submit(b);
    }
    submit_waiting(w);
}

static void on_timeout(void *arg)
{
    recorder_retry(arg);
}

void recorder_add(struct worker *w, struct attempt *a)
{
    list_push(&w->recorder.waiting, &a->node);
    w->recorder.waiting_count++;
    if (w->recorder.waiting_count >= BATCH_MAX)
        submit_waiting(w);
    else if (!timeout_is_set(w->recorder.timeout))
        timeout_set(w->recorder.timeout, GATHER_MS);
}
