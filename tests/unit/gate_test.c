/* core/gate: what an endpoint may be sent, sentence by sentence of its header. */
#include "core/gate.h"

#include "core/delivery.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define START 1000000
#define CAP   32

static struct gate gate;
static int64_t now_ms;
static int concurrency;

static int set_up(void **state)
{
    (void)state;
    gate = (struct gate){0};
    now_ms = START;
    concurrency = CAP;
    return 0;
}

static void learn_late(int what, int took_ms, int pause_ms)
{
    struct gate_news news = {.what = what, .took_ms = took_ms, .pause_ms = pause_ms};
    if (what & GATE_FAILED)
        news.error = ATTEMPT_HTTP_STATUS;
    gate_learn(&gate, &news, concurrency, now_ms);
}

static void learn(int what, int pause_ms)
{
    learn_late(what, 0, pause_ms);
}

static void learn_times(int count, int what)
{
    for (int i = 0; i < count; i++)
        learn(what, 0);
}

static int width(void)
{
    return gate_width(&gate, concurrency);
}

static bool at_rest(void)
{
    return gate_at_rest(&gate, now_ms);
}

#define DEAD    (GATE_FAILED | GATE_DEAD)
#define CROWDED (GATE_FAILED | GATE_CROWDED)

static void an_endpoint_that_takes_what_it_is_sent_has_no_gate(void **state)
{
    struct gate none = {0};
    (void)state;
    assert_true(at_rest());
    assert_int_equal(width(), CAP);
    assert_int_equal(gate_health(&gate, now_ms), GATE_HEALTHY);
    learn_times(1000, GATE_SUCCESS);
    learn(0, 0); /* an attempt that says nothing of its endpoint */
    assert_memory_equal(&gate, &none, sizeof none);
}

static void a_pause_ends_when_it_said(void **state)
{
    (void)state;
    learn(GATE_FAILED, 5000);
    assert_int_equal(gate.until_ms, START + 5000);
    assert_int_equal(gate_health(&gate, now_ms), GATE_PAUSED);
    assert_int_equal(gate_health(&gate, START + 4999), GATE_PAUSED);
    assert_int_equal(gate_health(&gate, START + 5000), GATE_HEALTHY);
    assert_int_equal(width(), CAP); /* a pause is no limit */
}

static void the_longest_pause_counts(void **state)
{
    (void)state;
    learn(GATE_FAILED, 5000);
    now_ms += 1000;
    learn(GATE_FAILED, 2000);
    assert_int_equal(gate.until_ms, START + 5000);
    learn(GATE_SUCCESS, 0);
    assert_int_equal(gate.until_ms, START + 5000); /* it asked for it */
    learn(GATE_FAILED, 6000);
    assert_int_equal(gate.until_ms, START + 7000);
    learn(GATE_FAILED, INT32_MAX);
    assert_int_equal(gate.until_ms, START + 1000 + GATE_PAUSE_MAX_MS);
}

static void a_success_may_name_a_pause(void **state)
{
    (void)state;
    learn(GATE_SUCCESS, 300); /* X-RateLimit-Remaining: 0 */
    assert_int_equal(gate_health(&gate, now_ms), GATE_PAUSED);
    assert_false(at_rest());
    now_ms += 299;
    assert_false(at_rest());
    now_ms += 1;
    assert_true(at_rest());
    learn(0, 200); /* and so may what says nothing else */
    assert_int_equal(gate.until_ms, now_ms + 200);
}

static void crowding_halves_at_most_once_a_second(void **state)
{
    static const int widths[] = {16, 8, 4, 2, 1, 1, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        learn_times(20, CROWDED);
        assert_int_equal(width(), widths[i]);
        now_ms += GATE_CUT_MS - 1;
        learn(CROWDED, 0);
        assert_int_equal(width(), widths[i]);
        now_ms += 1;
    }
}

