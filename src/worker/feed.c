/* What to send next. The queue proposes, the fenced claim in PostgreSQL disposes. Without Redis
 * PostgreSQL proposes as well (direct mode). */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

#define CLAIM_MAX         128  /* ids in one fenced claim */
#define CLAIMS_MAX        4    /* statements under way */
#define LEASE_MARGIN_MS   5000 /* of the lease, not used for sending */
#define PUT_BACK_MS       1000 /* when PostgreSQL did not answer the claim */
#define REDIS_PATIENCE_MS 1000 /* away for longer: direct mode */
#define DIRECT_PERIOD_MS  250

/* One fenced claim, from its start until all of its rows are attempts; or, its outcome unknown,
 * until its leases are released. */
struct fenced {
    struct list node;
    struct worker *worker;
    struct db_op *op;
    int64_t token;
    int64_t started_ms;  /* monotonic: the lease cannot have begun earlier */
    int64_t put_back_ms; /* of an orphan: when its deliveries may be claimed again */
    size_t count;
    struct queue_ref refs[CLAIM_MAX];
};

static void on_timeout(void *arg);
static void release(struct fenced *f);

void feed_init(struct worker *w)
{
    w->feed.timeout = timeout_create(w->loop, on_timeout, w);
    list_init(&w->feed.claims);
    list_init(&w->feed.orphans);
    timeout_set(w->feed.timeout, REDIS_PATIENCE_MS);
}

static void free_all(struct list *list)
{
    struct list *node;
    while ((node = list_pop(list)) != NULL) {
        struct fenced *f = CONTAINER_OF(node, struct fenced, node);
        db_cancel(f->op);
        free(f);
    }
}

void feed_fini(struct worker *w)
{
    queue_cancel(w->feed.queue_op);
    db_cancel(w->feed.direct_op);
    timeout_destroy(w->feed.timeout);
    free_all(&w->feed.claims);
    free_all(&w->feed.orphans);
}

bool feed_idle(const struct worker *w)
{
    return w->feed.queue_op == NULL && w->feed.direct_op == NULL && list_empty(&w->feed.claims) &&
           list_empty(&w->feed.orphans);
}

/* Out of the queue, or back into it. */
static void ack(struct worker *w, const struct queue_ref *ref, int64_t delay_ms)
{
    struct queue_ack a = {ref->delivery, ref->webhook, delay_ms};
    queue_ack(w->queue, &a, 1);
}

static bool was_returned(const struct db_rows *rows, struct id delivery)
{
    for (int i = 0; i < db_count(rows); i++)
        if (id_eq(db_id(rows, i, 0), delivery))
            return true;
    return false;
}

static int by_id(const void *a, const void *b)
{
    const struct claim *const *x = a, *const *y = b;
    return id_cmp((*x)->content.delivery, (*y)->content.delivery);
}

/* Those of `claims` from `first` on that may go together with it, in the order of their events: ids of
 * deliveries begin with those of their events. */
static size_t gather(const struct claim *claims, const bool *started, size_t count, size_t first,
                     const struct claim **group)
{
    size_t n = 0;

    group[n++] = &claims[first];
    if (claims[first].content.test || !message_takes_many(&claims[first].to))
        return n;
    for (size_t i = first + 1; i < count; i++)
        if (!started[i] && !claims[i].content.test &&
            id_eq(claims[i].to.webhook, claims[first].to.webhook))
            group[n++] = &claims[i];
    qsort(group, n, sizeof *group, by_id);
    return n;
}

