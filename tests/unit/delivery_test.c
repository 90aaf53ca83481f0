/* core/delivery: every move, spelled out, and the verdict on every kind of end. */
#include "core/delivery.h"

#include "unit.h"

#include <stdio.h>

static void test_names(void **state)
{
    (void)state;
    static const char *const want[] = {"pending", "delivered", "failed", "cancelled", "held"};
    assert_int_equal(ARRAY_LEN(want), DELIVERY_STATES);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(delivery_state_names[i], want[i]);
    assert_null(delivery_state_names[DELIVERY_STATES]);
    assert_string_equal(delivery_state_names[DELIVERY_HELD], "held");
}

/* Rows: from; columns: to; both pending, delivered, failed, cancelled, held. */
static const char *const moves[][DELIVERY_STATES] = {
    [ACTOR_ATTEMPT] = {"yyy--", "-----", "-y---", "-y---", "-y---"},
    [ACTOR_SERVICE] = {"--yyy", "-----", "-----", "-----", "y--y-"},
    [ACTOR_PERSON] = {"y--y-", "y---y", "y---y", "y---y", "y--yy"},
};

static void test_moves(void **state)
{
    (void)state;
    for (int actor = 0; actor < (int)ARRAY_LEN(moves); actor++)
        for (int from = 0; from < DELIVERY_STATES; from++)
            for (int to = 0; to < DELIVERY_STATES; to++)
                if (delivery_may_move((enum delivery_actor)actor, (enum delivery_state)from,
                                      (enum delivery_state)to) != (moves[actor][from][to] == 'y'))
                    fail_msg("actor %d: %s to %s", actor, delivery_state_names[from],
                             delivery_state_names[to]);
}

static const char *const codes[] = {
    NULL,           "bad_url",   "dns_failed",      "address_forbidden", "connect_failed",
    "tls_failed",   "timed_out", "connection_lost", "bad_response",      "http_status",
    "redirect",     "gone",      "internal",        "unrecorded",        "unsendable",
    "token_failed",
};

static void test_error_codes(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(codes), ATTEMPT_TOKEN_FAILED + 1);
    assert_null(attempt_error_code(ATTEMPT_OK));
    for (int i = 1; i < (int)ARRAY_LEN(codes); i++)
        assert_string_equal(attempt_error_code(i), codes[i]);
    assert_null(attempt_error_code(-1));
    assert_null(attempt_error_code(ATTEMPT_TOKEN_FAILED + 1));
    assert_null(attempt_error_code(INT32_MAX));
    assert_null(delivery_end_text(ATTEMPT_OK));
    assert_null(delivery_end_text(ATTEMPT_INTERNAL));
    assert_string_equal(attempt_error_code(DELIVERY_EXPIRED), "expired");
    assert_string_equal(attempt_error_code(DELIVERY_SUPERSEDED), "superseded");
    assert_non_null(delivery_end_text(DELIVERY_EXPIRED));
    assert_non_null(delivery_end_text(DELIVERY_SUPERSEDED));
    assert_string_equal(attempt_error_code(DELIVERY_ERASED), "event_erased");
    assert_non_null(delivery_end_text(DELIVERY_ERASED));
    assert_string_equal(attempt_error_code(DELIVERY_CRASHED), "worker_crashed");
    assert_non_null(delivery_end_text(DELIVERY_CRASHED));
    assert_int_equal(attempt_error_text(ATTEMPT_OK, STR_LIT("")).n, 0);
    assert_true(str_eq_text(attempt_error_text(ATTEMPT_TIMED_OUT, STR_LIT("late")), "late"));
    assert_true(attempt_error_text(ATTEMPT_TIMED_OUT, STR_LIT("")).n > 0);
}

static const struct schedule schedule = {{60, 300, 172800}, 3}; /* the last: two days */

#define NOW 784111777000

static struct attempt_seen seen_of(int transport, int status, int step, bool once,
                                   const char *retry_after)
{
    return (struct attempt_seen){.transport = (enum attempt_error)transport,
                                 .status = status,
                                 .retry_after = str_of(retry_after),
                                 .step = step,
                                 .once = once,
                                 .now_ms = NOW};
}

