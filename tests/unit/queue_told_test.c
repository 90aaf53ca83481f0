/* store/queue against a real Redis: what the ledger is told of gates, what it gives back, and what is
 * forgotten of them. */
#include "queue_rig.h"

/* --- telling ---------------------------------------------------------------------------------- */

static void a_change_is_told_once(void **state)
{
    (void)state;
    sweep(rig.queue);
    assert_int_equal(rig.swept.gate_count, 0);
    break_it();
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_int_equal(gate_health(&g->gate, 0), GATE_BROKEN);
    assert_in_range(g->gate.until_ms, 1, GATE_PROBE_MS);
    assert_in_range(g->gate.failing_ms, 0, 500);
    assert_int_equal(g->gate.failures, GATE_STREAK);
    assert_int_equal(g->gate.openings, 1);
    assert_int_equal(g->gate.error, 6);
    assert_null(told(hook));

    let_pass(hook, GATE_PROBE_MS);
    assert_int_equal(claim(100), 1);
    end_all(DEAD);
    g = told(hook);
    assert_non_null(g); /* as broken as before, but for longer */
    assert_int_equal(g->gate.openings, 2);
    assert_in_range(g->gate.until_ms, GATE_PROBE_MS + 1, 2 * GATE_PROBE_MS);
    assert_in_range(g->gate.failing_ms, 1000, 2000);
    assert_null(told(hook));

    let_pass(hook, GATE_PROBE_MAX_MS);
    assert_int_equal(claim(100), 1);
    end_all(GATE_SUCCESS);
    g = told(hook);
    assert_non_null(g);
    assert_int_equal(gate_health(&g->gate, 0), GATE_LIMITED);
    assert_int_equal(g->gate.limit, 1000);
    assert_null(told(hook));
    for (int i = 0; i < 100; i++) {
        claim(100);
        end_all(GATE_SUCCESS);
    }
    g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
    assert_null(told(hook));
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:told"), 0);
}

/* Ten seconds later, although nothing changed but how many failed. */
static void what_lasts_is_told_again(void **state)
{
    (void)state;
    for (int i = 0; i < GATE_FAILURES; i++)
        end_one(GATE_FAILED, 0);
    assert_non_null(told(hook));
    end_one(GATE_FAILED, 0);
    assert_null(told(hook));
    let_pass(hook, 10001);
    end_one(GATE_FAILED, 0);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_int_equal(g->gate.failures, GATE_FAILURES + 2);
    assert_null(told(hook));
}

/* It was said to open soon, and then asked for an hour. */
static void a_longer_pause_is_told(void **state)
{
    (void)state;
    end_one(GATE_SUCCESS, 2000);
    assert_non_null(told(hook));
    let_pass(hook, 2000);
    end_one(GATE_SUCCESS, 900);
    assert_null(told(hook)); /* over in less than a second */
    let_pass(hook, 900);
    end_one(GATE_SUCCESS, 3600000);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_in_range(g->gate.until_ms, 3590000, 3600000);
    assert_null(told(hook));
}

static void a_few_failures_are_not_told(void **state)
{
    (void)state;
    for (int i = 1; i < GATE_FAILURES; i++)
        end_one(GATE_FAILED, 0);
    assert_null(told(hook));
    end_one(GATE_FAILED, 0);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_int_equal(gate_health(&g->gate, 0), GATE_FAILING);
    end_one(GATE_SUCCESS, 0);
    g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
}

static void the_end_of_a_pause_is_told(void **state)
{
    (void)state;
    end_one(GATE_SUCCESS, 5000);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_int_equal(gate_health(&g->gate, 0), GATE_PAUSED);
    assert_null(told(hook));
    let_pass(hook, 5000);
    g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 0);
    assert_null(told(hook));
}

/* A webhook that is gone: its gate goes too, in the end. */
static void a_gate_of_which_nothing_is_heard_is_forgotten(void **state)
{
    (void)state;
    break_it();
    assert_non_null(told(hook));
    let_pass(hook, 24 * 3600000);
    assert_null(told(hook));
    let_pass(hook, 2 * 3600000);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 0);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:told"), 0);
    assert_null(told(hook));
}

