/* The panels' profiles byte for byte: Marzban, Remnawave, Authon. The golden bodies and signatures
 * were taken from the real senders and Python's hmac. */
#include "profile_rig.h"

#include "core/signature.h"

#include <stdio.h>
#include <string.h>

#define M_OBJ                                \
    "{\"username\": \"marzban_test_user\", " \
    "\"action\": \"user_updated\", \"enqueued_at\": 1680506457.636369, \"tries\": 0}"
#define M_DATA                             \
    "{\"username\":\"marzban_test_user\"," \
    "\"action\":\"user_updated\",\"enqueued_at\":1680506457.636369}"
#define M_HEAD(line)                         \
    "User-Agent: python-requests/2.32.3\r\n" \
    "Accept: */*\r\n" line "Content-Type: application/json\r\n"

static struct profile_input marzban_input(const char *data, const char *secret)
{
    return input_at(1680506457000, "user_updated", data, secret);
}

static void test_marzban(void **state)
{
    (void)state;
    assert_int_equal(strlen(M_OBJ), 105);
    expect_message("marzban", "{}", marzban_input(M_DATA, "something-very-very-secret"),
                   M_HEAD("x-webhook-secret: something-very-very-secret\r\n"), "[" M_OBJ "]");
    expect_message("marzban", "{}", marzban_input(M_DATA, ""), M_HEAD(""), "[" M_OBJ "]");
    expect_message("marzban", "{\"auth\":\"none\"}", marzban_input(M_DATA, "x"), M_HEAD(""), NULL);
    expect_message("marzban-docs", "{}", marzban_input(M_DATA, "your-secret-key"),
                   M_HEAD("x-webhook-secret: "
                          "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a\r\n"),
                   M_OBJ);
    expect_message("marzban", "{\"envelope\":\"object\"}", marzban_input(M_DATA, "s"),
                   M_HEAD("x-webhook-secret: s\r\n"), M_OBJ);
}

static void test_marzban_text(void **state)
{
    (void)state;
    expect_message("marzban", "{}", marzban_input("{\"username\":\"админ\"}", "s"), NULL,
                   "[{\"username\": \"\\u0430\\u0434\\u043c\\u0438\\u043d\", "
                   "\"action\": \"user_updated\", \"enqueued_at\": 1680506457.0, \"tries\": 0}]");
    struct profile_input in = input_at(1680506457630, "user_deleted", "{}", "s");
    in.attempt = 3;
    expect_message("marzban", "{\"tries\":true,\"envelope\":\"object\"}", in, NULL,
                   "{\"action\": \"user_deleted\", \"enqueued_at\": 1680506457.63, \"tries\": 2}");
    expect_message("marzban", "{\"json\":\"verbatim\",\"envelope\":\"object\"}", in, NULL,
                   "{\"action\":\"user_deleted\",\"enqueued_at\":1680506457.63,\"tries\":0}");
    in.data = str_of("{\"\\u0074ries\":7,\"a\":1}");
    expect_message("marzban", "{\"tries\":true,\"envelope\":\"object\"}", in, NULL,
                   "{\"tries\": 2, \"a\": 1, \"action\": \"user_deleted\", "
                   "\"enqueued_at\": 1680506457.63}");
}

static void test_marzban_array(void **state)
{
    struct profile_input in[3];
    struct message m;

    (void)state;
    in[0] = marzban_input("{\"n\":1,\"enqueued_at\":1.5}", "s");
    in[1] = marzban_input("{\"n\":2,\"enqueued_at\":1.5}", "s");
    in[2] = marzban_input("{\"n\":3,\"enqueued_at\":1.5}", "s");
#define ITEM(n) "{\"n\": " n ", \"enqueued_at\": 1.5, \"action\": \"user_updated\", \"tries\": 0}"
    assert_int_equal(message_make(&m, "marzban", "{}", in, 3), 3);
    expect_text(buf_str(&m.body), "[" ITEM("1") ", " ITEM("2") ", " ITEM("3") "]");
    expect_text(buf_str(&m.masked), M_HEAD("x-webhook-secret: ***\r\n"));
    message_fini(&m);

    in[1].data = str_of("7");
    assert_int_equal(message_make(&m, "marzban", "{}", in, 3), 1);
    message_fini(&m);
    in[0].data = str_of("7");
    assert_int_equal(message_make(&m, "marzban", "{}", in, 3), ERR_INVALID);
    message_fini(&m);
}

