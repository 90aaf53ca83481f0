/* Asks for as much as there is room for, and asks again when there is room, or something may be due. */
#include "feed.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define REDIS_PATIENCE_MS 1000 /* away for longer: direct mode */

static void on_timeout(void *arg);

static void leave_direct(struct feed *feed)
{
    feed->direct.on = false;
    metric_add(METRIC_DIRECT_MODE, -1);
    log_info("direct_mode", "on=false");
    feed->config.on_direct_ended(feed->config.arg);
    feed_pump(feed);
}

static void on_leases(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    struct feed *feed = arg;
    if (count > 0)
        feed->config.on_claims(feed->config.arg, claims, count, token);
    if (feed->direct.on && direct_has_ended(&feed->direct) && !feed->leases.stopping)
        leave_direct(feed);
    feed_room(feed);
}

static void on_taken_over(void *arg)
{
    struct feed *feed = arg;
    feed->config.on_taken_over(feed->config.arg);
}

void feed_init(struct feed *feed, const struct feed_config *config)
{
    struct leases_config leases = {
        config->db, config->queue, config->places, config->owner, on_leases, on_taken_over, feed};

    *feed = (struct feed){.config = *config};
    leases_init(&feed->leases, &leases);
    direct_init(&feed->direct, config->loop, &feed->leases, config->gatekeeper);
    feed->timeout = timeout_create(config->loop, on_timeout, feed);
    timeout_set(feed->timeout, REDIS_PATIENCE_MS);
}

void feed_fini(struct feed *feed)
{
    queue_cancel(feed->queue_op);
    direct_fini(&feed->direct);
    timeout_destroy(feed->timeout);
    leases_fini(&feed->leases);
}

void feed_stop(struct feed *feed)
{
    leases_stop(&feed->leases);
    direct_end(&feed->direct);
}

void feed_give_up(struct feed *feed)
{
    leases_give_up(&feed->leases);
}

bool feed_idle(const struct feed *feed)
{
    return feed->queue_op == NULL && leases_idle(&feed->leases);
}

bool feed_is_certain(const struct feed *feed)
{
    return feed->leases.owned.certain && feed->queue_op == NULL && !feed->direct.asking;
}

/* Who hears no wake has to look. */
void feed_tend(struct feed *feed)
{
    leases_tend(&feed->leases);
    if (!feed->direct.on && queue_up(feed->config.queue) && !queue_hears(feed->config.queue))
        feed_pump(feed);
}

void feed_db_ready(struct feed *feed)
{
    leases_doubt(&feed->leases);
    feed_pump(feed);
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
    size_t count = result->count + result->ahead_count;
    if (count > 0)
        leases_claim(&feed->leases, result);
    feed->starved = feed->starved || result->crowded;
    if (result->next_ms > 0)
        timeout_set(feed->timeout, result->next_ms);
    bool more = result->next_ms == 0 || count == feed->asked || feed->woken;
    if (more || (result->crowded && feed->freed))
        feed_pump(feed);
}

static struct queue_op *ask_queue(struct feed *feed, size_t max)
{
    struct queue_room room = places_room(feed->config.places, max);
    struct queue_ahead ahead[RELAY_TRACKS];
    room.ahead = ahead;
    room.ahead_count = relay_room(feed->config.relay, ahead);
    return queue_claim(feed->config.queue, &room, on_queue_claim, feed);
}

static void pump_queue(struct feed *feed)
{
    size_t max = leases_room(&feed->leases);

    if (feed->queue_op != NULL) {
        feed->woken = true;
        return;
    }
    feed->starved = max == 0;
    if (max == 0 || !queue_up(feed->config.queue))
        return;
    feed->woken = feed->freed = false;
    feed->asked = max;
    feed->queue_op = ask_queue(feed, max);
}

void feed_pump(struct feed *feed)
{
    if (feed->direct.on)
        direct_pump(&feed->direct);
    else
        pump_queue(feed);
}

void feed_room(struct feed *feed)
{
    feed->freed = true;
    if (feed->direct.on)
        direct_room(&feed->direct);
    else if (feed->starved)
        pump_queue(feed);
}

static void on_timeout(void *arg)
{
    struct feed *feed = arg;

    if (queue_up(feed->config.queue)) {
        feed_pump(feed);
    } else if (!feed->direct.on && !feed->leases.stopping) {
        log_warn("direct_mode", "on=true");
        metric_add(METRIC_DIRECT_MODE, 1);
        direct_start(&feed->direct);
    }
}

void feed_redis_changed(struct feed *feed)
{
    bool up = queue_up(feed->config.queue);

    if (feed->direct.on && !up)
        direct_start(&feed->direct); /* it may have been about to end */
    else if (up)
        feed_pump(feed);
    else
        timeout_set(feed->timeout, REDIS_PATIENCE_MS);
}

void feed_end_direct(struct feed *feed)
{
    if (!feed->direct.on)
        return;
    direct_end(&feed->direct);
    if (direct_has_ended(&feed->direct))
        leave_direct(feed);
}
