/* Batches form by themselves: what ends within a few milliseconds, or while statements are under way,
 * goes together. A batch that PostgreSQL did not take is tried again as it is, for it is idempotent;
 * one that fails on its data is split until the culprit stands alone. */
#include "recorder.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

#define BATCH_MAX   128
#define BATCHES_MAX 4 /* statements under way */
#define GATHER_MS   3
#define RETRY_MS    200

struct batch {
    struct list node;
    struct recorder *recorder;
    struct db_op *op; /* NULL: to be tried again */
    bool stripped;    /* of what came from outside */
    int64_t sent_ms;  /* monotonic */
    size_t count;
    struct attempt *attempts[BATCH_MAX]; /* sorted by delivery when sent */
};

static void on_timeout(void *arg);
static void submit(struct batch *b);

void recorder_init(struct recorder *r, const struct recorder_config *config)
{
    *r = (struct recorder){.config = *config};
    list_init(&r->waiting);
    list_init(&r->batches);
    r->timeout = timeout_create(config->loop, on_timeout, r);
}

static struct batch *batch_create(struct recorder *r)
{
    struct batch *b = xcalloc(1, sizeof *b);
    b->recorder = r;
    list_push(&r->batches, &b->node);
    r->batch_count++;
    return b;
}

/* With its attempts. */
static void batch_destroy(struct batch *b)
{
    list_remove(&b->node);
    b->recorder->batch_count--;
    db_cancel(b->op);
    for (size_t i = 0; i < b->count; i++)
        sending_forget(b->attempts[i]);
    free(b);
}

void recorder_fini(struct recorder *r)
{
    struct list *node;

    LIST_FOREACH_SAFE(batch, &r->batches)
    {
        batch_destroy(CONTAINER_OF(batch, struct batch, node));
    }
    while ((node = list_pop(&r->waiting)) != NULL)
        sending_forget(CONTAINER_OF(node, struct attempt, node));
    timeout_destroy(r->timeout);
}

bool recorder_idle(const struct recorder *r)
{
    return list_empty(&r->waiting) && list_empty(&r->batches);
}

static int by_delivery(const void *a, const void *b)
{
    const struct attempt *const *x = a, *const *y = b;
    return id_cmp((*x)->finish.delivery, (*y)->finish.delivery);
}

/* Marks the attempts that moved their deliveries. */
static void find_moved(const struct batch *b, const struct db_rows *rows, bool *moved)
{
    struct attempt key;
    const struct attempt *wanted = &key;

    for (int i = 0; i < db_count(rows); i++) {
        key.finish.delivery = db_id(rows, i, 0);
        struct attempt *const *found =
            bsearch(&wanted, b->attempts, b->count, sizeof b->attempts[0], by_delivery);
        if (found != NULL)
            moved[found - b->attempts] = true;
    }
}

static size_t count_failed(const struct batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        n += b->attempts[i]->finish.state == DELIVERY_FAILED;
    return n;
}

static void tell_recorded(const struct batch *b, const struct db_rows *rows)
{
    char text[ATTEMPT_TEXT_SIZE];
    bool moved[BATCH_MAX] = {false};

    if (!log_enabled(LOG_LEVEL_DEBUG) && count_failed(b) == 0)
        return;
    find_moved(b, rows, moved);
    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        log_debug("recorded", "%s moved=%d", attempt_text(text, a), moved[i]);
        if (moved[i] && a->finish.state == DELIVERY_FAILED)
            log_bounded(LOG_LEVEL_INFO, "delivery_failed", "%s code=%lld error=%s",
                        attempt_text(text, a), (long long)a->finish.code,
                        attempt_error_code(a->finish.error));
    }
}

static void on_disabled(void *arg, int err, const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    (void)arg;
    for (int i = 0; err == 0 && i < db_count(rows); i++)
        log_warn("webhook_disabled", "webhook=%s reason=gone",
                 id_text(id, ID_WEBHOOK, db_id(rows, i, 0)));
}

/* Those whose receivers are gone for good; nobody waits for it. */
static void disable_webhooks(const struct batch *b)
{
    struct id gone[BATCH_MAX];
    const char *urls[BATCH_MAX];
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        if (!a->verdict.disable)
            continue;
        gone[count] = a->webhook;
        urls[count++] = a->sending->url;
    }
    if (count > 0)
        webhooks_disable(b->recorder->config.db, gone, urls, count, on_disabled, NULL);
}

