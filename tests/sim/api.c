/* An api as far as the ledger and the queue see it: the store's own accept statement and the queue's own outbox, without
 * HTTP and without the gathering of api/accept.c. And its client, who repeats with the same key until there is a 202; what
 * it posted without a key it does not repeat. */
#include "mutants.h"
#include "oracle.h"
#include "store/events.h"
#include "store/queue.h"
#include "store/store.h"
#include "world.h"

#include <stdlib.h>

#define AGAIN_MS    700
#define DB_LINES    2
#define PATIENCE_MS 2000
#define KEYLESS     4 /* one in so many */

struct api {
    struct proc *proc;
    struct loop *loop;
    struct db *db;
    struct queue *queue;
};

/* What a client wants to have accepted. */
struct post {
    int app, number;
    bool open; /* there is no 202 yet */
    bool keyed;
    struct db_op *op;
    struct api *api; /* that is at it; NULL: none */
    struct event *again;
};

static struct post posts[EVENTS_MAX];
static int post_count;

void client_begin(void)
{
    post_count = 0;
}

/* --- the api ---------------------------------------------------------------------------------- */

static void try_again(struct post *post);
static void on_lost(struct post *post);

struct api *api_create(void)
{
    struct api *api = xcalloc(1, sizeof *api);

    api->proc = sim.current;
    api->loop = loop_create(NULL, NULL);
    api->queue = queue_create(api->loop, &(struct queue_config){.url = ""});
    api->db = db_create(api->loop, &(struct db_config){.url = "",
                                                       .session = store_api_session,
                                                       .stmts = store_api_stmts,
                                                       .connections = DB_LINES,
                                                       .queue_max = 100,
                                                       .patience_ms = PATIENCE_MS});
    return api;
}

/* Its clients' connections are lost with it. */
void api_destroy(struct api *api)
{
    if (api == NULL)
        return;
    for (int i = 0; i < post_count; i++) {
        if (posts[i].api != api)
            continue;
        db_cancel(posts[i].op);
        posts[i].op = NULL;
        on_lost(&posts[i]);
    }
    queue_destroy(api->queue);
    db_destroy(api->db);
    loop_destroy(api->loop);
    free(api);
}

static void on_told(struct post *post)
{
    if (!post->open)
        return;
    post->open = false;
    world.events_open--;
}

/* What became of it is not known. */
static void on_lost(struct post *post)
{
    if (post->keyed) {
        try_again(post);
        return;
    }
    post->api = NULL;
    on_told(post);
}

static void on_accepted(void *arg, int err, const struct db_rows *rows)
{
    struct post *post = arg;
    struct api *api = post->api;
    struct event_accepted accepted;

    post->op = NULL;
    if (err < 0) {
        on_lost(post);
        return;
    }
    for (int i = 0; i < db_count(rows); i++) {
        events_read_accepted(rows, i, &accepted);
        if (accepted.differs)
            fail_run("a key was taken for another's", "event %d", post->number);
        if (accepted.queued)
            queue_enqueue(api->queue, &accepted.entry, 1, QUEUE_GENTLE);
    }
    if (post->open) {
        TRACE("event %d is accepted: 202", post->number);
        oracle_accepted(accepted.event);
    }
    post->api = NULL;
    on_told(post);
}

static void accept_event(void *arg)
{
    struct post *post = arg;
    struct event_new event = {.id = id_new(),
                              .app = world.webhooks[0].app,
                              .type = STR_LIT(WORLD_TYPE),
                              .data = STR_LIT(WORLD_DATA),
                              .keyed = post->keyed};
    const struct event_new *list[] = {&event};

    for (int i = 0; i < world.webhook_count; i++)
        if (world.webhooks[i].app_number == post->app)
            event.app = world.webhooks[i].app;
    event.key.b[0] = event.hash.b[0] = (uint8_t)(post->number + 1);
    if (is_mutant(MUTANT_IDS_SAME))
        event.key.b[0] = 1;
    post->op = events_accept_plain(post->api->db, list, 1, on_accepted, post);
}

/* --- the client ------------------------------------------------------------------------------- */

static void on_again(void *arg)
{
    struct post *post = arg;
    int first = (int)(sim_random() % (uint64_t)world.apis);

    post->again = NULL;
    for (int i = 0; i < world.apis; i++) {
        struct proc *proc = &sim.procs[world.workers + (first + i) % world.apis];
        if (!proc->alive || proc->stopped)
            continue;
        post->api = proc->api;
        sim_call(proc, accept_event, post);
        return;
    }
    try_again(post);
}

static void try_again(struct post *post)
{
    post->api = NULL;
    if (post->again == NULL && !world.over)
        post->again = sim_in(MS(AGAIN_MS), NULL, on_again, post);
}

void client_post(int app, int api)
{
    struct post *post = &posts[post_count];
    struct proc *proc = &sim.procs[world.workers + api];

    *post = (struct post){
        .app = app, .number = post_count++, .open = true, .keyed = !sim_one_in(KEYLESS)};
    world.events_open++;
    if (!proc->alive || proc->stopped) {
        try_again(post);
        return;
    }
    post->api = proc->api;
    sim_call(proc, accept_event, post);
}