static const char *const afters[] = {NULL, "90", "9999999", "soon", ""};
static const int64_t asked_ms[] = {0, 90000, RETRY_AFTER_MAX_MS, 0, 0};

/* The rules of the header, put another way round than the code. */
static struct verdict expected(int transport, int status, int step, bool once, size_t after)
{
    struct verdict v = {DELIVERY_FAILED, (enum attempt_error)transport, 0, false};
    if (transport == ATTEMPT_OK && status / 100 == 2)
        return (struct verdict){DELIVERY_DELIVERED, ATTEMPT_OK, 0, false};
    if (transport == ATTEMPT_OK)
        v.error = status == 410       ? ATTEMPT_GONE
                  : status / 100 == 3 ? ATTEMPT_REDIRECT
                                      : ATTEMPT_HTTP_STATUS;
    v.disable = v.error == ATTEMPT_GONE && !once;
    if (once || step >= 3 || v.error == ATTEMPT_GONE)
        return v;
    v.state = DELIVERY_PENDING;
    v.delay_ms = schedule.seconds[step] * (int64_t)1000;
    if (transport == ATTEMPT_OK && (status == 429 || status == 503) && asked_ms[after] > v.delay_ms)
        v.delay_ms = asked_ms[after];
    return v;
}

static const int statuses[] = {100, 101, 199, 200, 201, 202, 204, 299, 300, 301, 302, 304,
                               307, 308, 399, 400, 401, 404, 408, 409, 410, 411, 422, 425,
                               429, 430, 499, 500, 502, 503, 504, 599, 600, 999};

static void compare(const struct attempt_seen *seen, const struct verdict *want)
{
    struct verdict got = delivery_judge(&schedule, seen);
    if (got.state != want->state || got.error != want->error || got.delay_ms != want->delay_ms ||
        got.disable != want->disable)
        fail_msg("transport %d status %d step %d once %d after '%.*s': %s %d %lld %d",
                 seen->transport, seen->status, seen->step, seen->once, STR_FMT(seen->retry_after),
                 delivery_state_names[got.state], got.error, (long long)got.delay_ms, got.disable);
}

/* Every transport error × status × step × once × Retry-After. */
static void test_verdicts(void **state)
{
    (void)state;
    for (int transport = ATTEMPT_OK; transport <= ATTEMPT_BAD_RESPONSE; transport++)
        for (size_t s = 0; s < ARRAY_LEN(statuses); s++)
            for (int step = 0; step < 5; step++)
                for (int once = 0; once < 2; once++)
                    for (size_t a = 0; a < ARRAY_LEN(afters); a++) {
                        struct attempt_seen seen =
                            seen_of(transport, statuses[s], step, once != 0, afters[a]);
                        struct verdict want = expected(transport, statuses[s], step, once != 0, a);
                        compare(&seen, &want);
                    }
}

struct row {
    int transport, status, step;
    bool once;
    const char *retry_after;
    struct verdict want;
};

#define OK ATTEMPT_OK