/* The option `tries` makes a retry say what the panel's would; what is not there is not added. */
static void test_marzban_send_at(void **state)
{
    struct profile_input in =
        marzban_input("{\"enqueued_at\":1.5,\"send_at\":1.5,\"tries\":0,\"action\":\"x\"}", "s");

    (void)state;
#define SENT(send_at, tries) \
    "[{\"enqueued_at\": 1.5, \"send_at\": " send_at ", \"tries\": " tries ", \"action\": \"x\"}]"
    expect_message("marzban", "{\"tries\":true}", in, NULL, SENT("1.5", "0"));
    in.attempt = 2;
    in.due_ms = 1680506457250;
    expect_message("marzban", "{\"tries\":true}", in, NULL, SENT("1680506457.25", "1"));
    expect_message("marzban", "{}", in, NULL, SENT("1.5", "0"));
}

/* Arrays end at 100 KiB, but for one event that is larger. */
static void test_marzban_split(void **state)
{
    static char data[120000];
    struct profile_input in[8];
    struct message m;

    (void)state;
    int n = snprintf(data, sizeof data, "{\"x\":\"%0*d\"}", 30000, 0);
    assert_true(n > 30000);
    for (size_t i = 0; i < ARRAY_LEN(in); i++)
        in[i] = marzban_input(data, "s");
    assert_int_equal(message_make(&m, "marzban", "{}", in, ARRAY_LEN(in)), 3);
    assert_true(m.body.n <= 102400);
    assert_true(m.body.p[m.body.n - 1] == ']');
    message_fini(&m);

    snprintf(data, sizeof data, "{\"x\":\"%0*d\"}", 110000, 0);
    in[0].data = in[1].data = str_of(data);
    assert_int_equal(message_make(&m, "marzban", "{}", in, 2), 1);
    assert_true(m.body.n > 110000);
    message_fini(&m);
}

#define R_TYPE "user.created"
#define R_DATA                                                                            \
    "{\"uuid\":\"f2b1c2d3-0000-4000-8000-000000000001\",\"username\":\"bob\",\"status\":" \
    "\"ACTIVE\",\"usedTrafficBytes\":\"0\",\"description\":"
#define R_HEAD(signature, time)                       \
    "Accept: application/json, text/plain, */*\r\n"   \
    "Content-Type: application/json\r\n"              \
    "X-Remnawave-Signature: " signature "\r\n"        \
    "X-Remnawave-Timestamp: 2025-04-14T" time "Z\r\n" \
    "User-Agent: Remnawave\r\n"
#define NOON "12:00:00.000"

static void expect_remnawave(const char *profile, const char *options, const char *data, size_t n,
                             const char *head)
{
    struct profile_input in = input_at(AT_2025_04_14, R_TYPE, data, "your-secret-header");
    struct message m;

    assert_int_equal(message_make(&m, profile, options, &in, 1), 1);
    expect_text(buf_str(&m.head), head);
    assert_int_equal(m.body.n, n);
    message_fini(&m);
}

static void test_remnawave(void **state)
{
    static const char plain[] = R_DATA "null}", words[] = R_DATA "\"Привет 😀 a/b\"}";

    (void)state;
    expect_remnawave(
        "remnawave", "{}", plain, 195,
        R_HEAD("b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135", NOON));
    expect_remnawave(
        "remnawave-flask", "{}", plain, 209,
        R_HEAD("91eb467ff97f611985a9dd25282c5d0b22bc1463ffe7272cd72be83c091ce0d7", NOON));
    expect_remnawave(
        "remnawave", "{}", words, 214,
        R_HEAD("12bc780ee4ef8273b06726fac050f492cdb10efc92cca494695c1c689538bda6", NOON));
    expect_remnawave(
        "remnawave", "{\"json\":\"python\"}", words, 260,
        R_HEAD("30f0ea1124145872560a4ffdd582d772fc1358c07096ff0f2a96d8d4d3bed53d", NOON));
    expect_remnawave(
        "remnawave", "{\"json\":\"python-compact\"}", words, 246,
        R_HEAD("587b99c6fcc0ba5f3bdd4d5a905b6d59e7ca35c0aba4af575d117cfce6534173", NOON));
    expect_message("remnawave", "{}", input_at(AT_2025_04_14, R_TYPE, plain, "k"), NULL,
                   "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\","
                   "\"data\":" R_DATA "null}}");
}

