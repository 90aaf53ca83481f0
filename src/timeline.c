/* The words of a timeline. */
#include "timeline.h"

#include "base/clock.h"
#include "core/webhook.h"

static void add_time(struct buf *out, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    buf_add_text(out, clock_text(text, ms, CLOCK_MILLIS));
}

static void add_id(struct buf *out, const char *prefix, struct id id)
{
    char text[ID_TEXT_SIZE];
    buf_add_text(out, id_text(text, prefix, id));
}

static void begin(struct buf *out, int64_t ms)
{
    add_time(out, ms);
    buf_add_text(out, "  ");
}

static void add_span(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000;

    if (seconds < 60)
        buf_printf(out, "%.1f s", (double)ms / 1000);
    else if (seconds < 3600)
        buf_printf(out, "%d min %d s", (int)(seconds / 60), (int)(seconds % 60));
    else
        buf_printf(out, "%lld h %d min", (long long)(seconds / 3600), (int)(seconds / 60 % 60));
}

/* "2026-01-02T03:04:05.678Z (in 4.2 s)". */
static void add_moment(struct buf *out, int64_t ms, int64_t now_ms)
{
    add_time(out, ms);
    buf_add_text(out, ms >= now_ms ? " (in " : " (");
    add_span(out, ms >= now_ms ? ms - now_ms : now_ms - ms);
    buf_add_text(out, ms >= now_ms ? ")" : " ago)");
}

static void add_erased(struct buf *out, int64_t ms)
{
    buf_add_text(out, "erased at ");
    add_time(out, ms);
}

void timeline_event(struct buf *out, const struct trace *t)
{
    begin(out, id_time_ms(t->event));
    buf_add_text(out, "event ");
    add_id(out, t->test ? ID_TEST_EVENT : ID_EVENT, t->event);
    buf_printf(out, " accepted: %.*s, ", STR_FMT(t->type));
    if (t->erased_ms == 0)
        buf_printf(out, "%lld bytes", (long long)t->bytes);
    else
        add_erased(out, t->erased_ms);
    buf_add_text(out, ", app ");
    add_id(out, ID_APP, t->app);
    buf_add_text(out, "\n");
}

/* --- the delivery ----------------------------------------------------------------------------- */

static void add_state(struct buf *out, const struct trace *t)
{
    const struct delivery *d = &t->delivery;
    int64_t ended = d->attempts - (t->lease_ms > 0); /* the claim has counted the one under way */

    buf_add_text(out, str_name(delivery_state_names, d->state));
    if (d->completed_ms > 0) {
        buf_add_text(out, " at ");
        add_time(out, d->completed_ms);
    }
    buf_printf(out, " after %lld attempt%s", (long long)ended, ended == 1 ? "" : "s");
    if (delivery_end_text(d->last_error) != NULL && d->completed_ms > 0)
        buf_printf(out, ": %s", delivery_end_text(d->last_error));
    if (d->next_ms > 0 && t->lease_ms == 0) {
        buf_add_text(out, ", the next is due at ");
        add_moment(out, d->next_ms, t->now_ms);
    }
}

void timeline_delivery(struct buf *out, const struct trace *t, bool ends)
{
    struct str to = webhook_origin(t->delivery.url);

    begin(out, t->delivery.created_ms);
    buf_add_text(out, "delivery ");
    add_id(out, ID_DELIVERY, t->delivery.id);
    buf_add_text(out, " made for webhook ");
    add_id(out, ID_WEBHOOK, t->delivery.webhook);
    buf_printf(out, " (%.*s, profile %.*s, %s)", STR_FMT(to), STR_FMT(t->profile),
               t->deleted ? "deleted" : str_name(webhook_status_names, t->status));
    if (ends) {
        buf_add_text(out, ": ");
        add_state(out, t);
    }
    buf_add_text(out, "\n");
}

/* --- attempts --------------------------------------------------------------------------------- */

/* Not the error's text when there was an answer: it says where a redirect leads, which may be secret. */
static void add_outcome(struct buf *out, const struct attempt_row *a)
{
    const char *code = attempt_error_code(a->error);

    if (a->answered)
        buf_printf(out, "the receiver answered %lld", (long long)a->code);
    else
        buf_add_str(out, a->error_text);
    if (code != NULL)
        buf_printf(out, " (%s)", code);
}

static void add_ms(struct buf *out, const char *what, int64_t us)
{
    buf_printf(out, "%s %.1f ms", what, (double)us / 1000);
}

