/* core/message: from what is sealed to the request, and that nothing sealed is kept. */
#include "core/message.h"

#include "base/err.h"
#include "core/body.h"
#include "core/settings.h"
#include "core/webhook.h"

#include "unit.h"

#include <stdio.h>

#define NOW 1767323045678 /* 2026-01-02T03:04:05.678Z */

static struct settings settings, others;
static struct buf secret, previous, headers, auth;
static struct recipient to;
static const struct content event = {
    .type = {"user.created", 12}, .data = {"{\"a\":1}", 7}, .attempt = 1};
static const struct content *const contents[] = {&event, &event, &event};
static struct message message;
static const char *why;

static void seal(struct buf *out, enum webhook_column column, const char *text)
{
    buf_clear(out);
    webhook_seal(&settings, column, to.webhook, str_of(text), out);
}

static void use_key(struct settings *with, const char *base64)
{
    *with = (struct settings){0};
    assert_true(seal_keys_add(&with->seal_keys, str_of(base64)));
}

static int set_up(void **state)
{
    (void)state;
    use_key(&settings, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    use_key(&others, "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=");
    buf_init(&secret, 1024);
    buf_init(&previous, 1024);
    buf_init(&headers, 1024);
    buf_init(&auth, 1024);
    to = (struct recipient){.webhook = id_floor(NOW),
                            .url = STR_LIT("https://example.com/hook?x=1"),
                            .profile = STR_LIT("default"),
                            .options = STR_LIT("{}")};
    seal(&secret, WEBHOOK_SECRET, "the-secret");
    seal(&headers, WEBHOOK_HEADERS, "{\"X-One\":\"own-1\",\"X-Two\":\"own-2\"}");
    to.sealed_secret = buf_str(&secret);
    message_init(&message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&secret);
    buf_fini(&previous);
    buf_fini(&headers);
    buf_fini(&auth);
    message_fini(&message);
    return 0;
}

static int make(const struct settings *with, size_t count)
{
    return message_make(&message, with, &to, contents, count, NOW, NULL, &why);
}

static bool has(const struct buf *buf, const char *piece)
{
    return memmem(buf->p, buf->n, piece, strlen(piece)) != NULL;
}

static void test_made(void **state)
{
    (void)state;
    to.sealed_headers = buf_str(&headers);
    assert_int_equal(make(&settings, 1), 1);
    assert_true(str_eq_text(buf_str(&message.url), "https://example.com/hook?x=1"));
    assert_true(has(&message.body, "{\"a\":1}"));
    assert_true(has(&message.head, "\r\nX-One: own-1\r\nX-Two: own-2\r\n"));
    assert_true(has(&message.masked, "\r\nX-One: ***\r\nX-Two: ***\r\n"));
    assert_false(has(&message.masked, "own-"));
}

/* After the webhook's own headers; history has no more than that it was there. */
static void test_auth(void **state)
{
    (void)state;
    seal(&auth, WEBHOOK_AUTH, "{\"type\":\"bearer\",\"token\":\"canary\"}");
    to.sealed_headers = buf_str(&headers);
    to.sealed_auth = buf_str(&auth);
    assert_int_equal(make(&settings, 1), 1);
    assert_true(has(&message.head, "\r\nX-Two: own-2\r\nAuthorization: Bearer canary\r\n"));
    assert_true(has(&message.masked, "\r\nX-Two: ***\r\nAuthorization: ***\r\n"));
    assert_false(has(&message.masked, "canary"));
}

/* Sealed for another place, or none that this release knows. */
static void test_auth_that_is_not_to_be_read(void **state)
{
    static const char *const texts[] = {"{\"type\":\"digest\"}", "{}", "[]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        seal(&auth, WEBHOOK_AUTH, texts[i]);
        to.sealed_auth = buf_str(&auth);
        assert_int_equal(make(&settings, 1), ERR_INTERNAL);
    }
    seal(&auth, WEBHOOK_HEADERS, "{\"type\":\"bearer\",\"token\":\"canary\"}");
    to.sealed_auth = buf_str(&auth);
    assert_int_equal(make(&settings, 1), ERR_INTERNAL);
}

/* The time is an argument: the same inputs make the same bytes. */
static void test_the_same_again(void **state)
{
    (void)state;
    struct message again;

    message_init(&again);
    assert_int_equal(make(&settings, 1), 1);
    assert_int_equal(message_make(&again, &settings, &to, contents, 1, NOW, NULL, &why), 1);
    assert_true(str_eq(buf_str(&message.head), buf_str(&again.head)));
    assert_true(str_eq(buf_str(&message.body), buf_str(&again.body)));
    message_fini(&again);
}

/* What is shared is the body; each signs it with its own secret. */
static void test_shared_body(void **state)
{
    (void)state;
    struct bodies bodies;
    struct message again;

    bodies_init(&bodies);
    assert_int_equal(message_make(&message, &settings, &to, contents, 1, NOW, &bodies, &why), 1);
    assert_int_equal(message.body.n, 0);
    message_init(&again);
    seal(&previous, WEBHOOK_SECRET, "another-secret");
    to.sealed_secret = buf_str(&previous);
    assert_int_equal(message_make(&again, &settings, &to, contents, 1, NOW + 1, &bodies, &why), 1);
    assert_ptr_equal(message_body(&message).p, message_body(&again).p);
    assert_true(str_starts(message_body(&again), STR_LIT("{\"id\":\"evt_")));
    assert_false(str_eq(buf_str(&message.head), buf_str(&again.head)));
    message_fini(&again);

    message_init(&again);
    to.options = STR_LIT("{\"json\":\"python\"}");
    assert_int_equal(message_make(&again, &settings, &to, contents, 1, NOW, &bodies, &why), 1);
    assert_ptr_not_equal(message_body(&message).p, message_body(&again).p);
    size_t both = bodies_bytes(&bodies);
    message_fini(&again);
    bodies_trim(&bodies); /* the first is still used */
    assert_true(bodies_bytes(&bodies) > 0 && bodies_bytes(&bodies) < both);
    message_forget_body(&message);
    bodies_fini(&bodies);
}

/* What cannot be said in a form is not tried again for each webhook. */
static void test_shared_refusal(void **state)
{
    (void)state;
    struct bodies bodies;
    struct content good = event, big = event;
    const struct content *const refused[] = {&big}, *const changed[] = {&good};

    bodies_init(&bodies);
    big.data = STR_LIT("{\"a\":9007199254740993}");
    to.options = STR_LIT("{\"bigint\":\"reject\"}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(message_make(&message, &settings, &to, i == 0 ? refused : changed, 1, NOW,
                                      &bodies, &why),
                         ERR_INVALID);
        message_fini(&message);
        message_init(&message);
    }
    bodies_fini(&bodies);
}