/* The same by hand, one row a rule. */
static const struct row rows[] = {
    {OK, 200, 0, false, NULL, {DELIVERY_DELIVERED, OK, 0, false}},
    {OK, 204, 9, true, "90", {DELIVERY_DELIVERED, OK, 0, false}},
    {OK, 199, 0, false, NULL, {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 60000, false}},
    {OK, 300, 0, false, NULL, {DELIVERY_PENDING, ATTEMPT_REDIRECT, 60000, false}},
    {OK, 302, 1, false, "900", {DELIVERY_PENDING, ATTEMPT_REDIRECT, 300000, false}},
    {OK, 500, 2, false, NULL, {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 172800000, false}},
    {OK, 500, 3, false, NULL, {DELIVERY_FAILED, ATTEMPT_HTTP_STATUS, 0, false}},
    {OK, 500, 0, true, NULL, {DELIVERY_FAILED, ATTEMPT_HTTP_STATUS, 0, false}},
    {OK, 500, 0, false, "90", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 60000, false}},
    {OK, 410, 0, false, NULL, {DELIVERY_FAILED, ATTEMPT_GONE, 0, true}},
    {OK, 410, 3, false, NULL, {DELIVERY_FAILED, ATTEMPT_GONE, 0, true}},
    {OK, 410, 0, true, NULL, {DELIVERY_FAILED, ATTEMPT_GONE, 0, false}},
    {OK, 429, 0, false, "90", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 90000, false}},
    {OK, 503, 0, false, "90", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 90000, false}},
    {OK, 503, 0, false, "10", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 60000, false}},
    {OK, 503, 0, false, "x", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 60000, false}},
    {OK, 503, 0, false, "864000", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 86400000, false}},
    {OK, 503, 2, false, "864000", {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 172800000, false}},
    {OK, 503, 3, false, "90", {DELIVERY_FAILED, ATTEMPT_HTTP_STATUS, 0, false}},
    {OK,
     503,
     0,
     false,
     "Sun, 06 Nov 1994 08:51:37 GMT",
     {DELIVERY_PENDING, ATTEMPT_HTTP_STATUS, 120000, false}},
    {ATTEMPT_TIMED_OUT, 200, 0, false, NULL, {DELIVERY_PENDING, ATTEMPT_TIMED_OUT, 60000, false}},
    {ATTEMPT_TIMED_OUT, 410, 0, false, NULL, {DELIVERY_PENDING, ATTEMPT_TIMED_OUT, 60000, false}},
    {ATTEMPT_DNS_FAILED, 0, 3, false, NULL, {DELIVERY_FAILED, ATTEMPT_DNS_FAILED, 0, false}},
    {ATTEMPT_FORBIDDEN, 0, 0, true, NULL, {DELIVERY_FAILED, ATTEMPT_FORBIDDEN, 0, false}},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct attempt_seen seen =
            seen_of(r->transport, r->status, r->step, r->once, r->retry_after);
        compare(&seen, &r->want);
    }
}

/* What the verdict asks for is a move that an attempt may make. */
static void test_verdicts_are_moves(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(statuses); s++) {
        struct attempt_seen seen = seen_of(OK, statuses[s], 0, false, NULL);
        assert_true(delivery_may_move(ACTOR_ATTEMPT, DELIVERY_PENDING,
                                      delivery_judge(&schedule, &seen).state));
    }
}

static void test_no_schedule(void **state)
{
    (void)state;
    static const struct schedule empty;
    struct attempt_seen seen = seen_of(OK, 503, 0, false, "90");
    struct verdict v = delivery_judge(&empty, &seen);
    assert_int_equal(v.state, DELIVERY_FAILED);
    assert_int_equal(v.delay_ms, 0);
}

static void test_answers_in_words(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *location, *text;
    } answers[] = {
        {200, NULL, ""},
        {204, "http://a.test/", ""},
        {301, "http://a.test/x",
         "the receiver answered 301, a redirect that is not followed, to http://a.test/x"},
        {304, NULL, "the receiver answered 304"},
        {404, "http://a.test/", "the receiver answered 404"},
        {413, NULL, "the receiver answered 413 to a body of 102400 bytes"},
        {500, NULL, "the receiver answered 500"},
    };
    char text[100], small[20];

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct str location =
            answers[i].location != NULL ? str_of(answers[i].location) : (struct str){0};
        attempt_describe(text, sizeof text, answers[i].status, location, 102400);
        assert_string_equal(text, answers[i].text);
    }
    attempt_describe(small, sizeof small, 500, (struct str){0}, 0);
    assert_string_equal(small, "the receiver answer");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_moves),
        cmocka_unit_test(test_error_codes), cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_rules),       cmocka_unit_test(test_verdicts_are_moves),
        cmocka_unit_test(test_no_schedule), cmocka_unit_test(test_answers_in_words),
    };
    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
