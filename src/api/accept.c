/* Group commit: what arrives while statements are under way goes together in the next one, so that
 * many requests share a commit, and an idle server adds no delay. While events come one by one, and fast, they wait a
 * moment for each other (accept_pace.h). A statement that fails on data is
 * split until the culprit stands alone; nothing is stored by one that fails.
 *
 * Apps take turns (accept_queue.h). What an app's events cost is the deliveries that they have, which is known of those
 * before them, and the bytes of those that are not small: a request that costs much goes alone, and of such one at a time, beside the statements
 * for those that cost little. */
#include "accept.h"

#include "accept_pace.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "happening.h"
#include "store/accepts.h"
#include "store/work.h"

#include <stdlib.h>

#define BATCH_EVENTS   256  /* more only when one request has more */
#define BATCH_COST     2048 /* events and their deliveries; likewise */
#define COST_BYTES     256  /* of data, that cost as much as a delivery */
#define FREE_BYTES     512  /* of an event's that are in its cost */
#define BATCHES_MAX    2    /* statements under way */
#define LARGE_MAX      2    /* besides those, of one request that has more; 1 of what costs more */
#define WAITING_MAX    8192 /* events; beyond, clients are told to come again */
#define BATCH_REQUESTS 256
#define LOOK_AT        64                 /* apps, for one that there is room for */
#define WAITING_BYTES  ((size_t)64 << 20) /* of data, as WAITING_MAX */

/* Apps for whose events the plain statement was too short are not tried with it again so soon; and what the events of
 * others cost that have many deliveries. */
#define SPECIAL_MAX 64
#define SPECIAL_MS  60000
#define COSTLY      16 /* deliveries of an event */

struct special {
    struct id app;
    int64_t until_ms; /* monotonic */
    int64_t cost;     /* of an event */
};

/* The oldest make room. */
struct specials {
    struct special at[SPECIAL_MAX];
    size_t count; /* since the start */
};

struct acceptor {
    struct api *api;
    struct specials special, costly;
    struct accept_queue waiting;
    struct accept_pace pace;
    struct timeout *held; /* until what waits may start */
    struct list batches;
    int batch_count, large_count;
    struct timeout *refuse; /* calls back those that were refused */
    struct list refused;
};

struct accept_batch {
    struct list node;
    struct acceptor *acceptor;
    struct db_op *op;
    bool plain;
    bool days_made; /* what failed may have wanted the partition of a day that nobody had made */
    bool large;     /* its only request is one that costs much */
    size_t count, event_count;
    int64_t cost;
    struct accept_request *requests[BATCH_REQUESTS]; /* NULL: the client is gone */
    size_t first[BATCH_REQUESTS];                    /* the place of its first event */
};

static void on_refuse(void *arg);
static void on_held(void *arg);
static void kick(struct acceptor *a);

struct acceptor *acceptor_create(struct api *api)
{
    struct acceptor *a = xcalloc(1, sizeof *a);
    a->api = api;
    accept_queue_init(&a->waiting, WAITING_MAX, WAITING_BYTES);
    metric_add(METRIC_BUDGET_LIMIT_ACCEPTING, WAITING_BYTES);
    list_init(&a->batches);
    list_init(&a->refused);
    a->refuse = timeout_create(api->loop, on_refuse, a);
    a->held = timeout_create(api->loop, on_held, a);
    return a;
}

void acceptor_destroy(struct acceptor *a)
{
    if (a == NULL)
        return;
    assert(list_empty(&a->refused));
    accept_queue_fini(&a->waiting);
    struct list *node;
    while ((node = list_pop(&a->batches)) != NULL) {
        struct accept_batch *b = CONTAINER_OF(node, struct accept_batch, node);
        db_cancel(b->op);
        free(b);
    }
    timeout_destroy(a->refuse);
    timeout_destroy(a->held);
    free(a);
}

/* Those that were not accepted before. */
static int64_t count_new(const struct accept_request *r)
{
    int64_t count = 0;

    for (size_t i = 0; i < r->count; i++)
        count += !r->accepted[i].replayed;
    return count;
}

