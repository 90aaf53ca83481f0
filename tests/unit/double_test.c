/* Doubles and decimals against the C library's: it reads and writes them exactly, but not in bounded time. */
#include "base/double.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RANDOM_COUNT = 300000 };

static uint64_t seed = 88172645463325252;

/* xorshift64: G. Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double double_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void assert_read(const char *text)
{
    double x = double_read(str_of(text)), right = strtod(text, NULL);
    if (bits_of(x) != bits_of(right))
        fail_msg("%s is %a and not %a", text, right, x);
}

static size_t fewest_digits(double x)
{
    char text[40];
    for (int n = 1; n < 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, x);
        if (bits_of(strtod(text, NULL)) == bits_of(x))
            return (size_t)n;
    }
    return 17;
}

/* Reads back, has no more digits than it needs, and none of so many is nearer. */
static void assert_shortest(double x)
{
    struct decimal d = double_shortest(x);
    char text[40], digits[24], nearest[40];
    size_t count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, d.digits);

    snprintf(text, sizeof text, "%se%d", digits, d.exponent);
    if (bits_of(strtod(text, NULL)) != bits_of(x))
        fail_msg("%a is written %s", x, text);
    assert_true(count <= fewest_digits(x));
    assert_true(count == 1 || d.digits % 10 != 0);
    snprintf(nearest, sizeof nearest, "%.*e", (int)count - 1, x);
    if (bits_of(strtod(nearest, NULL)) == bits_of(x) &&
        strtold(nearest, NULL) != strtold(text, NULL))
        fail_msg("%a is written %s, but %s is nearer", x, text, nearest);
}

static void test_random_doubles(void **state)
{
    (void)state;
    char text[40];
    for (int i = 0; i < RANDOM_COUNT; i++) {
        double x = fabs(double_of_bits(random_bits()));
        if (!isfinite(x) || x <= 0)
            continue;
        assert_shortest(x);
        snprintf(text, sizeof text, "%.*e", (int)(random_bits() % 25), x);
        assert_read(text);
    }
}

static void test_ends_of_the_scale(void **state)
{
    (void)state;
    for (int exponent = 0; exponent < 2047; exponent++)
        for (int step = -2; step <= 2; step++) {
            uint64_t bits = ((uint64_t)exponent << 52) + (uint64_t)(int64_t)step;
            double x = double_of_bits(bits);
            if (isfinite(x) && x > 0)
                assert_shortest(x);
        }
    assert_shortest(DBL_MAX);
    assert_shortest(double_of_bits(1));
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0e400",
        "1e309",
        "-1e309",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.47032822920623272088284396434110686182e-324",
        "2.4703282292062327208828439643411068618252e-324",
        "1e-324",
        "1e-343",
        "9e-344",
        "1e-400",
        "1e-99999999999999999999",
        "1e99999999999999999999",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "2.225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908135087914149158913039621106870086438694594645527657207407820621743379988141063267329253552286881372149012981122451451889849057222307285255133155755015914397476397983411801999323962548289017107081850690630666655994938275772572015763062690663332647565300009245888316433037779791869612049497390377829704905051080609940730262937128958950003583799967207254304360284078895771796150945516748243471030702609144621572289880258182545180325707018860872113128079512233426288368622321503775666622503982534335974568884423900265498198385487948292206894721689831099698365846814022854243330660339850886445804001034933970427567186443383770486037861622771738545623065874679014086723327636718751234567890123456789012345678901e-308",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.0000000000000000000000000001",
        "9007199254740992.99999999999999999999999999999",
        "1e22",
        "1e23",
        "8.5e22",
        "123456789012345678901234567890e-30",
        "0.000000000000000000000000000000000000000000000000000001",
        "100000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_read(texts[i]);
}

/* Between two doubles, exactly, and a little to either side. */
static void test_ties(void **state)
{
    (void)state;
    char text[1200];
    for (int i = 0; i < 3000; i++) {
        double x = fabs(double_of_bits(random_bits()));
        if (!isfinite(x) || x <= 0 || x >= DBL_MAX)
            continue;
        long double middle = ((long double)x + (long double)double_of_bits(bits_of(x) + 1)) / 2;
        snprintf(text, sizeof text, "%.780Le", middle);
        assert_read(text);
        char *e = strchr(text, 'e');
        e[-1] = '1';
        assert_read(text);
    }
}

static void test_short_decimals(void **state)
{
    (void)state;
    char text[40];
    for (int i = 0; i < RANDOM_COUNT; i++) {
        snprintf(text, sizeof text, "%s%" PRIu64 "e%d", i % 2 ? "-" : "",
                 random_bits() >> random_bits() % 60, (int)(random_bits() % 700) - 350);
        assert_read(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_doubles),
        cmocka_unit_test(test_ends_of_the_scale),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_short_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
