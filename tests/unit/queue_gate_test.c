/* store/queue against a real Redis: the gate before every endpoint, what it costs, and what is told of it. */
#include "queue_rig.h"

#include <signal.h>
#include <stdlib.h>

#define DEAD    (GATE_FAILED | GATE_DEAD)
#define CROWDED (GATE_FAILED | GATE_CROWDED)

static const struct id hook = {"hook"};

/* One of the endpoint flies and ends with this news. */
static void end_one(int what, int64_t pause_ms)
{
    put(id_new(), hook, 0, 32, 0);
    settle();
    assert_int_equal(claim(1), 1);
    assert_true(id_eq(rig.claimed.refs[0].endpoint, hook));
    ack_news(rig.claimed.refs[0], -1, what, pause_ms);
    settle();
}

/* Time passes for the gate: so long ago was everything, and so much nearer is what is to come. */
static void let_pass(struct id endpoint, int64_t ms)
{
    redis_server_sayf(
        &rig.server, "EVAL %s 0 %b %lld",
        "local P, e, ms = 'posthorn:{q}:', ARGV[1], tonumber(ARGV[2]) "
        "local g, i = redis.call('HGET', P..'gates', e), 0 "
        "if g then redis.call('HSET', P..'gates', e, (string.gsub(g, '%d+', function(n) "
        "i = i + 1 "
        "return (i <= 3 or i == 9) and n ~= '0' and string.format('%d', n - ms) or n "
        "end))) end "
        "local t = redis.call('HGET', P..'told', e) "
        "if t then local h, at = string.match(t, '(%d+) (%d+)') "
        "redis.call('HSET', P..'told', e, h..' '..string.format('%d', at - ms)) end "
        "for _, ring in ipairs(redis.call('KEYS', P..'ring:*')) do "
        "local turn = redis.call('ZSCORE', ring, e) "
        "if turn then redis.call('ZADD', ring, turn - 1000 * ms, e) "
        "redis.call('ZADD', P..'apps', redis.call('ZRANGE', ring, 0, 0, 'WITHSCORES')[2], "
        "string.sub(ring, -16)) end end return 1",
        endpoint.b, sizeof endpoint.b, (long long)ms);
}

static const struct queue_gate *told(struct id endpoint)
{
    sweep(rig.queue);
    for (size_t i = 0; i < rig.swept.gate_count; i++)
        if (id_eq(rig.swept.gates[i].endpoint, endpoint))
            return &rig.swept.gates[i];
    return NULL;
}

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
        ack_news(refs[i], -1, GATE_FAILED, 0);
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
        ack_news(queue_ref_of(id_new(), hook, app, false), -1, GATE_FAILED, 0);
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
    ack_news(other, -1, GATE_SUCCESS, 0); /* what was under way ends: the pause stays */
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
    ack_news(rig.claimed.refs[0], -1, GATE_FAILED, 60000);
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
            ack_news(rig.claimed.refs[0], -1, GATE_FAILED, 60000);
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
    ack_news(rig.claimed.refs[0], -1, GATE_FAILED, 60000);
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
    ack(rig.claimed.refs[0], -1);
    settle();
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:gates"), 1);
}

/* --- the breaker ------------------------------------------------------------------------------ */

/* As many as are claimed end like this and wait again. */
static void end_all(int what)
{
    for (size_t i = 0; i < rig.claimed.count; i++)
        ack_news(rig.claimed.refs[i], 0, what, 0);
    settle();
}

static void break_it(void)
{
    put_many(hook, 200, 32, 0);
    assert_int_equal(claim(GATE_STREAK), GATE_STREAK);
    end_all(DEAD);
}

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
    assert_null(told(hook)); /* as broken as before */
    let_pass(hook, 10001);
    assert_int_equal(claim(100), 1);
    end_all(DEAD);
    g = told(hook);
    assert_non_null(g); /* and again after ten seconds */
    assert_int_equal(g->gate.openings, 3);
    assert_in_range(g->gate.failing_ms, 11000, 12000);
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
            ack_news(rig.claimed.refs[i], -1, GATE_FAILED, 60000);
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
    ack_news(rig.claimed.refs[0], -1, GATE_FAILED, 20000);
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
    ack_news(rig.claimed.refs[0], -1, CROWDED | GATE_DEAD, 60000);
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
        ack(rig.claimed.refs[i], -1);
    settle();
    queue_forget_gate(rig.queue, id_new(), app); /* of one that nothing is known of */
    settle();
    assert_int_equal(claim(100), 0);
    sweep(rig.queue);
    assert_clean();
}

/* Held for long, put in late: before what came since, and in its own order when it is put in so. */
static void what_was_due_earlier_goes_first(void **state)
{
    struct id ids[4] = {id_new(), id_new(), id_new(), id_new()};
    const int64_t delays_ms[4] = {-86400000, -2000, 0, -30LL * 86400000};
    (void)state;
    for (int i = 3; i >= 0; i--) {
        put(ids[i], hook, delays_ms[i], 1, 0);
        settle();
    }
    static const int order[] = {3, 0, 1, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(claim(10), 1);
        assert_true(id_eq(rig.claimed.refs[0].delivery, ids[order[i]]));
        ack(rig.claimed.refs[0], -1);
        settle();
    }
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
        RIG_TEST(a_change_is_told_once),
        RIG_TEST(a_few_failures_are_not_told),
        RIG_TEST(the_end_of_a_pause_is_told),
        RIG_TEST(a_gate_of_which_nothing_is_heard_is_forgotten),
        RIG_TEST(arrivals_are_forgotten_when_they_are_over),
        RIG_TEST(news_of_many_come_in_parts),
        RIG_TEST(the_ledger_fills_only_what_is_missing),
        RIG_TEST(of_two_gates_the_later_counts),
        RIG_TEST(what_the_ledger_gave_is_told_when_it_changes),
        RIG_TEST(a_limit_grows_old_where_nothing_is_sent),
        RIG_TEST(a_limit_of_the_ledger_is_young),
        RIG_TEST(a_gate_that_is_forgotten_is_open),
        RIG_TEST(what_was_due_earlier_goes_first),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
