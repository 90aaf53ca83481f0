/* States, moves and verdicts, as tables. */
#include "core/delivery.h"

const char *const delivery_state_names[] = {"pending",   "delivered", "failed",
                                            "cancelled", "held",      NULL};

#define BIT(state) (1U << DELIVERY_##state)

/* For each actor and state: the states it may go to. */
static const unsigned moves[][DELIVERY_STATES] = {
    [ACTOR_ATTEMPT] =
        {
            [DELIVERY_PENDING] = BIT(PENDING) | BIT(DELIVERED) | BIT(FAILED),
            [DELIVERY_FAILED] = BIT(DELIVERED),
            [DELIVERY_CANCELLED] = BIT(DELIVERED),
            [DELIVERY_HELD] = BIT(DELIVERED),
        },
    [ACTOR_SERVICE] =
        {
            [DELIVERY_PENDING] = BIT(HELD) | BIT(CANCELLED),
            [DELIVERY_HELD] = BIT(PENDING) | BIT(CANCELLED),
        },
    [ACTOR_PERSON] =
        {
            [DELIVERY_PENDING] = BIT(PENDING) | BIT(CANCELLED),
            [DELIVERY_DELIVERED] = BIT(PENDING),
            [DELIVERY_FAILED] = BIT(PENDING),
            [DELIVERY_CANCELLED] = BIT(PENDING),
            [DELIVERY_HELD] = BIT(PENDING) | BIT(CANCELLED),
        },
};

bool delivery_may_move(enum delivery_actor actor, enum delivery_state from, enum delivery_state to)
{
    return (moves[actor][from] >> to & 1) != 0;
}

static const char *const error_codes[] = {
    [ATTEMPT_BAD_URL] = "bad_url",
    [ATTEMPT_DNS_FAILED] = "dns_failed",
    [ATTEMPT_FORBIDDEN] = "address_forbidden",
    [ATTEMPT_CONNECT_FAILED] = "connect_failed",
    [ATTEMPT_TLS_FAILED] = "tls_failed",
    [ATTEMPT_TIMED_OUT] = "timed_out",
    [ATTEMPT_CONNECTION_LOST] = "connection_lost",
    [ATTEMPT_BAD_RESPONSE] = "bad_response",
    [ATTEMPT_HTTP_STATUS] = "http_status",
    [ATTEMPT_REDIRECT] = "redirect",
    [ATTEMPT_GONE] = "gone",
    [ATTEMPT_INTERNAL] = "internal",
};

const char *attempt_error_code(int error)
{
    return error > 0 && (size_t)error < ARRAY_LEN(error_codes) ? error_codes[error] : NULL;
}

static enum attempt_error classify(const struct attempt_seen *seen)
{
    if (seen->transport != ATTEMPT_OK)
        return seen->transport;
    if (seen->status >= 200 && seen->status <= 299)
        return ATTEMPT_OK;
    if (seen->status == 410)
        return ATTEMPT_GONE;
    return seen->status >= 300 && seen->status <= 399 ? ATTEMPT_REDIRECT : ATTEMPT_HTTP_STATUS;
}

struct verdict delivery_judge(const struct schedule *schedule, const struct attempt_seen *seen)
{
    struct verdict v = {.state = DELIVERY_FAILED, .error = classify(seen)};

    if (v.error == ATTEMPT_OK) {
        v.state = DELIVERY_DELIVERED;
        return v;
    }
    v.disable = v.error == ATTEMPT_GONE && !seen->once;
    int64_t step_ms = seen->once ? -1 : schedule_delay_ms(schedule, seen->step);
    if (v.error == ATTEMPT_GONE || step_ms < 0)
        return v;
    v.state = DELIVERY_PENDING;
    v.delay_ms = step_ms;
    if ((seen->status == 429 || seen->status == 503) && seen->retry_after.p != NULL) {
        int64_t asked = retry_after_ms(seen->retry_after, seen->now_ms);
        if (asked > v.delay_ms)
            v.delay_ms = asked;
    }
    return v;
}