/* The last thing done to a request: its callback may end it. */
static void finish(struct accept_request *r, int err)
{
    struct call *call = r->call;
    list_remove(&r->node);
    r->batch = NULL;
    call_wait_over(call);
    metric_add(METRIC_EVENTS_ACCEPTED, err == 0 ? (int64_t)r->count : 0);
    if (err == 0) {
        happening_tell(call->app);
        accepts_count(call->api->accepts, call->app, count_new(r));
        metric_observe(HISTOGRAM_ACCEPT, clock_mono_us() - r->start_us);
    }
    r->done(call, err);
}

/* Which request the event at `index` of the statement belongs to. */
static size_t owner_of(const struct accept_batch *b, size_t index)
{
    size_t low = 0, high = b->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (b->first[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct special *find_special(struct specials *s, struct id app)
{
    for (size_t i = 0; i < s->count && i < SPECIAL_MAX; i++)
        if (id_eq(s->at[i].app, app) && s->at[i].until_ms > clock_mono_ms())
            return &s->at[i];
    return NULL;
}

static void note_special(struct specials *s, struct id app, int64_t cost)
{
    struct special *known = find_special(s, app);
    struct special *to = known != NULL ? known : &s->at[s->count++ % SPECIAL_MAX];

    *to = (struct special){app, clock_mono_ms() + SPECIAL_MS, cost};
}

static int64_t cost_of(struct acceptor *a, const struct accept_request *r)
{
    const struct special *known = find_special(&a->costly, r->events[0].app);
    size_t included = r->count * FREE_BYTES,
           beyond = r->waiting.bytes > included ? r->waiting.bytes - included : 0;

    return (int64_t)(beyond / COST_BYTES) + (int64_t)r->count * (known != NULL ? known->cost : 1);
}

static void learn_cost(struct acceptor *a, const struct accept_request *r)
{
    int64_t deliveries = 0, events = (int64_t)r->count;

    for (size_t i = 0; i < r->count; i++)
        deliveries += r->accepted[i].deliveries;
    if (events > 0 && deliveries >= COSTLY * events)
        note_special(&a->costly, r->events[0].app, 1 + deliveries / events);
}

static void distribute(struct accept_batch *b, const struct db_rows *rows)
{
    struct event_accepted row;
    for (int i = 0; i < db_count(rows); i++) {
        events_read_accepted(rows, i, &row);
        if (row.queued)
            queue_enqueue(b->acceptor->api->queue, &row.entry, 1,
                          row.of_event ? QUEUE_GENTLE : QUEUE_WOKEN);
        if (!row.of_event)
            continue;
        size_t owner = owner_of(b, row.index);
        struct accept_request *r = b->requests[owner];
        if (r == NULL)
            continue;
        size_t place = row.index - b->first[owner];
        struct accepted *accepted = &r->accepted[place];
        accepted->event = row.event;
        accepted->deliveries += row.deliveries;
        accepted->replayed = !id_eq(row.event, r->events[place].id);
        if (row.differs)
            r->err = ERR_IDEMPOTENCY;
    }
    for (size_t i = 0; i < b->count; i++)
        if (b->requests[i] != NULL)
            learn_cost(b->acceptor, b->requests[i]);
}

static void free_batch(struct accept_batch *b)
{
    list_remove(&b->node);
    b->acceptor->batch_count--;
    b->acceptor->large_count -= b->large;
    free(b);
}

static void on_accepted(void *arg, int err, const struct db_rows *rows);

static void submit(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;
    const struct event_new **events = xcalloc(b->event_count, sizeof *events);
    size_t n = 0;

    b->plain = true;
    for (size_t i = 0; i < b->count; i++) {
        const struct accept_request *r = b->requests[i];
        b->plain = b->plain && find_special(&a->special, r->events[0].app) == NULL;
        for (size_t j = 0; j < r->count; j++) {
            b->plain = b->plain && event_is_plain(&r->events[j]);
            events[n++] = &r->events[j];
        }
    }
    b->op = (b->plain ? events_accept_plain : events_accept)(a->api->db, events, n, on_accepted, b);
    free(events);
}

static struct accept_batch *batch_create(struct acceptor *a)
{
    struct accept_batch *b = xcalloc(1, sizeof *b);
    b->acceptor = a;
    list_push(&a->batches, &b->node);
    a->batch_count++;
    return b;
}

static void batch_add(struct accept_batch *b, struct accept_request *r)
{
    b->first[b->count] = b->event_count;
    b->requests[b->count++] = r;
    b->event_count += r->count;
    b->cost += cost_of(b->acceptor, r);
    r->batch = b;
}

/* Two batches out of one, without those whose client is gone. */
static void split(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;
    struct accept_batch *halves[2] = {batch_create(a), batch_create(a)};

    for (size_t i = 0; i < b->count; i++)
        if (b->requests[i] != NULL)
            batch_add(halves[i < b->count / 2 ? 0 : 1], b->requests[i]);
    for (size_t i = 0; i < 2; i++) {
        if (halves[i]->count > 0)
            submit(halves[i]);
        else
            free_batch(halves[i]);
    }
}

/* Errors that one of the requests may have caused, whatever the others are. */
static bool is_of_one(int err)
{
    return err == ERR_CONFLICT || err == ERR_INVALID || err == ERR_INTERNAL ||
           err == ERR_TOO_LARGE || err == ERR_WRONG_STATE;
}

static int alone(int err)
{
    if (err == ERR_WRONG_STATE) { /* its app's fan-outs have to end first */
        metric_add(METRIC_FANOUTS_PER_APP_MET, 1);
        return ERR_BUSY;
    }
    if (err == ERR_CONFLICT)
        return ERR_IDEMPOTENCY;
    if (err != ERR_INVALID && err != ERR_INTERNAL)
        return err;
    metric_add(METRIC_ACCEPTS_REFUSED, 1);
    log_bounded(LOG_LEVEL_ERROR, "accept_failed", "error=%s", err_name(err));
    return ERR_UNAVAILABLE; /* not the client's fault */
}

static void finish_all(struct accept_batch *b, int err)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->requests[i] != NULL)
            finish(b->requests[i], err < 0 ? err : b->requests[i]->err);
}

/* Without those whose client is gone meanwhile. */
static void submit_again(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;
    size_t count = b->count;

    b->count = b->event_count = 0;
    b->cost = 0;
    for (size_t i = 0; i < count; i++)
        if (b->requests[i] != NULL)
            batch_add(b, b->requests[i]);
    if (b->count > 0) {
        submit(b);
        return;
    }
    free_batch(b);
    kick(a);
}

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    (void)err;
    (void)rows;
    submit_again(arg);
}

