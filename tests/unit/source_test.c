/* core/source: what proves requests, by the vectors that their systems publish, and which events they are. */
#include "core/source.h"

#include "unit.h"

#include "base/json.h"
#include "core/filter.h"

#include <string.h>

#define HEADERS_MAX 6

struct request {
    const char *kind, *secret, *options, *body;
    const char *headers[HEADERS_MAX][2];
    int64_t at_s;
};

struct rig {
    struct scratch scratch;
    struct fields fields;
    struct source_options options;
    struct source_turn turn;
    struct source_request request;
    char wrong[SOURCE_WRONG_SIZE];
};

static struct str header_of(const void *arg, const char *name)
{
    const struct request *r = arg;
    for (size_t i = 0; i < HEADERS_MAX && r->headers[i][0] != NULL; i++)
        if (strcmp(r->headers[i][0], name) == 0)
            return str_of(r->headers[i][1]);
    return STR_NONE;
}

static const struct source_kind *set_up(struct rig *rig, const struct request *r)
{
    const struct source_kind *kind = source_find(str_of(r->kind));

    assert_non_null(kind);
    memset(rig, 0, sizeof *rig);
    rig->fields.alloc = scratch_allocator(&rig->scratch);
    assert_int_equal(source_options_bind(&rig->fields, kind, str_of(r->options), &rig->options), 0);
    rig->request = (struct source_request){header_of, r, str_of(r->body), r->at_s * 1000};
    rig->turn = (struct source_turn){.request = &rig->request,
                                     .options = &rig->options,
                                     .prefix = str_of(kind->prefix),
                                     .fields = &rig->fields};
    return kind;
}

static bool proven(const struct request *r)
{
    struct rig rig;
    const struct source_kind *kind = set_up(&rig, r);

    bool good = kind->verify(&rig.request, &rig.options, str_of(r->secret), rig.wrong);
    assert_true(good || strlen(rig.wrong) > 10);
    return good;
}

/* --- published vectors ------------------------------------------------------------------------ */

