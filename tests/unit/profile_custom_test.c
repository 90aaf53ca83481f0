/* Profiles that sign: `custom` in the shapes of GitHub, Stripe and Shopify, `standard-webhooks`
 * with both kinds of key; and what binding options refuses. */
#include "profile_rig.h"

#include "core/signature.h"

#include <string.h>

#define BODY "{\"zen\":\"Keep it logically awesome.\"}"
#define LEAD                             \
    "Content-Type: application/json\r\n" \
    "User-Agent: Posthorn-Webhooks/" POSTHORN_VERSION "\r\n"

/* hmac.new(key, body, sha256) of Python is what each was computed with. */
static void test_vendors(void **state)
{
    struct profile_input in = input_at(AT_2025_06_15, "ping", BODY, "It's a Secret to Everybody");

    (void)state;
    expect_message("custom",
                   "{\"body\":\"data\",\"headers\":{\"X-GitHub-Event\":\"{type}\","
                   "\"X-Hub-Signature-256\":\"sha256={signature}\"}}",
                   in,
                   LEAD "X-GitHub-Event: ping\r\nX-Hub-Signature-256: sha256="
                        "b9f180c4171a9926a5055962b54ec47b0ebee85e62e76c83ebdbb382f77b05ac\r\n",
                   BODY);
    /* over b"1749997800." + body */
    in.secret = str_of("whsec_test_secret");
    expect_message("custom",
                   "{\"body\":\"data\",\"signed\":\"{timestamp}.{body}\",\"headers\":"
                   "{\"Stripe-Signature\":\"t={timestamp},v1={signature}\"}}",
                   in,
                   LEAD "Stripe-Signature: t=1749997800,v1="
                        "4ee54b54c801b8104767d862249d6be34f34c1a81ce543a280267f704506542f\r\n",
                   BODY);
    /* base64.b64encode(….digest()) */
    in.secret = str_of("hush");
    expect_message("custom",
                   "{\"body\":\"data\",\"encoding\":\"base64\",\"headers\":"
                   "{\"X-Shopify-Topic\":\"{type}\",\"X-Shopify-Hmac-Sha256\":\"{signature}\"}}",
                   in,
                   LEAD "X-Shopify-Topic: ping\r\nX-Shopify-Hmac-Sha256: "
                        "Ct0sBVhkZNdxeOWN29VR0r989evSn6yozbTXGO+7jls=\r\n",
                   BODY);
    expect_message("custom",
                   "{\"body\":\"data\",\"algorithm\":\"sha512\",\"headers\":"
                   "{\"User-Agent\":\"own/1\",\"X-Webhook-Sum\":\"{signature}\"}}",
                   in,
                   "Content-Type: application/json\r\nUser-Agent: own/1\r\nX-Webhook-Sum: "
                   "bc202d276f19d6c229c086d833b68e074925616d4a9c38e9f7287389bb8ed85b"
                   "d997ca796329bde344cf4b8505d84862b294722440eb473c67567b79572cc0cb\r\n",
                   BODY);
}

static void test_placeholders(void **state)
{
    struct profile_input in = input_at(AT_2025_06_15, "a.b", "{}", "plain secret");
    struct message m;

    (void)state;
    in.attempt = 3;
    assert_int_equal(
        message_make(&m, "custom",
                     "{\"headers\":{\"X-A\":\"{secret} {attempt} {timestamp_ms} {type}}\","
                     "\"X-B\":\"{event_id} {delivery_id} {webhook_id}\"}}",
                     &in, 1),
        1);
    assert_true(contains(buf_str(&m.head), "X-A: plain secret 3 1749997800000 a.b}\r\n"));
    assert_true(contains(buf_str(&m.masked), "X-A: *** 3 1749997800000 a.b}\r\n"));
    assert_true(contains(buf_str(&m.head), "X-B: evt_0"));
    assert_true(contains(buf_str(&m.head), " del_0"));
    assert_true(contains(buf_str(&m.head), " wh_0"));
    assert_true(contains(buf_str(&m.body), "\"type\":\"a.b\",\"created_at\":"));
    message_fini(&m);
}