/* A receiver that lets everybody wait for ten seconds was too slow once, not ten times. */
static void what_began_before_a_cut_says_no_more(void **state)
{
    (void)state;
    for (; now_ms < START + 10000; now_ms += 300)
        learn_late(CROWDED, 10000, 0);
    assert_int_equal(width(), CAP / 2);
    learn_late(CROWDED, 9999, 0);
    assert_int_equal(width(), CAP / 4);
}

/* A limit that is above the concurrency counts as the concurrency. */
static void crowding_halves_what_there_is(void **state)
{
    (void)state;
    learn(CROWDED, 0);
    assert_int_equal(width(), 16);
    concurrency = 8;
    assert_int_equal(width(), 8);
    now_ms += GATE_CUT_MS;
    learn(CROWDED, 0);
    assert_int_equal(width(), 4);
    concurrency = 3; /* odd */
    now_ms += GATE_CUT_MS;
    learn(CROWDED, 0);
    assert_int_equal(gate.limit, 1500);
    assert_int_equal(width(), 1);
}

static void a_round_of_successes_adds_one(void **state)
{
    (void)state;
    learn(CROWDED, 0);
    for (int was = 16; was < CAP; was++) {
        int successes = 0;
        assert_int_equal(width(), was);
        assert_int_equal(gate_health(&gate, now_ms), GATE_LIMITED);
        for (; width() == was && gate.limit > 0; successes++)
            learn(GATE_SUCCESS, 0);
        assert_in_range(successes, was - 1, was + 1);
    }
    assert_int_equal(gate.limit, 0);
    assert_int_equal(gate_health(&gate, now_ms), GATE_HEALTHY);
}

/* Up from one to the largest concurrency that there is. */
static void a_limit_always_grows_to_its_end(void **state)
{
    int successes = 0;
    (void)state;
    concurrency = 1024;
    gate.limit = 1000;
    gate.cut_ms = now_ms;
    for (; gate.limit > 0; successes++) {
        int64_t was = gate.limit;
        learn(GATE_SUCCESS, 0);
        assert_true(gate.limit > was || gate.limit == 0);
    }
    assert_in_range(successes, 1024 * 1024 / 4,
                    1024 * 1024 / 2); /* rounds of half of it on average */
    assert_true(at_rest());
}

/* Nothing is sent, or so little that it never comes round: what was learnt is forgotten. */
static void a_limit_grows_old(void **state)
{
    (void)state;
    learn(CROWDED, 0);
    now_ms = gate.cut_ms + GATE_LIMIT_MS - 1;
    learn(GATE_SUCCESS, 0);
    assert_in_range(width(), 16, 17);
    assert_int_equal(gate_health(&gate, now_ms), GATE_LIMITED);
    now_ms++;
    learn(0, 0);
    assert_int_equal(width(), CAP);
    assert_int_equal(gate_health(&gate, now_ms), GATE_HEALTHY);
    assert_true(at_rest());

    learn(CROWDED, 0); /* cut again, it is as young as before */
    now_ms += GATE_CUT_MS;
    for (int i = 0; i < 3; i++) {
        learn(CROWDED, 0);
        now_ms += GATE_LIMIT_MS;
    }
    assert_int_equal(gate.limit, 2000);
    now_ms += GATE_CUT_MS;
    learn(CROWDED, 0); /* of all again, since the old one is over */
    assert_int_equal(width(), CAP / 2);
}

static void the_limit_after_a_breaker_is_of_then(void **state)
{
    (void)state;
    learn(CROWDED, 0);
    learn_times(GATE_STREAK, DEAD);
    now_ms += 2 * GATE_LIMIT_MS;
    learn(0, 0);
    assert_int_equal(width(), 1); /* the breaker does not grow old */
    learn(GATE_SUCCESS, 0);
    assert_int_equal(gate.limit, 1000);
    now_ms += GATE_LIMIT_MS - 1;
    learn(0, 0);
    assert_int_equal(width(), 1);
    now_ms++;
    learn(0, 0);
    assert_int_equal(width(), CAP);
}

