/* base/proxy: the URL of a proxy. */
#include "base/proxy.h"

#include "unit.h"

static void test_taken_apart(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
        const char *credentials;
    } rows[] = {
        {"http://proxy:3128", "proxy", 3128, ""},
        {"http://proxy.example:1/", "proxy.example", 1, ""},
        {"http://10.0.0.1:65535", "10.0.0.1", 65535, ""},
        {"http://[fd00::1]:3128", "fd00::1", 3128, ""},
        {"http://me:p%40ss@proxy:3128", "proxy", 3128, "me:p%40ss"},
        {"http://me@proxy:3128", "proxy", 3128, "me"},
        {"http://me:@proxy:3128", "proxy", 3128, "me:"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy proxy;
        assert_true(proxy_parse(str_of(rows[i].text), &proxy));
        assert_string_equal(proxy.host, rows[i].host);
        assert_int_equal(proxy.port, rows[i].port);
        assert_string_equal(proxy.credentials, rows[i].credentials);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "proxy:3128",
        "http://",
        "http:///",
        "http://proxy",
        "http://proxy:",
        "http://proxy:0",
        "http://proxy:65536",
        "http://:3128",
        "http://fd00::1:3128",
        "http://[fe80::1%25eth0]:3128",
        "http://127.1:3128",
        "http://proxy:3128/path",
        "http://proxy:3128?x",
        "http://proxy:3128#x",
        "http://proxy :3128",
        "HTTP://proxy:3128",
        "https://proxy:3128",
        "socks5://proxy:3128",
        "http://@proxy:3128",
        "http://:word@proxy:3128",
        "http://me:p@ss@proxy:3128",
        "http://me:p/ss@proxy:3128",
        "http://me:p%4@proxy:3128",
        "http://me:p%4g@proxy:3128",
        "http://me:p ss@proxy:3128",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct proxy proxy;
        if (proxy_parse(str_of(texts[i]), &proxy) || proxy.host[0] != '\0')
            fail_msg("%s was taken", texts[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_apart),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
