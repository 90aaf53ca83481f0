/* base/err: every number has a row, and rows are fit for problem+json. */
#include "base/err.h"

#include "unit.h"

#include <ctype.h>
#include <string.h>

static void test_rows(void **state)
{
    (void)state;
    for (int err = ERR_BAD_REQUEST; err <= ERR_INTERNAL; err++) {
        const struct err_info *info = err_info(err);
        assert_int_equal(info->err, err);
        assert_in_range(info->status, 400, 599);
        assert_true(strlen(info->title) > 0);
        for (const char *p = info->code; *p != '\0'; p++)
            assert_true(islower((unsigned char)*p) || *p == '_');
        for (int other = ERR_BAD_REQUEST; other < err; other++)
            assert_string_not_equal(info->code, err_info(other)->code);
    }
}

struct row {
    int err, status;
    const char *code;
};

/* What clients program against. */
static const struct row rows[] = {
    {ERR_BAD_REQUEST, 400, "bad_request"},   {ERR_BAD_JSON, 400, "invalid_json"},
    {ERR_UNAUTHORIZED, 401, "unauthorized"}, {ERR_FORBIDDEN, 403, "forbidden"},
    {ERR_NOT_FOUND, 404, "not_found"},       {ERR_METHOD, 405, "method_not_allowed"},
    {ERR_CONFLICT, 409, "conflict"},         {ERR_IDEMPOTENCY, 409, "idempotency_key_reused"},
    {ERR_WRONG_STATE, 409, "invalid_state"}, {ERR_TOO_LARGE, 413, "too_large"},
    {ERR_URI_TOO_LONG, 414, "uri_too_long"}, {ERR_INVALID, 422, "validation_failed"},
    {ERR_BUSY, 503, "overloaded"},           {ERR_UNAVAILABLE, 503, "unavailable"},
    {ERR_TIMEOUT, 504, "timeout"},           {ERR_INTERNAL, 500, "internal_error"},
};

static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), ERR_INTERNAL - ERR_BAD_REQUEST + 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(err_info(rows[i].err)->status, rows[i].status);
        assert_string_equal(err_info(rows[i].err)->code, rows[i].code);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const int unknown[] = {0, 1, -1, ERR_BAD_REQUEST - 1, ERR_INTERNAL + 1, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(err_info(unknown[i])->err, ERR_INTERNAL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