static void failures_that_are_no_crowding_leave_the_limit(void **state)
{
    (void)state;
    learn_times(9, DEAD);
    learn_times(30, GATE_FAILED);
    assert_int_equal(width(), CAP);
    learn(CROWDED, 0);
    learn_times(30, GATE_FAILED);
    assert_int_equal(width(), CAP / 2);
}

static void a_streak_of_the_dead_opens_the_breaker(void **state)
{
    (void)state;
    learn_times(GATE_STREAK - 1, DEAD);
    assert_int_equal(gate.openings, 0);
    learn(GATE_FAILED, 0); /* an answer between them */
    learn_times(GATE_STREAK - 1, DEAD);
    learn(GATE_SUCCESS, 0);
    learn_times(GATE_STREAK - 1, DEAD);
    assert_int_equal(gate.openings, 0);
    assert_int_equal(gate.until_ms, 0);
    assert_int_equal(width(), CAP);
    now_ms += 70;
    learn(DEAD, 0);
    assert_int_equal(gate.openings, 1);
    assert_int_equal(gate.until_ms, START + 70 + GATE_PROBE_MS);
    assert_int_equal(width(), 1); /* then one at a time */
    assert_int_equal(gate_health(&gate, now_ms), GATE_BROKEN);
    assert_int_equal(gate_health(&gate, now_ms + GATE_PROBE_MS), GATE_BROKEN);
}

/* Half a minute's timeouts, one every half second. */
static void what_was_under_way_is_no_probe(void **state)
{
    (void)state;
    learn_times(GATE_STREAK, DEAD);
    int64_t until_ms = gate.until_ms;
    for (; now_ms < START + 30000; now_ms += 500) {
        learn_late(DEAD, 30000, 0);
        assert_int_equal(gate.until_ms, until_ms);
        assert_int_equal(gate.openings, 1);
    }
    learn_late(DEAD, (int)(now_ms - until_ms) + 1, 0);
    assert_int_equal(gate.openings, 1);
    learn_late(DEAD, (int)(now_ms - until_ms), 0);
    assert_int_equal(gate.openings, 2);
    learn(DEAD, 0); /* it took no time, and the next is not due */
    assert_int_equal(gate.openings, 2);
}

static void each_probe_that_fails_doubles_the_wait(void **state)
{
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    (void)state;
    learn_times(GATE_STREAK, DEAD);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_int_equal(gate.until_ms - now_ms, waits[i]);
        assert_int_equal(gate.openings, i + 1);
        assert_int_equal(width(), 1);
        now_ms = gate.until_ms + 30; /* the probe takes its time */
        learn(DEAD, 0);
    }
    for (int i = 0; i < 200; i++) {
        now_ms = gate.until_ms;
        learn(DEAD, 0);
    }
    assert_int_equal(gate.until_ms - now_ms, GATE_PROBE_MAX_MS);
}

/* Any answer, were it a failure. */
static void an_answer_closes_and_begins_with_one(void **state)
{
    static const int answers[] = {GATE_SUCCESS, GATE_FAILED, CROWDED};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        set_up(state);
        learn_times(GATE_STREAK + 5, DEAD);
        now_ms = gate.until_ms;
        learn(answers[i], 0);
        assert_int_equal(gate.openings, 0);
        assert_int_equal(gate.streak, 0);
        assert_int_equal(gate.limit, 1000);
        assert_int_equal(width(), 1);
        assert_int_equal(gate_health(&gate, now_ms), GATE_LIMITED);
        learn_times(GATE_STREAK - 1, DEAD);
        assert_int_equal(gate.openings, 0); /* a new streak */
        learn(DEAD, 0);
        assert_int_equal(gate.until_ms - now_ms, GATE_PROBE_MS); /* and a new wait */
    }
}

