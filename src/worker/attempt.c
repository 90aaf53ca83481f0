/* An attempt: from a claim to a verdict. */
#include "attempt.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>

const char *attempt_text(char out[ATTEMPT_TEXT_SIZE], const struct attempt *a)
{
    char delivery[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE], event[ID_TEXT_SIZE];

    snprintf(out, ATTEMPT_TEXT_SIZE, "delivery=%s webhook=%s event_id=%s attempt=%lld",
             id_text(delivery, ID_DELIVERY, a->finish.delivery),
             id_text(webhook, ID_WEBHOOK, a->webhook),
             id_text(event, a->finish.test ? ID_TEST_EVENT : ID_EVENT, a->event),
             (long long)a->finish.number);
    return out;
}

#define BIT(state) (1U << ATTEMPT_##state)

static const struct {
    const char *name;
    unsigned next; /* where it may go from there */
} states[] = {
    [ATTEMPT_WAITING] = {"waiting", BIT(RESOLVING) | BIT(ENDED)},
    [ATTEMPT_RESOLVING] = {"resolving", BIT(SENDING) | BIT(ENDED)},
    [ATTEMPT_SENDING] = {"sending", BIT(ENDED)},
    [ATTEMPT_ENDED] = {"ended", BIT(RECORDED)},
    [ATTEMPT_RECORDED] = {"recorded", 0},
};

void attempt_move(struct attempt *a, enum attempt_state to)
{
    char text[ATTEMPT_TEXT_SIZE];

    assert((states[a->state].next >> to & 1) != 0);
    log_debug("attempt_state", "%s from=%s to=%s", attempt_text(text, a), states[a->state].name,
              states[to].name);
    a->state = to;
}

struct attempt *attempt_create(const struct claim *c, int64_t token, struct sending *sending)
{
    struct attempt *a = xcalloc(1, sizeof *a);

    list_init(&a->node);
    a->sending = sending;
    a->ref = c->ref;
    a->event = c->content.event;
    a->webhook = c->to.webhook;
    a->concurrency = c->concurrency;
    a->behind = !c->laned && !c->content.test && c->batch_max <= 1 && c->concurrency > 1;
    a->step = (int)c->step;
    a->waits = (int)c->waits;
    a->waited_ms = c->waited_ms;
    a->finish.delivery = c->content.delivery;
    a->finish.token = token;
    a->finish.test = c->content.test;
    a->finish.number = c->content.attempt;
    return a;
}

static const char *name_of(enum attempt_error error, const char *none)
{
    return error == ATTEMPT_OK ? none : attempt_error_code(error);
}

static void tell_end(const struct attempt *a, const struct attempt_seen *seen)
{
    char text[ATTEMPT_TEXT_SIZE];
    const struct verdict *v = &a->verdict;

    log_debug("attempt_end", "%s outcome=%s status=%d ms=%lld", attempt_text(text, a),
              name_of(seen->transport, "answered"), seen->status,
              (long long)a->finish.total_us / 1000);
    log_debug("verdict", "%s state=%s error=%s delay_ms=%lld step=%d keeps_step=%d pause_ms=%lld",
              attempt_text(text, a), delivery_state_names[v->state], name_of(v->error, "none"),
              (long long)v->delay_ms, a->step, v->keeps_step, (long long)v->news.pause_ms);
}

void attempt_end(struct attempt *a, const struct finish *result, const struct attempt_seen *seen,
                 const struct schedule *schedule)
{
    struct finish finish = *result;
    struct attempt_seen own = *seen;

    attempt_move(a, ATTEMPT_ENDED);
    own.step = a->step;
    own.waits = a->waits;
    own.waited_ms = a->waited_ms;
    own.once = a->finish.test;
    a->verdict = delivery_judge(schedule, &own);
    a->verdict.news.took_ms = (int32_t)(result->total_us / 1000);
    a->ended_ms = clock_mono_ms();
    finish.delivery = a->finish.delivery;
    finish.event = a->event;
    finish.webhook = a->webhook;
    if (!a->verdict.disable)
        finish.gone = (struct str){0};
    finish.token = a->finish.token;
    finish.test = a->finish.test;
    finish.number = a->finish.number;
    finish.state = a->verdict.state;
    finish.error = a->verdict.error;
    finish.delay_ms = a->verdict.delay_ms;
    finish.keeps_step = a->verdict.keeps_step;
    a->finish = finish;
    tell_end(a, &own);
}

/* What ends a delivery without an attempt is no error of one. */
void attempt_count(const struct attempt *a, bool moved)
{
    int error = a->finish.error;

    metric_add(error == ATTEMPT_OK ? METRIC_ATTEMPTS_SUCCEEDED : METRIC_ATTEMPTS_FAILED, 1);
    if (error > ATTEMPT_OK && error <= ATTEMPT_TOKEN_FAILED)
        metric_add((enum metric)(METRIC_ERROR_FIRST + error - 1), 1);
    metric_add(METRIC_RETRIES, a->finish.number > 1);
    metric_add(METRIC_DELIVERIES_DELIVERED, moved && a->finish.state == DELIVERY_DELIVERED);
}
