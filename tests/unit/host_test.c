/* base/host: names and addresses, and both with a port. */
#include "base/host.h"

#include "unit.h"

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        enum host_kind kind;
    } rows[] = {
        {"", HOST_BAD_NAME},
        {".", HOST_BAD_NAME},
        {"a", HOST_NAME},
        {"A_b-1.example", HOST_NAME},
        {"a.", HOST_BAD_NAME},
        {".a", HOST_BAD_NAME},
        {"a..b", HOST_BAD_NAME},
        {"a b", HOST_BAD_NAME},
        {"a*", HOST_BAD_NAME},
        {"h\xc3\xb6st", HOST_BAD_NAME},
        {"3com", HOST_NAME},
        {"1e100.net", HOST_NAME},
        {"0xyz", HOST_NAME},
        {"a.123", HOST_BAD_ADDRESS},
        {"0x", HOST_BAD_ADDRESS},
        {"1.2.3.0X7f", HOST_BAD_ADDRESS},
        {"127.1", HOST_BAD_ADDRESS},
        {"256.0.0.1", HOST_BAD_ADDRESS},
        {"099.1.1.1", HOST_BAD_ADDRESS},
        {"1.2.3.4", HOST_IPV4},
        {"::1", HOST_IPV6},
        {"2001:DB8::A", HOST_IPV6},
        {"::ffff:1.2.3.4", HOST_IPV6},
        {":::1", HOST_BAD_NAME},
        {"fe80::1%eth0", HOST_BAD_NAME},
        {"[::1]", HOST_BAD_NAME},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", HOST_NAME}, /* 63 */
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         HOST_BAD_NAME}, /* 64 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[16];
        if (host_read(str_of(rows[i].text), bytes) != rows[i].kind)
            fail_msg("%s is not %d", rows[i].text, rows[i].kind);
    }
}

static void test_bytes(void **state)
{
    uint8_t bytes[16];

    (void)state;
    assert_int_equal(host_read(STR_LIT("1.2.3.4"), bytes), HOST_IPV4);
    assert_memory_equal(bytes, "\1\2\3\4", 4);
    assert_int_equal(host_read(STR_LIT("::1:2"), bytes), HOST_IPV6);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\2", 16);
    assert_int_equal(host_read(STR_LIT("1.2.3.4\0"), bytes), HOST_BAD_NAME);
}

static void test_with_port(void **state)
{
    static const struct {
        const char *text, *name;
        int port; /* -1: none */
    } good[] = {
        {"a.example", "a.example", -1},
        {"a:0", "a", 0},
        {"1.2.3.4:65535", "1.2.3.4", 65535},
        {"[::1]", "::1", -1},
        {"[::1]:80", "::1", 80},
    };
    static const char *const bad[] = {
        "",       ":80",          "a:",      "a:65536", "a:-0",        "a:+1",   "a:8x",
        "a:80 ",  "::1",          "::1:80",  "[::1",    "[::1]80",     "[::1]:", "[]:80",
        "[a]:80", "[1.2.3.4]:80", "::1]:80", "a:1:2",   "http://a:80", "a/",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct host host;
        if (!host_parse(str_of(good[i].text), &host))
            fail_msg("%s is refused", good[i].text);
        assert_true(str_eq_text(host.name, good[i].name));
        assert_int_equal(host.port.p != NULL ? host.number : -1, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct host host;
        if (host_parse(str_of(bad[i]), &host))
            fail_msg("%s is accepted", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_with_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
