/* The plain statements that accept events, with keys and without, against the one for whatever there is: what they store, and what they leave
 * to the other, without a trace. */
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

static uint8_t some_key; /* of the test's events; 0: they have none */

static int begin_keyed(void **state)
{
    some_key = 1;
    return begin(state);
}

static int begin_unkeyed(void **state)
{
    some_key = 0;
    return begin(state);
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
    struct event_new event = event_of(some_key, 1);
    (void)state;

    run_sql("update webhook set status = %d, ordering = 1", WEBHOOK_PAUSED);
    assert_int_equal(accept_plain(&event), 1);
    assert_false(answer.queued);
    is("select state || ' ' || lane || ' ' || (turn > 0) from delivery", "4 0 true");
}

static void test_nobody_wants_it(void **state)
{
    struct event_new event = event_of(some_key, 1);
    (void)state;

    run_sql("delete from subscription");
    assert_int_equal(accept_plain(&event), 1);
    assert_true(!answer.queued && answer.deliveries == 0);
    assert_int_equal(number_of(STORED), 1 + some_key);
}

static void test_a_webhook_that_gathers(void **state)
{
    struct event_new event = event_of(some_key, 1);
    const struct event_new *events[] = {&event};
    (void)state;

    run_sql("update webhook set batch_max = 10, batch_seconds = 3");
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
    assert_int_equal(rows_of(events_accept(rig.db, events, 1, rig_on_done, NULL)), 1);
    assert_int_equal(number_of(STORED), 2 + some_key);
}

/* The count is the event's, and a repetition's, whatever the filter says then. */
static void test_a_webhook_that_filters(void **state)
{
    struct event_new event = event_of(some_key, 1), again = event_of(some_key, 1);
    const struct event_new *events[] = {&event, &again};
    (void)state;

    run_sql("update webhook set filter = '{}', conditions = 1,"
            " filter_plan = '[\"eq\", \"/eq\", \"{n}\", 1]'");
    event.data = STR_LIT("{\"n\":2}");
    again.data = STR_LIT("{\"n\":1.0}");
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
    assert_int_equal(rows_of(events_accept(rig.db, events, 1, rig_on_done, NULL)), 1);
    assert_true(!answer.queued && answer.deliveries == 0);
    assert_int_equal(number_of(STORED), 1 + some_key);
    assert_int_equal(rows_of(events_accept(rig.db, events + 1, 1, rig_on_done, NULL)), 1);
    assert_int_equal(answer.deliveries, !some_key);
    assert_int_equal(number_of(STORED), some_key ? 2 : 3);
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
    struct event_new event = event_of(some_key, 1);
    (void)state;

    crowd(JOB_FANOUT_FROM);
    event.app = rig.app;
    assert_int_equal(accept_plain(&event), JOB_FANOUT_FROM);
    crowd(JOB_FANOUT_FROM + 1);
    event.app = rig.app;
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
    /* Nor if there are no deliveries for those that were looked at: there may be others behind them. */
    run_sql("update webhook set status = %d, disabled_reason = %d; delete from job",
            WEBHOOK_DISABLED, DISABLED_BY_API);
    assert_int_equal(accept_plain(&event), 0);
    assert_int_equal(number_of(STORED), 0);
}

/* What a batch came to: deliveries and entries for the queue, by event, in the order of the rows. */
#define BATCH 5
static struct outcome {
    int64_t deliveries[BATCH], queued[BATCH];
    size_t last;
    bool in_order;
} outcome;

static bool read_outcome(const struct db_rows *rows)
{
    outcome = (struct outcome){.in_order = true};
    for (int i = 0; i < db_count(rows); i++) {
        struct event_accepted row;
        events_read_accepted(rows, i, &row);
        assert_true(row.of_event && !row.differs && row.index < BATCH);
        outcome.in_order = outcome.in_order && row.index >= outcome.last;
        outcome.last = row.index;
        outcome.deliveries[row.index] += row.deliveries;
        outcome.queued[row.index] += row.queued;
    }
    return true;
}

