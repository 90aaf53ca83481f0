/* What the end of an attempt means: the general rules, and those that Discord and Slack add. */
#include "unit.h"

#include "core/profile.h"

#define JSON_1500 \
    "{\"message\":\"You are being rate limited.\",\"retry_after\":1.5,\"global\":false}"
#define RESET "X-RateLimit-Remaining: 0\r\nx-ratelimit-reset-after: 0.8\r\n"

#define P     DELIVERY_PENDING
#define D     DELIVERY_DELIVERED
#define F     DELIVERY_FAILED

static const struct row {
    const char *profile;
    int status;
    const char *head, *body;
    struct verdict v; /* error is not compared */
} rows[] = {
    {"default", 204, "", "", {.state = D}},
    {"default", 302, "", "", {.state = P, .delay_ms = 60000}},
    {"default", 400, "", "", {.state = P, .delay_ms = 60000}},
    {"default", 404, "", "", {.state = P, .delay_ms = 60000}},
    {"default", 410, "", "", {.state = F, .disable = true}},
    {"default",
     429,
     "Retry-After: 90\r\n",
     "",
     {.state = P, .delay_ms = 90000, .news.pause_ms = 90000}},
    {"default",
     429,
     "Retry-After: 5\r\n",
     "",
     {.state = P, .delay_ms = 60000, .news.pause_ms = 5000}},
    {"default",
     503,
     "retry-after:  120 \r\n",
     "",
     {.state = P, .delay_ms = 120000, .news.pause_ms = 120000}},
    {"default", 500, "Retry-After: 90\r\n", "", {.state = P, .delay_ms = 60000}},
    {"default", 429, "", JSON_1500, {.state = P, .delay_ms = 60000}},
    {"default", 200, RESET, "", {.state = D}},

    {"discord", 204, "", "", {.state = D}},
    {"discord", 200, "", "{}", {.state = D}},
    {"discord", 204, RESET, "", {.state = D, .news.pause_ms = 800}},
    {"discord",
     204,
     "X-RateLimit-Remaining: 3\r\nX-RateLimit-Reset-After: 2\r\n",
     "",
     {.state = D}},
    {"discord", 500, RESET, "", {.state = P, .delay_ms = 60000, .news.pause_ms = 800}},
    {"discord",
     429,
     "Retry-After: 2\r\n",
     JSON_1500,
     {.state = P, .delay_ms = 2000, .keeps_step = true, .news.pause_ms = 2000}},
    {"discord",
     429,
     "Retry-After: 1\r\n",
     JSON_1500,
     {.state = P, .delay_ms = 1500, .keeps_step = true, .news.pause_ms = 1500}},
    {"discord",
     429,
     "Retry-After: 2\r\n",
     "<html>",
     {.state = P, .delay_ms = 2000, .keeps_step = true, .news.pause_ms = 2000}},
    {"discord",
     429,
     "",
     "",
     {.state = P, .delay_ms = 5000, .keeps_step = true, .news.pause_ms = 5000}},
    {"discord",
     429,
     "",
     "{\"retry_after\":0.3331}",
     {.state = P, .delay_ms = 334, .keeps_step = true, .news.pause_ms = 334}},
    {"discord",
     429,
     "Retry-After: 999999999999999999999\r\n",
     "",
     {.state = P, .delay_ms = 86400000, .keeps_step = true, .news.pause_ms = 86400000}},
    {"discord", 400, "", "", {.state = F}},
    {"discord", 401, "", "", {.state = F, .disable = true}},
    {"discord", 403, "", "", {.state = F, .disable = true}},
    {"discord", 404, "", "", {.state = F, .disable = true}},
    {"discord", 500, "", "", {.state = P, .delay_ms = 60000}},

    {"slack", 200, "", "ok", {.state = D}},
    {"slack", 400, "", "invalid_payload", {.state = F}},
    {"slack", 403, "", "action_prohibited", {.state = F, .disable = true}},
    {"slack", 404, "", "no_service", {.state = F, .disable = true}},
    {"slack", 410, "", "channel_is_archived", {.state = F, .disable = true}},
    {"slack", 500, "", "rollup_error", {.state = P, .delay_ms = 60000}},
    {"slack",
     429,
     "Retry-After: 3\r\n",
     "",
     {.state = P, .delay_ms = 3000, .keeps_step = true, .news.pause_ms = 3000}},
};

/* The value of a head that is one line of Retry-After. */
static struct str retry_after_of(struct str head)
{
    struct str name = STR_LIT("Retry-After:");

    if (head.n <= name.n || !str_eq_nocase((struct str){head.p, name.n}, name))
        return (struct str){NULL, 0};
    return str_trim((struct str){head.p + name.n, head.n - name.n - 2});
}

static struct attempt_seen seen_of(const struct row *row)
{
    return (struct attempt_seen){
        .status = row->status,
        .retry_after = retry_after_of(str_of(row->head)),
        .head = str_of(row->head),
        .body = str_of(row->body),
        .rules = profile_find(str_of(row->profile))->rules,
        .now_ms = 1749997800000,
    };
}

static const struct schedule schedule = {.seconds = {60}, .count = 1};