/* While a rotation lasts, both secrets sign. */
static void test_previous_secret(void **state)
{
    (void)state;
    seal(&secret, WEBHOOK_SECRET, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
    seal(&previous, WEBHOOK_SECRET, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY4");
    to.sealed_secret = buf_str(&secret);
    to.profile = STR_LIT("standard-webhooks");
    assert_int_equal(make(&settings, 1), 1);
    size_t one = message.head.n;
    message_fini(&message);
    message_init(&message);
    to.sealed_previous = buf_str(&previous);
    assert_int_equal(make(&settings, 1), 1);
    assert_int_equal(message.head.n,
                     one + sizeof " v1,Q0PjOUZHhyAL2SrGGRLPMDVEbkMjQ0DFJWZyZUeKgpU=" - 1);
}

static void test_not_to_be_opened(void **state)
{
    (void)state;
    assert_int_equal(make(&others, 1), ERR_INTERNAL);
    assert_string_equal(why,
                        "the webhook's secret was sealed with another encryption key: rotate it");
    to.webhook = id_floor(NOW + 1); /* a secret moved to another row */
    assert_int_equal(make(&settings, 1), ERR_INTERNAL);
}

static void test_not_to_be_made(void **state)
{
    (void)state;
    to.profile = STR_LIT("discord");
    assert_int_equal(make(&settings, 1), 1);
    to.url = STR_LIT("discord");
    assert_int_equal(make(&settings, 1), ERR_NOT_FOUND);
    to.profile = STR_LIT("remnawave");
    to.options = STR_LIT("{\"none\":1}");
    assert_int_equal(make(&settings, 1), ERR_INTERNAL);
    assert_string_equal(why,
                        "the webhook's options are not those of its profile: write both again");
    to.profile = STR_LIT("none");
    assert_int_equal(make(&settings, 1), ERR_INTERNAL);
}

static void test_many(void **state)
{
    (void)state;
    assert_false(message_takes_many(&settings, &to));
    to.profile = STR_LIT("marzban");
    to.options = STR_LIT("{\"envelope\":\"array\"}");
    assert_true(message_takes_many(&settings, &to));
    assert_int_equal(make(&settings, 3), 3);
    to.options = STR_LIT("{\"envelope\":\"object\"}");
    assert_false(message_takes_many(&settings, &to));
    to.profile = STR_LIT("none");
    assert_false(message_takes_many(&settings, &to));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_made),
        TEST(test_auth),
        TEST(test_auth_that_is_not_to_be_read),
        TEST(test_the_same_again),
        TEST(test_shared_body),
        TEST(test_shared_refusal),
        TEST(test_previous_secret),
        TEST(test_not_to_be_opened),
        TEST(test_not_to_be_made),
        TEST(test_many),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
