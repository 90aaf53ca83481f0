/* base/clock: dates there and back, by vectors and by counting every day up to 2400. */
#include "base/clock.h"

#include "exact.h"
#include "unit.h"

#include <time.h>

struct date {
    const char *text;
    int64_t ms; /* -1: must be refused */
};

static const struct date dates[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-01-02T03:04:05Z", 1767323045000},
    {"2026-01-02T03:04:05.678Z", 1767323045678},
    {"2026-01-02t03:04:05z", 1767323045000},
    {"2026-01-02 03:04:05Z", 1767323045000},
    {"2023-12-01T15:30:00Z", 1701444600000},
    {"9999-12-31T23:59:59Z", 253402300799000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
    /* fractions */
    {"2026-01-02T03:04:05.6Z", 1767323045600},
    {"2026-01-02T03:04:05.06Z", 1767323045060},
    {"2026-01-02T03:04:05.0009Z", 1767323045000},
    {"2026-01-02T03:04:05.123456789Z", 1767323045123},
    {"2026-01-02T03:04:05.12345678901234567890123Z", 1767323045123},
    {"2026-01-02T03:04:05.Z", -1},
    {"2026-01-02T03:04:05.1.2Z", -1},
    {"2026-01-02T03:04:05,5Z", -1},
    /* offsets */
    {"2026-01-02T03:04:05+00:00", 1767323045000},
    {"2026-01-02T03:04:05-00:00", 1767323045000},
    {"2026-01-02T05:34:05+02:30", 1767323045000},
    {"2026-01-01T21:04:05-06:00", 1767323045000},
    {"2026-01-02T03:04:05.5+01:00", 1767319445500},
    {"2026-01-02T03:04:05+23:59", 1767236705000},
    {"1970-01-01T00:59:59+01:00", 0},
    {"1970-01-01T01:00:00+01:00", 0},
    {"2026-01-02T03:04:05+24:00", -1},
    {"2026-01-02T03:04:05+02:60", -1},
    {"2026-01-02T03:04:05+0230", -1},
    {"2026-01-02T03:04:05+02", -1},
    {"2026-01-02T03:04:05+2:30", -1},
    {"2026-01-02T03:04:05+-2:30", -1},
    {"2026-01-02T03:04:05", -1},
    /* the calendar */
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"2023-02-29T00:00:00Z", -1},
    {"2000-02-29T00:00:00Z", 951782400000},
    {"2100-02-29T00:00:00Z", -1},
    {"2100-02-28T00:00:00Z", 4107456000000},
    {"2100-03-01T00:00:00Z", 4107542400000},
    {"2400-02-29T00:00:00Z", 13574563200000},
    {"2026-04-30T00:00:00Z", 1777507200000},
    {"2026-04-31T00:00:00Z", -1},
    {"2026-00-01T00:00:00Z", -1},
    {"2026-13-01T00:00:00Z", -1},
    {"2026-01-00T00:00:00Z", -1},
    {"2026-01-32T00:00:00Z", -1},
    {"1969-12-31T23:59:59Z", 0}, /* as its beginning */
    {"1858-06-02T00:14:44.9-14:35", 0},
    {"0000-01-01T00:00:00+23:59", 0},
    {"1969-02-29T00:00:00Z", -1},
    {"1969-12-31T23:59:60Z", -1},
    /* the clock */
    {"2026-01-02T23:59:59Z", 1767398399000},
    {"2026-01-02T24:00:00Z", -1},
    {"2026-01-02T23:60:00Z", -1},
    {"2016-12-31T23:59:60Z", 1483228799000},
    {"2016-12-31T23:59:61Z", -1},
    {"2017-01-01T00:59:60+01:00", 1483228799000},
    {"2016-12-31T22:59:60Z", -1},
    {"2016-12-31T23:59:60+01:00", -1},
    /* the form */
    {"", -1},
    {"2026", -1},
    {"2026-01-02", -1},
    {"2026-1-02T03:04:05Z", -1},
    {"26-01-02T03:04:05Z", -1},
    {"12026-01-02T03:04:05Z", -1},
    {"-026-01-02T03:04:05Z", -1},
    {"+026-01-02T03:04:05Z", -1},
    {"2026-01-02T-3:04:05Z", -1},
    {"2026-01-02T03:04Z", -1},
    {"2026-01-02T03:04:5Z", -1},
    {"2026/01/02T03:04:05Z", -1},
    {"2026-01-02_03:04:05Z", -1},
    {"2026-01-02T03:04:05ZZ", -1},
    {"2026-01-02T03:04:05Z ", -1},
    {" 2026-01-02T03:04:05Z", -1},
    {"2026-01-02T03:04:05UTC", -1},
    {"20260102T030405Z", -1},
    {"1767323045", -1},
};

