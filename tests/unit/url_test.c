/* URLs: what is refused, what is normalised to what, and every spelling of an address. */
#include "unit.h"

#include "base/err.h"
#include "io/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static struct url parsed(const char *text)
{
    struct url url;
    const char *why;
    if (url_parse(str_of(text), &url, &why) != 0)
        fail_msg("%s: %s", text, why);
    assert_null(why);
    return url;
}

static void test_normal(void **state)
{
    static const struct {
        const char *text, *normal, *host;
        int port;
        bool tls;
    } rows[] = {
        {"http://example.com", "http://example.com/", "example.com", 80, false},
        {"https://example.com/a?b=c", "https://example.com/a?b=c", "example.com", 443, true},
        {"HTTPS://Example.COM:443/A", "https://example.com/A", "example.com", 443, true},
        {"http://example.com:8080/", "http://example.com:8080/", "example.com", 8080, false},
        {"https://example.com:80/", "https://example.com:80/", "example.com", 80, true},
        {"http://example.com:/x", "http://example.com/x", "example.com", 80, false},
        {"https://example.com./x", "https://example.com/x", "example.com", 443, true},
        {"https://example.com/a/../b/./c", "https://example.com/b/c", "example.com", 443, true},
        {"https://example.com?x=1", "https://example.com/?x=1", "example.com", 443, true},
        {"https://ex%61mple.com/%7e", "https://example.com/%7e", "example.com", 443, true},
        {"https://a_b.x-1.example/", "https://a_b.x-1.example/", "a_b.x-1.example", 443, true},
        {"https://example.com/\xc3\xa9", "https://example.com/%c3%a9", "example.com", 443, true},
        {"https://localhost/", "https://localhost/", "localhost", 443, true},
        {"https://1e100.net/@:80", "https://1e100.net/@:80", "1e100.net", 443, true},
        {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/",
         "xn--bcher-kva.example", 443, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url url = parsed(rows[i].text);
        assert_string_equal(url.text, rows[i].normal);
        assert_string_equal(url.host, rows[i].host);
        assert_ptr_equal(url.text + url.path, strchr(strstr(url.text, "//") + 2, '/'));
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.tls, rows[i].tls);
        assert_false(url.literal);
        /* What is normal stays as it is. */
        assert_string_equal(parsed(url.text).text, url.text);
    }
}

