/* When to ask: at once while there is more, when room comes for what was left, at the time that the answer names, soon
 * after something was found, and else four times a second, which is one look at an index when nothing is due. A round
 * that finds nothing, though something is due that may not be sent yet, takes a quarter of the time at most. */
#include "direct.h"

#include "base/clock.h"

#define PERIOD_MS    250
#define PACE_MS      50 /* between askings for what is named for later; a rate's burst is longer */
#define TURN_MS      10 /* another worker is asking */
#define WEBHOOKS_MIN 16
#define WEBHOOKS_MAX 256

static void on_timeout(void *arg);

static void begin_round(struct direct *d)
{
    d->after = (struct id){0};
    d->round_left = false;
    d->round_next_ms = INT64_MAX;
}

void direct_init(struct direct *d, struct loop *loop, struct leases *leases,
                 const struct gatekeeper *gatekeeper)
{
    *d = (struct direct){.leases = leases, .gatekeeper = gatekeeper, .webhooks = WEBHOOKS_MIN};
    d->timeout = timeout_create(loop, on_timeout, d);
    begin_round(d);
}

void direct_fini(struct direct *d)
{
    timeout_destroy(d->timeout);
}

/* How long to wait after an answer. Few webhooks are looked at while each has much, many while there is little. */
static int64_t go_on(struct direct *d, const struct work_due *due, size_t count)
{
    int64_t now = d->told_ms, took_ms = now - d->asked_ms, wait_ms;
    bool full = count == d->asked;

    d->webhooks = full ? d->webhooks / 2 : d->webhooks * 2;
    d->webhooks = d->webhooks < WEBHOOKS_MIN   ? WEBHOOKS_MIN
                  : d->webhooks > WEBHOOKS_MAX ? WEBHOOKS_MAX
                                               : d->webhooks;
    d->after = due->after;
    d->left = d->left || due->left;
    d->round_left = d->round_left || due->left;
    if (due->next_ms >= 0 && now + due->next_ms < d->round_next_ms)
        d->round_next_ms = now + due->next_ms;
    d->period_ms = count > 0                      ? PACE_MS
                   : d->period_ms < PERIOD_MS / 2 ? 2 * d->period_ms
                                                  : PERIOD_MS;
    wait_ms = d->period_ms;
    if (full || (!due->end && count > 0))
        wait_ms = 0;
    else if (!due->end)
        wait_ms = 3 * took_ms + 1;
    else if (d->round_next_ms < now + wait_ms)
        wait_ms = d->round_next_ms > now + PACE_MS ? d->round_next_ms - now : PACE_MS;
    if (due->end) {
        d->left = d->round_left;
        begin_round(d);
    }
    return wait_ms;
}

static void on_due(void *arg, int err, const struct work_due *due, size_t count)
{
    struct direct *d = arg;

    d->asking = false;
    d->told_ms = clock_mono_ms();
    if (!d->ending)
        timeout_set(d->timeout, err < 0 ? PERIOD_MS : !due->mine ? TURN_MS : go_on(d, due, count));
}

static void ask(struct direct *d)
{
    struct work_ask ask = {.after = d->after, .webhooks = d->webhooks};

    if (!d->on || d->ending || d->asking)
        return;
    timeout_set(d->timeout, PERIOD_MS);
    if (leases_room(d->leases) == 0 || !gatekeeper_idle(d->gatekeeper)) {
        d->left = true;
        return;
    }
    d->asking = true;
    d->asked_ms = clock_mono_ms();
    leases_claim_due(d->leases, &ask, on_due, d);
    d->asked = ask.room.max;
}

static void on_timeout(void *arg)
{
    ask(arg);
}

void direct_pump(struct direct *d)
{
    ask(d);
}

/* Not sooner than the last asking took, so that PostgreSQL has as much time for the rest. */
void direct_room(struct direct *d)
{
    if (!d->on || d->ending || d->asking || !d->left)
        return;
    int64_t wait_ms = 2 * d->told_ms - d->asked_ms - clock_mono_ms();
    if (wait_ms > 0)
        timeout_set(d->timeout, wait_ms);
    else
        ask(d);
}

void direct_start(struct direct *d)
{
    d->on = true;
    d->ending = false;
    d->period_ms = PERIOD_MS;
    begin_round(d);
    ask(d);
}

void direct_end(struct direct *d)
{
    d->ending = true;
    timeout_clear(d->timeout);
}

bool direct_has_ended(const struct direct *d)
{
    return d->ending && !d->asking;
}
