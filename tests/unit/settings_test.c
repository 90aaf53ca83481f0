/* base/config and core/settings: each option missing, good and bad, in an environment that the test
 * sets; and what check-config prints of it. */
#include "core/settings.h"

#include "unit.h"

#include <stdlib.h>

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const char *const names[] = {
    "POSTHORN_DATABASE_URL",
    "POSTHORN_REDIS_URL",
    "POSTHORN_SENTINEL_PASSWORD",
    "POSTHORN_LISTEN",
    "POSTHORN_ADMIN_KEY",
    "POSTHORN_ENCRYPTION_KEY",
    "POSTHORN_ENCRYPTION_KEY_PREVIOUS",
    "POSTHORN_ALLOW_NETWORKS",
    "POSTHORN_ALLOW_PORTS",
    "POSTHORN_API_THREADS",
    "POSTHORN_WORKER_THREADS",
    "POSTHORN_WORKER_IN_FLIGHT",
    "POSTHORN_WORKER_MIB",
    "POSTHORN_TESTS_PER_APP",
    "POSTHORN_LISTS_PER_APP",
    "POSTHORN_STREAMS",
    "POSTHORN_STREAMS_PER_APP",
    "POSTHORN_WEBHOOKS_PER_APP",
    "POSTHORN_SOURCES_PER_APP",
    "POSTHORN_EVENT_TYPES_PER_APP",
    "POSTHORN_KEY_LOOKUPS",
    "POSTHORN_BODIES_MIB",
    "POSTHORN_ANSWERS_MIB",
    "POSTHORN_RETENTION_DAYS",
    "POSTHORN_LOG_LEVEL",
    "POSTHORN_CORS_ORIGINS",
    "POSTHORN_RETRY_SCHEDULE",
    "POSTHORN_DISABLE_AFTER_DAYS",
    "POSTHORN_DISABLE_AFTER_FAILURES",
    "POSTHORN_DNS_LOOKUPS",
    "POSTHORN_DNS_LOOKUPS_PER_APP",
    "POSTHORN_CONNECTIONS_PER_ADDRESS",
    "POSTHORN_TRUSTED_PROXIES",
    "POSTHORN_CA_FILE",
    "POSTHORN_EGRESS_PROXY",
    "POSTHORN_AUDIT_DAYS",
    "POSTHORN_AUDIT_ROWS_PER_APP",
    "POSTHORN_REQUESTS_PER_KEY",
    "POSTHORN_REQUESTS_BURST",
};

static struct settings settings;

/* What is required, and nothing else. */
static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    setenv("POSTHORN_DATABASE_URL", "postgresql://user:word@db/posthorn", 1);
    setenv("POSTHORN_REDIS_URL", "redis://:word@cache:6379", 1);
    setenv("POSTHORN_ENCRYPTION_KEY", KEY, 1);
    memset(&settings, 0, sizeof settings);
    return 0;
}

static void loads(void)
{
    struct faults faults = {0};
    settings_load(&settings, &faults);
    if (faults.count > 0)
        fail_msg("%.*s %s", STR_FMT(faults.at[0].name), faults.at[0].text);
}

static void is_refused(const char *name, const char *value)
{
    struct faults faults = {0};
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
    settings_load(&settings, &faults);
    if (faults.count != 1)
        fail_msg("%s=%s has %zu faults", name, value, faults.count);
    assert_true(str_eq_text(faults.at[0].name, name));
    assert_true(strlen(faults.at[0].text) > 0);
}

static void test_defaults(void **state)
{
    (void)state;
    static const uint8_t key_start[] = {0, 1, 2, 3, 4};
    loads();
    assert_string_equal(settings.config.listen, "127.0.0.1:8080");
    assert_string_equal(settings.config.admin_key, "");
    assert_string_equal(settings.config.cors_origins, "");
    assert_int_equal(settings.config.api_threads, 1);
    assert_int_equal(settings.config.worker_threads, 1);
    assert_int_equal(settings.config.worker_in_flight, 4096);
    assert_int_equal(settings.config.retention_days, 30);
    assert_int_equal(settings.config.disable_after_days, 5);
    assert_int_equal(settings.config.disable_after_failures, 20);
    assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
    assert_int_equal(settings.networks.count, 0);
    static const int32_t seconds[] = {60, 300, 1800, 3600, 21600};
    assert_int_equal(settings.schedule.count, ARRAY_LEN(seconds));
    assert_memory_equal(settings.schedule.seconds, seconds, sizeof seconds);
    assert_memory_equal(settings.seal_keys.at[0].bytes, key_start, sizeof key_start);
    assert_int_equal(settings.seal_keys.at[0].bytes[31], 31);
}

