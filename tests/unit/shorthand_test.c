/* Heads in fewer bytes. */
#include "core/shorthand.h"

#include "exact.h"
#include "unit.h"

static const struct known known = {
    .delivery = {{0x01, 0xa2, 0x02, 0xd9, 0x44, 0x2a, 0x73, 0xdc, 0xa0, 0x0d, 1, 2, 3, 4, 5, 6}},
    .event = {{0x01, 0xa2, 0x02, 0xd9, 0x44, 0x2a, 0x73, 0xdc, 0xae, 0x14, 6, 5, 4, 3, 2, 1}},
    .webhook = {{0x01, 0xa2, 0x02, 0xd9, 0x40, 0x32, 0x72, 0x47, 0x98, 0x06, 9, 9, 9, 9, 9, 9}},
    .started_ms = 1795344122922, /* Sun, 22 Nov 2026 10:42:02 GMT */
};

/* Reads it from memory that ends where it ends, and says how much it was. */
static size_t expect_same(struct str head)
{
    struct buf stored, back;

    buf_init(&stored, 1 << 20);
    buf_init(&back, 1 << 20);
    struct str exact = exact_copy(head);
    shorthand_write(&stored, exact, &known);
    exact_free(exact);
    exact = exact_copy(buf_str(&stored));
    assert_true(shorthand_read(&back, exact, &known));
    exact_free(exact);
    assert_int_equal(back.n, head.n);
    assert_memory_equal(buf_text(&back), head.p, head.n);
    size_t n = stored.n;
    buf_fini(&stored);
    buf_fini(&back);
    return n;
}

static size_t expect_text(const char *text)
{
    return expect_same(str_of(text));
}

/* What the profile `default` sends. */
static void add_request(struct buf *head)
{
    char webhook[ID_TEXT_SIZE], delivery[ID_TEXT_SIZE], event[ID_TEXT_SIZE];

    buf_printf(head,
               "Content-Type: application/json\r\n"
               "User-Agent: Posthorn-Webhooks/0.1.0\r\n"
               "X-Webhook-Id: %s\r\n"
               "X-Webhook-Event: order.created\r\n"
               "X-Webhook-Delivery: %s\r\n"
               "X-Webhook-Attempt: 1\r\n"
               "X-Webhook-Signature: "
               "sha256=16fe5dff76a6c1165a06d26d91806a6f3d0a62cf1861d9e98b78e7e18d5b556c\r\n"
               "webhook-id: %s\r\n"
               "webhook-timestamp: 1795344122\r\n"
               "webhook-signature: v1,yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaUk=\r\n",
               id_text(webhook, ID_WEBHOOK, known.webhook),
               id_text(delivery, ID_DELIVERY, known.delivery),
               id_text(event, ID_EVENT, known.event));
}

static void test_request(void **state)
{
    struct buf head;

    (void)state;
    buf_init(&head, 4096);
    add_request(&head);
    assert_in_range(expect_same(buf_str(&head)), 64, 120);
    buf_fini(&head);
}

static void test_answers(void **state)
{
    (void)state;
    assert_in_range(expect_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), 1, 8);
    assert_in_range(expect_text("HTTP/1.1 200 OK\r\nServer: nginx\r\n"
                                "Date: Sun, 22 Nov 2026 10:42:03 GMT\r\n"
                                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                                "Connection: keep-alive\r\n"),
                    1, 13);
}

