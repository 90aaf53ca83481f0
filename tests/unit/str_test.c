/* base/str: slices at their edges, among them those without a pointer. */
#include "base/str.h"

#include "exact.h"
#include "unit.h"

#include <stdio.h>

static const struct str none;

static void *heap_alloc(void *pool, size_t size)
{
    (void)pool;
    return malloc(size);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(str_eq(STR_LIT("abc"), str_of("abc")));
    assert_false(str_eq(STR_LIT("abc"), STR_LIT("abd")));
    assert_false(str_eq(STR_LIT("abc"), STR_LIT("ab")));
    assert_true(str_eq(STR_LIT("a\0b"), STR_LIT("a\0b")));
    assert_false(str_eq(STR_LIT("a\0b"), STR_LIT("a\0c")));
    assert_true(str_eq(none, STR_LIT("")));
    assert_true(str_eq(none, str_of(NULL)));
    assert_true(str_eq_text(STR_LIT("abc"), "abc"));
    assert_false(str_eq_text(STR_LIT("a\0b"), "a"));
}

static void test_starts(void **state)
{
    (void)state;
    assert_true(str_starts(STR_LIT("whsec_x"), STR_LIT("whsec_")));
    assert_true(str_starts(STR_LIT("abc"), STR_LIT("abc")));
    assert_true(str_starts(STR_LIT("abc"), none));
    assert_true(str_starts(none, none));
    assert_true(str_starts(none, STR_LIT("")));
    assert_false(str_starts(STR_LIT("ab"), STR_LIT("abc")));
    assert_false(str_starts(none, STR_LIT("a")));
    assert_false(str_starts(STR_LIT("xbc"), STR_LIT("ab")));
}

static void test_equal_nocase(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR_LIT("Content-LENGTH"), STR_LIT("content-length")));
    assert_true(str_eq_nocase(none, none));
    assert_false(str_eq_nocase(STR_LIT("ab"), STR_LIT("abc")));
    /* 32 apart, but no letters: @ and `, [ and {. */
    assert_false(str_eq_nocase(STR_LIT("@"), STR_LIT("`")));
    assert_false(str_eq_nocase(STR_LIT("["), STR_LIT("{")));
    assert_true(str_eq_nocase(STR_LIT("AZ"), STR_LIT("az")));
    assert_false(str_eq_nocase(STR_LIT("\xc3\x84"), STR_LIT("\xc3\xa4")));
}

static void test_copy(void **state)
{
    (void)state;
    struct allocator alloc = {heap_alloc, NULL};
    char *copy = str_dup(alloc, (struct str){"abcdef", 3});
    assert_string_equal(copy, "abc");
    free(copy);
    copy = str_dup(alloc, none);
    assert_string_equal(copy, "");
    free(copy);
}

/* The pieces of `text`, each in brackets. */
static void pieces(const char *text, const char *want)
{
    char got[100] = "";
    struct str copy = exact_copy(str_of(text)), rest = copy, piece;
    while (str_next(&rest, ',', &piece)) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, "[%.*s]", STR_FMT(piece));
    }
    assert_string_equal(got, want);
    assert_false(str_next(&rest, ',', &piece));
    exact_free(copy);
}

static void test_next(void **state)
{
    (void)state;
    pieces("", "");
    pieces("a", "[a]");
    pieces("a,b", "[a][b]");
    pieces(",a", "[][a]");
    pieces("a,,b", "[a][][b]");
    pieces("a,", "[a]");
    pieces(",", "[]");
    pieces(" a , b ", "[ a ][ b ]");
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(str_eq_text(str_trim(STR_LIT(" \t a b\t ")), "a b"));
    assert_true(str_eq_text(str_trim(STR_LIT("ab")), "ab"));
    assert_true(str_eq_text(str_trim(STR_LIT("\nab\n")), "\nab\n"));
    assert_int_equal(str_trim(STR_LIT(" \t ")).n, 0);
    assert_int_equal(str_trim(none).n, 0);
}

struct number_case {
    const char *text;
    int64_t min, max;
    bool good;
    int64_t value;
};

