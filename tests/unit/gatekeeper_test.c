/* worker/gatekeeper on a real ledger: two of them, as two workers have, learn of the same webhook, and nothing
 * that either was told is lost. */
#include "worker/gatekeeper.h"

#include "ledger_rig.h"

static const struct gate_news dead = {.what = GATE_FAILED | GATE_DEAD, .error = 4};
static const struct gate_news success = {.what = GATE_SUCCESS};

static struct gatekeeper one, two;
static int idle;

static void on_idle(void *arg)
{
    (void)arg;
    idle++;
}

static void settle(void)
{
    WAIT(rig.loop, gatekeeper_idle(&one) && gatekeeper_idle(&two), 10000);
    assert_true(gatekeeper_idle(&one) && gatekeeper_idle(&two));
}

static int start(void **state)
{
    int ready = rig_begin(state);
    gatekeeper_init(&one, rig.loop, rig.db, on_idle, NULL);
    gatekeeper_init(&two, rig.loop, rig.db, on_idle, NULL);
    return ready;
}

static int stop(void **state)
{
    gatekeeper_fini(&one);
    gatekeeper_fini(&two);
    return rig_end(state);
}

static int set_up(void **state)
{
    (void)state;
    idle = 0;
    rig_scene();
    run_sql("update webhook set concurrency = 8");
    return 0;
}

static void a_success_of_one_at_rest_costs_nothing(void **state)
{
    (void)state;
    gatekeeper_learn(&one, rig.webhook, &success);
    gatekeeper_learn(&one, rig.webhook, &(struct gate_news){0});
    assert_true(gatekeeper_idle(&one));
    is("select gate_at is null from webhook", "t");
}

/* Ten in a row, half of them seen by each. */
static void two_workers_find_a_dead_receiver(void **state)
{
    (void)state;
    for (int i = 0; i < GATE_STREAK / 2; i++) {
        gatekeeper_learn(&one, rig.webhook, &dead);
        gatekeeper_learn(&two, rig.webhook, &dead);
        WAIT(rig.loop, false, 1);
    }
    settle();
    is("select gate_failures::text from webhook", "10");
    is("select gate_streak::text from webhook", "10");
    is("select gate_openings::text from webhook", "1");
    is("select gate_until between now() and now() + interval '1 s' from webhook", "t");
    is("select gate_error::text from webhook", "4");
    assert_true(idle >= 2);

    /* Whoever is answered closes it; it stays to be told of, for a Redis that knows it as it was. */
    gatekeeper_learn(&two, rig.webhook, &success);
    settle();
    is("select gate_openings::text || gate_failures::text from webhook", "00");
    is("select gate_limit::text from webhook", "1000");
    is("select gate_until is not null from webhook", "t");
}

static void a_claim_says_who_is_not_at_rest(void **state)
{
    (void)state;
    gatekeeper_learn(&one, rig.webhook, &dead);
    settle();
    gatekeeper_note(&two, rig.webhook);
    gatekeeper_learn(&two, rig.webhook, &success);
    settle();
    is("select gate_failures::text from webhook", "0");
    is("select failing_since is null from webhook", "t");
}

static void a_pause_is_from_when_it_was_said(void **state)
{
    (void)state;
    gatekeeper_learn(&one, rig.webhook,
                     &(struct gate_news){.what = GATE_FAILED, .pause_ms = 60000});
    one.waiting[0].at_ms -= 20000; /* PostgreSQL was away */
    settle();
    is("select gate_until between now() + interval '35 s' and now() + interval '41 s'"
       " from webhook",
       "t");
}

static void who_is_gone_is_forgotten(void **state)
{
    (void)state;
    gatekeeper_learn(&one, (struct id){{7}}, &dead);
    settle();
    run_sql("update webhook set deleted_at = now()");
    gatekeeper_learn(&one, rig.webhook, &dead);
    settle();
    is("select gate_failures::text from webhook", "0");
}

/* A session of somebody's has it: others do not wait for that, and it is learnt when the row is free. */
static void a_row_that_is_locked_is_left_behind(void **state)
{
    (void)state;
    run_sql("begin");
    run_sql("select from webhook for no key update");
    gatekeeper_learn(&one, rig.webhook, &dead);
    settle();
    assert_int_equal(one.count, 1);
    assert_true(idle >= 1);
    run_sql("commit");
    WAIT(rig.loop, one.count == 0, 10000);
    is("select gate_failures::text from webhook", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_success_of_one_at_rest_costs_nothing, set_up),
        cmocka_unit_test_setup(two_workers_find_a_dead_receiver, set_up),
        cmocka_unit_test_setup(a_claim_says_who_is_not_at_rest, set_up),
        cmocka_unit_test_setup(a_pause_is_from_when_it_was_said, set_up),
        cmocka_unit_test_setup(who_is_gone_is_forgotten, set_up),
        cmocka_unit_test_setup(a_row_that_is_locked_is_left_behind, set_up),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