/* Two events of one moment; the ids of their deliveries do not matter. */
static void two_events(struct profile_input in[2])
{
    for (int i = 0; i < 2; i++) {
        in[i] = input_at(AT_2025_04_14, "a.b", i == 0 ? "{\"n\":1}" : "{\"n\":2}",
                         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        in[i].event.b[15] = (uint8_t)(i + 1);
    }
}

#define LIST(profile, options, ...)                                 \
    {                                                               \
        profile, "{\"envelope\":\"array\"" options "}", __VA_ARGS__ \
    }

/* A profile's array, and what names it; headers about one event are not there. */
static void test_arrays(void **state)
{
    static const struct {
        const char *profile, *options, *member, *header;
    } rows[] = {
        LIST("default", "", "\",\"type\":\"a.b\",\"created_at\":", "webhook-id: arr_"),
        LIST("standard-webhooks", "", "\",\"type\":\"a.b\",\"timestamp\":", "webhook-id: arr_"),
        LIST("custom", ",\"headers\":{\"X-Id\":\"{event_id}\"}", "\",\"type\":\"a.b\",",
             "X-Id: arr_"),
    };
    struct profile_input in[2];
    struct message m, again;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        two_events(in);
        assert_int_equal(message_make(&m, rows[i].profile, rows[i].options, in, 2), 2);
        assert_true(str_starts(buf_str(&m.body), STR_LIT("[{\"id\":\"evt_")));
        assert_true(contains(buf_str(&m.body), rows[i].member));
        assert_true(contains(buf_str(&m.body), "\"data\":{\"n\":1}},{\"id\":\"evt_"));
        assert_true(contains(buf_str(&m.body), "\"data\":{\"n\":2}}]"));
        assert_true(contains(buf_str(&m.head), rows[i].header));
        assert_false(contains(buf_str(&m.head), "X-Webhook-Event"));
        assert_false(contains(buf_str(&m.head), "X-Webhook-Delivery"));

        /* The same events have the same id, whatever attempt it is. */
        in[0].attempt = 2;
        assert_int_equal(message_make(&again, rows[i].profile, rows[i].options, in, 2), 2);
        expect_text(buf_str(&again.head), buf_text(&m.head));
        message_fini(&again);

        /* One alone has its own. */
        assert_int_equal(message_make(&again, rows[i].profile, rows[i].options, in, 1), 1);
        assert_true(contains(buf_str(&again.head), "d: evt_"));
        assert_true(str_starts(buf_str(&again.body), STR_LIT("[{")));
        message_fini(&again);
        message_fini(&m);
    }
}

static void test_array_of_data(void **state)
{
    struct profile_input in[2];
    struct message m;

    (void)state;
    two_events(in);
    assert_int_equal(message_make(&m, "custom",
                                  "{\"envelope\":\"array\",\"body\":\"data\",\"json\":\"python\"}",
                                  in, 2),
                     2);
    expect_text(buf_str(&m.body), "[{\"n\": 1}, {\"n\": 2}]");
    message_fini(&m);
}