static void test_required(void **state)
{
    static const char *const required[] = {"POSTHORN_DATABASE_URL", "POSTHORN_REDIS_URL",
                                           "POSTHORN_ENCRYPTION_KEY"};
    for (size_t i = 0; i < ARRAY_LEN(required); i++) {
        set_up(state);
        is_refused(required[i], NULL);
        is_refused(required[i], "");
    }
}

struct number {
    const char *name;
    int64_t max;
    size_t offset;
};

static const struct number numbers[] = {
    {"POSTHORN_API_THREADS", 64, offsetof(struct config, api_threads)},
    {"POSTHORN_WORKER_THREADS", 64, offsetof(struct config, worker_threads)},
    {"POSTHORN_DNS_LOOKUPS", 10000, offsetof(struct config, dns_lookups)},
    {"POSTHORN_DNS_LOOKUPS_PER_APP", 10000, offsetof(struct config, dns_lookups_per_app)},
    {"POSTHORN_TESTS_PER_APP", 1000, offsetof(struct config, tests_per_app)},
    {"POSTHORN_BODIES_MIB", 65536, offsetof(struct config, bodies_mib)},
    {"POSTHORN_LISTS_PER_APP", 1000, offsetof(struct config, lists_per_app)},
    {"POSTHORN_STREAMS", 1000, offsetof(struct config, streams)},
    {"POSTHORN_STREAMS_PER_APP", 1000, offsetof(struct config, streams_per_app)},
    {"POSTHORN_ANSWERS_MIB", 65536, offsetof(struct config, answers_mib)},
    {"POSTHORN_SOURCES_PER_APP", 100000, offsetof(struct config, sources_per_app)},
    {"POSTHORN_EVENT_TYPES_PER_APP", 100000, offsetof(struct config, event_types_per_app)},
    {"POSTHORN_KEY_LOOKUPS", 10000, offsetof(struct config, key_lookups)},
    {"POSTHORN_WORKER_IN_FLIGHT", 10000, offsetof(struct config, worker_in_flight)},
    {"POSTHORN_RETENTION_DAYS", 3650, offsetof(struct config, retention_days)},
    {"POSTHORN_REQUESTS_BURST", 1000000, offsetof(struct config, requests_burst)},
    {"POSTHORN_AUDIT_DAYS", 3650, offsetof(struct config, audit_days)},
};

static void test_numbers(void **state)
{
    static const char *const bad[] = {"0",  "-1", "abc", "1.5", " 1",
                                      "1 ", "1x", "+1",  "0x1", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number *n = &numbers[i];
        const int64_t *value =
            (const int64_t *)(const void *)((const char *)&settings.config + n->offset);
        char text[32];
        for (size_t j = 0; j < ARRAY_LEN(bad); j++)
            is_refused(n->name, bad[j]);
        snprintf(text, sizeof text, "%lld", (long long)n->max + 1);
        is_refused(n->name, text);
        snprintf(text, sizeof text, "%lld", (long long)n->max);
        setenv(n->name, text, 1);
        loads();
        assert_int_equal(*value, n->max);
        setenv(n->name, "1", 1);
        loads();
        assert_int_equal(*value, 1);
        setenv(n->name, "", 1); /* as if it were not set */
        loads();
        set_up(state);
    }
}

/* Those that may be 0, which is "never". */
static void test_never(void **state)
{
    (void)state;
    is_refused("POSTHORN_DISABLE_AFTER_DAYS", "3651");
    unsetenv("POSTHORN_DISABLE_AFTER_DAYS");
    is_refused("POSTHORN_DISABLE_AFTER_FAILURES", "-1");
    setenv("POSTHORN_DISABLE_AFTER_DAYS", "0", 1);
    setenv("POSTHORN_DISABLE_AFTER_FAILURES", "1000000", 1);
    loads();
    assert_int_equal(settings.config.disable_after_days, 0);
    assert_int_equal(settings.config.disable_after_failures, 1000000);
}

