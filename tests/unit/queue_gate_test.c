/* store/queue against a real Redis: the gate before every endpoint, what it costs, and what opens it again; its limits. */
#include "queue_rig.h"

#include "core/webhook.h"

#include <signal.h>

/* Redis runs what it was told, but answers too late: it is told again, and has heard it. */
static void an_ack_that_is_repeated_says_nothing_new(void **state)
{
    struct queue_ref refs[GATE_FAILURES / 2];
    (void)state;
    put_many(hook, GATE_FAILURES / 2, 32, 0);
    assert_int_equal(claim(GATE_FAILURES / 2), GATE_FAILURES / 2);
    memcpy(refs, rig.claimed.refs, sizeof refs);
    kill(rig.server.pid, SIGSTOP);
    for (size_t i = 0; i < ARRAY_LEN(refs); i++)
        ack_news(refs[i], QUEUE_OUT, GATE_FAILED, 0);
    WAIT(rig.loop, rig.downs > 0, 5000);
    kill(rig.server.pid, SIGCONT);
    WAIT(rig.loop, queue_pending(rig.queue) == 0, 5000);
    for (int i = GATE_FAILURES / 2; i < GATE_FAILURES - 1; i++)
        end_one(GATE_FAILED, 0);
    assert_null(told(hook));
    end_one(GATE_FAILED, 0);
    assert_int_equal(told(hook)->gate.failures, GATE_FAILURES);
}

/* What was sent without Redis flies nowhere, and is heard all the same. */
static void an_ack_of_what_does_not_fly(void **state)
{
    (void)state;
    for (int i = 0; i < GATE_FAILURES; i++)
        ack_news(queue_ref_of(id_new(), hook, app, false), QUEUE_OUT, GATE_FAILED, 0);
    settle();
    assert_int_equal(told(hook)->gate.failures, GATE_FAILURES);
}

/* --- pauses ----------------------------------------------------------------------------------- */

static void a_pause_is_a_turn_to_come(void **state)
{
    (void)state;
    put_many(hook, 10, 32, 0);
    assert_int_equal(claim(2), 2);
    struct queue_ref other = rig.claimed.refs[1];
    ack_news(rig.claimed.refs[0], 0, GATE_FAILED, 400);
    settle();
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, 1, 400);
    ack_news(other, QUEUE_OUT, GATE_SUCCESS, 0); /* what was under way ends: the pause stays */
    put(id_new(), hook, 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, 1, 400);
    WAIT(rig.loop, false, rig.claimed.next_ms + 1);
    assert_int_equal(claim(100), 10);
}

static void a_pause_of_one_is_obeyed_by_all(void **state)
{
    struct queue *mine = rig.queue, *other = rig_open(2);
    (void)state;
    put_many(hook, 10, 32, 0);
    assert_int_equal(claim(2), 2);
    ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_FAILED, 60000);
    settle();
    rig.queue = other;
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, 59000, 60000);
    queue_destroy(other);
    rig.queue = mine;
}

/* Twenty thousand wait: it costs no more than if there were one. */
static void a_pause_costs_the_same_whatever_waits(void **state)
{
    long long calls[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        put_many(hook, i == 0 ? 2 : 20000, 32, 0);
        if (i == 0) {
            assert_int_equal(claim(1), 1);
            ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_FAILED, 60000);
            settle();
        }
        calls[i] = redis_server_calls(&rig.server);
        for (int k = 0; k < 10; k++) {
            assert_int_equal(claim(100), 0);
            assert_in_range(rig.claimed.next_ms, 50000, 60000);
        }
        calls[i] = redis_server_calls(&rig.server) - calls[i];
    }
    assert_int_equal(calls[0], calls[1]);
    assert_true(calls[1] < 100);
}

/* The end of the pause is the moment: a single claim then, and not one before. */
static void a_pause_wakes_nobody(void **state)
{
    (void)state;
    put_many(hook, 100, 32, 0);
    assert_int_equal(claim(1), 1);
    rig.wakes = 0;
    ack_news(rig.claimed.refs[0], 0, GATE_FAILED, 5000);
    settle();
    put_many(hook, 100, 32, 0);
    WAIT(rig.loop, false, 30);
    assert_int_equal(rig.wakes, 0);
}