/* Nothing was stored: one of them wants more than the plain statement does. */
static void on_not_plain(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;

    if (b->count > 1) {
        split(b);
        free_batch(b);
        kick(a);
        return;
    }
    if (b->requests[0] != NULL)
        note_special(&a->special, b->requests[0]->events[0].app, 0);
    submit_again(b);
}

static void on_accepted(void *arg, int err, const struct db_rows *rows)
{
    struct accept_batch *b = arg;
    struct acceptor *a = b->acceptor;

    b->op = NULL;
    accept_pace_answered(&a->pace, clock_mono_us());
    if (err == ERR_INVALID && !b->days_made) {
        b->days_made = true;
        b->op = work_partitions_make(a->api->db, a->api->settings->config.retention_days,
                                     on_days_made, b);
        return;
    }
    if (err == 0 && b->plain && db_count(rows) == 0) {
        on_not_plain(b);
        return;
    }
    if (is_of_one(err) && b->count > 1) {
        split(b);
    } else {
        if (err == 0)
            distribute(b, rows);
        finish_all(b, alone(err));
    }
    free_batch(b);
    kick(a);
}

static bool is_large(const struct accept_request *r, int64_t cost)
{
    return r->count > BATCH_EVENTS || cost > BATCH_COST;
}

/* `b` is among those under way already. One that is large takes none away from the others. */
static bool has_room(const struct accept_batch *b, const struct accept_request *r)
{
    struct acceptor *a = b->acceptor;
    int64_t cost = cost_of(a, r);

    if (is_large(r, cost))
        return b->count == 0 && a->large_count < (cost > BATCH_COST ? 1 : LARGE_MAX);
    if (b->count == 0)
        return a->batch_count - a->large_count <= BATCHES_MAX;
    return !b->large && b->count < BATCH_REQUESTS && b->event_count + r->count <= BATCH_EVENTS &&
           b->cost + cost <= BATCH_COST;
}

