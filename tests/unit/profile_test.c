/* core/profile: what the profile `default` sends, byte for byte. The signatures were computed with
 * another implementation. */
#include "core/profile.h"

#include "base/err.h"
#include "core/signature.h"

#include "unit.h"

#define ID(a, b, c, d)                                                                         \
    {                                                                                          \
        {                                                                                      \
            0x01, 0x8c, 0x26, 0x00, 0x40, 0xc0, 0x70, a, b, 0x00, 0x00, 0x00, 0x00, 0x00, c, d \
        }                                                                                      \
    }

#define DATA                                                                    \
    "{\"id\":\"usr_789\",\"name\":\"John Doe\",\"email\":\"john@example.com\"," \
    "\"created_at\":\"2023-12-01T15:30:00Z\"}"

#define BODY(id)                                                                              \
    "{\"id\":\"" id "_01hgk00g60e00800000000005b\",\"type\":\"user.created\",\"created_at\":" \
    "\"2023-12-01T15:30:00Z\","                                                               \
    "\"data\":" DATA "}"

#define HEAD(signature)                                      \
    "Content-Type: application/json\r\n"                     \
    "User-Agent: Posthorn-Webhooks/" POSTHORN_VERSION "\r\n" \
    "X-Webhook-Id: wh_01hgk00g60e00r000000000001\r\n"        \
    "X-Webhook-Event: user.created\r\n"                      \
    "X-Webhook-Delivery: del_01hgk00g60e018000000000002\r\n" \
    "X-Webhook-Attempt: 3\r\n"                               \
    "X-Webhook-Signature: sha256=" signature "\r\n"

#define STANDARD_HEAD \
    "webhook-id: evt_01hgk00g60e00800000000005b\r\nwebhook-timestamp: 1701444605\r\n"

#define SECRET       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SIGNATURE    "v1,1Q+72jnTN97wumzZTompCrXC78lq5BruNC13StlKbCI="
#define OTHER        "v1,XFcwK9iwbrUaOyNTP451l6KXaQTPers8uvpKMcQBCt4="
#define SECRET_HEX   "037aa87e1f33f071e245b555ed540f0dbf0a7156c0e502ab946ab8990e519d6f"

static struct buf head, masked, body;
static struct profile_input input;

static int set_up(void **state)
{
    (void)state;
    buf_init(&head, MESSAGE_HEAD_MAX);
    buf_init(&masked, MESSAGE_HEAD_MAX);
    buf_init(&body, MESSAGE_BODY_MAX);
    input = (struct profile_input){
        .event = ID(0x00, 0x80, 0x00, 0xab),
        .type = STR_LIT("user.created"),
        .data = STR_LIT(DATA),
        .delivery = ID(0x02, 0x80, 0x00, 0x02),
        .attempt = 3,
        .now_ms = 1701444605999,
        .webhook = ID(0x01, 0x80, 0x00, 0x01),
        .options = profiles[0]->standard,
        .secret = STR_LIT("your_webhook_secret"),
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&head);
    buf_fini(&masked);
    buf_fini(&body);
    return 0;
}

static int render_to(struct buf *h, struct buf *b)
{
    const struct profile *p = profile_find(STR_LIT("default"));
    int taken = profile_write_body(p, &input, 1, b);
    int err = taken < 0 ? taken : p->write_head(&input, taken, buf_str(b), h, &masked);
    return err < 0 ? err : taken;
}

static void render(void)
{
    assert_int_equal(render_to(&head, &body), 1);
}

static void test_table(void **state)
{
    (void)state;
    assert_non_null(profiles[0]);
    assert_ptr_equal(profile_find(STR_LIT("default")), profiles[0]);
    assert_null(profile_find(STR_LIT("Default")));
    assert_null(profile_find(STR_LIT("")));
    assert_null(profile_find((struct str){NULL, 0}));
    assert_int_equal(profiles[0]->standard.json, JSON_FORM_JS);
    assert_int_equal(profiles[0]->standard.bigint, JSON_BIGINT_STRING);
    assert_string_equal(json_form_names[JSON_FORM_JS], "js");
    assert_string_equal(json_form_names[JSON_FORM_PYTHON], "python");
    assert_string_equal(json_form_names[JSON_FORM_PYTHON_COMPACT], "python-compact");
    assert_string_equal(json_form_names[JSON_FORM_VERBATIM], "verbatim");
    assert_null(json_form_names[JSON_FORM_VERBATIM + 1]);
    assert_string_equal(json_bigint_names[JSON_BIGINT_STRING], "string");
    assert_string_equal(json_bigint_names[JSON_BIGINT_REJECT], "reject");
    assert_string_equal(json_bigint_names[JSON_BIGINT_VERBATIM], "verbatim");
    assert_null(json_bigint_names[JSON_BIGINT_VERBATIM + 1]);
}

static struct fields fields;
static struct profile_options options;

static int bind_options(const char *json)
{
    static struct scratch scratch;
    fields = (struct fields){.alloc = scratch_allocator(&scratch)};
    options = (struct profile_options){-1, -1};
    return profile_options_bind(&fields, profiles[0], str_of(json), &options);
}

static void options_are(const char *json, int form, int bigint)
{
    assert_int_equal(bind_options(json), 0);
    assert_int_equal(options.json, form);
    assert_int_equal(options.bigint, bigint);
}

static void option_is_wrong(const char *json, int err, const char *field, const char *message)
{
    assert_int_equal(bind_options(json), err);
    assert_int_equal(fields.problem_count, 1);
    assert_string_equal(fields.problems[0].field, field);
    assert_string_equal(fields.problems[0].message, message);
}

