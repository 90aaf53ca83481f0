/* base/err: every number has a name of its own. */
#include "base/err.h"

#include "unit.h"

#include <ctype.h>
#include <string.h>

static void test_names(void **state)
{
    (void)state;
    for (int err = ERR_BAD_REQUEST; err <= ERR_INTERNAL; err++) {
        for (const char *p = err_name(err); *p != '\0'; p++)
            assert_true(islower((unsigned char)*p) || *p == '_');
        for (int other = ERR_BAD_REQUEST; other < err; other++)
            assert_string_not_equal(err_name(err), err_name(other));
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const int unknown[] = {0, 1, -1, ERR_BAD_REQUEST - 1, ERR_INTERNAL + 1, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_string_equal(err_name(unknown[i]), "internal_error");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
