/* store/outbox_turns: whose entry goes next, in which order, and who has no more room. */
#include "store/outbox_turns.h"

#include "unit.h"

#include <stdlib.h>

static struct outbox_turns turns;

static struct id number(uint8_t kind, int n)
{
    return (struct id){
        {[0] = kind, [13] = (uint8_t)(n >> 16), [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

static bool push(int app, int n)
{
    return outbox_turns_push(
        &turns, &(struct outbox_entry){.ref = {number(1, n), number(2, n), number(3, app)}});
}

/* The number of the next, or -1. */
static int take(void)
{
    struct outbox_entry entry;
    if (turns.count == 0)
        return -1;
    outbox_turns_take(&turns, &entry);
    return entry.ref.delivery.b[13] << 16 | entry.ref.delivery.b[14] << 8 |
           entry.ref.delivery.b[15];
}

/* Each app's in their order, the apps in turns; who has none any more and comes again is the last. */
static void test_turns(void **state)
{
    static const int order[] = {0, 4, 6, 1, 5, 2, 3, -1};
    (void)state;

    outbox_turns_init(&turns, 100);
    for (int i = 0; i < 4; i++)
        assert_true(push(1, i));
    assert_true(push(2, 4) && push(2, 5) && push(3, 6));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_int_equal(take(), order[i]);
    assert_true(push(3, 1) && push(1, 2));
    assert_int_equal(take(), 1);
    assert_true(push(3, 3));
    assert_int_equal(take(), 2);
    assert_int_equal(take(), 3);
    assert_int_equal(take(), -1);
    outbox_turns_fini(&turns);
}

/* Sixty thousand of an app are not in the way of another's one, and take no room of it. */
static void test_crowd(void **state)
{
    enum { MAX = 65536, SHARE = MAX / 4 * 3 };
    int n = 0;
    (void)state;

    outbox_turns_init(&turns, MAX);
    while (n < 60000 && push(1, n))
        n++;
    assert_int_equal(n, SHARE);
    assert_true(push(2, 60001));
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 60001);
    assert_true(push(2, 60002));
    assert_false(push(1, 60003));
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 60002);
    for (n = 2; n < SHARE; n++)
        assert_int_equal(take(), n);
    assert_int_equal(turns.count, 0);
    assert_null(turns.slots);
    outbox_turns_fini(&turns);
}

/* Against a plain model, while places are taken and given back. */
static void test_long_play(void **state)
{
    enum { APPS = 7, ROUNDS = 20000 };
    int first[APPS] = {0}, last[APPS] = {0}, left = 0;
    unsigned seed = 3;
    (void)state;

    outbox_turns_init(&turns, 1000);
    for (int i = 0; i < ROUNDS || left > 0; i++) {
        int app = (int)(rand_r(&seed) % APPS);
        if (i < ROUNDS && rand_r(&seed) % 5 < 3) {
            bool room = push(app, app << 16 | last[app]);
            assert_int_equal(room, left < 1000 && last[app] - first[app] + 1 <= 3 * (999 - left));
            last[app] += room;
            left += room;
        } else {
            int n = take(), of = n >> 16;
            assert_int_equal(n == -1, left == 0);
            if (n != -1)
                assert_int_equal(n & 0xffff, first[of]++);
            left -= n != -1;
        }
        assert_int_equal(turns.count, left);
    }
    outbox_turns_fini(&turns);
}

/* What is there at the end goes with it. */
static void test_end(void **state)
{
    (void)state;
    outbox_turns_init(&turns, 100);
    assert_true(push(1, 1) && push(2, 2) && push(2, 3));
    outbox_turns_fini(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_long_play),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