void timeline_attempt(struct buf *out, const struct attempt_row *a)
{
    begin(out, a->started_ms);
    buf_printf(out, "attempt %lld", (long long)a->number);
    if (a->address.n > 0)
        buf_printf(out, " to %.*s", STR_FMT(a->address));
    buf_add_text(out, ": ");
    add_outcome(out, a);
    add_ms(out, "; dns", a->dns_us);
    add_ms(out, ", connect", a->connect_us);
    add_ms(out, ", tls", a->tls_us);
    add_ms(out, ", first byte", a->first_byte_us);
    add_ms(out, ", total", a->total_us);
    buf_add_text(out, "\n");
}

/* --- now -------------------------------------------------------------------------------------- */

static const char *const disabled_sentences[] = {
    [DISABLED_NOT] = "its webhook is disabled: it waits until the webhook is active again",
    [DISABLED_BY_API] = "its webhook is disabled: it waits until the webhook is active again",
    [DISABLED_GONE] = "its webhook was disabled when the receiver answered 410: it waits until the "
                      "webhook is active again",
    [DISABLED_FAILING] =
        "its webhook was disabled after days without a success: it waits until the "
        "webhook is active again",
};

/* A test goes out whatever its webhook's status. */
static const char *status_obstacle(const struct trace *t)
{
    if (t->deleted)
        return "its webhook is deleted: it will be cancelled";
    if (t->delivery.test)
        return NULL;
    if (t->status == WEBHOOK_PAUSED)
        return "its webhook is paused: it waits until the webhook is active again";
    if (t->status == WEBHOOK_LISTENING)
        return "its webhook has no URL: it waits until somebody listens";
    if (t->status == WEBHOOK_DISABLED)
        return disabled_sentences[t->disabled_reason];
    return t->delivery.state == DELIVERY_HELD ? "its webhook is active again: it will go on soon"
                                              : NULL;
}

static const char *const gate_sentences[] = {
    [GATE_FAILING] = "its receiver is failing",
    [GATE_LIMITED] = "its receiver was too slow or too busy",
    [GATE_PAUSED] = "its receiver asked for a pause",
    [GATE_BROKEN] = "its receiver seems to be dead and is only probed",
};

static void add_gate(struct buf *out, const struct trace *t, enum gate_health health)
{
    const struct gate *gate = &t->gate;
    const char *code = attempt_error_code(gate->error);

    buf_add_text(out, gate_sentences[health]);
    if (gate->until_ms > t->now_ms) {
        buf_add_text(out, "; nothing is sent to it before ");
        add_moment(out, gate->until_ms, t->now_ms);
    }
    buf_printf(out, "; at most %d at once", gate_width(gate, (int)t->concurrency));
    if (gate->failures > 0) {
        buf_printf(out, "; %d failed since ", gate->failures);
        add_time(out, gate->failing_ms);
        buf_printf(out, ", the last with %s", code != NULL ? code : "no error");
    }
}

static void add_lane(struct buf *out, const struct trace *t)
{
    if (id_eq(t->before, (struct id){0})) {
        buf_add_text(out, "it is first in its order now: it will go on soon");
    } else {
        buf_add_text(out, "its order: it waits until delivery ");
        add_id(out, ID_DELIVERY, t->before);
        buf_add_text(out, " and what is between them has ended");
    }
}

static void add_obstacle(struct buf *out, const struct trace *t)
{
    const char *obstacle = status_obstacle(t);
    enum gate_health health = gate_health(&t->gate, t->now_ms);

    if (obstacle == NULL && health == GATE_HEALTHY && !t->delivery.asleep)
        return;
    begin(out, t->now_ms);
    buf_add_text(out, "held up: ");
    if (obstacle != NULL)
        buf_add_text(out, obstacle);
    else if (t->delivery.asleep)
        add_lane(out, t);
    else
        add_gate(out, t, health);
    buf_add_text(out, "\n");
}

void timeline_now(struct buf *out, const struct trace *t)
{
    begin(out, t->now_ms);
    buf_add_text(out, "now: ");
    add_state(out, t);
    buf_add_text(out, "\n");
    if (t->lease_ms > 0) {
        begin(out, t->now_ms);
        buf_printf(out, "a worker has it, token=%016llx, until ", (unsigned long long)t->token);
        add_moment(out, t->lease_ms, t->now_ms);
        buf_add_text(out, "\n");
    }
    if (t->delivery.state == DELIVERY_PENDING || t->delivery.state == DELIVERY_HELD)
        add_obstacle(out, t);
}