/* Another webhook of the app, that wants these. */
static void add_webhook(int n, const char *patterns, enum webhook_status status, int ordering)
{
    run_sql("insert into webhook (id, app_id, url, events, profile, secret, headers,"
            " retry_schedule, timeout_ms, concurrency, status, disabled_reason, ordering)"
            " select new_delivery_id(id), app_id, 'http://%d/', '%s', profile, secret, headers,"
            "  retry_schedule, timeout_ms, concurrency, %d, %d, %d from webhook"
            "  where url = 'http://a/';"
            " insert into subscription (app_id, pattern, webhook_id)"
            " select app_id, unnest(events), id from webhook where url = 'http://%d/'",
            n, patterns, status, status == WEBHOOK_DISABLED ? n : DISABLED_NOT_NUMBER, ordering, n);
}

/* Of several kinds, apps and webhooks, some of which want an event by more than one pattern. */
static void test_many_at_once(void **state)
{
    static const char *const types[BATCH] = {"a.b", "x.y", "a.b", "a.c", "a.b"};
    static const int64_t deliveries[BATCH] = {4, 1, 4, 3, 0}, queued[BATCH] = {3, 1, 3, 2, 0};
    struct event_new events[BATCH];
    const struct event_new *list[BATCH];
    (void)state;

    add_webhook(2, "{*,a.*,a.b}", WEBHOOK_ACTIVE, ORDERING_WEBHOOK_NUMBER);
    add_webhook(3, "{a.*}", WEBHOOK_PAUSED, 0);
    add_webhook(4, "{a.b}", WEBHOOK_ACTIVE, 0);
    add_webhook(DISABLED_BY_API_NUMBER, "{a.b,*}", WEBHOOK_DISABLED, 0);
    run_sql("delete from subscription where pattern = '*' and webhook_id in (select id from webhook"
            " where url = 'http://2/')");
    for (int i = 0; i < BATCH; i++) {
        list[i] = &events[i];
        events[i] = event_of(some_key == 0 ? 0 : (uint8_t)(i + 1), 1);
        events[i].type = str_of(types[i]);
    }
    events[4].app = id_new(); /* nobody's */
    rig.reader = read_outcome;
    rows_of(events_accept_plain(rig.db, list, BATCH, rig_on_done, NULL));
    assert_true(outcome.in_order);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(outcome.deliveries[i], deliveries[i]);
        assert_int_equal(outcome.queued[i], queued[i]);
    }
    is("select string_agg(concat_ws(' ', e.type, w.url, d.state, d.lane, d.turn > 0), ', '"
       " order by e.id, w.url) from event e join delivery d on d.event_id = e.id"
       " join webhook w on w.id = d.webhook_id",
       "a.b http://2/ 0 0 t, a.b http://3/ 4, a.b http://4/ 0, a.b http://a/ 0,"
       " x.y http://a/ 0,"
       " a.b http://2/ 0 0 t, a.b http://3/ 4, a.b http://4/ 0, a.b http://a/ 0,"
       " a.c http://2/ 0 0 t, a.c http://3/ 4, a.c http://a/ 0");
    assert_int_equal(number_of(STORED), BATCH + 12 + BATCH * some_key);
}

#define BOTH(test) \
    cmocka_unit_test_setup(test, begin_keyed), cmocka_unit_test_setup(test, begin_unkeyed)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_it_stores, begin),
        BOTH(test_held_and_in_order),
        BOTH(test_nobody_wants_it),
        BOTH(test_a_webhook_that_gathers),
        BOTH(test_a_webhook_that_filters),
        BOTH(test_too_many_deliveries),
        BOTH(test_many_at_once),
    };
    return cmocka_run_group_tests_name("accept", tests, rig_begin, rig_end);
}