static void an_app_goes_on_while_one_of_its_endpoints_pauses(void **state)
{
    (void)state;
    put_many(hook, 10, 32, 0);
    assert_int_equal(claim(1), 1);
    ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_FAILED, 60000);
    settle();
    put(id_new(), id_new(), 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 1);
    assert_in_range(rig.claimed.next_ms, 59000, 60000);
}

/* A test is an endpoint of its own. */
static void a_test_passes_whatever_the_gate(void **state)
{
    struct id test = id_new();
    (void)state;
    put_many(hook, 50, 32, 0);
    assert_int_equal(claim(20), 20);
    for (size_t i = 0; i < rig.claimed.count; i++)
        ack_news(rig.claimed.refs[i], 0, DEAD, 60000);
    settle();
    put_of(app, test, test, 0, 1, 0);
    settle();
    assert_int_equal(claim(100), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, test));
    ack(rig.claimed.refs[0], QUEUE_OUT);
    settle();
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 1);
}

/* --- the breaker ------------------------------------------------------------------------------ */

static void the_dead_cost_one_place(void **state)
{
    int64_t wait = GATE_PROBE_MS;
    (void)state;
    break_it();
    for (int probe = 0; probe < 8; probe++) {
        assert_int_equal(claim(100), 0);
        assert_in_range(rig.claimed.next_ms, wait - 700, wait);
        let_pass(hook, rig.claimed.next_ms - 150);
        assert_int_equal(claim(100), 0);
        assert_in_range(rig.claimed.next_ms, 1, 150);
        WAIT(rig.loop, false, rig.claimed.next_ms + 1);
        assert_int_equal(claim(100), 1); /* a probe, and nothing beside it */
        struct queue_ref ref = rig.claimed.refs[0];
        assert_int_equal(rig.claimed.next_ms, -1);
        assert_int_equal(claim(100), 0);
        ack_news(ref, 0, DEAD, 0);
        settle();
        wait = 2 * wait < GATE_PROBE_MAX_MS ? 2 * wait : GATE_PROBE_MAX_MS;
    }
}

static void nine_of_the_dead_break_nothing(void **state)
{
    (void)state;
    put_many(hook, 200, 32, 0);
    assert_int_equal(claim(GATE_STREAK - 1), GATE_STREAK - 1);
    end_all(DEAD);
    assert_int_equal(claim(100), 32);
    ack_news(rig.claimed.refs[0], 0, GATE_FAILED, 0); /* answers */
    for (int i = 1; i < GATE_STREAK; i++)
        ack_news(rig.claimed.refs[i], 0, DEAD, 0);
    settle();
    assert_int_equal(claim(100), 10);
}

static void what_is_late_moves_no_probe(void **state)
{
    (void)state;
    put_many(hook, 200, 32, 0);
    assert_int_equal(claim(32), 32);
    for (int i = 0; i < GATE_STREAK; i++)
        ack_news(rig.claimed.refs[i], 0, DEAD, 0);
    settle();
    let_pass(hook, GATE_PROBE_MS);
    for (size_t i = GATE_STREAK; i < 32; i++)
        queue_ack(rig.queue,
                  &(struct queue_ack){rig.claimed.refs[i], 0, {.what = DEAD, .took_ms = 3000}}, 1);
    settle();
    assert_int_equal(claim(100), 1); /* all are back: the probe, at once */
}

static void a_probe_that_is_answered_opens_the_way(void **state)
{
    size_t was = 0;
    (void)state;
    break_it();
    let_pass(hook, GATE_PROBE_MS);
    assert_int_equal(claim(100), 1);
    end_all(GATE_SUCCESS);
    for (int round = 0; round < 60; round++) {
        size_t count = claim(100);
        assert_true(count >= was && count <= was + 1 && count >= 1);
        assert_int_equal(rig.claimed.next_ms, -1);
        was = count;
        end_all(GATE_SUCCESS);
    }
    assert_int_equal(was, 32);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 0);
}

