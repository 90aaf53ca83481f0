/* Which ports a webhook may have. */
#include "unit.h"

#include "base/err.h"
#include "core/port.h"

static void test_of_others(void **state)
{
    static const uint16_t refused[] = {
        1,    7,    9,    19,   21,   22,   23,   25,    53,    69,    110,  111,
        119,  135,  139,  143,  161,  179,  389,  445,   465,   512,   515,  554,
        587,  636,  993,  995,  1433, 1521, 2049, 3306,  3389,  5060,  5061, 5432,
        5900, 6000, 6379, 6665, 6669, 6697, 9042, 10080, 11211, 27017, 27019};
    static const uint16_t allowed[] = {2,    80,   81,    88,    443,   444,   591,  1024,
                                       3000, 4443, 5000,  8000,  8008,  8080,  8443, 8888,
                                       9000, 9443, 10000, 27020, 32768, 49152, 65535};
    static const struct ports none;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (port_allowed(&none, refused[i]))
            fail_msg("%u is allowed", refused[i]);
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (!port_allowed(&none, allowed[i]))
            fail_msg("%u is refused", allowed[i]);
}

static void test_list(void **state)
{
    static const struct {
        uint16_t port;
        bool allowed;
    } rows[] = {{25, true},   {24, false},  {80, false},   {443, true},   {7999, false},
                {8000, true}, {8999, true}, {9000, false}, {65535, false}};
    struct ports ports;
    struct str bad;

    (void)state;
    assert_int_equal(ports_parse(STR_LIT("443, 8000-8999 ,25"), &ports, &bad), 0);
    assert_int_equal(ports.count, 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(port_allowed(&ports, rows[i].port), rows[i].allowed);
    assert_int_equal(ports_parse(STR_LIT("1-65535"), &ports, &bad), 0);
    assert_true(port_allowed(&ports, 1) && port_allowed(&ports, 22) && port_allowed(&ports, 65535));
    assert_int_equal(ports_parse(STR_LIT(" "), &ports, &bad), 0);
    assert_true(port_allowed(&ports, 443) && !port_allowed(&ports, 22));
}

static void test_wrong(void **state)
{
    static const char *const rows[] = {"0",   "65536",   ",80",   "http",    "80-",
                                       "-80", "90-80",   "80:90", "80-90-9", "80 90",
                                       "+80", "80,-1-2", "0-9"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ports ports;
        struct str bad;
        if (ports_parse(str_of(rows[i]), &ports, &bad) != ERR_INVALID || bad.p == NULL)
            fail_msg("accepted: %s", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_others),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