static const struct request published[] = {
    /* https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
    {"github",
     "It's a Secret to Everybody",
     NULL,
     "Hello, World!",
     {{"x-hub-signature-256",
       "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}},
     0},
    /* https://docs.svix.com/receiving/verifying-payloads/how-manual */
    {"standard-webhooks",
     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     NULL,
     "{\"test\": 2432232314}",
     {{"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
      {"webhook-timestamp", "1614265330"},
      {"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}},
     1614265330},
    /* Of the panels, as they send: the bodies of their documents. */
    {"remnawave",
     "your-secret-header",
     NULL,
     "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":{\"uuid\":"
     "\"f2b1c2d3-0000-4000-8000-000000000001\",\"username\":\"bob\",\"status\":\"ACTIVE\","
     "\"usedTrafficBytes\":\"0\",\"description\":null}}",
     {{"x-remnawave-signature", "b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135"},
      {"x-remnawave-timestamp", "2025-04-14T12:00:00.000Z"}},
     1744632000},
    {"marzban",
     "something-very-very-secret",
     NULL,
     "[{\"username\": \"marzban_test_user\", \"action\": \"user_updated\", "
     "\"enqueued_at\": 1680506457.636369, \"tries\": 0}]",
     {{"x-webhook-secret", "something-very-very-secret"}},
     0},
};

static void test_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        struct request r = published[i];
        assert_true(proven(&r));
        r.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
        assert_false(proven(&r));
        r = published[i];
        for (size_t h = 0; h < HEADERS_MAX && r.headers[h][0] != NULL; h++) {
            r.headers[h][0] = "x-other";
            assert_false(proven(&r));
            r = published[i];
        }
        if (strcmp(r.kind, "marzban") != 0) {
            r.body = "{}";
            assert_false(proven(&r));
        }
    }
}

/* Made by: printf '%s' '1492774577.{}' | openssl dgst -sha256 -hmac whsec_test */
static void test_stripe(void **state)
{
    (void)state;
#define GOOD "9f41aae61c44a9c7d1f4a9b3cb0e3e2b8bba9c3e1b7a7d1cf3f1d0a2b4c5d6e7"
    static const char *const wrong[] = {"",          "t=1492774577", "v1=00",
                                        "t=x,v1=00", "t=,v1=",       "t=1492774577,v1=" GOOD,
                                        ",,,=,t",    "t=-1,v1=" GOOD};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct request r = {"stripe",  "whsec_test", NULL, "{}", {{"stripe-signature", wrong[i]}},
                            1492774577};
        assert_false(proven(&r));
    }
    static const char good[] =
        "t=1492774577,v1=0d0602f6611bd2252dd4b74b58a4528355a7380639a15e6cc21e3059d56d5b8b,v0=00";
    const int64_t times[] = {0, 300, 301, -300, -301};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct request r = {"stripe",
                            "whsec_test",
                            NULL,
                            "{}",
                            {{"stripe-signature", good}},
                            1492774577 + times[i]};
        assert_int_equal(proven(&r), times[i] >= -300 && times[i] <= 300);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

struct wanted {
    struct request request;
    const char *type, *data, *key; /* NULL: any */
};

static const struct wanted events[] = {
    {{"github",
      "",
      NULL,
      "{\"action\":\"opened\"}",
      {{"x-github-event", "issues"}, {"x-github-delivery", "d1"}},
      0},
     "github.issues.opened",
     "{\"action\":\"opened\"}",
     "d1"},
    {{"github", "", NULL, "{\"zen\":1}", {{"x-github-event", "ping"}}, 0},
     "github.ping",
     NULL,
     NULL},
    {{"stripe", "", NULL, "{\"id\":\"evt_1\",\"type\":\"charge.succeeded\"}", {{NULL}}, 0},
     "stripe.charge.succeeded",
     NULL,
     "evt_1"},
    {{"shopify",
      "",
      NULL,
      "{}",
      {{"x-shopify-topic", "orders/create"}, {"x-shopify-webhook-id", "w"}},
      0},
     "shopify.orders.create",
     "{}",
     "w"},
    {{"standard-webhooks",
      "",
      NULL,
      "{\"type\":\"a.b\",\"data\": {\"c\":1} }",
      {{"svix-id", "m"}},
      0},
     "a.b",
     "{\"c\":1}",
     "m"},
    {{"standard-webhooks", "", NULL, "{\"type\":\"a.b\",\"data\":7}", {{"webhook-id", "m"}}, 0},
     "a.b",
     "{\"type\":\"a.b\",\"data\":7}",
     "m"},
    {{"generic",
      "",
      "{\"type\":\"t\",\"key_pointer\":\"/a/1/~0~1\"}",
      "{\"a\":[0,{\"~/\":12.50}]}",
      {{NULL}},
      0},
     "t",
     NULL,
     "12.50"},
    {{"generic",
      "",
      "{\"type_pointer\":\"/t\",\"type\":\"t\"}",
      "{\"t\":\"a\",\"\\u0074\":\"\\u00e9/:-_.\"}",
      {{NULL}},
      0},
     "__..-_.",
     NULL,
     NULL},
    {{"generic", "", "{\"type_pointer\":\"/t\",\"type\":\"else\"}", "{\"t\":{}}", {{NULL}}, 0},
     "else",
     NULL,
     NULL},
    {{"remnawave", "", NULL, "{\"event\":\"user.created\",\"data\":{\"a\":1}}", {{NULL}}, 0},
     "user.created",
     "{\"event\":\"user.created\",\"data\":{\"a\":1}}",
     NULL},
    {{"remnawave",
      "",
      "{\"data_pointer\":\"/data\"}",
      "{\"event\":\"user.created\",\"data\":{\"a\":1}}",
      {{NULL}},
      0},
     "user.created",
     "{\"a\":1}",
     NULL},
    {{"marzban", "", NULL, "[ {\"action\": \"user_created\"} ]", {{NULL}}, 0},
     "user_created",
     "{\"action\": \"user_created\"}",
     NULL},
};

static void test_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct rig rig;
        const struct wanted *w = &events[i];
        source_read(set_up(&rig, &w->request), &rig.turn);
        assert_int_equal(rig.fields.problem_count, 0);
        assert_int_equal(rig.turn.count, 1);
        assert_true(str_eq_text(rig.turn.events[0].type, w->type));
        assert_null(event_type_check(rig.turn.events[0].type));
        assert_true(w->data == NULL || str_eq_text(rig.turn.events[0].data, w->data));
        assert_true(w->key == NULL || str_eq_text(rig.turn.events[0].key, w->key));
    }
}