static void arrivals_are_forgotten_when_they_are_over(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        put(id_new(), id_new(), 0, 32, 200);
    settle();
    assert_int_equal(claim(1000), 300);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:tat"), 300);
    WAIT(rig.loop, false, 10);
    for (int i = 0; i < 10; i++)
        sweep(rig.queue);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:tat"), 0);
}

static void news_of_many_come_in_parts(void **state)
{
    size_t count = 0;
    (void)state;
    for (int i = 0; i < 1200; i++)
        put(id_new(), id_new(), 0, 32, 0);
    settle();
    for (int part = 0; part < 2; part++) {
        assert_int_equal(claim(600), 600);
        for (size_t i = 0; i < rig.claimed.count; i++)
            ack_news(rig.claimed.refs[i], QUEUE_OUT, GATE_FAILED, 60000);
        settle();
    }
    for (int i = 0; i < 3; i++) {
        sweep(rig.queue);
        count += rig.swept.gate_count;
    }
    assert_int_equal(count, 1200);
    sweep(rig.queue);
    assert_int_equal(rig.swept.gate_count, 0);
}

/* --- restoring -------------------------------------------------------------------------------- */

static void the_ledger_fills_only_what_is_missing(void **state)
{
    static const struct id other = {"other"}, rest = {"rest"};
    const struct queue_gate gates[] = {
        {hook, {.until_ms = 50000, .failures = 3}, .age_ms = 1000},
        {other,
         {.until_ms = 30000, .failing_ms = 90000, .limit = 4000, .failures = 12, .error = 6}},
        {rest, {.until_ms = -5000}},
    };
    (void)state;
    end_one(GATE_FAILED, 10000);
    queue_set_gates(rig.queue, gates, ARRAY_LEN(gates), false);
    put(id_new(), hook, 0, 32, 0);
    for (int i = 0; i < 10; i++)
        put(id_new(), other, 0, 32, 0);
    put(id_new(), rest, 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 1);
    assert_true(id_eq(rig.claimed.refs[0].endpoint, rest));
    assert_in_range(rig.claimed.next_ms, 9000, 10000);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 2);

    let_pass(other, 30000);
    assert_int_equal(claim(100), 4);
    end_all(GATE_FAILED);
    let_pass(other, 10001);
    assert_int_equal(claim(100), 4);
    end_all(GATE_FAILED);
    const struct queue_gate *g = told(other);
    assert_non_null(g);
    assert_int_equal(g->gate.failures, 12 + 8);
    assert_in_range(g->gate.failing_ms, 130000, 132000);
    assert_int_equal(g->gate.limit, 4000);
}

/* Workers learnt in the ledger while Redis was away: that it is paused, and that it came to rest. */
static void of_two_gates_the_later_counts(void **state)
{
    static const struct id healed = {"healed"};
    const struct queue_gate gates[] = {
        {hook, {.until_ms = 50000, .failures = 3}, .age_ms = 5},
        {healed, {.until_ms = 0}, .age_ms = 5},
    };
    (void)state;
    end_one(GATE_FAILED, 10000);
    put(id_new(), healed, 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 1);
    ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_FAILED, 20000);
    settle();
    sweep(rig.queue);
    let_pass(hook, 1000);
    let_pass(healed, 1000);
    queue_set_gates(rig.queue, gates, ARRAY_LEN(gates), false);
    put(id_new(), hook, 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, 49000, 50000);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 1);
    put(id_new(), healed, 0, 32, 0);
    settle();
    assert_int_equal(claim(100), 1);
    const struct queue_gate *g = told(healed);
    assert_non_null(g); /* the ledger may forget it */
    assert_true(gate_at_rest(&g->gate, 0));
}

/* A breaker that had opened is told of once more, while it is asked whether it works: that it does not still counts. */
static void who_is_asked_when_gates_come_may_fail(void **state)
{
    struct queue_gate gate = {hook, {.failures = 40, .openings = 1}, 5000};
    (void)state;
    queue_set_gates(rig.queue, &gate, 1, false);
    put_many(hook, 10, 32, 0);
    assert_int_equal(claim(100), 1);
    gate.age_ms = 4000;
    queue_set_gates(rig.queue, &gate, 1, false);
    struct queue_ack a = {rig.claimed.refs[0], 0, {.what = DEAD, .error = 6, .took_ms = 1000}};
    queue_ack(rig.queue, &a, 1);
    settle();
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, GATE_PROBE_MS, 2 * GATE_PROBE_MS);
}

