/* worker/places and worker/pauses: what a worker may have in its hands, and who is left alone. */
#include "worker/places.h"

#include "worker/pauses.h"

#include "unit.h"

static void test_places(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 512);
    assert_int_equal(places_left(&p), 512);
    places_take(&p, 128);
    places_take(&p, 256);
    assert_int_equal(places_left(&p), 128);
    places_give_back(&p, 128);
    assert_int_equal(places_left(&p), 256);

    places_take(&p, 300); /* the queue and direct mode, both asked before either answered */
    assert_int_equal(places_left(&p), 0);
    places_give_back(&p, 44);
    assert_int_equal(places_left(&p), 0);
    places_give_back(&p, 1);
    assert_int_equal(places_left(&p), 1);
    places_give_back(&p, 511);
    assert_int_equal(places_left(&p), 512);
}

static struct id webhook(uint8_t n)
{
    return (struct id){{[0] = 1, [15] = n}};
}

static void test_pause(void **state)
{
    (void)state;
    struct pauses p = {0};

    assert_true(pauses_left_ms(&p, webhook(1), 1000) <= 0);
    pauses_set(&p, webhook(1), 3000);
    assert_int_equal(pauses_left_ms(&p, webhook(1), 1000), 2000);
    assert_true(pauses_left_ms(&p, webhook(1), 3000) <= 0);
    assert_true(pauses_left_ms(&p, webhook(2), 1000) <= 0);
    pauses_set(&p, webhook(1), 2000); /* the last word counts */
    assert_int_equal(pauses_left_ms(&p, webhook(1), 1000), 1000);
}

/* With no room the one that ends first is forgotten, wherever it stands. */
static void test_many_pauses(void **state)
{
    (void)state;
    struct pauses p = {0};

    for (int i = 0; i < PAUSES_MAX; i++)
        pauses_set(&p, webhook((uint8_t)i), i == 40 ? 5000 : 10000 + i);
    for (int i = 0; i < PAUSES_MAX; i++)
        assert_true(pauses_left_ms(&p, webhook((uint8_t)i), 1000) > 0);
    pauses_set(&p, webhook(PAUSES_MAX), 20000);
    for (int i = 0; i <= PAUSES_MAX; i++)
        assert_int_equal(pauses_left_ms(&p, webhook((uint8_t)i), 1000) > 0, i != 40);

    pauses_set(&p, webhook(7), 30000); /* who is there already takes nobody's place */
    for (int i = 0; i <= PAUSES_MAX; i++)
        assert_int_equal(pauses_left_ms(&p, webhook((uint8_t)i), 1000) > 0, i != 40);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_many_pauses),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