/* Nobody answers for the probe: its lease ends, and another goes. */
static void a_probe_that_is_lost_is_followed_by_another(void **state)
{
    (void)state;
    break_it();
    let_pass(hook, GATE_PROBE_MS);
    assert_int_equal(claim(100), 1);
    redis_server_sayf(&rig.server, "ZADD posthorn:{q}:inflight 0 %b", &rig.claimed.refs[0],
                      sizeof rig.claimed.refs[0]);
    sweep(rig.queue);
    assert_int_equal(claim(100), 1);
}

/* --- the limit -------------------------------------------------------------------------------- */

static void crowding_halves_and_successes_recover(void **state)
{
    int rounds = 0;
    (void)state;
    put_many(hook, 500, 32, 0);
    assert_int_equal(claim(100), 32);
    end_all(CROWDED);
    assert_int_equal(claim(100), 16);
    end_all(CROWDED); /* in the same second */
    assert_int_equal(claim(100), 16);
    let_pass(hook, GATE_CUT_MS);
    end_all(CROWDED);
    assert_int_equal(claim(100), 8);
    for (; rig.claimed.count < 32; rounds++) {
        end_all(GATE_SUCCESS);
        claim(100);
    }
    assert_in_range(rounds, 22, 26);
    let_pass(hook, GATE_CUT_MS);
    sweep(rig.queue);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 0);
}

/* --- limits ------------------------------------------------------------------------------------ */

/* What waits goes by what was said last, without anything new. */
static void limits_change_at_once(void **state)
{
    (void)state;
    put_many(hook, 20, 1, 0);
    assert_int_equal(claim(100), 1);
    rig.wakes = 0;
    queue_set_limits(rig.queue, hook, app, 4, 0);
    WAIT(rig.loop, rig.wakes > 0, 1000);
    assert_int_equal(claim(100), 3);
    queue_set_limits(rig.queue, hook, app, 32, 1);
    settle();
    assert_int_equal(claim(100), 1);
    assert_int_equal(claim(100), 0);
    queue_set_limits(rig.queue, hook, app, 32, 0);
    settle();
    assert_int_equal(claim(2), 2);
    queue_set_limits(rig.queue, hook, app, 2, 0); /* there are seven in flight */
    settle();
    assert_int_equal(claim(100), 0);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 1);
    queue_set_limits(rig.queue, hook, app, WEBHOOK_CONCURRENCY, 0);
    settle();
    assert_int_equal(claim(100), 13);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 0);
    queue_set_limits(rig.queue, id_new(), app, 1, 1); /* of one that has nothing */
    settle();
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 0);
}

/* An endpoint that has nothing leaves none behind; one in flight, or with something waiting, keeps its own. */
static void limits_are_forgotten(void **state)
{
    struct queue_ref last;
    (void)state;
    put_many(hook, 2, 2, 0);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 1);
    assert_int_equal(claim(1), 1);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    for (int i = 0; i < 2; i++) { /* waiting; in flight */
        redis_server_say(&rig.server, "DEL posthorn:{q}:recount");
        sweep(rig.queue);
        assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 1);
        if (i == 0)
            assert_int_equal(claim(1), 1);
    }
    last = rig.claimed.refs[0];
    ack(last, QUEUE_OUT);
    settle();
    redis_server_say(&rig.server, "DEL posthorn:{q}:recount");
    sweep(rig.queue);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:limits"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_ack_that_is_repeated_says_nothing_new),
        RIG_TEST(an_ack_of_what_does_not_fly),
        RIG_TEST(a_pause_is_a_turn_to_come),
        RIG_TEST(a_pause_of_one_is_obeyed_by_all),
        RIG_TEST(a_pause_costs_the_same_whatever_waits),
        RIG_TEST(a_pause_wakes_nobody),
        RIG_TEST(an_app_goes_on_while_one_of_its_endpoints_pauses),
        RIG_TEST(a_test_passes_whatever_the_gate),
        RIG_TEST(the_dead_cost_one_place),
        RIG_TEST(nine_of_the_dead_break_nothing),
        RIG_TEST(what_is_late_moves_no_probe),
        RIG_TEST(a_probe_that_is_answered_opens_the_way),
        RIG_TEST(a_probe_that_is_lost_is_followed_by_another),
        RIG_TEST(crowding_halves_and_successes_recover),
        RIG_TEST(limits_change_at_once),
        RIG_TEST(limits_are_forgotten),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
