/* api/rates: token buckets by key, in a bounded number of places, of many threads. */
#include "api/rates.h"

#include "unit.h"

#include <pthread.h>

#define T0     ((int64_t)1000000000) /* us */
#define SECOND ((int64_t)1000000)

static const struct rate ten = {.per_second = 10, .burst = 30};

static struct id key(uint32_t n)
{
    struct id id = {{0}};
    uint64_t spread = (n + 1) * UINT64_C(0x9e3779b97f4a7c15); /* as random as ids are */
    memcpy(id.b + 8, &spread, sizeof spread);
    return id;
}

/* How many of `n` at once are let through. */
static int taken(struct rates *rates, struct id id, const struct rate *rate, int64_t now_us, int n)
{
    struct rate_left left;
    int count = 0;
    for (int i = 0; i < n; i++)
        count += rates_take(rates, id, rate, now_us, &left);
    return count;
}

static void test_bucket(void **state)
{
    struct rates *rates = rates_create();

    (void)state;
    assert_int_equal(taken(rates, key(1), &ten, T0, 100), 30);
    assert_int_equal(taken(rates, key(2), &ten, T0, 100), 30); /* another's is another's */
    assert_int_equal(taken(rates, key(1), &ten, T0 + SECOND / 10 - 1, 100), 0);
    assert_int_equal(taken(rates, key(1), &ten, T0 + SECOND / 10, 100), 1);
    assert_int_equal(taken(rates, key(1), &ten, T0 + SECOND, 100), 9);
    assert_int_equal(taken(rates, key(1), &ten, T0 + 100 * SECOND, 100),
                     30); /* no more than full */
    rates_destroy(rates);
}

/* As the next would be told, and without counting. */
static void test_over(void **state)
{
    static const struct rate more = {.per_second = 100, .burst = 100};
    struct rates *rates = rates_create();

    (void)state;
    assert_false(rates_over(rates, key(1), T0));
    assert_int_equal(taken(rates, key(1), &ten, T0, 29), 29);
    assert_false(rates_over(rates, key(1), T0));
    assert_int_equal(taken(rates, key(1), &ten, T0, 2), 1);
    assert_true(rates_over(rates, key(1), T0));
    assert_false(rates_over(rates, key(2), T0));
    assert_true(rates_over(rates, key(1), T0 + SECOND / 10 - 1));
    assert_false(rates_over(rates, key(1), T0 + SECOND / 10));
    assert_int_equal(taken(rates, key(1), &more, T0 + 5 * SECOND / 2, 1), 1); /* by its new rate */
    assert_false(rates_over(rates, key(1), T0 + 5 * SECOND / 2));
    assert_int_equal(taken(rates, key(1), &ten, T0 + 10 * SECOND, 100), 30);
    assert_true(rates_over(rates, key(1), T0 + 10 * SECOND));
    rates_destroy(rates);
}

static void test_left(void **state)
{
    struct rates *rates = rates_create();
    struct rate_left left;

    (void)state;
    assert_true(rates_take(rates, key(1), &ten, T0, &left));
    assert_int_equal(left.requests, 29);
    assert_int_equal(left.seconds, 1);
    assert_int_equal(taken(rates, key(1), &ten, T0, 20), 20);
    assert_true(rates_take(rates, key(1), &ten, T0, &left));
    assert_int_equal(left.requests, 8);
    assert_int_equal(left.seconds, 3); /* 22 of 10 a second */
    assert_int_equal(taken(rates, key(1), &ten, T0, 7), 7);
    assert_true(rates_take(rates, key(1), &ten, T0, &left));
    assert_int_equal(left.requests, 0);
    assert_int_equal(left.seconds, 1);
    for (int i = 0; i < 3; i++) {
        assert_false(rates_take(rates, key(1), &ten, T0, &left));
        assert_int_equal(left.requests, 0);
        assert_int_equal(left.seconds, 1);
    }
    rates_destroy(rates);
}

static void test_extremes(void **state)
{
    static const struct rate rows[] = {{1, 1}, {1, 1000000}, {1000000, 1000000}};
    struct rates *rates = rates_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int burst = (int)rows[i].burst;
        assert_int_equal(taken(rates, key((uint32_t)i), &rows[i], INT64_C(1) << 52, burst + 1000),
                         burst);
    }
    assert_int_equal(taken(rates, (struct id){{0}}, &ten, T0, 100),
                     30); /* the key of the options */
    rates_destroy(rates);
}

/* Places are for who is busy: idle keys give theirs up, in whatever number they came. */
static void test_many_keys(void **state)
{
    struct rates *rates = rates_create();

    (void)state;
    for (uint32_t n = 0; n < 200000; n++)
        assert_int_equal(taken(rates, key(n), &ten, T0 + n * SECOND, 40), 30);
    assert_int_equal(taken(rates, key(0), &ten, T0 + 300000 * SECOND, 40), 30);
    /* All at once: a few begin anew, and none is let through less than it may. */
    int more = 0;
    for (int round = 0; round < 2; round++)
        for (uint32_t n = 0; n < 4000; n++)
            more += taken(rates, key(n), &ten, T0 + 400000 * SECOND, 30);
    assert_in_range(more, 4000 * 30, 4000 * 33);
    rates_destroy(rates);
}

/* --- threads ---------------------------------------------------------------------------------- */

#define THREADS 4
#define EACH    20000

struct runner {
    struct rates *rates;
    const struct rate *rate;
    int count;
};

static void *run(void *arg)
{
    struct runner *r = arg;
    r->count = taken(r->rates, key(7), r->rate, T0, EACH);
    return NULL;
}

static void test_threads(void **state)
{
    static const struct rate rate = {.per_second = 100, .burst = EACH};
    struct rates *rates = rates_create();
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    int count = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){rates, &rate, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        count += runners[i].count;
    }
    assert_int_equal(count, EACH);
    rates_destroy(rates);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),    cmocka_unit_test(test_over),
        cmocka_unit_test(test_left),      cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