static void after_the_breaker_it_grows(void **state)
{
    (void)state;
    learn_times(GATE_STREAK, DEAD);
    now_ms = gate.until_ms;
    learn(GATE_SUCCESS, 0);
    assert_int_equal(width(), 1);
    learn(GATE_SUCCESS, 0);
    assert_int_equal(width(), 2);
    learn_times(2000, GATE_SUCCESS);
    assert_int_equal(width(), CAP);
    assert_true(at_rest());
}

/* With a concurrency of one there is nothing to limit. */
static void one_at_a_time_needs_no_limit(void **state)
{
    (void)state;
    concurrency = 1;
    learn(CROWDED, 0);
    assert_int_equal(width(), 1);
    learn(GATE_SUCCESS, 0);
    assert_int_equal(gate.limit, 0);
}

static void a_breaker_never_shortens_a_pause(void **state)
{
    (void)state;
    learn(GATE_FAILED, 3600000);
    learn_times(GATE_STREAK, DEAD);
    assert_int_equal(gate.openings, 1);
    assert_int_equal(gate.until_ms, START + 3600000);
    now_ms += 3600000;
    learn(GATE_FAILED | GATE_DEAD, 500); /* 503 with Retry-After, shorter than the wait */
    assert_int_equal(gate.until_ms - now_ms, 2 * GATE_PROBE_MS);
}

static void failures_are_counted_since_the_last_success(void **state)
{
    (void)state;
    learn(GATE_SUCCESS, 0);
    now_ms += 5;
    learn_times(GATE_FAILURES - 1, GATE_FAILED);
    now_ms += 5;
    assert_int_equal(gate_health(&gate, now_ms), GATE_HEALTHY);
    learn(GATE_FAILED, 0);
    assert_int_equal(gate.failures, GATE_FAILURES);
    assert_int_equal(gate.failing_ms, START + 5);
    assert_int_equal(gate.error, ATTEMPT_HTTP_STATUS);
    assert_int_equal(gate_health(&gate, now_ms), GATE_FAILING);
    assert_int_equal(width(), CAP);
    learn(0, 0);
    assert_int_equal(gate.failures, GATE_FAILURES);
    learn(GATE_SUCCESS, 0);
    assert_int_equal(gate.failures, 0);
    assert_int_equal(gate.failing_ms, 0);
    assert_true(at_rest());
    gate.failures = INT32_MAX;
    learn(GATE_FAILED, 0);
    assert_int_equal(gate.failures, INT32_MAX);
}

static void the_gravest_is_told(void **state)
{
    (void)state;
    gate = (struct gate){.failures = GATE_FAILURES};
    assert_int_equal(gate_health(&gate, now_ms), GATE_FAILING);
    gate.limit = 1000;
    assert_int_equal(gate_health(&gate, now_ms), GATE_LIMITED);
    gate.until_ms = now_ms + 1;
    assert_int_equal(gate_health(&gate, now_ms), GATE_PAUSED);
    gate.openings = 1;
    assert_int_equal(gate_health(&gate, now_ms), GATE_BROKEN);
    for (int h = GATE_HEALTHY; h <= GATE_BROKEN; h++)
        assert_non_null(gate_health_names[h]);
    assert_null(gate_health_names[GATE_BROKEN + 1]);
    assert_string_equal(gate_health_names[GATE_BROKEN], "broken");
    assert_string_equal(gate_health_names[GATE_HEALTHY], "healthy");
}

static void each_thing_that_matters_keeps_it_from_rest(void **state)
{
    (void)state;
    static const struct gate gates[] = {
        {.failures = 1}, {.limit = 1000}, {.openings = 1}, {.until_ms = 1}, {.cut_ms = 1}};
    for (size_t i = 0; i < ARRAY_LEN(gates); i++)
        assert_false(gate_at_rest(&gates[i], 0));
    assert_true(gate_at_rest(&gates[3], 1));
    assert_true(gate_at_rest(&gates[4], 1));
}

/* A second cut within the second of the first, over a concurrency so small that one success ends the
 * limit: the second is still that of the first. */
