/* Erasing in PostgreSQL: what is recorded of an event that was erased keeps no copy, whoever records it and when; and
 * an event with many deliveries is erased in bounded parts, the data last. */
#include "ledger_rig.h"

#include "store/events.h"
#include "store/work.h"

#define COPIES                                                                   \
    "select count(*) from attempts where error_text <> '' or request_head <> ''" \
    " or response_head is not null or response_body is not null"

static bool record(enum delivery_state state, int64_t token)
{
    struct finish f = {
        .delivery = rig.delivery,
        .webhook = rig.webhook,
        .token = token,
        .state = state,
        .error = state == DELIVERY_DELIVERED ? ATTEMPT_OK : ATTEMPT_REDIRECT,
        .number = 1,
        .code = state == DELIVERY_DELIVERED ? 200 : 302,
        .address = STR_LIT("192.0.2.1:443"),
        .error_text = STR_LIT("secret"),
        .request_head = STR_LIT("secret"),
        .response_head = STR_LIT("secret"),
        .response_body = STR_LIT("secret"),
    };
    const struct finish *list[] = {&f};

    rig.reader = NULL;
    rig.running = "finish";
    return finished(work_finish(rig.db, list, 1, rig_on_done, NULL));
}

static int calls;

static bool is_whole(const struct db_rows *rows)
{
    struct queue_entry woken;
    bool is_woken;
    return events_read_erased(rows, 0, &woken, &is_woken);
}

static void erase(int64_t limit)
{
    rig.reader = is_whole;
    rig.running = "erase";
    for (calls = 1; !finished(events_erase(rig.db, rig.app, rig.delivery, limit, calls == 1,
                                           &rig_deed, rig_on_done, NULL));
         calls++)
        assert_int_equal(number_of("select count(*) from event where data = '{}'"), 1);
    assert_int_equal(number_of("select octet_length(data) from event"), 0);
}

/* --- records ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum delivery_state before; /* the record comes */
    struct scene scene;
    enum delivery_state state; /* that it says */
    int64_t token;
    int copies; /* that it leaves */
} records[] = {
    {"in flight, success",
     DELIVERY_PENDING,
     {.leased = true, .erased = true},
     DELIVERY_DELIVERED,
     TOKEN,
     0},
    {"in flight, failure",
     DELIVERY_PENDING,
     {.leased = true, .erased = true},
     DELIVERY_FAILED,
     TOKEN,
     0},
    {"in flight, again",
     DELIVERY_PENDING,
     {.leased = true, .erased = true},
     DELIVERY_PENDING,
     TOKEN,
     0},
    {"lease lost, failure",
     DELIVERY_PENDING,
     {.leased = true, .erased = true},
     DELIVERY_FAILED,
     OTHER,
     0},
    {"lease lost, success",
     DELIVERY_PENDING,
     {.leased = true, .erased = true},
     DELIVERY_DELIVERED,
     OTHER,
     0},
    {"cancelled, failure", DELIVERY_CANCELLED, {.erased = true}, DELIVERY_PENDING, TOKEN, 0},
    {"delivered, success", DELIVERY_DELIVERED, {.erased = true}, DELIVERY_DELIVERED, OTHER, 0},
    {"in flight", DELIVERY_PENDING, {.leased = true}, DELIVERY_PENDING, TOKEN, 1},
    {"replaced", DELIVERY_PENDING, {.leased = true, .replaced = true}, DELIVERY_PENDING, TOKEN, 1},
    {"lease lost", DELIVERY_PENDING, {.leased = true}, DELIVERY_FAILED, OTHER, 1},
    {"delivered", DELIVERY_DELIVERED, {0}, DELIVERY_DELIVERED, OTHER, 1},
};

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        set_scene(&records[i].scene, records[i].before);
        record(records[i].state, records[i].token);
        assert_int_equal(number_of("select count(*) from attempts where code in (200, 302)"), 1);
        if (number_of(COPIES) != records[i].copies)
            fail_msg("%s: %d copies expected", records[i].name, records[i].copies);
        record(records[i].state, records[i].token); /* as after a crash of PostgreSQL */
        assert_int_equal(number_of(COPIES), records[i].copies);
    }
}