/* Each of these looks like something that is written shorter, but for one byte. */
static void test_almost(void **state)
{
    static const char *const texts[] = {
        "",
        "\1",
        "\1\2\3",
        "\1\2\3\4\5\6",
        "\x80\x81\xff\r\n",
        "Date: Mon, 22 Nov 2026 10:42:03 GMT\r\n",
        "Date: Sun, 22 Nov 2026 10:42:03 GMT",
        "Date: Sun, 22 Nov 2026 10:42:03 GM",
        "Date: Sun, 22 Nov 1926 10:42:03 GMT\r\n",
        "Date: Sun, 22 Nov 2026 10:44:09 GMT\r\n",
        "Date: Sun, 22 Nov 2026 10:44:10 GMT\r\n",
        "Date: Sun, 22 Nov 2026 10:39:54 GMT\r\n",
        "Date: Sun, 22 Nov 2026 10:39:53 GMT\r\n",
        "a=16fe5dff76a6c1165a06d26d91806a6f3d0a62cf1861d9e98b78e7e18d5b556C\r\n",
        "a=16FE5DFF76A6C1165A06D26D91806A6F3D0A62CF1861D9E98B78E7E18D5B556C\r\n",
        "a=16fe5dff76a6c1165a06d26d9\r\n",
        "a=16fe5dff76a6c1165a06d26d91",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaUl=\r\n",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaUk\r\n",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaQ==\r\n",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaQ=\r\n",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRcaR==\r\n",
        "a=yEQ2yr3+dhy1camz2EvpBgJaIhQlVz+DnVn1QXRca====\r\n",
        "webhook-timestamp: 1795344123\r\n",
        "X-Webhook-Delivery: del_01m81djh1aefea0396ndcr7m28\r\n",
        "HTTP/1.1 200 ok\r\n",
        "HTTP/1.1 200 OK\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        expect_text(texts[i]);
    expect_same((struct str){"a\0b\r\n", 5});
}

static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Any bytes come back, and take at most one of the mark's three and each byte twice. */
static void test_any_bytes(void **state)
{
    enum { MAX = 300 };
    char bytes[MAX];
    uint32_t seed = 22;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t n = next_number(&seed) % MAX;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(round % 2 != 0 ? next_number(&seed)
                                             : (uint8_t) "0a=, \n:+/Z"[next_number(&seed) % 10]);
        assert_in_range(expect_same((struct str){bytes, n}), 0, 3 + 2 * n);
    }
}

/* A signature longer than what is written at once. */
static void test_long(void **state)
{
    char text[2000] = "a=";

    (void)state;
    memset(text + 2, 'f', sizeof text - 3);
    assert_in_range(expect_text(text), 1000, 1020);
    memset(text + 2, 'Z', sizeof text - 3);
    assert_in_range(expect_text(text), 1500, 1530);
}

/* The bytes of what is stored are in it, for statements. */
static void test_counted(void **state)
{
    struct buf head, stored;

    (void)state;
    buf_init(&head, 4096);
    buf_init(&stored, 4096);
    add_request(&head);
    shorthand_write(&stored, buf_str(&head), &known);
    assert_int_equal(stored.p[0], 1);
    assert_int_equal((uint8_t)stored.p[1] * 256 + (uint8_t)stored.p[2], head.n);
    buf_fini(&head);
    buf_fini(&stored);
}

/* What an older release stored is a head as it is. */
static void test_older(void **state)
{
    struct buf back;

    (void)state;
    buf_init(&back, 4096);
    assert_true(shorthand_read(&back, STR_LIT("HTTP/1.1 200 OK\r\n\x80\x90"), &known));
    assert_string_equal(buf_text(&back), "HTTP/1.1 200 OK\r\n\x80\x90");
    buf_fini(&back);
}

/* What is damaged is read as far as it goes, and no further. */
static void test_damaged(void **state)
{
    struct buf head, stored, back;
    bool good;

    (void)state;
    buf_init(&head, 4096);
    buf_init(&stored, 4096);
    buf_init(&back, 65536);
    add_request(&head);
    shorthand_write(&stored, buf_str(&head), &known);
    for (size_t n = 0; n < stored.n; n++) {
        struct str cut = exact_copy((struct str){stored.p, n});
        buf_clear(&back);
        good = shorthand_read(&back, cut, &known);
        assert_true(n == 0 || !good || back.n < head.n);
        exact_free(cut);
    }
    for (int byte = 0x80; byte < 0x100; byte++) {
        const char other[] = {1, 0, 4, (char)byte};
        struct str text = exact_copy((struct str){other, sizeof other});
        buf_clear(&back);
        good = shorthand_read(&back, text, &known);
        assert_true(good || back.n == 0);
        exact_free(text);
    }
    buf_fini(&head);
    buf_fini(&stored);
    buf_fini(&back);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_almost),  cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_counted),
        cmocka_unit_test(test_older),   cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