static void rest_waits_for_the_end_of_the_cut(void **state)
{
    (void)state;
    concurrency = 2;
    learn(CROWDED, 0);
    learn(GATE_SUCCESS, 0);
    assert_int_equal(gate.limit, 0);
    assert_false(at_rest());
    learn(CROWDED, 0);
    assert_int_equal(width(), 2);
}

static int any_news(unsigned *seed)
{
    static const int some[] = {GATE_SUCCESS, GATE_SUCCESS, GATE_SUCCESS,
                               GATE_FAILED,  CROWDED,      CROWDED,
                               DEAD,         DEAD,         DEAD | GATE_CROWDED};
    return some[rand_r(seed) % ARRAY_LEN(some)];
}

static void assert_seems_equal(const struct gate *a, const struct gate *b)
{
    int64_t a_until = a->until_ms > now_ms ? a->until_ms : now_ms;
    int64_t b_until = b->until_ms > now_ms ? b->until_ms : now_ms;
    assert_int_equal(gate_health(a, now_ms), gate_health(b, now_ms));
    assert_int_equal(gate_width(a, concurrency), gate_width(b, concurrency));
    assert_int_equal(a_until, b_until);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->failing_ms, b->failing_ms);
    assert_int_equal(gate_at_rest(a, now_ms), gate_at_rest(b, now_ms));
}

/* What is at rest may be forgotten: nobody sees a difference. */
static void forgetting_what_is_at_rest_changes_nothing(void **state)
{
    static const int caps[] = {1, 2, 3, 5, 32};
    unsigned seed = 11;
    int forgotten = 0;
    (void)state;
    for (int life = 0; life < 500; life++) {
        struct gate kept = {0}, other = {0};
        for (int step = 0; step < 200; step++) {
            struct gate_news news = {.what = any_news(&seed)};
            news.pause_ms = rand_r(&seed) % 8 == 0 ? rand_r(&seed) % 2000 : 0;
            news.error = news.what & GATE_FAILED ? rand_r(&seed) % 13 : 0;
            if (rand_r(&seed) % 20 == 0)
                concurrency = caps[(size_t)rand_r(&seed) % ARRAY_LEN(caps)];
            now_ms += rand_r(&seed) % 3 == 0 ? rand_r(&seed) % 1200 : 0;
            gate_learn(&kept, &news, concurrency, now_ms);
            gate_learn(&other, &news, concurrency, now_ms);
            assert_seems_equal(&kept, &other);
            if (gate_at_rest(&other, now_ms)) {
                other = (struct gate){0};
                forgotten++;
            }
        }
    }
    assert_true(forgotten > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(an_endpoint_that_takes_what_it_is_sent_has_no_gate),
        TEST(a_pause_ends_when_it_said),
        TEST(the_longest_pause_counts),
        TEST(a_success_may_name_a_pause),
        TEST(crowding_halves_at_most_once_a_second),
        TEST(what_began_before_a_cut_says_no_more),
        TEST(crowding_halves_what_there_is),
        TEST(a_round_of_successes_adds_one),
        TEST(a_limit_always_grows_to_its_end),
        TEST(a_limit_grows_old),
        TEST(the_limit_after_a_breaker_is_of_then),
        TEST(failures_that_are_no_crowding_leave_the_limit),
        TEST(a_streak_of_the_dead_opens_the_breaker),
        TEST(what_was_under_way_is_no_probe),
        TEST(each_probe_that_fails_doubles_the_wait),
        TEST(an_answer_closes_and_begins_with_one),
        TEST(after_the_breaker_it_grows),
        TEST(one_at_a_time_needs_no_limit),
        TEST(a_breaker_never_shortens_a_pause),
        TEST(failures_are_counted_since_the_last_success),
        TEST(the_gravest_is_told),
        TEST(each_thing_that_matters_keeps_it_from_rest),
        TEST(rest_waits_for_the_end_of_the_cut),
        TEST(forgetting_what_is_at_rest_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
