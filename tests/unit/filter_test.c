/* core/filter: rules of types and patterns, matches by table, and the iterator held against a
 * definition of matching that is written another way. */
#include "core/filter.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static void test_types(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "user.created", "A-Z_0.9", ".", "..", "-", "a.", ".a"};
    static const char *const bad[] = {"",    "a b",         "a*",  "*", "a/b",
                                      "a,b", "caf\xc3\xa9", "a\n", "@"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(event_type_check(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(event_type_check(str_of(bad[i])));
    assert_non_null(event_type_check(STR_LIT("a\0b")));

    /* Every byte, by the definition. */
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool want =
            c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "_.-",
                             c) != NULL;
        assert_int_equal(event_type_check((struct str){&byte, 1}) == NULL, want);
    }

    char longest[EVENT_TYPE_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_null(event_type_check((struct str){longest, EVENT_TYPE_MAX}));
    assert_non_null(event_type_check((struct str){longest, EVENT_TYPE_MAX + 1}));
}

static void test_patterns(void **state)
{
    (void)state;
    static const char *const good[] = {"*", "user.created", "user.*", "a.b.c.*", "a.", "..*"};
    static const char *const bad[] = {"",   "**",      "*.*",     "user*", "*.created", "user.*.x",
                                      ".*", "user.**", "us er.*", "a.*.*", "user.* "};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(filter_check(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (filter_check(str_of(bad[i])) == NULL)
            fail_msg("%s is accepted", bad[i]);

    char longest[EVENT_TYPE_MAX + 3];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + EVENT_TYPE_MAX, ".*", 2);
    assert_null(filter_check((struct str){longest, EVENT_TYPE_MAX + 2}));
    memcpy(longest + EVENT_TYPE_MAX, "a.*", 3);
    assert_non_null(filter_check((struct str){longest, EVENT_TYPE_MAX + 3}));
}

struct match {
    const char *pattern, *type;
    bool want;
};

static const struct match matches[] = {
    {"*", "user.created", true},
    {"*", "x", true},
    {"user.created", "user.created", true},
    {"user.created", "user.create", false},
    {"user.created", "user.created2", false},
    {"user.created", "User.created", false},
    {"user.*", "user.created", true},
    {"user.*", "user.a.b", true},
    {"user.*", "user", false},
    {"user.*", "user.", false},
    {"user.*", "users.created", false},
    {"user.*", "a.user.b", false},
    {"user.a.*", "user.a.b", true},
    {"user.a.*", "user.a", false},
    {"user.a.*", "user.ab.c", false},
    {"a.*", "a..b", true},
    {"a..*", "a..b", true},
    {"a..*", "a.b", false},
    {".a.*", ".a.b", true},
    {"created", "user.created", false},
};

/* As the database matches: by looking up what the iterator says. */
static bool matches_by_lookup(struct str pattern, struct str type)
{
    struct filter_iter it;
    struct str candidate;
    filter_iter_init(&it, type);
    while (filter_iter_next(&it, &candidate))
        if (str_eq(candidate, pattern))
            return true;
    return false;
}

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++)
        if (matches_by_lookup(str_of(matches[i].pattern), str_of(matches[i].type)) !=
            matches[i].want)
            fail_msg("%s on %s", matches[i].pattern, matches[i].type);
}

/* What a pattern means, said without the iterator. */
static bool means(struct str pattern, struct str type)
{
    if (str_eq(pattern, STR_LIT("*")) || str_eq(pattern, type))
        return true;
    if (pattern.n < 3 || memcmp(pattern.p + pattern.n - 2, ".*", 2) != 0)
        return false;
    struct str prefix = {pattern.p, pattern.n - 1};
    return type.n > prefix.n && str_starts(type, prefix);
}

static size_t random_text(char *out, size_t max)
{
    static unsigned seed = 20260102;
    static const char letters[] = {'a', 'b', '.'};
    size_t n = 1 + (size_t)rand_r(&seed) % max;
    for (size_t i = 0; i < n; i++)
        out[i] = letters[rand_r(&seed) % (int)sizeof letters];
    return n;
}

/* Short texts of few letters, so that many match: a pattern is a type, with ".*" every other time.
 */
static void test_random(void **state)
{
    (void)state;
    int hits = 0;
    for (int i = 0; i < 200000; i++) {
        char t[8], p[10];
        struct str type = {t, random_text(t, 6)}, pattern = {p, random_text(p, 3)};
        if (i % 2 == 0) {
            memcpy(p + pattern.n, ".*", 2);
            pattern.n += 2;
        }
        bool want = means(pattern, type);
        hits += want ? 1 : 0;
        if (matches_by_lookup(pattern, type) != want)
            fail_msg("%.*s on %.*s", STR_FMT(pattern), STR_FMT(type));
    }
    assert_true(hits > 5000);
}

static void test_iterator(void **state)
{
    (void)state;
    static const char *const want[] = {"a.b.c", "a.*", "a.b.*", "*"};
    struct filter_iter it;
    struct str pattern;
    filter_iter_init(&it, STR_LIT("a.b.c"));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(filter_iter_next(&it, &pattern));
        assert_true(str_eq_text(pattern, want[i]));
        assert_null(filter_check(pattern));
    }
    assert_false(filter_iter_next(&it, &pattern));
    assert_false(filter_iter_next(&it, &pattern));

    /* The longest type, all dots: none twice, all within their memory. */
    char dots[EVENT_TYPE_MAX];
    size_t count = 0, longest = 0;
    memset(dots, '.', sizeof dots);
    filter_iter_init(&it, (struct str){dots, sizeof dots});
    while (filter_iter_next(&it, &pattern)) {
        count++;
        assert_true(pattern.n > longest || str_eq(pattern, STR_LIT("*")) || count == 2);
        longest = pattern.n;
    }
    assert_int_equal(count, 1 + 126 + 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),    cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_matches),  cmocka_unit_test(test_random),
        cmocka_unit_test(test_iterator),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
