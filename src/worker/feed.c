/* Asks for as much as there is room for, and asks again when there is room, or something may be due. */
#include "feed.h"

#include "base/clock.h"
#include "base/log.h"

#define REDIS_PATIENCE_MS 1000 /* away for longer: direct mode */
#define DIRECT_PERIOD_MS  250

static void on_timeout(void *arg);

static void on_leases(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    struct feed *feed = arg;
    if (count > 0)
        feed->config.on_claims(feed->config.arg, claims, count, token);
    feed_room(feed);
}

void feed_init(struct feed *feed, const struct feed_config *config)
{
    struct leases_config leases = {config->db,    config->queue, config->places,
                                   config->owner, on_leases,     feed};

    *feed = (struct feed){.config = *config};
    leases_init(&feed->leases, &leases);
    feed->timeout = timeout_create(config->loop, on_timeout, feed);
    timeout_set(feed->timeout, REDIS_PATIENCE_MS);
}

void feed_fini(struct feed *feed)
{
    queue_cancel(feed->queue_op);
    db_cancel(feed->direct_op);
    timeout_destroy(feed->timeout);
    leases_fini(&feed->leases);
}

void feed_stop(struct feed *feed)
{
    leases_stop(&feed->leases);
}

bool feed_idle(const struct feed *feed)
{
    return feed->queue_op == NULL && feed->direct_op == NULL && leases_idle(&feed->leases);
}

void feed_tend(struct feed *feed)
{
    leases_tend(&feed->leases);
}

void feed_pause(struct feed *feed, struct id webhook, int64_t delay_ms)
{
    pauses_set(&feed->pauses, webhook, clock_mono_ms() + delay_ms);
}

/* Puts back those whose webhook pauses, and claims the rest. */
static void claim(struct feed *feed, const struct queue_ref *refs, size_t count)
{
    struct queue_ref due[LEASES_MAX];
    int64_t now_ms = clock_mono_ms();
    size_t n = 0;

    assert(count <= LEASES_MAX);
    for (size_t i = 0; i < count; i++) {
        int64_t left_ms = pauses_left_ms(&feed->pauses, refs[i].webhook, now_ms);
        struct queue_ack later = {refs[i].delivery, refs[i].webhook, left_ms};
        if (left_ms > 0)
            queue_ack(feed->config.queue, &later, 1);
        else
            due[n++] = refs[i];
    }
    if (n > 0)
        leases_claim(&feed->leases, due, n);
}

static void on_queue_claim(void *arg, int err, const struct queue_claim *result)
{
    struct feed *feed = arg;

    feed->queue_op = NULL;
    if (err < 0) {
        timeout_set(feed->timeout, REDIS_PATIENCE_MS);
        feed_room(feed);
        return;
    }
    if (result->count > 0)
        claim(feed, result->refs, result->count);
    if (result->next_ms > 0)
        timeout_set(feed->timeout, result->next_ms);
    if (result->next_ms == 0 || result->count == feed->asked || feed->woken)
        feed_pump(feed);
    feed_room(feed);
}

static void on_direct(void *arg, int err, const struct db_rows *rows)
{
    struct feed *feed = arg;
    struct queue_ref refs[LEASES_MAX];
    struct queue_row row;
    size_t count = err == 0 ? (size_t)db_count(rows) : 0, room = leases_room(&feed->leases);

    feed->direct_op = NULL;
    count = count < room ? count : room;
    for (size_t i = 0; i < count; i++) {
        queue_row_read(rows, (int)i, &row);
        refs[i] = (struct queue_ref){row.delivery, row.webhook};
    }
    if (count > 0)
        claim(feed, refs, count);
    timeout_set(feed->timeout, DIRECT_PERIOD_MS);
    feed_room(feed);
}

void feed_pump(struct feed *feed)
{
    const struct feed_config *c = &feed->config;
    size_t max = leases_room(&feed->leases);

    if (feed->queue_op != NULL) {
        feed->woken = true;
        return;
    }
    feed->starved = max == 0;
    if (max == 0)
        return;
    if (queue_up(c->queue)) {
        feed->woken = false;
        feed->asked = max;
        feed->queue_op = queue_claim(c->queue, max, on_queue_claim, feed);
    } else if (feed->direct && feed->direct_op == NULL && !timeout_is_set(feed->timeout)) {
        feed->direct_op = work_direct(c->db, (int)max, DIRECT_PERIOD_MS, on_direct, feed);
    }
}

void feed_room(struct feed *feed)
{
    if (feed->starved)
        feed_pump(feed);
}

static void on_timeout(void *arg)
{
    struct feed *feed = arg;

    if (!queue_up(feed->config.queue) && !feed->direct) {
        feed->direct = true;
        log_warn("direct_mode", "on=true");
    }
    feed_pump(feed);
    /* Nothing could start: without this, direct mode would not look again. */
    if (feed->direct && feed->direct_op == NULL && !feed->leases.stopping)
        timeout_set(feed->timeout, DIRECT_PERIOD_MS);
}

void feed_redis_changed(struct feed *feed)
{
    bool up = queue_up(feed->config.queue);

    if (up && feed->direct) {
        feed->direct = false;
        log_info("direct_mode", "on=false");
    }
    if (up)
        feed_pump(feed);
    else
        timeout_set(feed->timeout, REDIS_PATIENCE_MS);
}