static const struct date http_dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199000},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799000},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799000},
    {"Wed, 29 Feb 2023 00:00:00 GMT", -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Foo 1994 08:49:37 GMT", -1},
    {"Sun, 06 1994 08:49:37 GMT", -1},
    {"Xyz, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun,06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 94 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49 GMT", -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
    {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
    {"Sun, 06 Nov 1994 08:49:37", -1},
    {"Sun, ", -1},
    {"Sun,", -1},
    {"Sun", -1},
    {"", -1},
    {"06 Nov 1994 08:49:37 GMT", -1},
};

typedef bool parse(struct str text, int64_t *wall_ms);

static void check(parse *parse_date, const struct date *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str copy = exact_copy(str_of(table[i].text));
        int64_t ms = -2;
        bool good = parse_date(copy, &ms);
        if (good != (table[i].ms >= 0))
            fail_msg("'%s' is %s", table[i].text, good ? "accepted" : "refused");
        if (good && ms != table[i].ms)
            fail_msg("'%s' is %lld", table[i].text, (long long)ms);
        exact_free(copy);
    }
}

static void test_rfc3339(void **state)
{
    (void)state;
    check(clock_parse, dates, ARRAY_LEN(dates));
}

static void test_http(void **state)
{
    (void)state;
    check(clock_parse_http, http_dates, ARRAY_LEN(http_dates));
}

/* Every prefix of a good date is bad, and reads nothing beyond itself. */
static void test_prefixes(void **state)
{
    (void)state;
    struct str good = STR_LIT("2026-01-02T03:04:05.678+01:00"),
               http = STR_LIT("Sun, 06 Nov 1994 08:49:37 GMT");
    int64_t ms;
    for (size_t n = 0; n < good.n; n++) {
        struct str copy = exact_copy((struct str){good.p, n});
        assert_false(clock_parse(copy, &ms));
        exact_free(copy);
        copy = exact_copy((struct str){http.p, n});
        assert_false(clock_parse_http(copy, &ms));
        exact_free(copy);
    }
    assert_true(clock_parse(good, &ms));
}

static void test_text(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_text(text, 0, CLOCK_SECONDS), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_text(text, 1767323045678, CLOCK_SECONDS), "2026-01-02T03:04:05Z");
    assert_string_equal(clock_text(text, 1767323045678, CLOCK_MILLIS), "2026-01-02T03:04:05.678Z");
    assert_string_equal(clock_text(text, 1767323045007, CLOCK_MILLIS), "2026-01-02T03:04:05.007Z");
    assert_string_equal(clock_text(text, 253402300799999, CLOCK_MILLIS),
                        "9999-12-31T23:59:59.999Z");
    assert_int_equal(strlen(clock_text_http(text, 0)), CLOCK_HTTP_BYTES);
    clock_text_http(text, INT64_MAX); /* a row may say anything */
    assert_true(strlen(text) < sizeof text);
}

/* Day by day, our calendar is the C library's. */
static void test_every_day(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE], http[64];
    int64_t back;
    for (int64_t day = 0; day < 157054; day++) { /* to the end of 2399 */
        int64_t ms = day * 86400000 + day % 86400 * 1000 + day % 1000;
        clock_text(text, ms, CLOCK_MILLIS);
        if (!clock_parse(str_of(text), &back) || back != ms)
            fail_msg("%s", text);
        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(http, sizeof http, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (!clock_parse_http(str_of(http), &back) || back != ms / 1000 * 1000 ||
            strcmp(clock_text_http(text, ms), http) != 0)
            fail_msg("%s", http);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t mono_us = clock_mono_us(), mono_ms = clock_mono_ms();
    assert_true(mono_ms >= mono_us / 1000 && mono_ms < mono_us / 1000 + 5000);
    int64_t wall_s = clock_wall_ms() / 1000, now = (int64_t)time(NULL);
    assert_true(wall_s >= now - 2 && wall_s <= now + 2);
    assert_true(clock_mono_us() >= mono_us);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339),   cmocka_unit_test(test_http),
        cmocka_unit_test(test_prefixes),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_day), cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