/* As a text may be too long for its option. */
static void test_lengths(void **state)
{
    char *text = malloc(3000);
    memset(text, 'x', 2999);
    text[2999] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        set_up(state);
        is_refused(names[i], text);
    }
    free(text);
}

static const char *const listen_good[] = {
    "127.0.0.1:8080",
    "0.0.0.0:0",
    "255.255.255.255:65535",
    "[::1]:80",
    "[::]:8080",
    "[2001:db8::1]:1",
    "[::ffff:127.0.0.1]:1",
    "localhost:80",
    "api.example.com:443",
    "my_host-1.local:1",
    "1and1.example:80",
    "3com:80",
    "a:1",
};

static const char *const listen_bad[] = {
    "8080",
    ":8080",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1:-0",
    "127.0.0.1:+1",
    "127.0.0.1:80x",
    "127.0.0.1: 80",
    "127.0.0.1:http",
    "127.0.0:80",
    "256.0.0.1:80",
    "1.2.3.4.5:80",
    "1:80",
    "::1:80",
    "[::1]",
    "[::1]80",
    "[::1:80",
    "::1]:80",
    "[]:80",
    "[:::1]:80",
    "[127.0.0.1]:80",
    "[localhost]:80",
    "host name:80",
    " localhost:80",
    "localhost:80 ",
    "-a:80",
    "a-:80",
    "a..b:80",
    ".a:80",
    "*:80",
    "http://localhost:80",
    "localhost:80/",
    "h\xc3\xb6st:80",
    "999999999999999999999:80",
    "1111:2222:3333:4444:5555:6666:7777:8888:80",
    "[1111:2222:3333:4444:5555:6666:7777:8888:9]:80",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80", /* 64 */
};

static void test_listen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(listen_good); i++) {
        setenv("POSTHORN_LISTEN", listen_good[i], 1);
        loads();
        assert_string_equal(settings.config.listen, listen_good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(listen_bad); i++)
        is_refused("POSTHORN_LISTEN", listen_bad[i]);
}

static void test_listen_parts(void **state)
{
    static const struct {
        const char *text, *host, *port;
    } rows[] = {{"[2001:db8::1]:080", "2001:db8::1", "80"},
                {"api.example.com:443", "api.example.com", "443"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setenv("POSTHORN_LISTEN", rows[i].text, 1);
        loads();
        assert_string_equal(settings.listen.host, rows[i].host);
        assert_string_equal(settings.listen.port, rows[i].port);
    }
}

static void test_networks(void **state)
{
    (void)state;
    setenv("POSTHORN_ALLOW_NETWORKS", "127.0.0.0/8, fd00::/8", 1);
    loads();
    assert_int_equal(settings.networks.count, 2);
    is_refused("POSTHORN_ALLOW_NETWORKS", "127.0.0.0/8,x");
    is_refused("POSTHORN_ALLOW_NETWORKS", "127.0.0.1/8");
    is_refused("POSTHORN_ALLOW_NETWORKS", "127.0.0.0/33");
}

static void test_ports(void **state)
{
    (void)state;
    loads();
    assert_true(port_allowed(&settings.ports, 443) && !port_allowed(&settings.ports, 25));
    setenv("POSTHORN_ALLOW_PORTS", "25,8000-8999", 1);
    loads();
    assert_true(port_allowed(&settings.ports, 25) && !port_allowed(&settings.ports, 443));
    is_refused("POSTHORN_ALLOW_PORTS", "80,https");
    is_refused("POSTHORN_ALLOW_PORTS", "9000-8000");
}

static void test_schedule(void **state)
{
    (void)state;
    setenv("POSTHORN_RETRY_SCHEDULE", "1, 2", 1);
    loads();
    assert_int_equal(settings.schedule.count, 2);
    assert_int_equal(settings.schedule.seconds[1], 2);
    is_refused("POSTHORN_RETRY_SCHEDULE", "1,");
    is_refused("POSTHORN_RETRY_SCHEDULE", "0");
    is_refused("POSTHORN_RETRY_SCHEDULE", "604801");
    is_refused("POSTHORN_RETRY_SCHEDULE", "1m");
}

static void test_log_level(void **state)
{
    (void)state;
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        setenv("POSTHORN_LOG_LEVEL", levels[i], 1);
        loads();
        assert_int_equal(settings.log_level, i);
    }
    is_refused("POSTHORN_LOG_LEVEL", "INFO");
    is_refused("POSTHORN_LOG_LEVEL", "trace");
}

