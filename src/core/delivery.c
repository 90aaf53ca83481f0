/* States, moves and verdicts, as tables. */
#include "core/delivery.h"

#include "base/header.h"
#include "base/json.h"

#include <json-c/json.h>

#include <stdio.h>

#define WAIT_UNSAID_MS    5000 /* after a 429 that asks for no time */
#define WAIT_FLOOR_MAX_MS 3600000

const char *const delivery_state_names[] = {"pending",   "delivered", "failed",
                                            "cancelled", "held",      NULL};

#define BIT(state) (1U << DELIVERY_##state)

/* For each actor and state: the states it may go to. From a state to itself: it begins anew. The
 * store's statements make these moves and no others: tests/unit/moves_test.c. */
static const unsigned moves[DELIVERY_ACTORS][DELIVERY_STATES] = {
    [ACTOR_ATTEMPT] =
        {
            [DELIVERY_PENDING] = BIT(PENDING) | BIT(DELIVERED) | BIT(FAILED),
            [DELIVERY_FAILED] = BIT(DELIVERED),
            [DELIVERY_CANCELLED] = BIT(DELIVERED),
            [DELIVERY_HELD] = BIT(DELIVERED),
        },
    [ACTOR_SERVICE] =
        {
            [DELIVERY_PENDING] = BIT(HELD) | BIT(CANCELLED) | BIT(FAILED),
            [DELIVERY_HELD] = BIT(PENDING) | BIT(CANCELLED),
        },
    [ACTOR_PERSON] =
        {
            [DELIVERY_PENDING] = BIT(PENDING) | BIT(CANCELLED),
            [DELIVERY_DELIVERED] = BIT(PENDING) | BIT(HELD),
            [DELIVERY_FAILED] = BIT(PENDING) | BIT(HELD),
            [DELIVERY_CANCELLED] = BIT(PENDING) | BIT(HELD),
            [DELIVERY_HELD] = BIT(PENDING) | BIT(HELD) | BIT(CANCELLED),
        },
    [ACTOR_LISTENER] =
        {
            [DELIVERY_HELD] = BIT(DELIVERED) | BIT(FAILED),
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
    [ATTEMPT_UNRECORDED] = "unrecorded",
    [ATTEMPT_UNSENDABLE] = "unsendable",
    [ATTEMPT_TOKEN_FAILED] = "token_failed",
    [DELIVERY_EXPIRED] = "expired",
    [DELIVERY_SUPERSEDED] = "superseded",
    [DELIVERY_ERASED] = "event_erased",
    [DELIVERY_CRASHED] = "worker_crashed",
};

const char *attempt_error_code(int error)
{
    return error > 0 && (size_t)error < ARRAY_LEN(error_codes) ? error_codes[error] : NULL;
}

int attempt_error_of(struct str code)
{
    for (int error = 1; error < ATTEMPT_ERRORS; error++)
        if (attempt_error_code(error) != NULL && str_eq_text(code, attempt_error_code(error)))
            return error;
    return 0;
}

const char *delivery_end_text(int error)
{
    switch (error) {
    case DELIVERY_EXPIRED:
        return "its time, expires_at of the event, had passed before it was delivered";
    case DELIVERY_SUPERSEDED:
        return "a later event with the same coalesce_key came while it was waiting";
    case DELIVERY_ERASED:
        return "its event was erased before it was delivered";
    case DELIVERY_CRASHED:
        return TEXT_OF(
            DELIVERY_CRASHES_MAX) " workers in a row ended without a word while they had it in hand";
    default:
        return NULL;
    }
}

struct str attempt_error_text(int error, struct str kept)
{
    if (error == ATTEMPT_FORBIDDEN && kept.n > 0)
        return STR_LIT("the URL leads to an address that is not public, so nothing was sent");
    return error == ATTEMPT_OK || kept.n > 0 ? kept : STR_LIT("what was said of it was erased");
}

bool status_is_success(int status)
{
    return status >= 200 && status <= 299;
}

bool status_asks_who(int status)
{
    return status == 401;
}

static bool is_redirect(int status)
{
    return status >= 300 && status <= 399;
}

static enum attempt_error classify(const struct attempt_seen *seen)
{
    if (seen->transport != ATTEMPT_OK)
        return seen->transport;
    if (status_is_success(seen->status))
        return ATTEMPT_OK;
    if (seen->status == 410)
        return ATTEMPT_GONE;
    return is_redirect(seen->status) ? ATTEMPT_REDIRECT : ATTEMPT_HTTP_STATUS;
}

void attempt_describe(char *out, size_t size, int status, struct str location, size_t body_bytes)
{
    out[0] = '\0';
    if (is_redirect(status) && location.n > 0)
        snprintf(out, size, "the receiver answered %d, a redirect that is not followed, to %.*s",
                 status, STR_FMT(location));
    else if (status == 413)
        snprintf(out, size, "the receiver answered %d to a body of %zu bytes", status, body_bytes);
    else if (!status_is_success(status))
        snprintf(out, size, "the receiver answered %d", status);
}

/* "1.337" seconds as milliseconds, rounded up, at most a day; -1 if it is no plain decimal. */
static int64_t seconds_ms(struct str text)
{
    struct str whole = str_take_digits(&text), fraction = {"", 0};
    int64_t seconds;

    if (text.n > 0 && text.p[0] == '.') {
        text = (struct str){text.p + 1, text.n - 1};
        fraction = str_take_digits(&text);
    }
    if (whole.n == 0 || text.n > 0)
        return -1;
    if (!str_to_i64(whole, 0, RETRY_AFTER_MAX_MS / 1000 - 1, &seconds))
        return RETRY_AFTER_MAX_MS;
    int64_t ms = seconds * 1000 + str_thousandths(fraction);
    for (size_t i = 3; i < fraction.n; i++)
        if (fraction.p[i] != '0')
            return ms + 1;
    return ms;
}

/* The last of its name, as everybody reads it; nothing: there is none, or the text is no object. */
static struct str member_of(struct str text, struct str quoted)
{
    struct str key, value, found = {NULL, 0};
    struct json_iter it;

    if (!json_is_object(text))
        return found;
    json_iter_init(&it, text);
    while (json_iter_next(&it, &key, &value))
        if (str_eq(key, quoted))
            found = value;
    return found;
}

/* The member retry_after of a JSON object; -1: the body is something else, or was cut. json-c gets the number alone:
 * 0.16 crashes when it has no memory for a member's name. */
static int64_t body_wait_ms(struct str body)
{
    struct str value = member_of(body, STR_LIT("\"retry_after\""));
    char text[64];

    if (value.n == 0 || value.n >= sizeof text)
        return -1;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    json_object *root = json_tokener_parse(text);
    bool number =
        json_object_is_type(root, json_type_int) || json_object_is_type(root, json_type_double);
    const char *said = number ? json_object_get_string(root) : NULL;
    int64_t ms = said != NULL ? seconds_ms(str_of(said)) : -1;
    json_object_put(root);
    return ms;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What Retry-After asks for, also with a fraction; -1: nothing. */
static int64_t header_wait_ms(const struct attempt_seen *seen)
{
    int64_t ms = seconds_ms(seen->retry_after);
    return ms >= 0 || seen->retry_after.p == NULL ? ms
                                                  : retry_after_ms(seen->retry_after, seen->now_ms);
}

static int64_t asked_ms(const struct attempt_seen *seen)
{
    int64_t ms = longer(header_wait_ms(seen), body_wait_ms(seen->body));
    return longer(ms, seconds_ms(header_find(seen->head, "X-RateLimit-Reset-After")));
}

/* How long the webhook rests because its allowance is used up. */
static int64_t remaining_pause_ms(const struct attempt_seen *seen)
{
    int64_t left;

    if (seen->transport != ATTEMPT_OK || !seen->rules->heeds_remaining ||
        !str_to_i64(header_find(seen->head, "X-RateLimit-Remaining"), 0, INT32_MAX, &left) ||
        left > 0)
        return 0;
    return longer(seconds_ms(header_find(seen->head, "X-RateLimit-Reset-After")), 0);
}

static enum status_meaning meaning_of(const struct attempt_seen *seen)
{
    if (seen->transport == ATTEMPT_OK)
        for (size_t i = 0; i < seen->rules->status_count; i++)
            if (seen->rules->statuses[i].status == seen->status)
                return seen->rules->statuses[i].meaning;
    return 0;
}

/* So that who answers 429 to everything, and asks for nothing, is not asked without end. */
static int64_t wait_floor_ms(int waits)
{
    int64_t ms = DELIVERY_WAIT_MIN_MS;
    for (int i = 0; i < waits && ms < WAIT_FLOOR_MAX_MS; i++)
        ms *= 2;
    return ms < WAIT_FLOOR_MAX_MS ? ms : WAIT_FLOOR_MAX_MS;
}

static bool may_wait(const struct attempt_seen *seen)
{
    return seen->waits < DELIVERY_WAITS && seen->waited_ms < DELIVERY_WAITED_MS;
}

/* True if the profile's own rules decide. */
static bool judge_by_rules(const struct attempt_seen *seen, struct verdict *v)
{
    enum status_meaning meaning = meaning_of(seen);
    int64_t pause_ms = longer(remaining_pause_ms(seen), v->news.pause_ms);

    v->news.pause_ms = (int32_t)pause_ms;
    v->disable = meaning == STATUS_DISABLES && !seen->once;
    if (meaning != 0)
        return true;
    if (seen->transport != ATTEMPT_OK || seen->status != 429 || !seen->rules->waits_on_429)
        return false;
    int64_t asked = asked_ms(seen);
    pause_ms = longer(pause_ms, asked < 0 ? WAIT_UNSAID_MS : longer(asked, DELIVERY_WAIT_MIN_MS));
    v->news.pause_ms = (int32_t)pause_ms;
    if (seen->once || !may_wait(seen))
        return seen->once;
    v->state = DELIVERY_PENDING;
    v->delay_ms = longer(pause_ms, wait_floor_ms(seen->waits));
    v->keeps_step = true;
    return true;
}

/* What an attempt says of its endpoint, by its error; an answer says more by its status. Our own failures, and
 * URLs that nobody can be reached at, say nothing. */
static const int news_of_errors[] = {
    [ATTEMPT_OK] = GATE_SUCCESS,
    [ATTEMPT_DNS_FAILED] = GATE_FAILED | GATE_DEAD,
    [ATTEMPT_CONNECT_FAILED] = GATE_FAILED | GATE_DEAD,
    [ATTEMPT_TLS_FAILED] = GATE_FAILED | GATE_DEAD,
    [ATTEMPT_TIMED_OUT] = GATE_FAILED | GATE_DEAD | GATE_CROWDED,
    [ATTEMPT_CONNECTION_LOST] = GATE_FAILED | GATE_DEAD,
    [ATTEMPT_BAD_RESPONSE] = GATE_FAILED | GATE_DEAD,
    [ATTEMPT_HTTP_STATUS] = GATE_FAILED,
    [ATTEMPT_REDIRECT] = GATE_FAILED,
    [ATTEMPT_GONE] = GATE_FAILED,
    [ATTEMPT_INTERNAL] = 0,
    [ATTEMPT_UNRECORDED] = 0,
    [ATTEMPT_UNSENDABLE] = 0,
    [ATTEMPT_TOKEN_FAILED] = GATE_FAILED | GATE_DEAD, /* nothing gets there without one */
};

/* Retry-After of any receiver is for all that waits for the endpoint. */
static struct gate_news news_of(const struct attempt_seen *seen, enum attempt_error error)
{
    struct gate_news news = {.what = news_of_errors[error], .error = (int)error};

    if (seen->once)
        return (struct gate_news){0};
    if (error != ATTEMPT_HTTP_STATUS)
        return news;
    if (seen->status >= 500)
        news.what |= GATE_DEAD;
    if (seen->status != 429 && seen->status != 503)
        return news;
    news.what |= GATE_CROWDED;
    if (seen->retry_after.p != NULL)
        news.pause_ms = (int32_t)longer(retry_after_ms(seen->retry_after, seen->now_ms), 0);
    return news;
}

struct verdict delivery_judge(const struct schedule *schedule, const struct attempt_seen *seen)
{
    struct verdict v = {.state = DELIVERY_FAILED, .error = classify(seen)};

    v.news = news_of(seen, v.error);
    if (v.error == ATTEMPT_OK) {
        v.state = DELIVERY_DELIVERED;
        v.news.pause_ms = seen->rules != NULL ? (int32_t)remaining_pause_ms(seen) : 0;
        return v;
    }
    if (seen->rules != NULL && judge_by_rules(seen, &v))
        return v;
    v.disable = v.error == ATTEMPT_GONE && !seen->once;
    int64_t step_ms = seen->once ? -1 : schedule_delay_ms(schedule, seen->step);
    if (v.error == ATTEMPT_GONE || v.error == ATTEMPT_UNSENDABLE || step_ms < 0)
        return v;
    v.state = DELIVERY_PENDING;
    v.delay_ms = longer(step_ms, v.news.pause_ms);
    return v;
}
