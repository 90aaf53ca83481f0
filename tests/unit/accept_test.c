/* The plain statement that accepts events, against the one for whatever there is: what it stores, and what it leaves to
 * the other, without a trace. */
#include "core/filter.h"
#include "core/job.h"
#include "store/events.h"

#include "ledger_rig.h"

#define STORED                                                              \
    "select (select count(*) from event) + (select count(*) from delivery)" \
    " + (select count(*) from idempotency) + (select count(*) from job)"

static struct event_accepted answer;

static bool read_first(const struct db_rows *rows)
{
    events_read_accepted(rows, 0, &answer);
    return true;
}

/* The scene's webhook, and nothing that was accepted. */
static int begin(void **state)
{
    (void)state;
    rig_scene();
    run_sql("delete from delivery; delete from event; delete from idempotency");
    rig.reader = read_first;
    return 0;
}

static struct event_new event_of(uint8_t key, uint8_t hash)
{
    return (struct event_new){
        .id = id_new(),
        .app = rig.app,
        .type = STR_LIT("a.b"),
        .data = STR_LIT("{}"),
        .keyed = key != 0,
        .key = {{key}},
        .hash = {{hash}},
    };
}

static int accept_plain(const struct event_new *event)
{
    return rows_of(events_accept_plain(rig.db, &event, 1, rig_on_done, NULL));
}

static void test_what_it_stores(void **state)
{
    struct event_new event = event_of(1, 1), again = event_of(1, 1), other = event_of(1, 2);
    (void)state;

    assert_int_equal(accept_plain(&event), 1);
    assert_true(answer.queued && answer.deliveries == 1 && id_eq(answer.event, event.id));
    assert_true(id_eq(answer.entry.ref.endpoint, rig.webhook));
    assert_int_equal(number_of(STORED), 3);
    assert_int_equal(accept_plain(&again), 1);
    assert_true(id_eq(answer.event, event.id) && !answer.queued && !answer.differs);
    assert_int_equal(accept_plain(&other), 1);
    assert_true(answer.differs);
    assert_int_equal(number_of(STORED), 3);
}

static void test_held_and_in_order(void **state)
{
    struct event_new event = event_of(0, 0);
    (void)state;

    run_sql("update webhook set status = %d, ordering = 1", WEBHOOK_PAUSED);
    assert_int_equal(accept_plain(&event), 1);
    assert_false(answer.queued);
    is("select state || ' ' || lane || ' ' || (turn > 0) from delivery", "4 0 true");
}

static void test_nobody_wants_it(void **state)
{
    struct event_new event = event_of(0, 0);
    (void)state;

    run_sql("delete from subscription");
    assert_int_equal(accept_plain(&event), 1);
    assert_true(!answer.queued && answer.deliveries == 0);
    assert_int_equal(number_of(STORED), 1);
}

static void test_a_webhook_that_gathers(void **state)
{
    struct event_new event = event_of(1, 1);
    const struct event_new *events[] = {&event};
    (void)state;

    run_sql("update webhook set batch_max = 10, batch_seconds = 3");
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
    assert_int_equal(rows_of(events_accept(rig.db, events, 1, rig_on_done, NULL)), 1);
    assert_int_equal(number_of(STORED), 3);
}

/* So many webhooks that want it. */
static void crowd(int count)
{
    begin(NULL);
    run_sql(
        "insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule,"
        " timeout_ms, concurrency) select new_delivery_id(id), app_id, url, events, profile,"
        " secret, headers, retry_schedule, timeout_ms, concurrency"
        " from webhook, generate_series(2, %d);"
        " insert into subscription (app_id, pattern, webhook_id)"
        " select app_id, '*', id from webhook on conflict do nothing",
        count);
}

static void test_too_many_deliveries(void **state)
{
    struct event_new event = event_of(1, 1);
    (void)state;

    crowd(JOB_FANOUT_FROM);
    event.app = rig.app;
    assert_int_equal(accept_plain(&event), JOB_FANOUT_FROM);
    crowd(JOB_FANOUT_FROM + 1);
    event.app = rig.app;
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_it_stores, begin),
        cmocka_unit_test_setup(test_held_and_in_order, begin),
        cmocka_unit_test_setup(test_nobody_wants_it, begin),
        cmocka_unit_test_setup(test_a_webhook_that_gathers, begin),
        cmocka_unit_test_setup(test_too_many_deliveries, begin),
    };
    return cmocka_run_group_tests_name("accept", tests, rig_begin, rig_end);
}