static void test_keys(void **state)
{
    is_refused("POSTHORN_ENCRYPTION_KEY_PREVIOUS", KEY ",short");
    is_refused("POSTHORN_ENCRYPTION_KEY_PREVIOUS",
               KEY "," KEY "," KEY "," KEY "," KEY "," KEY "," KEY "," KEY);
    set_up(state);
    setenv("POSTHORN_ENCRYPTION_KEY_PREVIOUS", KEY ", " KEY, 1);
    loads();
    assert_int_equal(settings.seal_keys.count, 3);
    set_up(state);
    is_refused("POSTHORN_ENCRYPTION_KEY", "short");
    is_refused("POSTHORN_ENCRYPTION_KEY", KEY "=");
    is_refused("POSTHORN_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=");
    is_refused("POSTHORN_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==");
    is_refused("POSTHORN_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8h");
    is_refused("POSTHORN_ENCRYPTION_KEY", "-AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

    set_up(state);
    setenv("POSTHORN_ADMIN_KEY", "abcdefghijklmnopqrstuvwx", 1);
    loads();
    uint8_t want[SHA256_SIZE];
    crypto_sha256(STR_LIT("abcdefghijklmnopqrstuvwx"), want);
    assert_memory_equal(settings.admin_key_hash, want, sizeof want);
    is_refused("POSTHORN_ADMIN_KEY", "abcdefghijklmnopqrstuvw"); /* 23 */
    is_refused("POSTHORN_ADMIN_KEY", "abcdefghijkl nopqrstuvwx");
    is_refused("POSTHORN_ADMIN_KEY", "abcdefghijkl\nopqrstuvwx");
    is_refused("POSTHORN_ADMIN_KEY", "abcdefghijkl\x7fnopqrstuvwx");
    is_refused("POSTHORN_ADMIN_KEY", "abcdefghijkl\xc3\xa9nopqrstuvw");
}

/* What config_print() says, to be freed. */
static char *printed(void)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    loads();
    config_print(&settings.config, out);
    fclose(out);
    return text;
}

