/* core/verify: golden vectors of the profiles fit, and what is wrong with others is said. */
#include "core/verify.h"

#include "core/signature.h"

#include "unit.h"

#define STANDARD "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define BODY     "{\"test\": 2432232314}"
#define HEADS                                      \
    "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\n" \
    "webhook-timestamp: 1614265330\r\n"
#define RIGHT "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n"
#define E_BODY                                                                                  \
    "{\"id\":\"evt_abc123\",\"type\":\"user.created\",\"created_at\":\"2023-12-01T15:30:00Z\"," \
    "\"data\":{\"id\":\"usr_789\",\"name\":\"John Doe\",\"email\":\"john@example.com\","        \
    "\"created_at\":\"2023-12-01T15:30:00Z\"}}"
#define E_HEX "6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46"
#define R_BODY                                                                                   \
    "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":{\"uuid\":" \
    "\"f2b1c2d3-0000-4000-8000-000000000001\",\"username\":\"bob\",\"status\":\"ACTIVE\","       \
    "\"usedTrafficBytes\":\"0\",\"description\":null}}"
#define R_HEX "b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135"
#define M_BODY                                                                              \
    "{\"username\": \"marzban_test_user\", \"action\": \"user_updated\", \"enqueued_at\": " \
    "1680506457.636369, \"tries\": 0}"
#define M_HEX "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a"

struct row {
    const char *secret, *head, *body;
    enum finding_level level; /* the worst */
    const char *words;        /* some finding has them */
};

static const struct row rows[] = {
    {STANDARD, HEADS RIGHT, BODY, FINDING_OK, "webhook-id.webhook-timestamp.body"},
    {"your_webhook_secret", "X-Webhook-Signature: sha256=" E_HEX "\n", E_BODY, FINDING_OK, "fits"},
    {"your-secret-header", "X-Remnawave-Signature: " R_HEX "\n", R_BODY, FINDING_OK, "fits"},
    {"your-secret-key", "x-webhook-secret: " M_HEX "\n", M_BODY, FINDING_OK, "fits"},
    {"whsec_your_secret_here", "X-Webhook-Secret: whsec_your_secret_here\n", "{}", FINDING_OK,
     "the secret itself"},

    /* the body */
    {STANDARD, HEADS RIGHT, "{\"test\":2432232314}", FINDING_FAIL, "json.dumps()"},
    {STANDARD, HEADS RIGHT, BODY "\n", FINDING_FAIL, "line break at the body's end"},
    {STANDARD, HEADS RIGHT, "{\n  \"test\": 2432232314\n}", FINDING_FAIL, "json.dumps()"},
    {"your_webhook_secret", "X-Webhook-Signature: sha256=" E_HEX "\n", " " E_BODY, FINDING_FAIL,
     "JSON.stringify"},
    {"your-secret-key", "x-webhook-secret: " M_HEX "\n", "[" M_BODY "]", FINDING_FAIL,
     "first element"},
    {STANDARD, HEADS RIGHT, "eyJ0ZXN0IjogMjQzMjIzMjMxNH0=", FINDING_FAIL, "base64"},

    /* the secret */
    {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", HEADS RIGHT, BODY, FINDING_OK, "fits"},
    {"\"your_webhook_secret\"", "X-Webhook-Signature: sha256=" E_HEX "\n", E_BODY, FINDING_FAIL,
     "quotes"},
    {"your_webhook_secret \r\n", "X-Webhook-Signature: sha256=" E_HEX "\n", E_BODY, FINDING_FAIL,
     "spaces and line feeds"},
    {"whsec_other", "X-Webhook-Secret: other\n", "{}", FINDING_FAIL, "without whsec_"},
    {"another", HEADS RIGHT, BODY, FINDING_FAIL, "does not fit"},

    /* how it is written */
    {"your_webhook_secret", "X-Webhook-Signature: " E_HEX "\n", E_BODY, FINDING_WARN,
     "does not begin with sha256="},
    {STANDARD,
     HEADS
     "webhook-signature: v1,83484cf52b04f8e4cf2531adfed9882ad4b2665137b852442d594d20e2c9d4e1\n",
     BODY, FINDING_FAIL, "in hex"},

    /* headers */
    {STANDARD,
     "HTTP_WEBHOOK_ID: msg_p5jXN8AQM9LWM0D4loKWxJek\nHTTP_WEBHOOK_TIMESTAMP: 1614265330\n"
     "HTTP_WEBHOOK_SIGNATURE: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n",
     BODY, FINDING_WARN, "HTTP_WEBHOOK_SIGNATURE"},
    {STANDARD, HEADS RIGHT RIGHT, BODY, FINDING_WARN, "2 times"},
    {STANDARD, RIGHT, BODY, FINDING_FAIL, "is missing"},
    {STANDARD, "X-Webhook-Id: wh_1\r\n" RIGHT, BODY, FINDING_FAIL, "is missing"},
    {STANDARD, "Content-Type: application/json\n", BODY, FINDING_FAIL, "carries none"},
    {STANDARD,
     HEADS "webhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
           "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n",
     BODY, FINDING_WARN, "old one"},
};

static struct findings findings;

static bool is_said(const char *words)
{
    for (size_t i = 0; i < findings.count; i++)
        if (strstr(findings.at[i].seen, words) != NULL ||
            strstr(findings.at[i].advice, words) != NULL)
            return true;
    return false;
}

static void expect(const char *what, enum finding_level level, const char *words)
{
    for (size_t i = 0; i < findings.count; i++)
        print_message("%d %s: %s\n", findings.at[i].level, findings.at[i].about,
                      findings.at[i].seen);
    if (findings_worst(&findings) != level || !is_said(words))
        fail_msg("%s: not %s", what, words);
}

static void run(const struct verify *in)
{
    findings.count = 0;
    verify_run(in, &findings);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        run(&(struct verify){.head = str_of(rows[i].head),
                             .body = str_of(rows[i].body),
                             .secret = str_of(rows[i].secret)});
        expect(rows[i].head, rows[i].level, rows[i].words);
    }
}

static void test_time(void **state)
{
    struct verify in = {
        .head = STR_LIT(HEADS RIGHT), .body = STR_LIT(BODY), .secret = STR_LIT(STANDARD)};

    (void)state;
    in.now_ms = 1614265330000 + 300000;
    run(&in);
    expect("in time", FINDING_OK, "300 s old");
    in.now_ms += 1000;
    run(&in);
    expect("late", FINDING_FAIL, "301 s old");
    in.now_ms = 1614265330000 - 301000;
    run(&in);
    expect("early", FINDING_FAIL, "in the future");
}

/* Signs as a receiver did by mistake, and asks what it did. */
static void test_computed(void **state)
{
    struct verify in = {
        .head = STR_LIT(HEADS RIGHT), .body = STR_LIT(BODY), .secret = STR_LIT(STANDARD)};
    struct buf hex, text;

    (void)state;
    buf_init(&hex, 100);
    buf_init(&text, 1000);
    buf_add_text(&text, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." BODY);
    signature_hex(&hex, "", in.secret, buf_str(&text));
    in.computed = buf_str(&hex);
    run(&in);
    expect("text", FINDING_FAIL, "used as text and not decoded");
    assert_true(is_said("in hex"));
    for (size_t i = 0; i < findings.count; i++)
        assert_null(strstr(findings.at[i].seen, "MfKQ9r8GKYqr"));
    buf_fini(&hex);
    buf_fini(&text);
}

#define PRIVATE "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_ed25519(void **state)
{
    struct buf head, public;

    (void)state;
    buf_init(&head, 1000);
    buf_init(&public, 100);
    buf_add_text(&head, HEADS "webhook-signature: ");
    signature_asymmetric(&head, STR_LIT(PRIVATE), STR_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                         STR_LIT("1614265330"), STR_LIT(BODY));
    assert_int_equal(secret_public_key(&public, STR_LIT(PRIVATE)), 0);
    run(&(struct verify){
        .head = buf_str(&head), .body = STR_LIT(BODY), .secret = buf_str(&public)});
    expect("public", FINDING_OK, "Ed25519");
    run(&(struct verify){
        .head = buf_str(&head), .body = STR_LIT(BODY), .secret = STR_LIT(PRIVATE)});
    expect("private", FINDING_OK, "Ed25519");
    run(&(struct verify){
        .head = buf_str(&head), .body = STR_LIT(BODY "\n"), .secret = buf_str(&public)});
    expect("line feed", FINDING_FAIL, "line break at the body's end");
    run(&(struct verify){
        .head = buf_str(&head), .body = STR_LIT(BODY), .secret = STR_LIT(STANDARD)});
    expect("shared", FINDING_FAIL, "v1a");
    buf_fini(&head);
    buf_fini(&public);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_computed),
        cmocka_unit_test(test_ed25519),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