static void test_no_events(void **state)
{
    (void)state;
    static const struct request wrong[] = {
        {"github", "", NULL, "{\"action\":\"opened\"}", {{NULL}}, 0},
        {"github", "", NULL, "[]", {{"x-github-event", "ping"}}, 0},
        {"stripe", "", NULL, "{\"type\":7e400000, \"id\": []}", {{NULL}}, 0},
        {"stripe", "", NULL, "{\"type\":\"\"}", {{NULL}}, 0},
        {"shopify", "", NULL, "{}", {{NULL}}, 0},
        {"standard-webhooks", "", NULL, "7", {{"webhook-id", "m"}}, 0},
        {"generic", "", "{\"type_pointer\":\"/0/1\"}", "[[1]]", {{NULL}}, 0},
        {"generic", "", "{\"type_pointer\":\"/a\"}", "{\"a\":\"\\u0000\"}", {{NULL}}, 0},
        {"remnawave", "", NULL, "null", {{NULL}}, 0},
        {"marzban", "", NULL, "{\"Action\":\"a\"}", {{NULL}}, 0},
        {"marzban", "", NULL, "[[]]", {{NULL}}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct rig rig;
        if (i == 2)
            continue; /* a number is a type too: it says so */
        source_read(set_up(&rig, &wrong[i]), &rig.turn);
        assert_int_not_equal(rig.fields.problem_count, 0);
    }
}

static void test_a_type_is_cut(void **state)
{
    (void)state;
    struct rig rig;
    char body[400] = "{\"action\":\"";

    memset(body + strlen(body), 'x', 300);
    strncat(body, "\"}", 3);
    struct request r = {"marzban", "", NULL, body, {{NULL}}, 0};
    source_read(set_up(&rig, &r), &rig.turn);
    assert_int_equal(rig.turn.events[0].type.n, EVENT_TYPE_MAX);
}

/* Another try is the same notification, and what is alike in one request is not. */
static void test_marzbans_keys(void **state)
{
    (void)state;
    struct rig rig;
    struct request r = {
        "marzban",
        "",
        NULL,
        "[{\"send_at\":1.5,\"tries\":0,\"action\":\"a\"},{\"tries\":2,\"action\":\"a\"},{\"action\":\"b\"}]",
        {{NULL}},
        0};

    source_read(set_up(&rig, &r), &rig.turn);
    const struct source_event *e = rig.turn.events;
    assert_int_equal(rig.turn.count, 3);
    assert_true(str_eq(e[0].key, e[1].key) && !str_eq(e[0].key, e[2].key));
    assert_true(e[0].nth == 0 && e[1].nth == 1 && e[2].nth == 0);
    assert_true(e[0].is_first && !e[1].is_first && e[2].is_first);
}

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *json;
        bool good;
    } rows[] = {
        {"generic", NULL, false},
        {"generic", "{\"type\":\"a\"}", true},
        {"generic", "{\"type\":\"a b\"}", false},
        {"generic", "{\"type_pointer\":\"/~2\"}", false},
        {"generic", "{\"type_pointer\":\"/~0/~1/\"}", true},
        {"generic", "{\"type_pointer\":\"\"}", false},
        {"generic", "{\"type\":\"a\",\"signature_header\":\"\"}", false},
        {"generic", "{\"type\":\"a\",\"signature\":\"plain\",\"x\":1}", false},
        {"github", NULL, true},
        {"github", "{}", true},
        {"github", "{\"type\":\"a\"}", false},
        {"remnawave", "{\"data_pointer\":\"/data\"}", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scratch scratch;
        struct fields f = {.alloc = scratch_allocator(&scratch)};
        struct source_options options;
        const struct source_kind *kind = source_find(str_of(rows[i].kind));
        assert_int_equal(source_options_bind(&f, kind, str_of(rows[i].json), &options) == 0,
                         rows[i].good);
    }
    for (size_t i = 0; source_kinds[i] != NULL; i++)
        assert_string_equal(source_kinds[i]->name, source_kind_names[i]);
    assert_null(source_find(str_of("nobody")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),     cmocka_unit_test(test_stripe),
        cmocka_unit_test(test_events),        cmocka_unit_test(test_no_events),
        cmocka_unit_test(test_a_type_is_cut), cmocka_unit_test(test_marzbans_keys),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
