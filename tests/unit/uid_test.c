/* core/uid: what may be set, and what is looked for. */
#include "core/uid.h"

#include "base/id.h"
#include "unit.h"

#define DIGITS "01kn2p8v3rf0pbw4gd9ztq6e1x"

static void test_rules(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "-",  "_",    "acme", "A.b-c_9",
                                       "9", "a.", "a..b", "wh_1", "app_" DIGITS "x"};
    static const char *const bad[] = {"",    ".",     "..",   ".a", "a b", "a/b", "a:b",
                                      "a\n", "a%20b", "a\tb", "~",  "é",   "a@b"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_null(uid_check(str_of(good[i])));
        assert_true(uid_is_possible(str_of(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(uid_check(str_of(bad[i])));
    assert_non_null(uid_check(STR_LIT("a\0b")));
    assert_false(uid_is_possible(STR_LIT("a\0b")));
    assert_false(uid_is_possible(STR_NONE));
    assert_true(uid_is_possible(STR_LIT(".a"))); /* from before there were rules */
}

static void test_length(void **state)
{
    (void)state;
    char longest[UID_MAX + 1];

    memset(longest, 'a', sizeof longest);
    assert_true(uid_is_possible((struct str){longest, UID_MAX}));
    assert_false(uid_is_possible((struct str){longest, UID_MAX + 1}));
}

/* Of any prefix, of this release or of one to come, and also what no id has: more than 128 bits. */
static void test_ids_are_none(void **state)
{
    (void)state;
    static const char *const ids[] = {"app_" DIGITS,
                                      "wh_" DIGITS,
                                      "evt_test_" DIGITS,
                                      "_" DIGITS,
                                      "future_" DIGITS,
                                      "a.b-c_" DIGITS,
                                      "app_z1kn2p8v3rf0pbw4gd9ztq6e1x"};

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_true(id_is_like(str_of(ids[i])));
        assert_non_null(uid_check(str_of(ids[i])));
        assert_false(uid_is_possible(str_of(ids[i])));
    }
    assert_false(id_is_like(STR_LIT(DIGITS)));
    assert_false(id_is_like(STR_LIT("app-" DIGITS)));
    assert_false(id_is_like(STR_LIT("app_01kn2p8v3rf0pbw4gd9ztq6e1")));
    assert_false(id_is_like(STR_LIT("app_01kn2p8v3rf0pbw4gd9ztq6e1u")));
    assert_false(id_is_like(STR_LIT("app_01KN2P8V3RF0PBW4GD9ZTQ6E1X")));
    assert_false(id_is_like(STR_LIT("")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_ids_are_none),
    };
    return cmocka_run_group_tests_name("uid", tests, NULL, NULL);
}
