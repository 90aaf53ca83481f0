/* Group commit: what arrives while statements are under way goes together in the next one, so that
 * many requests share a commit, and an idle server adds no delay. A statement that fails on data is
 * split until the culprit stands alone; nothing is stored by one that fails. */
#include "accept.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/work.h"

#include <stdlib.h>

#define BATCH_EVENTS   256  /* more only when one request has more */
#define BATCHES_MAX    2    /* statements under way */
#define WAITING_MAX    8192 /* events; beyond, clients are told to come again */
#define BATCH_REQUESTS 256
#define BATCH_BYTES    ((size_t)8 << 20)  /* of data in a statement, unless one request has more */
#define WAITING_BYTES  ((size_t)64 << 20) /* of data, as WAITING_MAX */

/* Apps for whose events the plain statement was too short are not tried with it again so soon. */
#define SPECIAL_MAX 64
#define SPECIAL_MS  60000

struct special {
    struct id app;
    int64_t until_ms; /* monotonic */
};

struct acceptor {
    struct api *api;
    struct special special[SPECIAL_MAX];
    size_t special_count; /* since the start: the oldest make room */
    struct list waiting;
    size_t waiting_events, waiting_bytes;
    struct list batches;
    int batch_count;
    struct timeout *refuse; /* calls back those that were refused */
    struct list refused;
};

struct accept_batch {
    struct list node;
    struct acceptor *acceptor;
    struct db_op *op;
    bool plain;
    bool days_made; /* what failed may have wanted the partition of a day that nobody had made */
    size_t count, event_count, bytes;
    struct accept_request *requests[BATCH_REQUESTS]; /* NULL: the client is gone */
    size_t first[BATCH_REQUESTS];                    /* the place of its first event */
};

static void on_refuse(void *arg);
static void kick(struct acceptor *a);

struct acceptor *acceptor_create(struct api *api)
{
    struct acceptor *a = xcalloc(1, sizeof *a);
    a->api = api;
    list_init(&a->waiting);
    list_init(&a->batches);
    list_init(&a->refused);
    a->refuse = timeout_create(api->loop, on_refuse, a);
    return a;
}

void acceptor_destroy(struct acceptor *a)
{
    if (a == NULL)
        return;
    assert(list_empty(&a->waiting) && list_empty(&a->refused));
    struct list *node;
    while ((node = list_pop(&a->batches)) != NULL) {
        struct accept_batch *b = CONTAINER_OF(node, struct accept_batch, node);
        db_cancel(b->op);
        free(b);
    }
    timeout_destroy(a->refuse);
    free(a);
}

/* The last thing done to a request: its callback may end it. */
static void finish(struct accept_request *r, int err)
{
    struct call *call = r->call;
    list_remove(&r->node);
    r->batch = NULL;
    call_wait_over(call);
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
        r->accepted[place] =
            (struct accepted){row.event, row.deliveries, !id_eq(row.event, r->events[place].id)};
        if (row.differs)
            r->err = ERR_IDEMPOTENCY;
    }
}

static void free_batch(struct accept_batch *b)
{
    list_remove(&b->node);
    b->acceptor->batch_count--;
    free(b);
}

static void on_accepted(void *arg, int err, const struct db_rows *rows);

static bool is_special(const struct acceptor *a, struct id app)
{
    for (size_t i = 0; i < a->special_count && i < SPECIAL_MAX; i++)
        if (id_eq(a->special[i].app, app) && a->special[i].until_ms > clock_mono_ms())
            return true;
    return false;
}

static void submit(struct accept_batch *b)
{
    struct acceptor *a = b->acceptor;
    const struct event_new **events = xcalloc(b->event_count, sizeof *events);
    size_t n = 0;

    b->plain = true;
    for (size_t i = 0; i < b->count; i++) {
        const struct accept_request *r = b->requests[i];
        b->plain = b->plain && !is_special(a, r->events[0].app);
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
    b->bytes += r->bytes;
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
    if (err == ERR_WRONG_STATE)
        return ERR_BUSY; /* its app's fan-outs have to end first */
    if (err == ERR_CONFLICT)
        return ERR_IDEMPOTENCY;
    if (err != ERR_INVALID && err != ERR_INTERNAL)
        return err;
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

    b->count = b->event_count = b->bytes = 0;
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
        a->special[a->special_count++ % SPECIAL_MAX] =
            (struct special){b->requests[0]->events[0].app, clock_mono_ms() + SPECIAL_MS};
    submit_again(b);
}

static void on_accepted(void *arg, int err, const struct db_rows *rows)
{
    struct accept_batch *b = arg;
    struct acceptor *a = b->acceptor;

    b->op = NULL;
    if (err == ERR_INVALID && !b->days_made) {
        b->days_made = true;
        b->op = work_partitions_make(a->api->db, on_days_made, b);
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

static bool has_room(const struct accept_batch *b, const struct accept_request *r)
{
    return b->count == 0 ||
           (b->count < BATCH_REQUESTS && b->event_count + r->count <= BATCH_EVENTS &&
            b->bytes + r->bytes <= BATCH_BYTES);
}

static void enter(struct acceptor *a, struct accept_request *r)
{
    list_push(&a->waiting, &r->node);
    a->waiting_events += r->count;
    a->waiting_bytes += r->bytes;
}

static void leave(struct acceptor *a, struct accept_request *r)
{
    list_remove(&r->node);
    a->waiting_events -= r->count;
    a->waiting_bytes -= r->bytes;
}

static void kick(struct acceptor *a)
{
    while (a->batch_count < BATCHES_MAX && !list_empty(&a->waiting)) {
        struct accept_batch *b = batch_create(a);
        while (!list_empty(&a->waiting)) {
            struct accept_request *r = CONTAINER_OF(a->waiting.next, struct accept_request, node);
            if (!has_room(b, r))
                break;
            leave(a, r);
            batch_add(b, r);
        }
        submit(b);
    }
}

static void on_refuse(void *arg)
{
    struct acceptor *a = arg;
    while (!list_empty(&a->refused))
        finish(CONTAINER_OF(a->refused.next, struct accept_request, node), ERR_BUSY);
}

static bool is_waiting(const struct acceptor *a, const struct accept_request *r)
{
    LIST_FOREACH(node, &a->waiting)
    {
        if (node == &r->node)
            return true;
    }
    return false;
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
    } else if (is_waiting(a, r)) {
        leave(a, r);
    } else {
        list_remove(&r->node); /* it was refused */
    }
}

void accept_start(struct call *call, struct accept_request *r, accept_done *done)
{
    struct acceptor *a = call->api->acceptor;

    r->call = call;
    r->done = done;
    call_wait(call, cancel, r);
    list_init(&r->node);
    for (size_t i = 0; i < r->count; i++)
        r->bytes += r->events[i].data.n;
    if (a->waiting_events + r->count > WAITING_MAX || a->waiting_bytes + r->bytes > WAITING_BYTES) {
        list_push(&a->refused, &r->node);
        timeout_set(a->refuse, 0);
        return;
    }
    enter(a, r);
    kick(a);
}
