/* The address policy at the edges of every refused block, against a table written from the
 * registries and not from the code. */
#include "unit.h"

#include "base/err.h"
#include "core/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const struct networks none;

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (strchr(text, ':') == NULL) {
        storage.ss_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    } else {
        storage.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    }
    return storage;
}

static bool allowed_in(const struct networks *opened, const char *text)
{
    struct sockaddr_storage storage = address_of(text);
    return address_allowed(opened, (const struct sockaddr *)&storage);
}

static void expect(const char *text, bool allowed)
{
    if (allowed_in(&none, text) != allowed)
        fail_msg("%s should %sbe allowed", text, allowed ? "" : "not ");
}

/* The neighbours of a refused block, and whether they are public. "" has none. */
static const struct block {
    const char *before, *first, *last, *after;
    bool before_public, after_public;
} blocks[] = {
    {"", "0.0.0.0", "0.255.255.255", "1.0.0.0", false, true},
    {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", true, true},
    {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", true, true},
    {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", true, true},
    {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", true, true},
    {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", true, true},
    {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", true, true},
    {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", true, true},
    {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", true, true},
    {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", true, true},
    {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", true, true},
    {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", true, true},
    {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", true, true},
    {"223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", true, false},
    {"239.255.255.255", "240.0.0.0", "255.255.255.255", "", false, false},
    {"168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17", true, true},

    {"", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::", false, true},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001:200::", true, true},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", true, true},
    {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "2003::", true, true},
    {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
     "3fff:1000::", true, true},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "", true, false},
};

static void test_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const struct block *block = &blocks[i];
        if (block->before[0] != '\0')
            expect(block->before, block->before_public);
        expect(block->first, false);
        expect(block->last, false);
        if (block->after[0] != '\0')
            expect(block->after, block->after_public);
    }
}

/* Addresses that people attack with, each under its own name. */
static void test_known(void **state)
{
    static const char *const refused[] = {
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:20::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::5efe:7f00:1",
        "fec0::1",
        "ff02::1",
        "::5efe:127.0.0.1",
    };
    static const char *const allowed[] = {
        "8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1", "2001:4860::8888",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect(refused[i], false);
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        expect(allowed[i], true);
}

static void test_isatap(void **state)
{
    (void)state;
    expect("2a00:1:2:3:0:5efe:10.0.0.1", false);
    expect("2a00:1:2:3:200:5efe:10.0.0.1", false);
    expect("2a00:1:2:3:0:5efe:168.63.129.16", false);
    expect("2a00:1:2:3:200:5efe:8.8.8.8", true);
    expect("2a00:1:2:3:100:5efe:10.0.0.1", true); /* no ISATAP identifier */
}

static void test_other_families(void **state)
{
    struct sockaddr address = {.sa_family = AF_UNIX};

    (void)state;
    assert_false(address_allowed(&none, &address));
    address.sa_family = AF_UNSPEC;
    assert_false(address_allowed(&none, &address));
}

static struct networks parsed(const char *list)
{
    struct networks networks;
    struct str bad;
    assert_int_equal(networks_parse(str_of(list), &networks, &bad), 0);
    return networks;
}

static void test_opened(void **state)
{
    struct networks opened = parsed("127.0.0.0/8, fd00::/9 ,10.1.2.3,\t192.168.4.0/23");

    (void)state;
    assert_int_equal(opened.count, 4);
    assert_true(allowed_in(&opened, "127.0.0.1"));
    assert_true(allowed_in(&opened, "127.255.255.255"));
    assert_true(allowed_in(&opened, "fd00::1"));
    assert_true(allowed_in(&opened, "fd7f:ffff::"));
    assert_false(allowed_in(&opened, "fd80::"));
    assert_true(allowed_in(&opened, "10.1.2.3"));
    assert_false(allowed_in(&opened, "10.1.2.4"));
    assert_false(allowed_in(&opened, "192.168.3.255"));
    assert_true(allowed_in(&opened, "192.168.4.0"));
    assert_true(allowed_in(&opened, "192.168.5.255"));
    assert_false(allowed_in(&opened, "192.168.6.0"));
    assert_false(allowed_in(&opened, "::ffff:127.0.0.1"));
    assert_false(allowed_in(&opened, "::1"));
    assert_true(allowed_in(&opened, "8.8.8.8"));

    opened = parsed("::/0,0.0.0.0/0");
    assert_true(allowed_in(&opened, "::1"));
    assert_true(allowed_in(&opened, "169.254.169.254"));
    assert_false(allowed_in(&opened, "::ffff:8.8.8.8"));
}

static void test_parse_errors(void **state)
{
    static const struct {
        const char *list, *bad;
    } rows[] = {
        {"10.0.0.0/33", "10.0.0.0/33"},
        {"10.0.0.1/8", "10.0.0.1/8"},
        {"10.0.0.0/7,11.0.0.0/7", "11.0.0.0/7"},
        {"fd00::1/64", "fd00::1/64"},
        {"fd00::/129", "fd00::/129"},
        {"10.0.0.0/", "10.0.0.0/"},
        {"10.0.0.0/-0", "10.0.0.0/-0"},
        {"10.0.0.0/08", "10.0.0.0/08"},
        {"10.0.0.0/8x", "10.0.0.0/8x"},
        {"10.0.0/8", "10.0.0/8"},
        {"010.0.0.0/8", "010.0.0.0/8"},
        {"0x0a000000/8", "0x0a000000/8"},
        {"localhost", "localhost"},
        {"127.0.0.1,,::1", ""},
        {",", ""},
        {"/8", "/8"},
        {"[::1]", "[::1]"},
        {"fe80::1%lo", "fe80::1%lo"},
        {"::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"},
        {"1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8",
         "1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8"},
    };
    struct networks networks;
    struct str bad;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (networks_parse(str_of(rows[i].list), &networks, &bad) != ERR_INVALID)
            fail_msg("accepted: %s", rows[i].list);
        assert_true(str_eq_text(bad, rows[i].bad));
    }
    assert_int_equal(networks_parse(STR_LIT("10.0.0.0\0/8"), &networks, &bad), ERR_INVALID);
    assert_int_equal(parsed("").count, 0);
    assert_int_equal(parsed(" \t").count, 0);
}

static void test_parse_many(void **state)
{
    char list[NETWORKS_MAX * 8 + 16] = "";
    size_t n = 0;
    struct networks networks;
    struct str bad;

    (void)state;
    for (int i = 0; i < NETWORKS_MAX; i++, n += 8)
        memcpy(list + n, "1.2.3.4,", 9);
    assert_int_equal(networks_parse(str_of(list), &networks, &bad), 0);
    assert_int_equal(networks.count, NETWORKS_MAX);
    memcpy(list + n, "5.6.7.8", 8);
    assert_int_equal(networks_parse(str_of(list), &networks, &bad), ERR_INVALID);
    assert_true(str_eq_text(bad, "5.6.7.8"));
}

static void test_names(void **state)
{
    static const struct {
        const char *host;
        bool closed, opened, loopback; /* nothing, some network, 127.0.0.1 opened */
    } rows[] = {
        {"example.com", true, true, true},
        {"a.b.example.com", true, true, true},
        {"localhost", false, false, true},
        {"a.localhost", false, false, true},
        {"notlocalhost.com", true, true, true},
        {"xlocalhost", false, true, true},
        {"printer.local", false, true, true},
        {"local", false, true, true},
        {"db.internal", false, true, true},
        {"x.home.arpa", false, true, true},
        {"home.arpa", false, true, true},
        {"arpa.home", true, true, true},
        {"x.onion", false, false, false},
        {"onion", false, false, false},
        {"myonion.com", true, true, true},
        {"intranet", false, true, true},
        {"", false, false, false},
    };
    struct networks some = parsed("10.0.0.0/8");
    struct networks loopback = parsed("127.0.0.1");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str host = str_of(rows[i].host);
        if (address_name_allowed(&none, host) != rows[i].closed ||
            address_name_allowed(&some, host) != rows[i].opened ||
            address_name_allowed(&loopback, host) != rows[i].loopback)
            fail_msg("%s", rows[i].host);
    }
}

/* Read, and written as it is known. */
static void test_texts(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"2001:DB8:0:0::7", "2001:db8::7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::", "::"},
        {"1234:5678:9abc:def0:1234:5678:9abc:def0", "1234:5678:9abc:def0:1234:5678:9abc:def0"},
    };
    struct sockaddr_storage address = {0};
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    assert_string_equal(address_text(text, &address), "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(address_parse(str_of(rows[i].in), &address));
        assert_string_equal(address_text(text, &address), rows[i].out);
    }
    assert_false(address_parse(STR_LIT("192.0.2.7:80"), &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),      cmocka_unit_test(test_known),
        cmocka_unit_test(test_isatap),     cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_opened),     cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_parse_many), cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
