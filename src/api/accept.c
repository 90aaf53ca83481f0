/* Group commit: what arrives while statements are under way goes together in the next one, so that
 * many requests share a commit, and an idle server adds no delay. A statement that fails on data is
 * split until the culprit stands alone; nothing is stored by one that fails. */
#include "accept.h"

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

struct acceptor {
    struct api *api;
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

static void submit(struct accept_batch *b)
{
    const struct event_new **events = xcalloc(b->event_count, sizeof *events);
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        for (size_t j = 0; j < b->requests[i]->count; j++)
            events[n++] = &b->requests[i]->events[j];
    b->op = events_accept(b->acceptor->api->db, events, n, on_accepted, b);
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

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    struct accept_batch *b = arg;
    size_t count = b->count;
    (void)err;
    (void)rows;

    /* Without those whose client is gone meanwhile. */
    b->count = b->event_count = b->bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (b->requests[i] != NULL)
            batch_add(b, b->requests[i]);
    if (b->count > 0) {
        submit(b);
        return;
    }
    struct acceptor *a = b->acceptor;
    free_batch(b);
    kick(a);
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
