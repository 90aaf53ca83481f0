/* core/backoff: schedules, and what a receiver may write into Retry-After. */
#include "core/backoff.h"

#include "base/err.h"

#include "exact.h"
#include "unit.h"

#include <stdio.h>

static struct schedule schedule;

static int parse(const char *text)
{
    struct str copy = exact_copy(str_of(text));
    int err = schedule_parse(copy, &schedule);
    exact_free(copy);
    return err;
}

static void test_schedule(void **state)
{
    (void)state;
    assert_int_equal(parse("60,300,1800,3600,21600"), 0);
    assert_int_equal(schedule.count, 5);
    assert_int_equal(schedule_delay_ms(&schedule, 0), 60000);
    assert_int_equal(schedule_delay_ms(&schedule, 1), 300000);
    assert_int_equal(schedule_delay_ms(&schedule, 2), 1800000);
    assert_int_equal(schedule_delay_ms(&schedule, 3), 3600000);
    assert_int_equal(schedule_delay_ms(&schedule, 4), 21600000);
    assert_int_equal(schedule_delay_ms(&schedule, 5), -1);
    assert_int_equal(schedule_delay_ms(&schedule, INT32_MAX), -1);

    assert_int_equal(parse(" 1 ,\t604800"), 0);
    assert_int_equal(schedule_delay_ms(&schedule, 1), 604800000);

    assert_int_equal(parse(""), 0);
    assert_int_equal(schedule_delay_ms(&schedule, 0), -1);
}

static void test_schedule_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"0",   "604801", "-1", "1,",  ",1",  "1,,2", ",",  " ",
                                      "1;2", "1 2",    "1s", "1.5", "abc", "1,a",  "+1", "1,0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (parse(bad[i]) != ERR_INVALID)
            fail_msg("'%s' is accepted", bad[i]);
    assert_int_equal(parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"), 0);
    assert_int_equal(schedule.count, SCHEDULE_STEPS_MAX);
    assert_int_equal(parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"), ERR_INVALID);
}

#define NOW 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DAY RETRY_AFTER_MAX_MS

struct after {
    const char *value;
    int64_t want;
};

static const struct after afters[] = {
    {"0", 0},
    {"1", 1000},
    {"120", 120000},
    {" 120\t", 120000},
    {"007", 7000},
    {"86399", DAY - 1000},
    {"86400", DAY},
    {"86401", DAY},
    {"99999999999999999999999999", DAY},
    {"9223372036854775807", DAY},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:38 GMT", 1000},
    {" Sun, 06 Nov 1994 08:50:37 GMT ", 60000},
    {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Mon, 07 Nov 1994 08:49:36 GMT", DAY - 1000},
    {"Mon, 07 Nov 1994 08:49:37 GMT", DAY},
    {"Fri, 31 Dec 9999 23:59:59 GMT", DAY},
    {"", -1},
    {" ", -1},
    {"-1", -1},
    {"-0", -1},
    {"+1", -1},
    {"1.5", -1},
    {"1e3", -1},
    {"0x10", -1},
    {"1 2", -1},
    {"1,2", -1},
    {"soon", -1},
    {"1994-11-06T08:49:38Z", -1},
    {"Sun, 06 Nov 1994 08:49:38 UTC", -1},
    {"Sun, 32 Nov 1994 08:49:38 GMT", -1},
};

static void test_retry_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(afters); i++) {
        struct str copy = exact_copy(str_of(afters[i].value));
        int64_t got = retry_after_ms(copy, NOW);
        if (got != afters[i].want)
            fail_msg("'%s': %lld", afters[i].value, (long long)got);
        exact_free(copy);
    }
    /* Milliseconds of now count: half a second is left. */
    assert_int_equal(retry_after_ms(STR_LIT("Sun, 06 Nov 1994 08:49:38 GMT"), NOW + 500), 500);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_schedule_bad),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