static void test_remnawave_numbers(void **state)
{
    struct profile_input in =
        input_at(AT_2025_04_14, R_TYPE, "{\"2\":1,\"1\":2,\"x\":1.0,\"b\":9007199254740993}", "k");
    struct message m;

    (void)state;
#define ENVELOPE(data) \
    "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":" data "}"
    expect_message("remnawave", "{}", in, NULL,
                   ENVELOPE("{\"1\":2,\"2\":1,\"x\":1,\"b\":\"9007199254740993\"}"));
    assert_int_equal(message_make(&m, "remnawave", "{\"bigint\":\"reject\"}", &in, 1), ERR_INVALID);
    message_fini(&m);
}

static void test_remnawave_retry(void **state)
{
    struct profile_input in = input_at(AT_2025_04_14, R_TYPE, "{}", "k"), again = in;
    struct message first, second;

    (void)state;
    again.attempt = 2;
    again.now_ms += 61001;
    message_make(&first, "remnawave", "{}", &in, 1);
    message_make(&second, "remnawave", "{}", &again, 1);
    assert_true(str_eq(buf_str(&first.head), buf_str(&second.head)));
    assert_true(str_eq(buf_str(&first.body), buf_str(&second.body)));
    message_fini(&second);
    message_make(&second, "remnawave", "{\"restamp_on_retry\":true}", &again, 1);
    assert_true(contains(buf_str(&second.body), "\"timestamp\":\"2025-04-14T12:01:01.001Z\""));
    assert_true(contains(buf_str(&second.head), "Timestamp: 2025-04-14T12:01:01.001Z\r\n"));
    struct buf hex;
    buf_init(&hex, 100);
    signature_hex(&hex, "Signature: ", str_of("k"), buf_str(&second.body));
    assert_true(contains(buf_str(&second.head), buf_text(&hex)));
    buf_fini(&hex);
    message_fini(&first);
    message_fini(&second);
    expect_message("remnawave", "{\"scope\":true}", in, NULL,
                   "{\"scope\":\"user\",\"event\":\"user.created\",\"timestamp\":"
                   "\"2025-04-14T12:00:00.000Z\",\"data\":{},\"meta\":null}");
}

#define A_HEAD(type)                               \
    "Content-Type: application/json\r\n"           \
    "X-Webhook-Secret: whsec_your_secret_here\r\n" \
    "X-Webhook-Event: " type "\r\n"                \
    "User-Agent: Authon-Webhook/1.0\r\n"
#define A_BODY(type, data) \
    "{\"event\":\"" type "\",\"timestamp\":\"2025-06-15T14:30:00.000Z\",\"data\":" data "}"

static void expect_authon(const char *type, const char *data, const char *head, const char *body)
{
    expect_message("authon", "{}", input_at(AT_2025_06_15, type, data, "whsec_your_secret_here"),
                   head, body);
}

static void test_authon(void **state)
{
    struct profile_input in = input_at(AT_2025_06_15, "test", "{}", "whsec_your_secret_here");
    struct message m;

    (void)state;
#define LOGIN                                                                                 \
    "{\"userId\":\"usr_abc123\",\"username\":\"testuser\",\"ip\":\"192.168.1.100\",\"hwid\":" \
    "\"HWID-A1B2C3D4\",\"appId\":\"app_xyz789\"}"
    assert_int_equal(strlen(A_BODY("user.login", LOGIN)), 179);
    expect_authon("user.login", LOGIN, A_HEAD("user.login"), A_BODY("user.login", LOGIN));
#define LICENSE                                                                      \
    "{\"licenseId\":\"lic_1\",\"key\":\"K-1\",\"durationType\":\"30d\",\"level\":1," \
    "\"activatedBy\":"                                                               \
    "\"testuser\",\"appId\":\"app_xyz789\"}"
    expect_authon("license.activate", LICENSE, A_HEAD("license.activate"),
                  A_BODY("license.activate", LICENSE));
    assert_int_equal(message_make(&m, "authon", "{}", &in, 1), 1);
    assert_true(contains(buf_str(&m.masked), "X-Webhook-Secret: ***\r\n"));
    assert_false(contains(buf_str(&m.masked), "whsec_"));
    message_fini(&m);
}