/* Somebody is changing the delivery, and may be erasing its event: nobody is waited for. */
static void test_a_record_of_what_is_locked(void **state)
{
    (void)state;
    set_scene(&(struct scene){0}, DELIVERY_CANCELLED);
    run_sql("begin; select from delivery for update");
    record(DELIVERY_FAILED, TOKEN);
    run_sql("rollback");
    assert_int_equal(number_of("select count(*) from attempts"), 1);
    assert_int_equal(number_of(COPIES), 0);
}

/* What the delivery itself keeps is left to who has locked it. */
static void test_a_late_record_of_what_is_locked(void **state)
{
    (void)state;
    set_scene(&(struct scene){.leased = true}, DELIVERY_PENDING);
    record(DELIVERY_DELIVERED, TOKEN);
    run_sql("begin; select from delivery for update");
    record(DELIVERY_FAILED, OTHER);
    run_sql("rollback");
    assert_int_equal(number_of("select count(*) from attempts"), 2);
    assert_int_equal(number_of(COPIES), 1);
    assert_int_equal(number_of("select count(*) from attempt where request_head = ''"), 1);
}

/* What was recorded before, and what is repeated after. */
static void test_erased_after_it_was_recorded(void **state)
{
    (void)state;
    set_scene(&(struct scene){.leased = true}, DELIVERY_PENDING);
    record(DELIVERY_DELIVERED, TOKEN);
    assert_int_equal(number_of(COPIES), 1);
    erase(10);
    assert_int_equal(number_of(COPIES), 0);
    record(DELIVERY_DELIVERED, TOKEN);
    assert_int_equal(number_of(COPIES), 0);
    assert_int_equal(number_of("select state from delivery"), DELIVERY_DELIVERED);
    assert_int_equal(number_of("select code from attempts"), 200);
}

static bool says_nothing(const struct db_rows *rows)
{
    (void)rows;
    return false;
}

/* In flight, a later event with its key marks it too. */
static void test_replaced_after_it_was_erased(void **state)
{
    struct event_new event = {
        .id = id_new(), .type = STR_LIT("t"), .data = STR_LIT("{}"), .coalesce_key = KEY};
    const struct event_new *events[] = {&event};
    (void)state;

    set_scene(&(struct scene){.leased = true}, DELIVERY_PENDING);
    erase(10);
    event.app = rig.app;
    rig.reader = says_nothing;
    rig.running = "accept";
    finished(events_accept(rig.db, events, 1, rig_on_done, NULL));
    assert_int_equal(number_of("select count(*) from delivery where replaces is not null"), 1);
    record(DELIVERY_PENDING, TOKEN);
    assert_int_equal(number_of(COPIES), 0);
    assert_int_equal(number_of("select count(*) from delivery where expires_at = 'epoch'"), 1);
}

/* --- parts ------------------------------------------------------------------------------------- */

static void test_many_deliveries(void **state)
{
    (void)state;
    set_scene(&(struct scene){0}, DELIVERY_PENDING);
    run_sql(
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        " select new_delivery_id(event_id), event_id, webhook_id, app_id, next_at, n %% 5, false"
        " from delivery, generate_series(1, 24) n");
    erase(10);
    assert_int_equal(calls, 3);
    assert_int_equal(number_of("select count(*) from delivery where expires_at = 'epoch'"), 25);
    assert_int_equal(number_of("select count(*) from delivery where last_error = 22"), 10);
    int64_t at_us = number_of("select us_of(erased_at) from event");
    erase(10);
    assert_int_equal(calls, 1);
    assert_int_equal(number_of("select us_of(erased_at) from event"), at_us);
}

static void test_as_many_as_fit(void **state)
{
    (void)state;
    set_scene(&(struct scene){0}, DELIVERY_HELD);
    erase(1);
    assert_int_equal(calls, 1);
    assert_int_equal(number_of("select state from delivery"), DELIVERY_CANCELLED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_a_record_of_what_is_locked),
        cmocka_unit_test(test_a_late_record_of_what_is_locked),
        cmocka_unit_test(test_erased_after_it_was_recorded),
        cmocka_unit_test(test_replaced_after_it_was_erased),
        cmocka_unit_test(test_many_deliveries),
        cmocka_unit_test(test_as_many_as_fit),
    };
    return cmocka_run_group_tests_name("erase", tests, rig_begin, rig_end);
}
