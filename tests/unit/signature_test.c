/* core/signature: golden vectors, the public vector of Standard Webhooks, and the rules of secrets.
 */
#include "core/signature.h"

#include "unit.h"

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

struct golden {
    const char *secret, *body, *hex;
};

static const struct golden goldens[] = {
    {"your_webhook_secret",
     "{\"id\":\"evt_abc123\",\"type\":\"user.created\",\"created_at\":\"2023-12-01T15:30:00Z\","
     "\"data\":{\"id\":\"usr_789\",\"name\":\"John Doe\",\"email\":\"john@example.com\","
     "\"created_at\":\"2023-12-01T15:30:00Z\"}}",
     "6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46"},
    {"your-secret-header",
     "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":{\"uuid\":"
     "\"f2b1c2d3-0000-4000-8000-000000000001\",\"username\":\"bob\",\"status\":\"ACTIVE\","
     "\"usedTrafficBytes\":\"0\",\"description\":null}}",
     "b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135"},
    {"your-secret-key",
     "{\"username\": \"marzban_test_user\", \"action\": \"user_updated\", \"enqueued_at\": "
     "1680506457.636369, \"tries\": 0}",
     "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a"},
};

static void test_hex(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        signature_hex(&out, "sha256=", str_of(goldens[i].secret), str_of(goldens[i].body));
        assert_memory_equal(buf_text(&out), "sha256=", 7);
        assert_string_equal(buf_text(&out) + 7, goldens[i].hex);
        buf_clear(&out);
    }
    signature_hex(&out, "", str_of(goldens[0].secret), str_of(goldens[0].body));
    assert_string_equal(buf_text(&out), goldens[0].hex);
}

#define STANDARD "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* https://github.com/standard-webhooks/standard-webhooks, of its libraries' tests. */
static void test_standard(void **state)
{
    (void)state;
    signature_standard(&out, STR_LIT(STANDARD), STR_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                       STR_LIT("1614265330"), STR_LIT("{\"test\": 2432232314}"));
    assert_string_equal(buf_text(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/* n bytes of key behind the prefix. */
static void make_secret(size_t n)
{
    char key[100] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    buf_clear(&out);
    buf_add_text(&out, SECRET_PREFIX);
    for (size_t i = 0; i < n; i += 3) {
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint32_t bits = (uint32_t)key[i] << 16;
        bits |= i + 1 < n ? (uint32_t)key[i + 1] << 8 : 0;
        bits |= i + 2 < n ? (uint32_t)key[i + 2] : 0;
        buf_add_char(&out, digits[bits >> 18]);
        buf_add_char(&out, digits[bits >> 12 & 63]);
        buf_add_char(&out, i + 1 < n ? digits[bits >> 6 & 63] : '=');
        buf_add_char(&out, i + 2 < n ? digits[bits & 63] : '=');
    }
}

static void test_standard_lengths(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 70; n++) {
        bool good = n >= SECRET_KEY_MIN && n <= SECRET_KEY_MAX;
        make_secret(n);
        if ((secret_check(buf_str(&out)) == NULL) != good ||
            secret_is_standard(buf_str(&out)) != good)
            fail_msg("%zu bytes", n);
    }
}

static const char *const good[] = {
    "x", "~", "your_webhook_secret", "two words", "WHSEC_x", "whsec", "xwhsec_x", STANDARD,
};

static const char *const bad[] = {
    "",
    " ",
    " a",
    "a ",
    "a\nb",
    "a\x7f",
    "a\x1f",
    "caf\xc3\xa9",
    "\t",
    "whsec_",
    "whsec_x",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS ",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
    "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};

static void test_secrets(void **state)
{
    (void)state;
    char longest[SECRET_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_null(secret_check(str_of(good[i])));
        assert_int_equal(secret_is_standard(str_of(good[i])), strcmp(good[i], STANDARD) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (secret_check(str_of(bad[i])) == NULL)
            fail_msg("%zu is accepted", i);
        assert_false(secret_is_standard(str_of(bad[i])));
    }
    assert_non_null(secret_check(STR_LIT("a\0b")));
    assert_false(secret_is_standard((struct str){NULL, 0}));
    memset(longest, 'x', sizeof longest);
    assert_null(secret_check((struct str){longest, SECRET_MAX}));
    assert_non_null(secret_check((struct str){longest, SECRET_MAX + 1}));
}

static void test_generate(void **state)
{
    (void)state;
    struct buf other;
    buf_init(&other, 100);
    secret_generate(&out, SECRET_PREFIX);
    secret_generate(&other, SECRET_PREFIX);
    assert_int_equal(out.n, strlen(SECRET_PREFIX) + 44);
    assert_null(secret_check(buf_str(&out)));
    assert_true(secret_is_standard(buf_str(&out)));
    assert_false(str_eq(buf_str(&out), buf_str(&other)));
    buf_fini(&other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hex, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_standard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_standard_lengths, set_up, tear_down),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test_setup_teardown(test_generate, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
