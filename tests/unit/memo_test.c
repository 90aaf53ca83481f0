/* base/memo: what is remembered, for how long, and what is forgotten. */
#include "base/memo.h"

#include "unit.h"

#include <stdlib.h>

struct known {
    struct memo_entry memo;
    int what;
};

int64_t __wrap_clock_mono_ms(void);

static int64_t now_ms;
static int destroyed;
static struct memo memo;
static const struct id ann = {{1}}, bob = {{2}};

int64_t __wrap_clock_mono_ms(void)
{
    return now_ms;
}

static void destroy(struct memo_entry *entry)
{
    destroyed++;
    free(CONTAINER_OF(entry, struct known, memo));
}

static int set_up(void **state)
{
    (void)state;
    now_ms = 1000;
    destroyed = 0;
    memo_init(&memo, 100, destroy);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memo_fini(&memo);
    return 0;
}

static void keep(uint8_t id, struct id owner, size_t weight, int what)
{
    struct known *known = xcalloc(1, sizeof *known);

    known->what = what;
    memo_keep(&memo, &known->memo, (struct id){{id}}, owner, weight);
}

/* 0: nothing. */
static int find(uint8_t id)
{
    struct memo_entry *entry = memo_find(&memo, (struct id){{id}});
    return entry == NULL ? 0 : CONTAINER_OF(entry, struct known, memo)->what;
}

static void test_for_so_long(void **state)
{
    (void)state;
    keep(1, ann, 1, 11);
    assert_int_equal(find(1), 11);
    now_ms += MEMO_MS - 1;
    assert_int_equal(find(1), 11);
    now_ms += 1;
    assert_int_equal(find(1), 0);
    assert_int_equal(destroyed, 1);
}

static void test_the_later_one_counts(void **state)
{
    (void)state;
    keep(1, ann, 1, 11);
    now_ms += MEMO_MS - 1;
    keep(1, ann, 1, 12);
    assert_int_equal(destroyed, 1);
    now_ms += MEMO_MS - 1;
    assert_int_equal(find(1), 12);
}

static void test_a_change_forgets_its_owners(void **state)
{
    (void)state;
    keep(1, ann, 1, 11);
    keep(2, bob, 1, 22);
    keep(3, ann, 1, 33);
    memo_forget(&memo, &ann);
    assert_int_equal(destroyed, 2);
    assert_int_equal(find(1) + find(3), 0);
    assert_int_equal(find(2), 22);
    memo_forget(&memo, NULL);
    assert_int_equal(find(2), 0);
    assert_int_equal(memo.changes, 2);
}

static void test_who_has_the_most_makes_room(void **state)
{
    (void)state;
    keep(1, ann, 60, 11);
    keep(2, bob, 20, 22);
    keep(3, ann, 30, 33);
    assert_int_equal(find(1), 0);
    assert_int_equal(find(2), 22);
    assert_int_equal(find(3), 33);
    keep(4, bob, 101, 44);
    assert_int_equal(find(4), 0);
    assert_int_equal(find(2), 0);
    assert_int_equal(find(3), 33);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_for_so_long),
        TEST(test_the_later_one_counts),
        TEST(test_a_change_forgets_its_owners),
        TEST(test_who_has_the_most_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
