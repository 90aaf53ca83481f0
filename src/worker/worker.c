/* The worker: its parts, what goes from one to the next, and its drain.
 *
 *     queue or ledger → feed → pacer → sender → recorder → ledger, queue
 *                            ↑ relay ←        → gatekeeper → ledger, while the queue is away
 *
 * Parts do not know of each other: what one has for the next comes by here. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "crier.h"
#include "feed.h"
#include "gatekeeper.h"
#include "inbox.h"
#include "janitor.h"
#include "jobs.h"
#include "pacer.h"
#include "reconciler.h"
#include "recorder.h"
#include "relay.h"
#include "sender.h"
#include "slot.h"
#include "store/accepts.h"
#include "store/store.h"
#include "tally.h"

#include <stdlib.h>

#define DB_CONNECTIONS 3
#define DB_QUEUE_MAX   256
#define DB_PATIENCE_MS 5000
#define TICK_MS        1000
#define DRAIN_MS       29000 /* 30 s are promised */
#define GIVE_UP_MS \
    26000 /* of it; what has no answer by then is given back, which takes a while too */
#define DRAIN_TICK_MS 20

struct worker {
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct slot slot;
    struct places places;
    struct feed feed;
    struct relay relay;
    struct pacer pacer;
    struct sender sender;
    struct gatekeeper gatekeeper;
    struct recorder recorder;
    struct reconciler reconciler;
    struct janitor janitor;
    struct tally tally;
    struct accepts *accepts;
    struct crier crier;
    struct jobs jobs;
    struct inbox inbox;
    struct timeout *tick, *drain;
    struct queue_op *resync_op;
    bool resync_due;              /* Redis has come, or come back: it is told what is in hand */
    int64_t give_up_ms, drain_ms; /* monotonic */
    bool gave_up;
};

/* --- from one part to the next ---------------------------------------------------------------- */

static void on_claims(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    struct worker *w = arg;
    struct claim *now = xcalloc(count + 1, sizeof *now);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        metric_add(METRIC_LEASES_EXPIRED, claims[i].takes_over);
        if (claims[i].gated)
            gatekeeper_note(&w->gatekeeper, claims[i].to.webhook);
        if (claims[i].ahead)
            relay_add(&w->relay, &claims[i], token);
        else
            now[n++] = claims[i];
    }
    pacer_add(&w->pacer, now, n, token);
    free(now);
}

static void on_next(void *arg, const struct claim *claim, int64_t token)
{
    struct worker *w = arg;
    pacer_add(&w->pacer, claim, 1, token);
}

static void on_paced(void *arg, const struct claim *claims, size_t count, int64_t token,
                     struct payload *payload)
{
    struct worker *w = arg;
    sender_send(&w->sender, claims, count, token, payload);
}

/* What it says of its endpoint is told once: to the queue, with the rest, or to the ledger, at once. */
static void on_attempt_ended(void *arg, struct attempt *attempt)
{
    struct worker *w = arg;
    if (w->feed.direct.on || !queue_up(w->queue)) {
        if (!attempt->finish.test)
            gatekeeper_learn(&w->gatekeeper, attempt->webhook, &attempt->verdict.news);
        attempt->verdict.news = (struct gate_news){0};
    }
    relay_hear(&w->relay, attempt);
    tally_count(&w->tally, attempt);
    recorder_add(&w->recorder, attempt);
}

static void on_over(void *arg, const struct attempt *attempt)
{
    struct worker *w = arg;
    relay_pass(&w->relay, attempt);
}

static void on_left(void *arg, const struct queue_ref *refs, size_t count, int64_t token)
{
    struct worker *w = arg;
    leases_give_back(&w->feed.leases, refs, count, token);
}

static void on_room(void *arg)
{
    struct worker *w = arg;
    feed_room(&w->feed);
}

static void on_wake(void *arg)
{
    struct worker *w = arg;
    feed_pump(&w->feed);
}

static void on_resynced(void *arg, int err, bool older)
{
    struct worker *w = arg;

    w->resync_op = NULL;
    w->resync_due = err < 0;
    if (err == 0 && older) {
        log_warn("queue_rebuild", "reason=\"Redis came back with older data\"");
        reconciler_refill(&w->reconciler);
    }
}

