/* HTTP header lines. */
#include "unit.h"

#include "base/header.h"

static void test_find(void **state)
{
    struct str head = STR_LIT("HTTP/1.1 200 OK\r\nRetry-After:  5 \r\nX: 1\r\nx: 2\r\nEmpty:\r\n");

    (void)state;
    assert_true(str_eq_text(header_find(head, "retry-after"), "5"));
    assert_true(str_eq_text(header_find(head, "X"), "1"));
    assert_true(str_eq_text(header_find(head, "Empty"), ""));
    assert_non_null(header_find(head, "Empty").p);
    assert_null(header_find(head, "Retry").p);
    assert_null(header_find((struct str){NULL, 0}, "X").p);
}

/* As they come from elsewhere: lines without CR, without colon, one cut off. */
static void test_find_in_what_is_odd(void **state)
{
    struct str head = STR_LIT("X\nRetry-After\r\nX-Retry-After: 1\nRetry-After: 7\nY:\t z");

    (void)state;
    assert_true(str_eq_text(header_find(head, "Retry-After"), "7"));
    assert_true(str_eq_text(header_find(head, "y"), "z"));
    assert_null(header_find(head, "X").p);
}

static void test_names(void **state)
{
    static const char *const good[] = {"X", "x-y_z.1", "!#$%&'*+-.^_`|~"};
    static const char *const bad[] = {"",         "X Y", "X:",  "X\t", "\x7f",
                                      "\303\251", "X/Y", "(X)", "X\"", "[X]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(header_is_name(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(header_is_name(str_of(bad[i])));
    assert_false(header_is_name(STR_LIT("X\0")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_in_what_is_odd),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