/* The generic API's golden signature is over a body with an id that is not of our making. */
static void test_example(void **state)
{
    static const char body[] =
        "{\"id\":\"evt_abc123\",\"type\":\"user.created\",\"created_at\":\"2023-12-01T15:30:00Z\","
        "\"data\":{\"id\":\"usr_789\",\"name\":\"John Doe\",\"email\":\"john@example.com\","
        "\"created_at\":\"2023-12-01T15:30:00Z\"}}";
    struct profile_input in = input_at(1701444600000, "user.created", "{\"a\": 1.0}", "k");
    struct message m;
    struct buf hex;

    (void)state;
    assert_int_equal(strlen(body), 182);
    buf_init(&hex, 100);
    signature_hex(&hex, "sha256=", str_of("your_webhook_secret"), str_of(body));
    expect_text(buf_str(&hex),
                "sha256=6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46");
    buf_fini(&hex);
    assert_int_equal(message_make(&m, "default", "{}", &in, 1), 1);
    assert_true(contains(buf_str(&m.body), "\"type\":\"user.created\",\"created_at\":"
                                           "\"2023-12-01T15:30:00Z\",\"data\":{\"a\":1}}"));
    assert_true(str_eq(buf_str(&m.head), buf_str(&m.masked)));
    message_fini(&m);
}

/* The panel's whole notification goes on as it is, but for the time of a retry that is to have one. */
static void test_remnawave_whole(void **state)
{
#define WHOLE(event, time)                                              \
    "{\"scope\":\"user\",\"event\":\"" event "\",\"timestamp\":\"" time \
    "\",\"data\":{\"a\":1},\"meta\":{\"b\":2}}"
    static const char own[] = WHOLE("user.created", "2025-04-14T11:59:58.426Z");
    struct profile_input in = input_at(AT_2025_04_14, "paris.user.created", own, "k");
    struct message m;

    (void)state;
    assert_int_equal(message_make(&m, "remnawave", "{}", &in, 1), 1);
    expect_text(buf_str(&m.body), own);
    assert_true(contains(buf_str(&m.head), "Timestamp: 2025-04-14T11:59:58.426Z\r\n"));
    message_fini(&m);
    in.attempt = 2;
    in.now_ms += 61001;
    assert_int_equal(message_make(&m, "remnawave", "{}", &in, 1), 1);
    expect_text(buf_str(&m.body), own);
    message_fini(&m);
    assert_int_equal(message_make(&m, "remnawave", "{\"restamp_on_retry\":true}", &in, 1), 1);
    expect_text(buf_str(&m.body), WHOLE("user.created", "2025-04-14T12:01:01.001Z"));
    assert_true(contains(buf_str(&m.head), "Timestamp: 2025-04-14T12:01:01.001Z\r\n"));
    message_fini(&m);
}

/* What only looks like one is data as any other. */
static void test_remnawave_not_whole(void **state)
{
    static const char *const data[] = {
        WHOLE("user.deleted", "2025-04-14T11:59:58.426Z"),
        WHOLE("user.created", "soon"),
        WHOLE("user.created", "2025-04-14T11:59:58.426Z\\r\\nX: y"),
        WHOLE("", "2025-04-14T11:59:58.426Z"),
        "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T11:59:58.426Z\"}",
        "{\"event\":\"user.created\",\"timestamp\":1744632000,\"data\":{}}",
        "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T11:59:58.426Z\",\"data\":{},\"more\":1}",
        "[]",
    };
    static const char start[] =
        "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(data); i++) {
        struct profile_input in = input_at(AT_2025_04_14, "user.created", data[i], "k");
        struct message m;
        assert_int_equal(message_make(&m, "remnawave", "{}", &in, 1), 1);
        assert_true(str_starts(buf_str(&m.body), str_of(start)));
        assert_int_equal(m.body.n, strlen(start) + strlen(data[i]) + 1);
        message_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marzban),
        cmocka_unit_test(test_marzban_text),
        cmocka_unit_test(test_marzban_array),
        cmocka_unit_test(test_marzban_send_at),
        cmocka_unit_test(test_marzban_split),
        cmocka_unit_test(test_remnawave),
        cmocka_unit_test(test_remnawave_numbers),
        cmocka_unit_test(test_remnawave_retry),
        cmocka_unit_test(test_remnawave_whole),
        cmocka_unit_test(test_remnawave_not_whole),
        cmocka_unit_test(test_authon),
        cmocka_unit_test(test_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