static void test_refused(void **state)
{
    static const struct {
        const char *profile, *options, *field;
    } rows[] = {
        {"default", "{\"auth\":\"hmac\"}", "profile_options.auth"},
        {"discord", "{\"json\":\"js\"}", "profile_options.json"},
        {"marzban", "{\"restamp_on_retry\":true}", "profile_options.restamp_on_retry"},
        {"marzban", "{\"tries\":1}", "profile_options.tries"},
        {"marzban", "{\"envelope\":\"list\"}", "profile_options.envelope"},
        {"marzban", "{\"batch_seconds\":3601}", "profile_options.batch_seconds"},
        {"marzban", "{\"batch_seconds\":-1}", "profile_options.batch_seconds"},
        {"marzban", "{\"batch_seconds\":5,\"envelope\":\"object\"}",
         "profile_options.batch_seconds"},
        {"marzban-docs", "{\"batch_seconds\":5}", "profile_options.batch_seconds"},
        {"default", "{\"batch_seconds\":5}", "profile_options.batch_seconds"},
        {"default", "{\"batch_max\":5}", "profile_options.batch_max"},
        {"marzban", "{\"batch_max\":0}", "profile_options.batch_max"},
        {"marzban", "{\"batch_max\":1001}", "profile_options.batch_max"},
        {"authon", "{\"envelope\":\"array\"}", "profile_options.envelope"},
        {"remnawave", "{\"auth\":\"basic\"}", "profile_options.auth"},
        {"custom", "{\"headers\":{\"X-A\":\"{sign}\"}}", "profile_options.headers.X-A"},
        {"custom", "{\"headers\":{\"X-A\":\"{body}\"}}", "profile_options.headers.X-A"},
        {"custom", "{\"headers\":{\"X-A\":\"a\\r\\nB: c\"}}", "profile_options.headers.X-A"},
        {"custom", "{\"headers\":{\"X A\":\"a\"}}", "profile_options.headers.X A"},
        {"custom", "{\"headers\":{\"Content-Length\":\"1\"}}",
         "profile_options.headers.Content-Length"},
        {"custom", "{\"signed\":\"{signature}\"}", "profile_options.signed"},
        {"custom", "{\"signed\":\"{\"}", "profile_options.signed"},
        {"custom", "{\"algorithm\":\"md5\"}", "profile_options.algorithm"},
        {"custom", "{\"body\":\"none\"}", "profile_options.body"},
    };
    struct profile_options bound;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scratch scratch;
        struct fields f = {.alloc = scratch_allocator(&scratch)};
        int err = profile_options_bind(&f, profile_find(str_of(rows[i].profile)),
                                       str_of(rows[i].options), &bound);
        if (err != ERR_INVALID || f.problem_count != 1 ||
            strcmp(f.problems[0].field, rows[i].field) != 0)
            fail_msg("%s %s: %s", rows[i].profile, rows[i].options,
                     f.problem_count > 0 ? f.problems[0].field : "fine");
    }
}

static void expect_options(const char *profile, const char *given, const char *wanted)
{
    const struct profile *p = profile_find(str_of(profile));
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options bound;
    struct buf text;
    struct jsonw w = jsonw_on(&text);

    buf_init(&text, 10000);
    assert_int_equal(profile_options_bind(&f, p, str_of(given), &bound), 0);
    jsonw_begin(&w, NULL, '{');
    profile_options_write(&w, p, &bound);
    jsonw_end(&w, '}');
    struct str s = buf_str(&text), inner = {s.p + 19, s.n - 20};
    expect_text(inner, wanted);
    buf_fini(&text);
}

#define ARRAY(seconds, max) \
    "\"envelope\":\"array\",\"batch_seconds\":" seconds ",\"batch_max\":" max
#define JS(rest) "{\"json\":\"js\",\"bigint\":\"string\"," rest "}"

static void test_written(void **state)
{
    (void)state;
    expect_options("authon", "{}", "{\"json\":\"js\",\"bigint\":\"string\"}");
    expect_options("authon", "{\"json\":null,\"bigint\":\"reject\"}",
                   "{\"json\":\"js\",\"bigint\":\"reject\"}");
    expect_options("default", "{}", "{\"json\":\"js\",\"bigint\":\"string\"}");
    expect_options("default", "{\"envelope\":\"array\"}", JS(ARRAY("0", "1000")));
    expect_options("standard-webhooks",
                   "{\"envelope\":\"array\",\"batch_seconds\":2,\"batch_max\":7}",
                   JS(ARRAY("2", "7")));
    expect_options("default", "{\"batch_max\":1,\"batch_seconds\":0}",
                   "{\"json\":\"js\",\"bigint\":\"string\"}");
    expect_options("marzban", "{}",
                   "{\"json\":\"python\",\"bigint\":\"string\",\"envelope\":\"array\",\"auth\":"
                   "\"plain\",\"tries\":false,\"batch_seconds\":30,\"batch_max\":1000}");
    expect_options("marzban", "{\"envelope\":\"object\"}",
                   "{\"json\":\"python\",\"bigint\":\"string\",\"envelope\":\"object\",\"auth\":"
                   "\"plain\",\"tries\":false,\"batch_seconds\":0,\"batch_max\":1}");
    expect_options("remnawave", "{\"restamp_on_retry\":true}",
                   "{\"json\":\"js\",\"bigint\":\"string\",\"auth\":\"hmac\",\"restamp_on_retry\":"
                   "true,\"scope\":false}");
    expect_options("slack", "{}", "{}");
    expect_options("custom", "{\"headers\":{\"X-A\":\"{type}\"}}",
                   "{\"json\":\"js\",\"bigint\":\"string\",\"headers\":{\"X-A\":\"{type}\"},"
                   "\"signed\":\"{body}\",\"algorithm\":\"sha256\",\"encoding\":\"hex\",\"body\":"
                   "\"envelope\"}");
}

