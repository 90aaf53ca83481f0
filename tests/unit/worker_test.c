/* worker/places: what a worker may have in its hands, what it has, and of which apps. */
#include "worker/places.h"

#include "unit.h"

#include <stdlib.h>

static struct queue_ref ref(int n, uint8_t app)
{
    return (struct queue_ref){.delivery = {{[0] = 1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}},
                              .app = {{[0] = 2, [15] = app}}};
}

static void take(struct places *p, int from, int count, uint8_t app)
{
    for (int i = from; i < from + count; i++) {
        struct queue_ref one = ref(i, app);
        places_take(p, &one, 1);
    }
}

static void give_back(struct places *p, int from, int count)
{
    for (int i = from; i < from + count; i++)
        places_give_back(p, ref(i, 0).delivery);
}

static int held_of(const struct places *p, uint8_t app)
{
    size_t count;
    int held = 0;
    struct queue_held *all = places_held(p, &count);
    for (size_t i = 0; i < count; i++)
        if (id_eq(all[i].app, ref(0, app).app))
            held = all[i].count;
    free(all);
    return held;
}

static void test_places(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 512);
    assert_int_equal(places_left(&p), 512);
    take(&p, 0, 128, 1);
    take(&p, 128, 256, 2);
    assert_int_equal(places_left(&p), 128);
    give_back(&p, 0, 128);
    assert_int_equal(places_left(&p), 256);

    take(&p, 1000, 300, 1); /* the queue and direct mode, both asked before either answered */
    assert_int_equal(places_left(&p), 0);
    give_back(&p, 1000, 44);
    assert_int_equal(places_left(&p), 0);
    give_back(&p, 1044, 1);
    assert_int_equal(places_left(&p), 1);
    give_back(&p, 1045, 255);
    give_back(&p, 128, 256);
    assert_int_equal(places_left(&p), 512);
    places_fini(&p);
}

static void test_what_is_in_them(void **state)
{
    size_t count;
    (void)state;
    struct places p;

    places_init(&p, 100);
    assert_int_equal(held_of(&p, 1), 0);
    take(&p, 0, 3, 1);
    take(&p, 10, 5, 2);
    assert_int_equal(held_of(&p, 1), 3);
    assert_int_equal(held_of(&p, 2), 5);
    assert_true(places_has(&p, ref(12, 0).delivery));
    assert_false(places_has(&p, ref(3, 0).delivery));
    give_back(&p, 12, 1);
    assert_false(places_has(&p, ref(12, 0).delivery));
    assert_int_equal(held_of(&p, 2), 4);
    struct queue_ref *refs = places_refs(&p, &count);
    assert_int_equal(count, 7);
    free(refs);
    give_back(&p, 0, 3);
    assert_int_equal(held_of(&p, 1), 0);
    free(places_held(&p, &count));
    assert_int_equal(count, 1);
    places_fini(&p); /* frees what is left in them */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_what_is_in_them),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