static void start_attempts(struct fenced *f, const struct db_rows *rows)
{
    struct worker *w = f->worker;
    struct claim *claims = xcalloc(f->count, sizeof *claims);
    const struct claim *group[CLAIM_MAX];
    bool started[CLAIM_MAX] = {false};
    size_t count = 0;

    for (size_t i = 0; i < f->count; i++)
        if (!was_returned(rows, f->refs[i].delivery))
            ack(w, &f->refs[i], -1);
    for (int i = 0; i < db_count(rows); i++) {
        struct claim *c = &claims[count];
        claims_read(rows, i, c);
        struct queue_ref ref = {c->content.delivery, c->to.webhook};
        int64_t lease_left = f->started_ms + WORK_LEASE_MS - LEASE_MARGIN_MS - clock_mono_ms();
        /* Moved instead of claimed; or stopped for long between claim and here: the lease runs out,
         * and another sends it. */
        if (c->state != DELIVERY_PENDING || lease_left < c->timeout_ms)
            ack(w, &ref, -1);
        else
            count++;
    }
    /* A request may take others of the group before the one that it was gathered for. */
    for (size_t i = 0; i < count; i++) {
        while (!started[i]) {
            size_t n = gather(claims, started, count, i, group);
            size_t taken = attempt_start(w, group, n, f->token);
            for (size_t k = 0; k < taken; k++)
                started[group[k] - claims] = true;
        }
    }
    free(claims);
}

static void on_claimed(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct worker *w = f->worker;

    f->op = NULL;
    list_remove(&f->node);
    w->in_flight -= (int)f->count;
    if (err < 0 || w->stopping) {
        f->put_back_ms = err < 0 ? PUT_BACK_MS : 0;
        list_push(&w->feed.orphans, &f->node);
        release(f);
    } else {
        start_attempts(f, rows);
        free(f);
    }
    worker_advance(w);
}

static void on_released(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct worker *w = f->worker;
    (void)rows;

    f->op = NULL;
    if (err < 0 && !w->stopping)
        return; /* again at the next tick */
    for (size_t i = 0; err == 0 && i < f->count; i++)
        ack(w, &f->refs[i], f->put_back_ms);
    list_remove(&f->node);
    free(f);
    worker_advance(w);
}

/* The leases of a claim whose answer never came, or came too late to send. In the queue they stay
 * in flight meanwhile: who claimed them now would find them leased. */
static void release(struct fenced *f)
{
    struct id ids[CLAIM_MAX];
    for (size_t i = 0; i < f->count; i++)
        ids[i] = f->refs[i].delivery;
    f->op = work_release(f->worker->db, ids, f->count, f->token, on_released, f);
}

void feed_pause(struct worker *w, struct id webhook, int64_t delay_ms)
{
    struct pause *p = w->feed.pauses, *place = &p[0];

    for (size_t i = 0; i < PAUSES_MAX && !id_eq(place->webhook, webhook); i++)
        if (id_eq(p[i].webhook, webhook) || p[i].until_ms < place->until_ms)
            place = &p[i];
    *place = (struct pause){webhook, clock_mono_ms() + delay_ms};
}

static int64_t pause_left(const struct worker *w, struct id webhook)
{
    for (size_t i = 0; i < PAUSES_MAX; i++)
        if (id_eq(w->feed.pauses[i].webhook, webhook))
            return w->feed.pauses[i].until_ms - clock_mono_ms();
    return 0;
}

/* Puts back those whose webhook pauses; what is left is claimed. */
static size_t without_paused(struct worker *w, const struct queue_ref *refs, size_t count,
                             struct queue_ref *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t left = pause_left(w, refs[i].webhook);
        if (left > 0)
            ack(w, &refs[i], left);
        else
            out[n++] = refs[i];
    }
    return n;
}

static void claim(struct worker *w, const struct queue_ref *refs, size_t count)
{
    struct fenced *f = xcalloc(1, sizeof *f);
    struct id ids[CLAIM_MAX];

    assert(count <= CLAIM_MAX);
    f->worker = w;
    f->count = count = without_paused(w, refs, count, f->refs);
    if (count == 0) {
        free(f);
        return;
    }
    f->started_ms = clock_mono_ms();
    /* Equality is all that fencing asks of a token: random ones need no sequence. */
    crypto_random(&f->token, sizeof f->token);
    for (size_t i = 0; i < count; i++)
        ids[i] = f->refs[i].delivery;
    w->in_flight += (int)count;
    list_push(&w->feed.claims, &f->node);
    f->op = work_claim(w->db, ids, count, f->token, w->slot.owner, on_claimed, f);
}