/* Not before the predecessor's leases are taken back: what it had in flight may then be claimed. */
static void resync(struct worker *w)
{
    struct queue_hand hand;

    if (!w->resync_due || w->resync_op != NULL || !queue_up(w->queue) || !feed_is_certain(&w->feed))
        return;
    struct queue_ref *refs = places_refs(&w->places, &hand);
    w->resync_op = queue_resync(w->queue, &hand, on_resynced, w);
    free(refs);
}

static void on_taken_over(void *arg)
{
    resync(arg);
}

static void on_learnt(void *arg)
{
    struct worker *w = arg;
    feed_pump(&w->feed);
}

/* After direct mode Redis knows neither what is in flight nor what was learnt: gates first, and then it is asked. */
static void on_redis_changed(void *arg)
{
    struct worker *w = arg;
    w->resync_due = true;
    if (w->feed.direct.on && queue_up(w->queue)) {
        log_info("queue_rebuild", "reason=\"Redis is back after direct mode\"");
        reconciler_refill(&w->reconciler);
    } else {
        resync(w);
        reconciler_sweep(&w->reconciler);
    }
    feed_redis_changed(&w->feed);
}

static void on_emptied(void *arg)
{
    struct worker *w = arg;
    w->resync_due = true;
    resync(w);
}

static void on_gates(void *arg)
{
    struct worker *w = arg;
    if (queue_up(w->queue))
        feed_end_direct(&w->feed);
}

static void on_direct_ended(void *arg)
{
    struct worker *w = arg;
    w->resync_due = true;
    resync(w);
    reconciler_sweep(&w->reconciler);
}

static void on_db_ready(void *arg)
{
    struct worker *w = arg;
    recorder_retry(&w->recorder); /* first: what it has not told yet is not to be sent again */
    reconciler_db_ready(&w->reconciler);
    feed_db_ready(&w->feed);
}

static void on_tick(void *arg)
{
    struct worker *w = arg;
    timeout_set(w->tick, TICK_MS);
    feed_tend(&w->feed);
    resync(w);
    reconciler_tick(&w->reconciler);
    janitor_tick(&w->janitor);
    tally_tick(&w->tally);
    crier_tick(&w->crier);
    inbox_tick(&w->inbox);
}

/* --- the drain -------------------------------------------------------------------------------- */

static void close_all(struct worker *w)
{
    timeout_destroy(w->tick);
    timeout_destroy(w->drain);
    queue_cancel(w->resync_op);
    feed_fini(&w->feed);
    recorder_fini(&w->recorder);
    sender_fini(&w->sender);
    pacer_fini(&w->pacer);
    relay_fini(&w->relay);
    gatekeeper_fini(&w->gatekeeper);
    reconciler_fini(&w->reconciler);
    janitor_fini(&w->janitor);
    tally_fini(&w->tally);
    accepts_destroy(w->accepts);
    crier_fini(&w->crier);
    jobs_fini(&w->jobs);
    inbox_fini(&w->inbox);
    queue_destroy(w->queue);
    db_destroy(w->db);
    places_fini(&w->places);
    slot_close(&w->slot);
}

/* Claims are answered or given back, what was sent is recorded, the queue is told if it is there. */
static bool is_drained(const struct worker *w)
{
    bool ended =
        places_count(&w->places) == 0 && sender_idle(&w->sender) && recorder_idle(&w->recorder);
    return (ended || w->gave_up) && feed_idle(&w->feed) && gatekeeper_idle(&w->gatekeeper) &&
           inbox_idle(&w->inbox) && (queue_pending(w->queue) == 0 || !queue_up(w->queue));
}

/* Others send it again; what is recorded all the same, by a statement under way, counts. */
static void give_up(struct worker *w)
{
    log_warn("worker_gives_up", "in_flight=%zu", places_count(&w->places));
    w->gave_up = true;
    sender_give_up(&w->sender);
    feed_give_up(&w->feed);
}

static void tell_drained(const struct worker *w)
{
    size_t left = leases_left(&w->feed.leases);

    if (left > 0)
        log_warn("leases_left", "count=%zu wait_ms=%d", left, DELIVERY_LEASE_MS);
    log_info("worker_stopped", "drained=%s in_flight=%zu dropped=%llu wrong_replies=%llu",
             is_drained(w) && !w->gave_up ? "true" : "false", places_count(&w->places),
             (unsigned long long)queue_dropped(w->queue),
             (unsigned long long)queue_wrong_replies(w->queue));
}

