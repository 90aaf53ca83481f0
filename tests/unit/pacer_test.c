/* worker/pacer: what is small goes at once, what is large one in a turn of the loop. */
#include "worker/pacer.h"

#include "unit.h"
#include "wait.h"

#include <stdlib.h>

#define LARGE 100000
#define TOKEN 7

static struct loop *loop;
static struct places places;
static struct pacer pacer;
static bool has_come[10]; /* by number */
static size_t came, calls;
static char data[LARGE];

static void on_claims(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    assert_ptr_equal(arg, &places);
    assert_int_equal(token, TOKEN);
    calls++;
    for (size_t i = 0; i < count; i++, came++) {
        const struct claim *c = &claims[i];
        has_come[c->content.attempt] = true;
        assert_string_equal(c->to.url.p, "url");
        assert_null(c->to.sealed_previous.p);
        assert_true(c->content.data.n == 2 ||
                    (c->content.data.n == LARGE && memcmp(c->content.data.p, data, LARGE) == 0));
    }
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create(NULL, NULL);
    places_init(&places, 1000, 1000 * 1000);
    pacer_init(&pacer, loop, &places, on_claims, &places);
    memset(data, 'x', sizeof data);
    memset(has_come, 0, sizeof has_come);
    came = calls = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    pacer_fini(&pacer);
    places_fini(&places);
    loop_destroy(loop);
    return 0;
}

static struct claim claim_of(int n, size_t bytes, int64_t batch_max)
{
    struct queue_ref ref = {.delivery = {{1, (uint8_t)(n >> 8), (uint8_t)n}}, .app = {{2}}};
    struct claim c = {.ref = ref, .batch_max = batch_max};

    c.content.attempt = n; /* tells them apart */
    c.content.data = (struct str){data, bytes};
    c.to.url = (struct str){"url", 4};
    places_take(&places, &ref, 1, TOKEN);
    return c;
}

/* Turns of the loop until so many have come, one in each at most. */
static void spin_until(size_t count)
{
    for (int64_t until_ms = clock_mono_ms() + 1000; came < count && clock_mono_ms() < until_ms;) {
        size_t before = came;
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        assert_true(came - before <= 1);
    }
    assert_int_equal(came, count);
}

static void test_one_in_a_turn(void **state)
{
    struct claim claims[] = {claim_of(1, LARGE, 1), claim_of(2, 2, 1), claim_of(3, LARGE, 1),
                             claim_of(4, LARGE, 1), claim_of(5, 2, 1)};
    (void)state;

    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    assert_int_equal(came, 3);
    assert_true(has_come[1] && has_come[2] && has_come[5]);
    assert_int_equal(places_left(&places), 1000 - 3 - 2 * LARGE / 1000); /* what waits weighs */
    memset(claims, 0, sizeof claims);                                    /* they were lent */

    struct claim more[] = {claim_of(6, LARGE, 1), claim_of(7, 2, 1)};
    pacer_add(&pacer, more, ARRAY_LEN(more), TOKEN);
    assert_int_equal(came, 4);
    assert_true(has_come[7]);
    spin_until(7);
    assert_true(has_come[3] && has_come[4] && has_come[6]);
    assert_int_equal(calls, 2 + 3);
}

/* What gathers goes with its like, of which there is little; a test by itself. */
static void test_together(void **state)
{
    struct claim claims[] = {claim_of(1, LARGE, 10), claim_of(2, LARGE, 10), claim_of(3, LARGE, 1),
                             claim_of(4, LARGE, 10)};
    (void)state;

    claims[3].content.test = true;
    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    assert_int_equal(came, 3);
    assert_int_equal(calls, 1);
    spin_until(4);
}

static void test_given_up(void **state)
{
    struct claim claims[] = {claim_of(1, LARGE, 1), claim_of(2, LARGE, 1), claim_of(3, LARGE, 1)};
    (void)state;

    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    pacer_give_up(&pacer);
    WAIT(loop, !timeout_is_set(pacer.turn), 1000);
    assert_int_equal(came, 1);
    pacer_add(&pacer, claims, 1, TOKEN);
    assert_int_equal(came, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_in_a_turn, begin, end),
        cmocka_unit_test_setup_teardown(test_together, begin, end),
        cmocka_unit_test_setup_teardown(test_given_up, begin, end),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
