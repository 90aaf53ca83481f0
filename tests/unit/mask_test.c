/* What is left of URLs for those who may only read. */
#include "core/mask.h"

#include "unit.h"

typedef void mask(struct buf *out, struct str text);

static void expect(mask *how, const char *text, const char *masked)
{
    struct buf b;

    buf_init(&b, strlen(text) * MASK_GROWTH);
    how(&b, str_of(text));
    assert_string_equal(buf_text(&b), masked);
    buf_fini(&b);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *masked;
    } rows[] = {
        {"https://a.example.com/", "https://a.example.com/"},
        {"https://a.example.com:8443/hooks/stripe", "https://a.example.com:8443/hooks/stripe"},
        {"https://a.example.com/v1/in_box.php", "https://a.example.com/v1/in_box.php"},
        {"https://discord.com/api/webhooks/1234567890/aBcD-eF",
         "https://discord.com/api/webhooks/***/***"},
        {"https://hooks.slack.com/services/T0001/B0001/XXXX",
         "https://hooks.slack.com/services/***/***/***"},
        {"https://api.telegram.org/bot123456:AAF-x/sendMessage",
         "https://api.telegram.org/***/***"},
        {"https://a.example.com/3f9c1a70b2", "https://a.example.com/***"},
        {"https://a.example.com/abcdefghijklmnopqrstuvwxyz", "https://a.example.com/***"},
        {"https://a.example.com/%2e%2e", "https://a.example.com/***"},
        {"https://a.example.com/x?token=abc&b=", "https://a.example.com/x?token=***&b=***"},
        {"https://a.example.com/x?abc", "https://a.example.com/x?***"},
        {"https://a.example.com/?A1b2=c&&", "https://a.example.com/?***"},
        {"https://a.example.com?k=v", "https://a.example.com?k=***"},
        {"/hook/A1B2C3?k=v", "/hook/***?k=***"},
        {"//b.example.com/A1B2", "//b.example.com/***"},
        {"https://user:pass@b.example.com/x", "***/x"},
        {"A", "***"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(mask_url, rows[i].url, rows[i].masked);
}

static void test_heads(void **state)
{
    (void)state;
    expect(
        mask_head,
        "HTTP/1.1 302 Found\r\nX: https://a/B2\r\nlocation:https://a.example.com/ABC?x=1\r\n",
        "HTTP/1.1 302 Found\r\nX: https://a/B2\r\nlocation: https://a.example.com/***?x=***\r\n");
    expect(mask_head, "HTTP/1.1 302 Found\r\nLocation: /A",
           "HTTP/1.1 302 Found\r\nLocation: /***\r");
    expect(mask_head, "HTTP/1.1 302 Found\r\nLocation\r\n\r\n",
           "HTTP/1.1 302 Found\r\nLocation\r\n\r\n");
    expect(mask_head, "", "");
}

static void test_redirects(void **state)
{
    (void)state;
    expect(
        mask_redirect,
        "the receiver answered 302, a redirect that is not followed, to https://a.example.com/T0K",
        "the receiver answered 302, a redirect that is not followed, to https://a.example.com/***");
    expect(mask_redirect, "the receiver answered 302", "the receiver answered 302");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_redirects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
