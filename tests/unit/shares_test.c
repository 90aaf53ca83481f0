/* api/shares: who takes all leaves some. */
#include "api/shares.h"

#include "unit.h"

static struct id owner(uint8_t n)
{
    return (struct id){{[15] = n}};
}

static void test_shares(void **state)
{
    struct shares s = {0};

    (void)state;
    assert_true(shares_take(&s, owner(1), 60, 100));
    assert_true(shares_take(&s, owner(1), 15, 100));
    assert_false(shares_take(&s, owner(1), 1, 100)); /* 76, and 24 would be left */
    assert_true(shares_take(&s, owner(2), 18, 100));
    assert_false(shares_take(&s, owner(2), 1, 100));
    assert_false(shares_take(&s, owner(3), 8, 100));
    assert_true(shares_take(&s, owner(3), 7, 100));
    assert_int_equal(s.taken, 100);
    assert_int_equal(shares_of(&s, owner(1)), 75);
    assert_int_equal(shares_of(&s, owner(4)), 0);
    shares_give_back(&s, owner(1), 75);
    assert_true(shares_take(&s, owner(2), 20, 100));
    shares_give_back(&s, owner(2), 38);
    shares_give_back(&s, owner(3), 7);
    assert_int_equal(s.owners.count, 0);
    assert_true(shares_take(&s, owner(2), 100, 100)); /* the first has what there is */
    shares_give_back(&s, owner(2), 100);
    for (int i = 0; i < 10; i++)
        assert_true(shares_take(&s, owner(0), 10, 100)); /* nobody */
    assert_false(shares_take(&s, owner(0), 1, 100));
    shares_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shares)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