/* Waits for the last callbacks; there is no event for "all of it is quiet". */
static void on_drain(void *arg)
{
    struct worker *w = arg;
    int64_t now = clock_mono_ms();

    feed_tend(&w->feed);
    if (now >= w->give_up_ms && !w->gave_up && !is_drained(w))
        give_up(w);
    if (now < w->drain_ms && !(is_drained(w) && tally_end(&w->tally) && accepts_end(w->accepts))) {
        timeout_set(w->drain, DRAIN_TICK_MS);
        return;
    }
    CRASH_POINT("drain", "drained");
    tell_drained(w);
    close_all(w);
    CRASH_POINT("drain", "closed");
}

static void on_stop(void *arg)
{
    struct worker *w = arg;

    CRASH_POINT("drain", "begins");
    log_info("worker_draining", "in_flight=%zu", places_count(&w->places));
    timeout_clear(w->tick);
    feed_stop(&w->feed);
    relay_stop(&w->relay);
    pacer_stop(&w->pacer);
    jobs_stop(&w->jobs);
    inbox_stop(&w->inbox);
    w->give_up_ms = clock_mono_ms() + GIVE_UP_MS;
    w->drain_ms = clock_mono_ms() + DRAIN_MS;
    timeout_set(w->drain, 0);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void connect_stores(struct worker *w, const struct config *config)
{
    w->queue =
        queue_create(w->loop, &(struct queue_config){.url = config->redis_url,
                                                     .ca_file = config->ca_file,
                                                     .sentinel_password = config->sentinel_password,
                                                     .owner = w->slot.owner,
                                                     .on_wake = on_wake,
                                                     .on_up = on_redis_changed,
                                                     .on_down = on_redis_changed,
                                                     .arg = w});
    w->db = db_create(w->loop, &(struct db_config){.url = config->database_url,
                                                   .session = store_worker_session,
                                                   .stmts = store_worker_stmts,
                                                   .connections = DB_CONNECTIONS,
                                                   .queue_max = DB_QUEUE_MAX,
                                                   .patience_ms = DB_PATIENCE_MS,
                                                   .on_ready = on_db_ready,
                                                   .arg = w});
}

struct worker *worker_create(const struct settings *settings)
{
    const struct config *config = &settings->config;
    struct worker *w = xcalloc(1, sizeof *w);

    if (slot_open(&w->slot, config->database_url) < 0) {
        free(w);
        return NULL;
    }
    w->loop = loop_create(on_stop, w);
    connect_stores(w, config);
    places_init(&w->places, (size_t)config->worker_in_flight,
                ((size_t)config->worker_mib << 20) / (size_t)config->worker_threads);
    gatekeeper_init(&w->gatekeeper, w->loop, w->db, on_learnt, w);
    feed_init(&w->feed,
              &(struct feed_config){w->loop, w->db, w->queue, &w->places, &w->gatekeeper, &w->relay,
                                    w->slot.owner, on_claims, on_taken_over, on_direct_ended, w});
    relay_init(&w->relay, w->loop, w->queue, &w->places,
               &(struct relay_hooks){on_next, on_left, w});
    pacer_init(&w->pacer, w->loop, w->db, &w->places, &(struct pacer_hooks){on_paced, on_left, w});
    sender_init(&w->sender, w->loop, settings, &w->places,
                &(struct sender_hooks){on_attempt_ended, on_left, w});
    recorder_init(&w->recorder, &(struct recorder_config){w->loop, w->db, w->queue, &w->places,
                                                          on_room, on_over, on_left, w});
    reconciler_init(&w->reconciler, w->db, w->queue,
                    &(struct reconciler_hooks){on_emptied, on_gates}, w);
    janitor_init(&w->janitor, w->db, config);
    tally_init(&w->tally, w->db);
    crier_init(&w->crier, w->db);
    jobs_init(&w->jobs, w->loop, w->db, w->queue);
    w->accepts = accepts_create(w->loop, w->db);
    inbox_init(&w->inbox, w->loop, config->database_url, w->queue, w->accepts,
               config->retention_days);
    w->drain = timeout_create(w->loop, on_drain, w);
    w->tick = timeout_create(w->loop, on_tick, w);
    timeout_set(w->tick, 0);
    return w;
}

void worker_run(struct worker *w)
{
    loop_run(w->loop);
}

void worker_stop(struct worker *w)
{
    loop_stop(w->loop);
}

void worker_destroy(struct worker *w)
{
    if (w == NULL)
        return;
    loop_destroy(w->loop);
    free(w);
}
