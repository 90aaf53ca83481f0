/* api/accept_pace: whose event waits for others, and whose for nobody. A small world of clients and statements, in
 * microseconds of its own. */
#include "api/accept_pace.h"

#include "unit.h"

#define STEP_US      100
#define STATEMENT_US 1500

/* One statement at a time. What comes is counted, what waits too. */
struct world {
    struct accept_pace pace;
    int64_t now_us, takes_us;
    int64_t ends_us; /* of the statement under way; 0: there is none */
    size_t waiting, in_statement, answered;
    size_t statements, events;
    int64_t waited_us; /* all of them together, for their statement to begin */
};

static void arrive(struct world *w)
{
    accept_pace_arrived(&w->pace, w->now_us);
    w->waiting++;
}

static void turn(struct world *w)
{
    w->now_us += STEP_US;
    w->waited_us += (int64_t)w->waiting * STEP_US;
    w->answered = 0;
    if (w->ends_us != 0 && w->now_us >= w->ends_us) {
        w->answered = w->in_statement;
        w->ends_us = 0;
        accept_pace_answered(&w->pace, w->now_us);
    }
}

static void start_what_may(struct world *w)
{
    if (w->waiting == 0 || w->ends_us != 0 ||
        accept_pace_hold_ms(&w->pace, w->now_us, w->waiting, w->ends_us != 0) > 0)
        return;
    accept_pace_began(&w->pace, w->now_us);
    w->ends_us = w->now_us + w->takes_us;
    w->events += w->in_statement = w->waiting;
    w->waiting = 0;
    w->statements++;
}

/* An event every so often, whatever is answered; so long takes a statement. */
static struct world steady(int64_t gap_us, int64_t seconds, int64_t takes_us)
{
    struct world w = {.now_us = 1000000, .takes_us = takes_us};

    for (int64_t turns = 0; turns < seconds * 1000000 / STEP_US; turns++) {
        turn(&w);
        if (turns % (gap_us / STEP_US) == 0)
            arrive(&w);
        start_what_may(&w);
    }
    return w;
}

/* So many clients, each with its next event as soon as it is answered. */
static struct world waiting_clients(size_t clients, int64_t seconds)
{
    struct world w = {.now_us = 1000000, .takes_us = STATEMENT_US};

    for (size_t i = 0; i < clients; i++)
        arrive(&w);
    for (int64_t turns = 0; turns < seconds * 1000000 / STEP_US; turns++) {
        turn(&w);
        for (size_t i = 0; i < w.answered; i++)
            arrive(&w);
        start_what_may(&w);
    }
    return w;
}

static void test_idle(void **state)
{
    struct world second = steady(1000000, 20, STATEMENT_US),
                 tenth = steady(10000, 10, STATEMENT_US);
    (void)state;

    assert_int_equal(second.waited_us, 0);
    assert_int_equal(second.statements, second.events);
    assert_int_equal(tenth.waited_us, 0);
}

/* Two and four share a statement, and none waits for longer than the hold. */
static void test_steady(void **state)
{
    struct world slow = steady(2000, 10, STATEMENT_US), fast = steady(1000, 10, STATEMENT_US);
    (void)state;

    assert_true(slow.statements * 10 < slow.events * 6);
    assert_true(slow.waited_us / (int64_t)slow.events < ACCEPT_PACE_FEW_MS * 1000 / 2);
    assert_true(fast.statements * 10 < fast.events * 4);
    assert_true(fast.waited_us / (int64_t)fast.events < ACCEPT_PACE_FEW_MS * 1000 * 3 / 4);
}

/* However often somebody is answered: what comes within the time that some wait is together. */
static void test_busy(void **state)
{
    (void)state;
    for (int64_t gap_us = 200; gap_us <= 1000; gap_us += 200) {
        struct world w = steady(gap_us, 10, 300);
        int64_t together = ACCEPT_PACE_HOLD_MS * 1000 / gap_us;
        assert_true((int64_t)w.events >=
                    (int64_t)w.statements * (together > 3 ? together : 3) * 9 / 10);
        assert_true(w.waited_us / (int64_t)w.events <= 1200);
    }
}

/* Who comes again when he is answered has nearly as many statements as if nothing ever waited. */
static void test_waiting_clients(void **state)
{
    (void)state;
    for (size_t clients = 1; clients <= 8; clients++) {
        struct world w = waiting_clients(clients, 10);
        assert_int_equal(w.events / w.statements, clients);
        assert_true(w.statements * STATEMENT_US >= 10 * 1000000 * INT64_C(90) / 100);
    }
}

static void test_full(void **state)
{
    struct accept_pace pace = {0};
    (void)state;

    accept_pace_began(&pace, 1000000);
    accept_pace_answered(&pace, 1001500);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001500, ACCEPT_PACE_FULL, false), 0);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001500, ACCEPT_PACE_FULL - 1, false), 1);
    assert_int_equal(accept_pace_hold_ms(&pace, 1002000, ACCEPT_PACE_FEW, false), 0);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001500, ACCEPT_PACE_FEW - 1, false), 3);
    assert_int_equal(accept_pace_hold_ms(&pace, 1004000, 1, false), 0);
    assert_int_equal(accept_pace_hold_ms(&pace, 1004000, 1, true), 4);
    assert_int_equal(accept_pace_hold_ms(&pace, 1008000, 1, true), 0);
}

/* Beside a statement few wait, whatever was learnt, and not for long; many do not. */
static void test_beside(void **state)
{
    struct accept_pace pace = {0};
    (void)state;

    accept_pace_began(&pace, 1000000);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001000, ACCEPT_PACE_BESIDE - 1, true), 7);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001000, ACCEPT_PACE_BESIDE, true), 0);
    assert_int_equal(accept_pace_hold_ms(&pace, 1008000, ACCEPT_PACE_BESIDE - 1, true), 0);
    accept_pace_answered(&pace, 1001500);
    assert_int_equal(accept_pace_hold_ms(&pace, 1001500, ACCEPT_PACE_BESIDE - 1, false), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle), cmocka_unit_test(test_steady),
        cmocka_unit_test(test_busy), cmocka_unit_test(test_waiting_clients),
        cmocka_unit_test(test_full), cmocka_unit_test(test_beside),
    };
    return cmocka_run_group_tests_name("accept_pace", tests, NULL, NULL);
}
