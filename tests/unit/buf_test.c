/* base/buf: growth, the ceiling, and what overflow means for what comes after. */
#include "base/buf.h"

#include "unit.h"

#include <stdlib.h>

static void test_add(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf_str(&buf).n, 0);
    buf_add(&buf, "ab", 2);
    buf_add_str(&buf, STR_LIT("c\0d"));
    buf_add_str(&buf, (struct str){NULL, 0});
    buf_add_text(&buf, "ef");
    buf_add_char(&buf, 'g');
    buf_printf(&buf, "%d-%s", 42, "x");
    assert_true(str_eq(buf_str(&buf), STR_LIT("abc\0defg42-x")));
    assert_false(buf.overflow);
    buf_fini(&buf);
    assert_null(buf.p);
}

static void test_growth(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&buf, (char)('a' + i % 26));
    assert_false(buf.overflow);
    assert_int_equal(buf.n, 100000);
    for (int i = 0; i < 100000; i++)
        if (buf.p[i] != (char)('a' + i % 26))
            fail_msg("byte %d", i);
    assert_int_equal(strlen(buf_text(&buf)), 100000);
    buf_add_char(&buf, 'x');
    assert_true(buf.overflow);
    assert_int_equal(buf.n, 100000);
    buf_fini(&buf);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_add_text(&buf, "abc");
    buf_add_text(&buf, "def"); /* one too many: dropped as a whole */
    assert_true(buf.overflow);
    assert_string_equal(buf_text(&buf), "abc");
    buf_add_text(&buf, "d"); /* would fit, but there is a hole before it */
    buf_printf(&buf, "%d", 1);
    assert_null(buf_room(&buf, 1));
    assert_string_equal(buf_text(&buf), "abc");

    buf_clear(&buf);
    assert_false(buf.overflow);
    assert_string_equal(buf_text(&buf), "");
    buf_printf(&buf, "%s", "12345");
    assert_false(buf.overflow);
    assert_string_equal(buf_text(&buf), "12345");
    buf_printf(&buf, "%s", "");
    assert_false(buf.overflow);
    buf_printf(&buf, "%s", "6");
    assert_true(buf.overflow);
    buf_fini(&buf);
    assert_int_equal(buf.max, 5);
}

static void test_nothing_fits(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    buf_add_text(&buf, "");
    assert_false(buf.overflow);
    buf_add_char(&buf, 'a');
    assert_true(buf.overflow);
    assert_string_equal(buf_text(&buf), "");
    buf_fini(&buf);
}

static void test_room(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 300);
    buf_add_text(&buf, "x");
    char *room = buf_room(&buf, 200);
    memset(room, 'y', 200);
    buf_added(&buf, 150);
    assert_int_equal(buf.n, 151);
    assert_int_equal(strlen(buf_text(&buf)), 151);
    assert_non_null(buf_room(&buf, 149));
    assert_null(buf_room(&buf, 150));
    assert_true(buf.overflow);
    buf_fini(&buf);
}

/* At every length there is room for the NUL. */
static void test_text(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 300);
    for (size_t i = 1; i <= 300; i++) {
        buf_add_char(&buf, 'x');
        assert_int_equal(strlen(buf_text(&buf)), i);
    }
    buf_fini(&buf);
}

static void test_trim(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_trim(&buf);
    assert_string_equal(buf_text(&buf), "");
    for (int i = 0; i < 130; i++)
        buf_add_char(&buf, 'x');
    assert_int_equal(buf.cap, 256);
    buf_trim(&buf);
    assert_int_equal(buf.cap, 131);
    assert_int_equal(strlen(buf_text(&buf)), 130);
    buf_add_char(&buf, 'x');
    assert_int_equal(strlen(buf_text(&buf)), 131);
    buf_fini(&buf);
}

/* A length near SIZE_MAX must not wrap round. */
static void test_huge(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add_text(&buf, "abc");
    assert_null(buf_room(&buf, SIZE_MAX));
    assert_true(buf.overflow);
    buf_fini(&buf);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),     cmocka_unit_test(test_growth),
        cmocka_unit_test(test_ceiling), cmocka_unit_test(test_nothing_fits),
        cmocka_unit_test(test_room),    cmocka_unit_test(test_text),
        cmocka_unit_test(test_huge),    cmocka_unit_test(test_trim),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
