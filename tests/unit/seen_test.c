/* api/seen: what a stream of events has had, and from where on it has to look. */
#include "api/seen.h"

#include "unit.h"

#define T 1700000000000 /* a moment */

static struct id at(int64_t ms, uint8_t n)
{
    struct id id = id_floor(ms);
    id.b[15] = n;
    return id;
}

static void pass(struct seen *s, int64_t now_ms, int64_t oldest, int64_t next)
{
    seen_pass(s, &(struct moment){now_ms, oldest, next}, NULL);
}

static void test_what_is_had_is_known(void **state)
{
    struct seen s;

    (void)state;
    seen_init(&s, at(T, 0));
    for (int i = 200; i > 0; i -= 2)
        seen_add(&s, at(T + i, 1));
    for (int i = 1; i <= 200; i++)
        assert_int_equal(seen_has(&s, at(T + i, 1)), i % 2 == 0);
    seen_fini(&s);
}

/* While everybody commits at once, the place is five seconds behind. */
static void test_it_passes_what_is_settled(void **state)
{
    struct seen s;

    (void)state;
    seen_init(&s, at(T - 60000, 0));
    seen_add(&s, at(T - 5001, 1));
    seen_add(&s, at(T - 4999, 1));
    pass(&s, T, 10, 10);
    assert_int_equal(id_time_ms(s.sure), T - 5000);
    assert_int_equal(s.count, 1);
    assert_true(seen_has(&s, at(T - 4999, 1)));
    pass(&s, T - 1000, 10, 10); /* the clock went back */
    assert_int_equal(id_time_ms(s.sure), T - 5000);
    seen_fini(&s);
}

/* An open transaction is waited for, but not for ever; and all the longer it was open, as soon as it ends. */
static void test_it_waits_for_who_writes(void **state)
{
    struct seen s;

    (void)state;
    seen_init(&s, at(T - 60000, 0));
    pass(&s, T, 10, 10);
    for (int i = 1; i <= 500; i++) /* transaction 10 has begun, and stays */
        pass(&s, T + i * 1000, 10, 10 + i);
    assert_int_equal(id_time_ms(s.sure), T - 5000);
    pass(&s, T + 501000, 600, 600);
    assert_true(id_time_ms(s.sure) >= T + 495000);
    for (int i = 502; i <= 1500; i++)
        pass(&s, T + i * 1000, 700, 701 + i);
    assert_int_equal(id_time_ms(s.sure), T + 1500000 - 600000);
    seen_fini(&s);
}

static void test_a_crowd_is_waited_for_less(void **state)
{
    struct seen s;

    (void)state;
    seen_init(&s, at(T - 60000, 0));
    pass(&s, T, 10, 10);
    for (int i = 0; i < SEEN_MAX; i++)
        seen_add(&s, at(T + i, 1));
    assert_true(seen_is_full(&s));
    pass(&s, T + 31000, 10, 20);
    assert_int_equal(id_time_ms(s.sure), T + 1000);
    assert_int_equal(s.count, SEEN_MAX - 1000);
    seen_fini(&s);
}

/* What is there and was not had is not passed. */
static void test_it_stops_before_what_was_not_had(void **state)
{
    struct seen s;
    struct id unseen = at(T - 20000, 7);

    (void)state;
    seen_init(&s, at(T - 60000, 0));
    seen_pass(&s, &(struct moment){T, 10, 10}, &unseen);
    assert_int_equal(id_time_ms(s.sure), T - 20000);
    assert_true(id_cmp(s.sure, unseen) < 0);
    seen_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_had_is_known),
        cmocka_unit_test(test_it_passes_what_is_settled),
        cmocka_unit_test(test_it_waits_for_who_writes),
        cmocka_unit_test(test_a_crowd_is_waited_for_less),
        cmocka_unit_test(test_it_stops_before_what_was_not_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