/* One list, two tables. */
static void test_names(void **state)
{
    size_t i = 0;

    (void)state;
    for (; profiles[i] != NULL; i++) {
        assert_string_equal(profile_names[i], profiles[i]->name);
        assert_non_null(profiles[i]->secret_check);
    }
    assert_null(profile_names[i]);
    assert_null(profile_find(str_of("nonsense")));
}

/* The secret is the bytes 0 to 31; key and signature are OpenSSL's, by `openssl pkeyutl`. */
#define PRIVATE "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define PUBLIC  "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
#define SECRET  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static void test_keys(void **state)
{
    static const char both[] = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/"
                               "884QvhFw3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";
    struct str id = STR_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), time = STR_LIT("1614265330"),
               body = STR_LIT("{\"test\": 2432232314}");
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(secret_public_key(&out, str_of(PRIVATE)), 0);
    expect_text(buf_str(&out), "whpk_" PUBLIC);
    assert_int_equal(secret_public_key(&out, str_of(SECRET)), ERR_INVALID);
    buf_clear(&out);
    signature_asymmetric(&out, str_of(PRIVATE), id, time, body);
    expect_text(buf_str(&out), "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kA"
                               "ey+r4iaBGxTFRrl2iBQxtDQ==");
    buf_clear(&out);
    signature_standard(&out, str_of(SECRET), id, time, body);
    expect_text(buf_str(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    buf_fini(&out);
    assert_null(secret_check_signing(str_of(PRIVATE)));
    assert_null(secret_check_signing(str_of(SECRET)));
    assert_non_null(secret_check_signing(str_of("plain")));
    assert_non_null(secret_check_signing(str_of("whsk_AAEC")));
    assert_non_null(secret_check_signing(str_of(both))); /* another's public key */
    assert_null(secret_check_printable(str_of("whsec_7f8a9b2c3d4e5f6a")));
    assert_non_null(secret_check_printable(str_of("a\r\nb")));
}

static void test_standard(void **state)
{
    struct profile_input in = input_at(AT_2025_06_15, "a.b", "{\"x\":1}", PRIVATE);
    struct message m;
    struct buf line;
    char id[ID_TEXT_SIZE];

    (void)state;
    in.previous_secret = str_of(SECRET);
    in.now_ms += 90500;
    id_text(id, ID_EVENT, in.event);
    assert_int_equal(message_make(&m, "standard-webhooks", "{}", &in, 1), 1);
    expect_text(buf_str(&m.body),
                "{\"type\":\"a.b\",\"timestamp\":\"2025-06-15T14:30:00.000Z\",\"data\":{\"x\":1}}");
    buf_init(&line, 2000);
    buf_printf(&line,
               LEAD "webhook-id: %s\r\nwebhook-timestamp: 1749997890\r\nwebhook-signature: ", id);
    struct str time = STR_LIT("1749997890"), body = buf_str(&m.body);
    signature_asymmetric(&line, in.secret, str_of(id), time, body);
    buf_add_char(&line, ' ');
    signature_standard(&line, in.previous_secret, str_of(id), time, body);
    buf_add_text(&line, "\r\n");
    expect_text(buf_str(&m.head), buf_text(&line));
    buf_fini(&line);
    message_fini(&m);
    in.secret = str_of("not standard");
    assert_int_equal(message_make(&m, "standard-webhooks", "{}", &in, 1), ERR_INVALID);
    message_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vendors),  cmocka_unit_test(test_placeholders),
        cmocka_unit_test(test_arrays),   cmocka_unit_test(test_array_of_data),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_written),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_keys),
        cmocka_unit_test(test_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