static void test_literals(void **state)
{
    static const struct {
        const char *text, *address, *normal;
    } rows[] = {
        {"http://127.0.0.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://2130706433/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://0x7f.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://0X7F000001/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://0177.0.0.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://017700000001/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://127.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://127.0.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://0/", "0.0.0.0", "http://0.0.0.0/"},
        {"http://%31%32%37.0.0.1/", "127.0.0.1", "http://127.0.0.1/"},
        {"http://127.0.0.1./", "127.0.0.1", "http://127.0.0.1/"},
        {"http://127.1./x", "127.0.0.1", "http://127.0.0.1/x"},
        {"http://2130706433./", "127.0.0.1", "http://127.0.0.1/"},
        {"http://0x7f.1.:81/", "127.0.0.1", "http://127.0.0.1:81/"},
        {"http://[::1]/", "::1", "http://[::1]/"},
        {"http://[0:0:0:0:0:0:0:1]:8080/", "::1", "http://[::1]:8080/"},
        {"http://[::FFFF:127.0.0.1]/", "::ffff:127.0.0.1", "http://[::ffff:127.0.0.1]/"},
        {"http://[2001:DB8::A]/", "2001:db8::a", "http://[2001:db8::a]/"},
        {"http://169.254.169.254:80/latest", "169.254.169.254", "http://169.254.169.254/latest"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url url = parsed(rows[i].text);
        char text[INET6_ADDRSTRLEN] = "";
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&url.address;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&url.address;

        if (!url.literal)
            fail_msg("%s is no literal", rows[i].text);
        if (url.address.ss_family == AF_INET)
            inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        assert_string_equal(text, rows[i].address);
        assert_string_equal(url.host, rows[i].address);
        assert_string_equal(url.text, rows[i].normal);
        assert_int_equal(ntohs(v4->sin_port), url.port); /* the same place in both */
        assert_string_equal(parsed(url.text).text, url.text);
    }
}

static const char *const refused[] = {
    "",
    "example.com",
    "//example.com",
    "/x",
    "http:",
    "http://",
    "http:///x",
    "http://?x",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "http://user@example.com/",
    "http://user:pw@example.com/",
    "http://@example.com/",
    "http://1.1.1.1@127.0.0.1/",
    "http://1.1.1.1\\@127.0.0.1/",
    "http://a:b@c@example.com/",
    "http://example.com/#x",
    "http://example.com#",
    "http://example.com/a b",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/\r\nX: y",
    "http://example.com/\x01",
    "http://example.com/\x7f",
    "http://exam\tple.com/",
    "http://exam%00ple.com/",
    "http://exam%20ple.com/",
    "http://exam%2fple.com/",
    "http://exam%40ple.com/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://::1/",
    "http://[]/",
    "http://[::1].example/",
    "http://[1.2.3.4]/",
    "http://ex\xc3\xa4mple.com/",
    "http://\xe2\x91\xa0.0.0.1/",
    "http://ex%c3%a4mple.com/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:80x/",
    "http://example.com:%38/",
    "http://.example.com/",
    "http://./",
    "http://example..com/",
    "http://example.com../",
    "http://127.0.0.1../",
    "http://a,b.com/",
    "http://a*b.com/",
    "http://a!b.com/",
    "http://(a)/",
    "http://256.1.1.1/",
    "http://1.2.3.4.5/",
    "http://4294967296/",
    "http://099.1.1.1/",
    "http://1.2.3.0x/",
    "http://example.123/",
    "http:/example.com/",
    "http:example.com",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct url url;
        const char *why;
        if (url_parse(str_of(refused[i]), &url, &why) != ERR_INVALID)
            fail_msg("accepted: %s as %s, host %s", refused[i], url.text, url.host);
        assert_non_null(why);
        assert_true(strlen(why) > 0);
    }
    struct url url;
    const char *why;
    assert_int_equal(url_parse(STR_LIT("http://a.com/\0x"), &url, &why), ERR_INVALID);
}

static int parse_host(const char *label, size_t repeat, const char *tail)
{
    char text[600] = "http://";
    size_t n = strlen(text);
    struct url url;
    const char *why;

    for (size_t i = 0; i < repeat; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", label);
    snprintf(text + n, sizeof text - n, "%s/", tail);
    return url_parse(str_of(text), &url, &why);
}

static void test_lengths(void **state)
{
    char text[URL_SIZE_MAX + 2];
    struct url url;
    const char *why;

    (void)state;
    assert_int_equal(parse_host("a", 63, ".com"), 0);
    assert_int_equal(parse_host("a", 64, ".com"), ERR_INVALID);
    assert_int_equal(parse_host("a.", 126, "c"), 0);            /* 253 */
    assert_int_equal(parse_host("a.", 126, "cc"), ERR_INVALID); /* 254 */
    assert_int_equal(parse_host("a.", 200, "c"), ERR_INVALID);

    memset(text, 'x', sizeof text);
    memcpy(text, "http://a.com/", 13);
    assert_int_equal(url_parse((struct str){text, URL_SIZE_MAX}, &url, &why), 0);
    assert_int_equal(strlen(url.text), URL_SIZE_MAX);
    assert_int_equal(url_parse((struct str){text, URL_SIZE_MAX + 1}, &url, &why), ERR_INVALID);
    /* Escaping may make it too long. */
    text[URL_SIZE_MAX - 1] = '\xe9';
    assert_int_equal(url_parse((struct str){text, URL_SIZE_MAX}, &url, &why), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
