/* core/webhook: which headers a customer may set. */
#include "core/webhook.h"

#include "unit.h"

#include <ctype.h>
#include <stdio.h>

static const char *check(const char *name, const char *value)
{
    return webhook_header_check(str_of(name), str_of(value));
}

static const char *const allowed[] = {
    "X-Foo",        "Authorization",     "Accept", "X-Webhook",
    "X-Webhooks-A", "Webhook",           "Proxy",  "Hosts",
    "X-Host",       "Content-Language",  "T",      "TEE",
    "Trailers",     "x!#$%&'*+-.^_`|~9",
};

static const char *const reserved[] = {
    "Host",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "User-Agent",
    "Accept-Encoding",
    "Proxy-",
    "Proxy-Authorization",
    "Proxy-Connection",
    "X-Webhook-",
    "X-Webhook-Id",
    "X-Webhook-Signature",
    "webhook-",
    "webhook-id",
    "webhook-anything",
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (check(allowed[i], "x") != NULL)
            fail_msg("%s is refused", allowed[i]);
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        char upper[40] = "", lower[40] = "";
        for (size_t j = 0; reserved[i][j] != '\0'; j++) {
            upper[j] = (char)toupper((unsigned char)reserved[i][j]);
            lower[j] = (char)tolower((unsigned char)reserved[i][j]);
        }
        if (check(reserved[i], "x") == NULL || check(upper, "x") == NULL ||
            check(lower, "x") == NULL)
            fail_msg("%s is accepted", reserved[i]);
    }
    assert_non_null(check("", "x"));
}

/* Each byte alone: a token byte or not (RFC 9110 §5.6.2). */
static void test_name_bytes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char name[] = {'X', (char)c};
        bool token = c < 128 && c != 0 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c) != NULL);
        if ((webhook_header_check((struct str){name, 2}, STR_LIT("x")) == NULL) != token)
            fail_msg("byte %d", c);
    }
}

static void test_value_bytes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char value[] = {'x', (char)c, 'x'};
        bool good = c == '\t' || (c >= 0x20 && c <= 0x7e);
        if ((webhook_header_check(STR_LIT("X-A"), (struct str){value, 3}) == NULL) != good)
            fail_msg("byte %d", c);
    }
    assert_null(check("X-A", ""));
    assert_non_null(check("X-A", "x\r\nHost: evil"));
}

static void test_enums(void **state)
{
    (void)state;
    assert_string_equal(webhook_status_names[WEBHOOK_ACTIVE], "active");
    assert_string_equal(webhook_status_names[WEBHOOK_PAUSED], "paused");
    assert_string_equal(webhook_status_names[WEBHOOK_DISABLED], "disabled");
    assert_string_equal(webhook_status_names[WEBHOOK_LISTENING], "listening");
    assert_null(webhook_status_names[WEBHOOK_LISTENING + 1]);
    assert_string_equal(webhook_disabled_reasons[DISABLED_BY_API], "api");
    assert_string_equal(webhook_disabled_reasons[DISABLED_GONE], "gone");
    assert_string_equal(webhook_disabled_reasons[DISABLED_FAILING], "failing");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_bytes),
        cmocka_unit_test(test_value_bytes),
        cmocka_unit_test(test_enums),
    };
    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