static struct accept_request *request_of(struct accept_waiter *waiter)
{
    return CONTAINER_OF(waiter, struct accept_request, waiting);
}

/* The next that the batch has room for, of the apps in their turn; NULL: there is none. */
static struct accept_request *next_for(const struct accept_batch *b)
{
    struct accept_queue *q = &b->acceptor->waiting;
    struct accept_waiter *waiter = NULL;

    for (int apps = 0; apps < LOOK_AT && (waiter = accept_queue_next(q, waiter)) != NULL; apps++)
        if (has_room(b, request_of(waiter)))
            return request_of(waiter);
    return NULL;
}

/* It begins to wait, 1, or waits no more, -1. */
static void count_waiting(const struct accept_request *r, int sign)
{
    metric_add(METRIC_WAITING_ACCEPT, sign * (int64_t)r->waiting.events);
    metric_add(METRIC_BUDGET_ACCEPTING, sign * (int64_t)r->waiting.bytes);
}

static void fill(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;
    struct accept_request *r;

    while ((r = next_for(b)) != NULL) {
        accept_queue_take(&a->waiting, &r->waiting);
        count_waiting(r, -1);
        b->large = is_large(r, cost_of(a, r));
        a->large_count += b->large;
        batch_add(b, r);
    }
}

static void begin_batches(struct acceptor *a)
{
    timeout_clear(a->held);
    while (a->waiting.events > 0 && a->batch_count < BATCHES_MAX + LARGE_MAX) {
        struct accept_batch *b = batch_create(a);
        fill(b);
        if (b->count == 0) {
            free_batch(b);
            return;
        }
        accept_pace_began(&a->pace, clock_mono_us());
        submit(b);
    }
}

static void on_held(void *arg)
{
    begin_batches(arg);
}

static void kick(struct acceptor *a)
{
    if (a->waiting.events == 0)
        return;
    int64_t hold_ms = accept_pace_hold_ms(&a->pace, clock_mono_us(), a->waiting.events,
                                          a->batch_count > a->large_count);
    if (hold_ms == 0)
        begin_batches(a);
    else
        timeout_set(a->held, hold_ms);
}

static void on_refuse(void *arg)
{
    struct acceptor *a = arg;
    while (!list_empty(&a->refused))
        finish(CONTAINER_OF(a->refused.next, struct accept_request, node), ERR_BUSY);
}

/* The client is gone. */
static void cancel(void *arg)
{
    struct accept_request *r = arg;
    struct acceptor *a = r->call->api->acceptor;

    if (r->batch != NULL) {
        for (size_t i = 0; i < r->batch->count; i++)
            if (r->batch->requests[i] == r)
                r->batch->requests[i] = NULL;
    } else if (r->waiting.turn != NULL) {
        accept_queue_remove(&a->waiting, &r->waiting);
        count_waiting(r, -1);
    } else {
        list_remove(&r->node); /* it was refused */
    }
}

void accept_start(struct call *call, struct accept_request *r, accept_done *done)
{
    struct acceptor *a = call->api->acceptor;

    r->call = call;
    r->done = done;
    r->start_us = clock_mono_us();
    call_wait(call, cancel, r);
    list_init(&r->node);
    list_init(&r->waiting.node);
    r->waiting.events = r->count;
    for (size_t i = 0; i < r->count; i++)
        r->waiting.bytes += r->events[i].data.n;
    if (!accept_queue_push(&a->waiting, r->events[0].app, &r->waiting)) {
        metric_add(METRIC_ACCEPTING_MET, 1);
        list_push(&a->refused, &r->node);
        timeout_set(a->refuse, 0);
        return;
    }
    count_waiting(r, 1);
    accept_pace_arrived(&a->pace, clock_mono_us());
    kick(a);
}