static void test_print(void **state)
{
    (void)state;
    setenv("POSTHORN_ADMIN_KEY", "abcdefghijklmnopqrstuvwx", 1);
    char *text = printed();
    assert_string_equal(text, "POSTHORN_DATABASE_URL=postgresql://***@db/posthorn\n"
                              "POSTHORN_REDIS_URL=redis://***@cache:6379\n"
                              "POSTHORN_SENTINEL_PASSWORD=\n"
                              "POSTHORN_LISTEN=127.0.0.1:8080\n"
                              "POSTHORN_METRICS_LISTEN=\n"
                              "POSTHORN_ADMIN_KEY=***\n"
                              "POSTHORN_ENCRYPTION_KEY=***\n"
                              "POSTHORN_ENCRYPTION_KEY_PREVIOUS=\n"
                              "POSTHORN_ALLOW_NETWORKS=\n"
                              "POSTHORN_ALLOW_PORTS=\n"
                              "POSTHORN_CA_FILE=\n"
                              "POSTHORN_EGRESS_PROXY=\n"
                              "POSTHORN_TRUSTED_PROXIES=\n"
                              "POSTHORN_API_THREADS=1\n"
                              "POSTHORN_WORKER_THREADS=1\n"
                              "POSTHORN_WORKER_IN_FLIGHT=4096\n"
                              "POSTHORN_WORKER_MIB=256\n"
                              "POSTHORN_DNS_LOOKUPS=256\n"
                              "POSTHORN_DNS_LOOKUPS_PER_APP=32\n"
                              "POSTHORN_TESTS_PER_APP=20\n"
                              "POSTHORN_CONNECTIONS_PER_ADDRESS=2048\n"
                              "POSTHORN_REQUESTS_PER_KEY=0\n"
                              "POSTHORN_REQUESTS_BURST=1000\n"
                              "POSTHORN_LISTS_PER_APP=16\n"
                              "POSTHORN_STREAMS=100\n"
                              "POSTHORN_STREAMS_PER_APP=10\n"
                              "POSTHORN_WEBHOOKS_PER_APP=10000\n"
                              "POSTHORN_SOURCES_PER_APP=1000\n"
                              "POSTHORN_EVENT_TYPES_PER_APP=1000\n"
                              "POSTHORN_KEY_LOOKUPS=512\n"
                              "POSTHORN_BODIES_MIB=64\n"
                              "POSTHORN_ANSWERS_MIB=64\n"
                              "POSTHORN_RETENTION_DAYS=30\n"
                              "POSTHORN_AUDIT_DAYS=90\n"
                              "POSTHORN_AUDIT_ROWS_PER_APP=100000\n"
                              "POSTHORN_STATS_DAYS=7\n"
                              "POSTHORN_DISABLE_AFTER_DAYS=5\n"
                              "POSTHORN_DISABLE_AFTER_FAILURES=20\n"
                              "POSTHORN_LOG_LEVEL=info\n"
                              "POSTHORN_CORS_ORIGINS=\n"
                              "POSTHORN_RETRY_SCHEDULE=60,300,1800,3600,21600\n"
                              "WEBHOOK_ADDRESS=\n"
                              "WEBHOOK_SECRET=\n"
                              "JOB_SEND_NOTIFICATIONS_INTERVAL=30\n"
                              "DISCORD_WEBHOOK_URL=\n"
                              "WEBHOOK_ENABLED=\n"
                              "WEBHOOK_URL=\n"
                              "WEBHOOK_SECRET_HEADER=\n");
    free(text);
}

static const char *const urls[] = {
    "postgresql://u:hunter2@db/x",
    "postgresql://u:hunter2@db/x?application_name=a@b",
    "postgresql://u:hunter2@db/x?password=hunter2",
    "postgresql://db/x?user=u&password=hunter2",
    "postgresql://u@db/x?sslkey=k&sslpassword=hunter2",
    "host=db user=u password=hunter2",
    "host=db password=hunter2 application_name=a@b",
    "redis://:hunter2@cache",
    "redis://:hunt@er2hunter2@cache",
    "rediss+sentinel://u:hunter2@a:1,b:2/main/3",
};

static void test_print_hides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        setenv("POSTHORN_DATABASE_URL", urls[i], 1);
        setenv("POSTHORN_REDIS_URL", urls[i], 1);
        char *text = printed();
        if (strstr(text, "hunter2") != NULL)
            fail_msg("shown: %s", text);
        free(text);
    }
    setenv("POSTHORN_DATABASE_URL", "postgresql://db/x", 1);
    char *text = printed();
    assert_non_null(strstr(text, "POSTHORN_DATABASE_URL=postgresql://db/x\n"));
    assert_non_null(strstr(text, "POSTHORN_ADMIN_KEY=\n"));
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, set_up),
        cmocka_unit_test_setup(test_required, set_up),
        cmocka_unit_test_setup(test_numbers, set_up),
        cmocka_unit_test_setup(test_never, set_up),
        cmocka_unit_test_setup(test_lengths, set_up),
        cmocka_unit_test_setup(test_listen, set_up),
        cmocka_unit_test_setup(test_listen_parts, set_up),
        cmocka_unit_test_setup(test_networks, set_up),
        cmocka_unit_test_setup(test_ports, set_up),
        cmocka_unit_test_setup(test_schedule, set_up),
        cmocka_unit_test_setup(test_log_level, set_up),
        cmocka_unit_test_setup(test_keys, set_up),
        cmocka_unit_test_setup(test_print, set_up),
        cmocka_unit_test_setup(test_print_hides, set_up),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