/* Out of the queue, or back into it for the retry. */
static void tell_queue(const struct batch *b)
{
    struct queue_ack acks[BATCH_MAX];

    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        bool again = a->finish.state == DELIVERY_PENDING;
        acks[i] = (struct queue_ack){a->ref, again ? a->finish.delay_ms : -1, a->verdict.news};
    }
    queue_ack(b->recorder->config.queue, acks, b->count);
}

static void give_back(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        places_give_back(b->recorder->config.places, b->attempts[i]->finish.delivery);
}

static void split(struct batch *b)
{
    struct batch *half = batch_create(b->recorder);

    half->count = b->count / 2;
    b->count -= half->count;
    memcpy(half->attempts, b->attempts + b->count, half->count * sizeof half->attempts[0]);
    submit(b);
    submit(half);
}

/* The culprit stands alone: first without what came from outside, then not at all. */
static void strip_or_drop(struct batch *b)
{
    char text[ATTEMPT_TEXT_SIZE];
    struct finish *finish = &b->attempts[0]->finish;

    log_bounded(LOG_LEVEL_ERROR, "record_failed", "%s stripped=%s",
                attempt_text(text, b->attempts[0]), b->stripped ? "true" : "false");
    if (b->stripped) {
        give_back(b);
        batch_destroy(b);
        return;
    }
    b->stripped = true;
    finish->response_head = finish->response_body = (struct str){0};
    finish->error_text = finish->address = STR_LIT("");
    submit(b);
}

static void on_recorded(void *arg, int err, const struct db_rows *rows)
{
    struct batch *b = arg;
    struct recorder *r = b->recorder;

    b->op = NULL;
    log_debug("record", "count=%zu ms=%lld error=%s", b->count,
              (long long)(clock_mono_ms() - b->sent_ms), err < 0 ? err_name(err) : "none");
    if (err == 0) {
        tell_queue(b); /* first: until then its slots are taken */
        tell_recorded(b, rows);
        disable_webhooks(b);
        give_back(b);
        batch_destroy(b);
    } else if (err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_BUSY) {
        timeout_set(r->timeout, RETRY_MS);
    } else if (b->count > 1) {
        split(b);
    } else {
        strip_or_drop(b);
    }
    if (r->waiting_count > 0 && !timeout_is_set(r->timeout))
        timeout_set(r->timeout, 0);
    r->config.on_room(r->config.arg);
}

static void submit(struct batch *b)
{
    const struct finish *list[BATCH_MAX];
    int64_t now = clock_mono_ms();

    b->sent_ms = now;
    qsort(b->attempts, b->count, sizeof b->attempts[0], by_delivery);
    for (size_t i = 0; i < b->count; i++) {
        struct attempt *a = b->attempts[i];
        /* The delay counts from the attempt's end, not from when it could be recorded. */
        int64_t passed = now - a->ended_ms;
        a->finish.delay_ms = a->finish.delay_ms > passed ? a->finish.delay_ms - passed : 0;
        a->ended_ms = now;
        list[i] = &a->finish;
    }
    b->op = work_finish(b->recorder->config.db, list, b->count, on_recorded, b);
}

static void submit_waiting(struct recorder *r)
{
    while (r->waiting_count > 0 && r->batch_count < BATCHES_MAX) {
        struct batch *b = batch_create(r);
        while (b->count < BATCH_MAX && !list_empty(&r->waiting)) {
            struct list *node = list_pop(&r->waiting);
            b->attempts[b->count++] = CONTAINER_OF(node, struct attempt, node);
        }
        r->waiting_count -= b->count;
        submit(b);
    }
}

void recorder_retry(struct recorder *r)
{
    LIST_FOREACH(node, &r->batches)
    {
        struct batch *b = CONTAINER_OF(node, struct batch, node);
        if (b->op == NULL)
            submit(b);
    }
    submit_waiting(r);
}

static void on_timeout(void *arg)
{
    recorder_retry(arg);
}

void recorder_add(struct recorder *r, struct attempt *a)
{
    list_push(&r->waiting, &a->node);
    r->waiting_count++;
    if (r->waiting_count >= BATCH_MAX)
        submit_waiting(r);
    else if (!timeout_is_set(r->timeout))
        timeout_set(r->timeout, GATHER_MS);
}