void feed_retry(struct worker *w)
{
    LIST_FOREACH(node, &w->feed.orphans)
    {
        struct fenced *f = CONTAINER_OF(node, struct fenced, node);
        if (f->op == NULL)
            release(f);
    }
}

static size_t length(const struct list *list)
{
    size_t n = 0;
    LIST_FOREACH(node, list)
    {
        n++;
    }
    return n;
}

/* Orphans take the place of claims, so that a PostgreSQL that refuses them is not asked for more.
 */
static size_t room(const struct worker *w)
{
    size_t statements = length(&w->feed.claims) + length(&w->feed.orphans);
    int left = w->in_flight_max - w->in_flight;
    if (w->stopping || !w->taken_over || !db_ready(w->db) || statements >= CLAIMS_MAX || left <= 0)
        return 0;
    return left < CLAIM_MAX ? (size_t)left : CLAIM_MAX;
}

static void on_queue_claim(void *arg, int err, const struct queue_claim *result)
{
    struct worker *w = arg;

    w->feed.queue_op = NULL;
    if (err < 0) {
        timeout_set(w->feed.timeout, REDIS_PATIENCE_MS);
        worker_advance(w);
        return;
    }
    if (result->count > 0)
        claim(w, result->refs, result->count);
    if (result->next_ms > 0)
        timeout_set(w->feed.timeout, result->next_ms);
    if (result->next_ms == 0 || result->count == w->feed.asked || w->feed.woken)
        feed_pump(w);
    worker_advance(w);
}

static void on_direct(void *arg, int err, const struct db_rows *rows)
{
    struct worker *w = arg;
    struct queue_ref refs[CLAIM_MAX];
    struct queue_row row;
    size_t count = err == 0 ? (size_t)db_count(rows) : 0, limit = room(w);

    w->feed.direct_op = NULL;
    for (size_t i = 0; i < count && i < limit; i++) {
        queue_row_read(rows, (int)i, &row);
        refs[i] = (struct queue_ref){row.delivery, row.webhook};
    }
    count = count < limit ? count : limit;
    if (count > 0)
        claim(w, refs, count);
    timeout_set(w->feed.timeout, DIRECT_PERIOD_MS);
    worker_advance(w);
}

void feed_pump(struct worker *w)
{
    size_t max = room(w);

    if (w->feed.queue_op != NULL) {
        w->feed.woken = true;
        return;
    }
    w->feed.starved = max == 0;
    if (max == 0)
        return;
    if (queue_up(w->queue)) {
        w->feed.woken = false;
        w->feed.asked = max;
        w->feed.queue_op = queue_claim(w->queue, max, on_queue_claim, w);
    } else if (w->feed.direct && w->feed.direct_op == NULL && !timeout_is_set(w->feed.timeout)) {
        w->feed.direct_op = work_direct(w->db, (int)max, DIRECT_PERIOD_MS, on_direct, w);
    }
}

void feed_room(struct worker *w)
{
    if (w->feed.starved)
        feed_pump(w);
}

static void on_timeout(void *arg)
{
    struct worker *w = arg;
    if (!queue_up(w->queue) && !w->feed.direct) {
        w->feed.direct = true;
        log_warn("direct_mode", "on=true");
    }
    feed_pump(w);
    /* Nothing could start: without this, direct mode would not look again. */
    if (w->feed.direct && w->feed.direct_op == NULL && !w->stopping)
        timeout_set(w->feed.timeout, DIRECT_PERIOD_MS);
}

void feed_redis_changed(struct worker *w)
{
    if (queue_up(w->queue) && w->feed.direct) {
        w->feed.direct = false;
        log_info("direct_mode", "on=false");
    }
    if (queue_up(w->queue))
        feed_pump(w);
    else
        timeout_set(w->feed.timeout, REDIS_PATIENCE_MS);
}