static void test_options(void **state)
{
    (void)state;
    options_are("{}", JSON_FORM_JS, JSON_BIGINT_STRING);
    options_are("{ }", JSON_FORM_JS, JSON_BIGINT_STRING);
    options_are("{\"json\":\"verbatim\"}", JSON_FORM_VERBATIM, JSON_BIGINT_STRING);
    options_are("{\"bigint\":\"reject\",\"json\":\"python-compact\"}", JSON_FORM_PYTHON_COMPACT,
                JSON_BIGINT_REJECT);
    options_are("{\"bigint\":null,\"json\":\"python\"}", JSON_FORM_PYTHON, JSON_BIGINT_STRING);
    option_is_wrong("{\"json\":\"xml\"}", ERR_INVALID, "profile_options.json",
                    "must be one of: js, python, python-compact, verbatim");
    option_is_wrong("{\"bigint\":1}", ERR_INVALID, "profile_options.bigint", "must be a string");
    option_is_wrong("{\"x\":1}", ERR_INVALID, "profile_options.x",
                    "is not a known field: check its spelling");
    option_is_wrong("[]", ERR_BAD_REQUEST, "profile_options", "must be a JSON object");
}

static void test_golden(void **state)
{
    (void)state;
    render();
    assert_string_equal(buf_text(&body), BODY("evt"));
    assert_string_equal(buf_text(&head),
                        HEAD("8f4cdf725134332ef7421e349cb490ffb7b58afd94fec2237a014bffe8986e83"));
}

static void test_whsec(void **state)
{
    (void)state;
    input.secret = STR_LIT(SECRET);
    render();
    assert_string_equal(buf_text(&body), BODY("evt"));
    assert_string_equal(buf_text(&head),
                        HEAD(SECRET_HEX) STANDARD_HEAD "webhook-signature: " SIGNATURE "\r\n");
}

static void test_rotation(void **state)
{
    (void)state;
    input.secret = STR_LIT(SECRET);
    input.previous_secret = STR_LIT(OTHER_SECRET);
    render();
    assert_string_equal(buf_text(&head), HEAD(SECRET_HEX) STANDARD_HEAD
                        "webhook-signature: " SIGNATURE " " OTHER "\r\n");

    /* One that Standard Webhooks cannot sign with is left out. */
    buf_clear(&head);
    buf_clear(&body);
    input.previous_secret = STR_LIT("plain");
    render();
    assert_string_equal(buf_text(&head),
                        HEAD(SECRET_HEX) STANDARD_HEAD "webhook-signature: " SIGNATURE "\r\n");
}

static void test_test_event(void **state)
{
    (void)state;
    input.test = true;
    input.secret = STR_LIT(SECRET);
    render();
    assert_string_equal(buf_text(&body), BODY("evt_test"));
    assert_non_null(
        strstr(buf_text(&head), "\r\nwebhook-id: evt_test_01hgk00g60e00800000000005b\r\n"));
}

struct form {
    struct profile_options options;
    const char *data, *want;
};

#define RAW_DATA "{ \"b\": 1.0, \"a\": \"\xc3\xa9\", \"7\": 9007199254740993 }"

static const struct form forms[] = {
    {{JSON_FORM_JS, JSON_BIGINT_STRING},
     RAW_DATA,
     "\"data\":{\"7\":\"9007199254740993\",\"b\":1,\"a\":\"\xc3\xa9\"}}"},
    {{JSON_FORM_JS, JSON_BIGINT_VERBATIM},
     RAW_DATA,
     "\"data\":{\"7\":9007199254740993,\"b\":1,\"a\":\"\xc3\xa9\"}}"},
    {{JSON_FORM_PYTHON, JSON_BIGINT_STRING},
     RAW_DATA,
     "\"data\": {\"b\": 1.0, \"a\": \"\\u00e9\", \"7\": 9007199254740993}}"},
    {{JSON_FORM_PYTHON_COMPACT, JSON_BIGINT_STRING},
     RAW_DATA,
     "\"data\":{\"b\":1.0,\"a\":\"\\u00e9\",\"7\":9007199254740993}}"},
    {{JSON_FORM_VERBATIM, JSON_BIGINT_STRING}, RAW_DATA, "\"data\":" RAW_DATA "}"},
};

/* The signature is over the form that is sent. */
static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf want;
        buf_clear(&head);
        buf_clear(&body);
        input.options = forms[i].options;
        input.data = str_of(forms[i].data);
        render();
        size_t n = strlen(forms[i].want);
        assert_true(body.n > n);
        assert_string_equal(buf_text(&body) + body.n - n, forms[i].want);
        buf_init(&want, 200);
        signature_hex(&want, "\r\nX-Webhook-Signature: sha256=", input.secret, buf_str(&body));
        assert_non_null(strstr(buf_text(&head), buf_text(&want)));
        buf_fini(&want);
    }
    buf_clear(&head);
    buf_clear(&body);
    input.options = (struct profile_options){JSON_FORM_JS, JSON_BIGINT_REJECT};
    assert_int_equal(render_to(&head, &body), ERR_INVALID);
    assert_int_equal(head.n, 0);
}

static void test_too_large(void **state)
{
    (void)state;
    struct buf small;
    buf_init(&small, 100);
    assert_int_equal(render_to(&head, &small), ERR_INVALID);
    buf_clear(&small);
    buf_clear(&body);
    assert_int_equal(render_to(&small, &body), ERR_INVALID);
    buf_fini(&small);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_options),
        cmocka_unit_test_setup_teardown(test_golden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whsec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_test_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