static const struct number_case numbers[] = {
    {"0", 0, 9, true, 0},
    {"-0", 0, 9, true, 0},
    {"007", 0, 9, true, 7},
    {"-7", -9, 9, true, -7},
    {"9", 0, 9, true, 9},
    {"10", 0, 9, false, 0},
    {"-1", 0, 9, false, 0},
    {"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
    {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
    {"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
    {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
    {"92233720368547758070", INT64_MIN, INT64_MAX, false, 0},
    {"", INT64_MIN, INT64_MAX, false, 0},
    {"-", INT64_MIN, INT64_MAX, false, 0},
    {"--1", INT64_MIN, INT64_MAX, false, 0},
    {"+1", INT64_MIN, INT64_MAX, false, 0},
    {" 1", INT64_MIN, INT64_MAX, false, 0},
    {"1 ", INT64_MIN, INT64_MAX, false, 0},
    {"1.0", INT64_MIN, INT64_MAX, false, 0},
    {"1e3", INT64_MIN, INT64_MAX, false, 0},
    {"0x10", INT64_MIN, INT64_MAX, false, 0},
    {"1/", INT64_MIN, INT64_MAX, false, 0},
    {"1:", INT64_MIN, INT64_MAX, false, 0},
};

static void test_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number_case *c = &numbers[i];
        struct str copy = exact_copy(str_of(c->text));
        int64_t value = 0;
        if (str_to_i64(copy, c->min, c->max, &value) != c->good)
            fail_msg("'%s' is %s", c->text, c->good ? "refused" : "accepted");
        if (c->good)
            assert_int_equal(value, c->value);
        exact_free(copy);
    }
    int64_t value;
    assert_false(str_to_i64(none, INT64_MIN, INT64_MAX, &value));
    assert_false(str_to_i64(STR_LIT("1\0"), INT64_MIN, INT64_MAX, &value));
}

static void test_digits(void **state)
{
    (void)state;
    struct str rest = STR_LIT("0127x9"), digits = str_take_digits(&rest);
    assert_true(str_eq_text(digits, "0127"));
    assert_true(str_eq_text(rest, "x9"));
    assert_int_equal(str_take_digits(&rest).n, 0);
    assert_true(str_eq_text(rest, "x9"));
    assert_true(str_all_digits(STR_LIT("0")) && str_all_digits(STR_LIT("0123456789")));
    static const char *const others[] = {"", "-1", "+1", "1.", " 1", "1 ", "/", ":", "a"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_all_digits(str_of(others[i])))
            fail_msg("'%s' is all digits", others[i]);
    assert_false(str_all_digits(none));
    assert_int_equal(str_thousandths(STR_LIT("")), 0);
    assert_int_equal(str_thousandths(STR_LIT("5")), 500);
    assert_int_equal(str_thousandths(STR_LIT("07")), 70);
    assert_int_equal(str_thousandths(STR_LIT("3456")), 345);
}

/* Every cut of a text with characters of one to four bytes. */
static void test_cut(void **state)
{
    (void)state;
    struct str text = STR_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < ARRAY_LEN(want); max++) {
        struct str copy = exact_copy(text);
        struct str cut = str_cut(copy, max);
        assert_ptr_equal(cut.p, copy.p);
        assert_int_equal(cut.n, want[max]);
        exact_free(copy);
    }
    assert_int_equal(str_cut(none, 3).n, 0);
}

static const char *const utf8_good[] = {
    "",
    "a",
    "\x7f",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "a\xc3\xa9z\xe2\x82\xac",
};

static const char *const utf8_bad[] = {
    "\x80",             /* a continuation alone */
    "\xbf",             /* and the last one */
    "\xc0\x80",         /* overlong */
    "\xc1\xbf",         /* overlong */
    "\xe0\x9f\xbf",     /* overlong */
    "\xf0\x8f\xbf\xbf", /* overlong */
    "\xed\xa0\x80",     /* U+D800 */
    "\xed\xbf\xbf",     /* U+DFFF */
    "\xf4\x90\x80\x80", /* U+110000 */
    "\xf5\x80\x80\x80",
    "\xff",
    "\xc3",
    "\xe2\x82",
    "\xf0\x9f\x98",
    "\xc3(",
    "\xe2(\xa1",
    "\xe2\x82(",
    "a\xc3",
    "\xf0\x9f(\x80",
    "\xf0\x9f\x98(",
    "\xc3\xc3\xa9",
    "\xe2\x82\xc0",
};

static void test_hex(void **state)
{
    static const char digits[] = "0123456789abcdef";
    (void)state;
    for (int c = -128; c < 128; c++) {
        int lower = c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
        const char *at = c != '\0' ? strchr(digits, lower) : NULL;
        assert_int_equal(str_hex((char)c), at != NULL ? at - digits : -1);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(utf8_good); i++) {
        struct str copy = exact_copy(str_of(utf8_good[i]));
        if (!str_is_utf8(copy))
            fail_msg("good %zu is refused", i);
        exact_free(copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(utf8_bad); i++) {
        struct str copy = exact_copy(str_of(utf8_bad[i]));
        if (str_is_utf8(copy))
            fail_msg("bad %zu is accepted", i);
        exact_free(copy);
    }
    assert_true(str_is_utf8(STR_LIT("a\0b")));
    assert_true(str_is_utf8(none));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_equal_nocase), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_next),         cmocka_unit_test(test_trim),
        cmocka_unit_test(test_number),       cmocka_unit_test(test_hex),
        cmocka_unit_test(test_digits),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