static void test_news(void **state)
{
    static const struct {
        enum attempt_error transport;
        int status, what;
    } rows_of_news[] = {
        {ATTEMPT_OK, 200, GATE_SUCCESS},
        {ATTEMPT_OK, 404, GATE_FAILED},
        {ATTEMPT_OK, 302, GATE_FAILED},
        {ATTEMPT_OK, 410, GATE_FAILED},
        {ATTEMPT_OK, 429, GATE_FAILED | GATE_CROWDED},
        {ATTEMPT_OK, 500, GATE_FAILED | GATE_DEAD},
        {ATTEMPT_OK, 503, GATE_FAILED | GATE_DEAD | GATE_CROWDED},
        {ATTEMPT_TIMED_OUT, 0, GATE_FAILED | GATE_DEAD | GATE_CROWDED},
        {ATTEMPT_CONNECT_FAILED, 0, GATE_FAILED | GATE_DEAD},
        {ATTEMPT_DNS_FAILED, 0, GATE_FAILED | GATE_DEAD},
        {ATTEMPT_FORBIDDEN, 0, 0},
        {ATTEMPT_INTERNAL, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows_of_news); i++) {
        struct attempt_seen seen = {.transport = rows_of_news[i].transport,
                                    .status = rows_of_news[i].status};
        assert_int_equal(delivery_judge(&schedule, &seen).news.what, rows_of_news[i].what);
        seen.once = true;
        assert_int_equal(delivery_judge(&schedule, &seen).news.what, 0);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct verdict *w = &rows[i].v;
        struct attempt_seen seen = seen_of(&rows[i]);
        struct verdict v = delivery_judge(&schedule, &seen);
        if (v.state != w->state || v.delay_ms != w->delay_ms || v.disable != w->disable ||
            v.keeps_step != w->keeps_step || v.news.pause_ms != w->news.pause_ms)
            fail_msg("%s %d: state %d delay %ld disable %d keeps_step %d pause %ld",
                     rows[i].profile, rows[i].status, (int)v.state, (long)v.delay_ms, v.disable,
                     v.keeps_step, (long)v.news.pause_ms);
        assert_int_equal(v.error == ATTEMPT_OK, v.state == DELIVERY_DELIVERED);
    }
}

/* The schedule is over: only what does not count goes on. */
static void test_last_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_seen seen = seen_of(&rows[i]);
        seen.step = 1;
        struct verdict v = delivery_judge(&schedule, &seen);
        assert_int_equal(v.state == DELIVERY_PENDING, rows[i].v.keeps_step);
    }
}

static struct attempt_seen limited(const char *head)
{
    static struct row row = {"discord", 429, "", "", {.state = P}};
    row.head = head;
    return seen_of(&row);
}

/* 429 for ever: each wait is twice as long as the one before, and they have an end. */
static void test_waits(void **state)
{
    int64_t waited_ms = 0, before_ms = 50;
    int waits = 0;
    (void)state;

    for (;; waits++) {
        struct attempt_seen seen = limited("Retry-After: 0\r\n");
        seen.waits = waits;
        seen.waited_ms = waited_ms;
        struct verdict v = delivery_judge(&schedule, &seen);
        assert_int_equal(v.state, DELIVERY_PENDING);
        if (!v.keeps_step) {
            assert_int_equal(v.delay_ms, 60000);
            break;
        }
        assert_int_equal(v.news.pause_ms, DELIVERY_WAIT_MIN_MS); /* that of the endpoint stays */
        assert_int_equal(v.delay_ms, before_ms * 2 < 3600000 ? before_ms * 2 : 3600000);
        before_ms = v.delay_ms;
        waited_ms += v.delay_ms;
    }
    assert_true(waits > 30 && waits < 50);
    assert_true(waited_ms >= DELIVERY_WAITED_MS);
}

static void test_ends_of_waiting(void **state)
{
    (void)state;
    struct attempt_seen seen = limited("Retry-After: 7\r\n");
    seen.waits = DELIVERY_WAITS - 1;
    seen.waited_ms = DELIVERY_WAITED_MS - 1;
    struct verdict v = delivery_judge(&schedule, &seen);
    assert_true(v.keeps_step);
    assert_int_equal(v.delay_ms, 3600000);

    seen.waits = DELIVERY_WAITS;
    v = delivery_judge(&schedule, &seen);
    assert_false(v.keeps_step);
    assert_int_equal(v.delay_ms, 60000);
    seen.step = 1; /* the schedule is over too */
    v = delivery_judge(&schedule, &seen);
    assert_int_equal(v.state, DELIVERY_FAILED);

    seen = limited("Retry-After: 90\r\n"); /* of a longer pause it is still told */
    seen.waited_ms = DELIVERY_WAITED_MS;
    v = delivery_judge(&schedule, &seen);
    assert_false(v.keeps_step);
    assert_int_equal(v.delay_ms, 90000);
    assert_int_equal(v.news.pause_ms, 90000);

    seen = limited("Retry-After: 0\r\n"); /* no overflow */
    seen.waits = INT32_MAX;
    assert_false(delivery_judge(&schedule, &seen).keeps_step);
}

/* A test has one attempt, and disables nothing. */
static void test_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_seen seen = seen_of(&rows[i]);
        seen.once = true;
        struct verdict v = delivery_judge(&schedule, &seen);
        assert_int_not_equal(v.state, DELIVERY_PENDING);
        assert_false(v.disable);
        assert_false(v.keeps_step);
    }
}

static void test_no_answer(void **state)
{
    struct attempt_seen seen = {
        .transport = ATTEMPT_TIMED_OUT,
        .status = 429,
        .rules = profile_find(str_of("discord"))->rules,
    };
    struct verdict v = delivery_judge(&schedule, &seen);

    (void)state;
    assert_int_equal(v.state, DELIVERY_PENDING);
    assert_int_equal(v.delay_ms, 60000);
    assert_false(v.keeps_step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_last_step),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_ends_of_waiting),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
