/* api/problem: every error has a row that is fit for problem+json, with the status and the code that
 * clients program against. */
#include "api/problem.h"

#include "unit.h"

#include <string.h>

static void test_rows(void **state)
{
    (void)state;
    for (int err = ERR_BAD_REQUEST; err <= ERR_INTERNAL; err++) {
        const struct problem *problem = problem_of(err);
        assert_int_equal(problem->err, err);
        assert_in_range(problem->status, 400, 599);
        assert_non_null(status_phrase(problem->status));
        assert_true(strlen(problem->title) > 0 && strlen(problem->detail) > 0);
    }
}

struct row {
    int err, status;
    const char *code;
};

/* What clients program against. */
static const struct row rows[] = {
    {ERR_BAD_REQUEST, 400, "bad_request"},
    {ERR_BAD_JSON, 400, "invalid_json"},
    {ERR_UNAUTHORIZED, 401, "unauthorized"},
    {ERR_UNPROVEN, 401, "invalid_signature"},
    {ERR_FORBIDDEN, 403, "forbidden"},
    {ERR_NOT_FOUND, 404, "not_found"},
    {ERR_METHOD, 405, "method_not_allowed"},
    {ERR_CONFLICT, 409, "conflict"},
    {ERR_IDEMPOTENCY, 409, "idempotency_key_reused"},
    {ERR_WRONG_STATE, 409, "invalid_state"},
    {ERR_ERASED, 409, "event_erased"},
    {ERR_TOO_LARGE, 413, "too_large"},
    {ERR_MEDIA_TYPE, 415, "unsupported_media_type"},
    {ERR_URI_TOO_LONG, 414, "uri_too_long"},
    {ERR_INVALID, 422, "validation_failed"},
    {ERR_LIMITED, 429, "app_limit"},
    {ERR_RATE, 429, "rate_limited"},
    {ERR_BUSY, 503, "overloaded"},
    {ERR_LOCKED, 503, "locked"},
    {ERR_UNAVAILABLE, 503, "unavailable"},
    {ERR_TIMEOUT, 504, "timeout"},
    {ERR_INTERNAL, 500, "internal_error"},
};

static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), ERR_INTERNAL - ERR_BAD_REQUEST + 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(problem_of(rows[i].err)->status, rows[i].status);
        assert_string_equal(err_name(rows[i].err), rows[i].code);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const int unknown[] = {0, 1, -1, ERR_BAD_REQUEST - 1, ERR_INTERNAL + 1, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(problem_of(unknown[i])->err, ERR_INTERNAL);
    assert_null(status_phrase(0));
    assert_null(status_phrase(299));
}

static void written(int err, const char *detail, const char *want)
{
    struct buf b;
    buf_init(&b, 1024);
    struct jsonw w = jsonw_on(&b);
    problem_write(&w, err, detail);
    jsonw_end(&w, '}');
    assert_string_equal(buf_text(&b), want);
    buf_fini(&b);
}

static void test_written(void **state)
{
    (void)state;
    written(
        ERR_METHOD, NULL,
        "{\"type\":\"about:blank\",\"title\":\"Method not allowed\",\"status\":405,"
        "\"code\":\"method_not_allowed\",\"detail\":\"The header Allow names the methods of this path\"}");
    written(ERR_BUSY, "later",
            "{\"type\":\"about:blank\",\"title\":\"Too many requests are waiting\",\"status\":503,"
            "\"code\":\"overloaded\",\"detail\":\"later\"}");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