/* The ledger has it as broken, so it has to hear that it no longer is. */
static void what_the_ledger_gave_is_told_when_it_changes(void **state)
{
    (void)state;
    queue_set_gates(rig.queue, &(struct queue_gate){hook, {.failures = 40, .openings = 5}}, 1,
                    false);
    put_many(hook, 10, 1, 0);
    assert_null(told(hook));
    assert_int_equal(claim(100), 1);
    end_all(GATE_SUCCESS);
    assert_int_equal(claim(100), 1);
    end_all(GATE_SUCCESS);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
}

/* Nobody sends anything: after ten minutes the ledger hears that there is no limit any more. */
static void a_limit_grows_old_where_nothing_is_sent(void **state)
{
    (void)state;
    end_one(CROWDED, 0);
    assert_int_equal(told(hook)->gate.limit, 16000);
    end_one(GATE_SUCCESS, 0);
    let_pass(hook, GATE_LIMIT_MS - 20000);
    assert_true(told(hook) == NULL || told(hook)->gate.limit > 0);
    let_pass(hook, 22000);
    sweep(rig.queue); /* finds it */
    const struct queue_gate *g = rig.swept.gate_count > 0 ? &rig.swept.gates[0] : told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
    put_many(hook, 40, 32, 0);
    assert_int_equal(claim(100), 32);
}

/* What the ledger gives to a Redis that was emptied is not old for it. */
static void a_limit_of_the_ledger_is_young(void **state)
{
    (void)state;
    queue_set_gates(rig.queue, &(struct queue_gate){hook, {.limit = 4000}}, 1, false);
    put_many(hook, 40, 32, 0);
    assert_int_equal(claim(100), 4);
}

/* What waits goes at once, whoever it was that waited; and the ledger hears of it. */
static void a_gate_that_is_forgotten_is_open(void **state)
{
    (void)state;
    put_many(hook, 10, 32, 0);
    assert_int_equal(claim(1), 1);
    ack_news(rig.claimed.refs[0], QUEUE_OUT, CROWDED | GATE_DEAD, 60000);
    settle();
    assert_int_equal(claim(100), 0);
    assert_int_equal(told(hook)->gate.failures, 1);
    rig.wakes = 0;
    queue_forget_gate(rig.queue, hook, app);
    WAIT(rig.loop, rig.wakes > 0, 1000);
    assert_int_equal(rig.wakes, 1);
    const struct queue_gate *g = told(hook);
    assert_non_null(g);
    assert_true(gate_at_rest(&g->gate, 0));
    assert_int_equal(claim(100), 9);
    for (size_t i = 0; i < 9; i++)
        ack(rig.claimed.refs[i], QUEUE_OUT);
    settle();
    queue_forget_gate(rig.queue, id_new(), app); /* of one that nothing is known of */
    settle();
    assert_int_equal(claim(100), 0);
    sweep(rig.queue);
    assert_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_change_is_told_once),
        RIG_TEST(what_lasts_is_told_again),
        RIG_TEST(a_longer_pause_is_told),
        RIG_TEST(a_few_failures_are_not_told),
        RIG_TEST(the_end_of_a_pause_is_told),
        RIG_TEST(a_gate_of_which_nothing_is_heard_is_forgotten),
        RIG_TEST(arrivals_are_forgotten_when_they_are_over),
        RIG_TEST(news_of_many_come_in_parts),
        RIG_TEST(the_ledger_fills_only_what_is_missing),
        RIG_TEST(of_two_gates_the_later_counts),
        RIG_TEST(who_is_asked_when_gates_come_may_fail),
        RIG_TEST(what_the_ledger_gave_is_told_when_it_changes),
        RIG_TEST(a_limit_grows_old_where_nothing_is_sent),
        RIG_TEST(a_limit_of_the_ledger_is_young),
        RIG_TEST(a_gate_that_is_forgotten_is_open),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
