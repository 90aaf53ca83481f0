/* Requests as they should go, and who they may go to. */
#include "unit.h"

#include "dns_server.h"
#include "fetch_rig.h"
#include "io/fetch_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word: a\r\n\r\nok"

static void serve_ok(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, OK))
        ;
}

static void serve_slowly(struct peer *peer)
{
    while (peer_read(peer)) {
        uv_sleep(50);
        if (!peer_write(peer, OK))
            break;
    }
}

static void serve_unasked(struct peer *peer)
{
    peer_write(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    uv_sleep(50);
}

static void serve_nothing(struct peer *peer)
{
    peer_read(peer);
    while (!peer_stopping(peer))
        uv_sleep(10);
}

/* --- the request ------------------------------------------------------------------------------ */

static void test_wire(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};
    char url[128], expected[512];

    rig_url(url, "http", "name.test", server_port(server));
    rig_start(rig, url, "User-Agent: Posthorn/1\r\nX-Empty: \r\nContent-Type: application/json\r\n",
              "{\"a\": 1}", 2000, &outcome);
    rig_wait(rig, &outcome, 1);
    snprintf(expected, sizeof expected,
             "POST /secret?token=1 HTTP/1.1\r\nHost: name.test:%d\r\nUser-Agent: Posthorn/1\r\n"
             "X-Empty:\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}",
             server_port(server));
    assert_string_equal(server_last(server), expected);

    rig_start(rig, url, "Accept: text/plain\r\n", "", 2000, &outcome);
    rig_wait(rig, &outcome, 2);
    snprintf(expected, sizeof expected,
             "POST /secret?token=1 HTTP/1.1\r\nHost: name.test:%d\r\nAccept: text/plain\r\n"
             "Content-Length: 0\r\n\r\n",
             server_port(server));
    assert_string_equal(server_last(server), expected);
    server_stop(server);
}

static void test_result(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_slowly);
    struct outcome outcome = {0};
    char address[64];

    rig_post(rig, "name.test", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_ANSWERED);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.error, "");
    assert_string_equal(outcome.head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word: a\r\n");
    assert_string_equal(outcome.body, "ok");
    assert_false(outcome.body_cut);
    snprintf(address, sizeof address, "127.0.0.1:%d", server_port(server));
    assert_string_equal(outcome.address, address);
    assert_true(outcome.dns_us > 0 && outcome.connect_us > 0 && outcome.tls_us == 0);
    assert_in_range(outcome.first_byte_us, 45000, 1000000);
    assert_true(outcome.total_us >= outcome.first_byte_us);

    rig_post(rig, "name.test", server_port(server), 2000, &outcome);
    assert_true(outcome.dns_us == 0 && outcome.connect_us == 0);
    assert_in_range(outcome.first_byte_us, 45000, 1000000);
    assert_int_equal(server_connections(server), 1);
    assert_int_equal(server_requests(server), 2);
    server_stop(server);
}

static void test_big_body(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};
    size_t n = 2 << 20;
    char *body = xcalloc(1, n + 1);
    char url[128];

    memset(body, 'x', n);
    rig_url(url, "http", "127.0.0.1", server_port(server));
    rig_start(rig, url, "", body, 5000, &outcome);
    rig_wait(rig, &outcome, 1);
    assert_int_equal(outcome.status, 200);
    const char *end = strstr(server_last(server), "\r\n\r\n");
    assert_int_equal(strlen(end + 4), n);
    assert_null(strstr(server_last(server), "Expect"));
    server_stop(server);
    free(body);
}

static void test_bad_requests(void **state)
{
    static const char *const heads[] = {
        "X-A: b\n",       "X-A: b\r\n\r\n",        "X-A b\r\n",
        ": b\r\n",        "X-A: b\r\nX-B: c",      "X-A: b\rX: c\r\n",
        "Host: evil\r\n", "content-length: 3\r\n", "Transfer-Encoding: chunked\r\n",
        "X A: b\r\n",     "X-A: b\x01\r\n",        " folded\r\n",
    };
    struct rig *rig = *state;
    struct outcome outcome = {0};

    rig_start(rig, "ftp://127.0.0.1/secret", "", "{}", 1000, &outcome);
    rig_wait(rig, &outcome, 1);
    assert_int_equal(outcome.outcome, FETCH_BAD_URL);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        rig_start(rig, "http://127.0.0.1:1/", heads[i], "{}", 1000, &outcome);
        rig_wait(rig, &outcome, outcome.calls + 1);
        if (outcome.outcome != FETCH_INTERNAL)
            fail_msg("sent: %s", heads[i]);
    }
}

/* --- where it goes ---------------------------------------------------------------------------- */

static void expect_forbidden(struct rig *rig, const char *host, int port, const char *error)
{
    struct outcome outcome = {0};

    rig_post(rig, host, port, 2000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_FORBIDDEN);
    assert_string_equal(outcome.error, error);
    assert_int_equal(outcome.status, 0);
}

static void test_guard(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};
    int port = server_port(server);

    expect_forbidden(rig, "10.0.0.1", port,
                     "the address 10.0.0.1 is not public, so nothing was sent");
    expect_forbidden(rig, "[::1]", port, "the address ::1 is not public, so nothing was sent");
    expect_forbidden(rig, "inside.test", port,
                     "the address 10.0.0.1 is not public, so nothing was sent");
    expect_forbidden(rig, "mixed.test", port,
                     "the address 10.0.0.1 is not public, so nothing was sent");
    expect_forbidden(rig, "mapped.test", port,
                     "the address ::ffff:127.0.0.1 is not public, so nothing was sent");
    rig->strict = true;
    expect_forbidden(rig, "2130706433", port,
                     "the address 127.0.0.1 is not public, so nothing was sent");
    expect_forbidden(rig, "0x7f.1.", port,
                     "the address 127.0.0.1 is not public, so nothing was sent");
    rig_post(rig, "localhost", port, 2000, &outcome); /* which family it is first, files say */
    assert_int_equal(outcome.outcome, FETCH_FORBIDDEN);
    assert_int_equal(server_connections(server), 0);
    server_stop(server);
}

/* A connection that was opened under one policy is not used under another. */
static void test_policy_change(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};

    rig_post(rig, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(rig->guard_calls >= 3); /* at the start, at connect, before the request */
    rig->strict = true;
    expect_forbidden(rig, "127.0.0.1", server_port(server),
                     "the address 127.0.0.1 is not public, so nothing was sent");
    assert_int_equal(server_requests(server), 1);
    server_stop(server);
}

/* Each of the three places where the guard is asked stops the request. */
static void test_every_guard(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};

    for (int call = 1; call <= 3; call++) {
        rig->guard_calls = 0;
        rig->refuse_call = call;
        expect_forbidden(rig, "name.test", server_port(server),
                         "the address 127.0.0.1 is not public, so nothing was sent");
        assert_int_equal(rig->guard_calls, call);
        assert_int_equal(server_requests(server), 0);
    }
    rig->refuse_call = 0;
    rig_post(rig, "name.test", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);

    /* A reused connection: after DNS, and before the request. */
    rig->guard_calls = 0;
    rig->refuse_call = 2;
    expect_forbidden(rig, "name.test", server_port(server),
                     "the address 127.0.0.1 is not public, so nothing was sent");
    assert_int_equal(rig->guard_calls, 2);
    assert_int_equal(server_requests(server), 1);
    server_stop(server);
}

static void test_rebinding(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};

    rig_post(rig, "flip.test", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    rig_idle(rig, 1100);
    expect_forbidden(rig, "flip.test", server_port(server),
                     "the address 10.0.0.1 is not public, so nothing was sent");
    assert_int_equal(server_requests(server), 1);
    server_stop(server);
}

static void test_proxy_ignored(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok), *canary = server_start(serve_ok);
    struct outcome outcome = {0};
    char proxy[64];

    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server_port(canary));
    setenv("http_proxy", proxy, 1);
    setenv("ALL_PROXY", proxy, 1);
    rig_post(rig, "name.test", server_port(server), 2000, &outcome);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(outcome.status, 200);
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(server_connections(canary), 0);
    server_stop(server);
    server_stop(canary);
}

static void test_next_address(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};

    rig_post(rig, "two.test", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(strncmp(outcome.address, "127.0.0.1:", 10) == 0);
    server_stop(server);
}

static void test_ipv6(void **state)
{
    static const char *const hosts[] = {"six.test", "[::1]", "[0:0::1]"};
    struct rig *rig = *state;
    struct server *server = server_start_v6(serve_ok);
    char address[64];

    rig->v6 = true;
    snprintf(address, sizeof address, "[::1]:%d", server_port(server));
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct outcome outcome = {0};
        rig_post(rig, hosts[i], server_port(server), 2000, &outcome);
        assert_string_equal(outcome.error, "");
        assert_int_equal(outcome.status, 200);
        assert_string_equal(outcome.address, address);
    }
    server_stop(server);
}

static void test_dns_failures(void **state)
{
    struct rig *rig = *state;
    struct outcome outcome = {0};

    rig_post(rig, "missing.test", 80, 2000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_DNS_FAILED);
    assert_string_equal(outcome.error, "DNS has no address for missing.test");
    rig_post(rig, "silent.test", 80, 200, &outcome);
    assert_int_equal(outcome.outcome, FETCH_DNS_FAILED);
    assert_in_range(outcome.total_us, 199000, 500000);
}

/* --- many, cancelled, nested ------------------------------------------------------------------ */

static void test_queue(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_slowly);
    struct outcome outcome = {0};
    char url[128];

    rig_renew(rig, 2);
    rig_url(url, "http", "name.test", server_port(server));
    for (int i = 0; i < 6; i++)
        rig_start(rig, url, "", "{}", 2000, &outcome);
    rig_wait(rig, &outcome, 6);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(server_connections(server), 2);
    server_stop(server);
}

/* Idle connections to one host make room for another host. */
static void test_room(void **state)
{
    struct rig *rig = *state;
    struct server *one = server_start(serve_ok), *two = server_start(serve_ok);
    struct outcome outcome = {0};

    rig_renew(rig, 1);
    for (int i = 0; i < 3; i++) {
        rig_post(rig, "name.test", server_port(one), 2000, &outcome);
        assert_int_equal(outcome.status, 200);
        rig_post(rig, "other.test", server_port(two), 2000, &outcome);
        assert_int_equal(outcome.status, 200);
    }
    server_stop(one);
    server_stop(two);
}

static void test_queue_deadline(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_nothing);
    struct outcome first = {0}, second = {0};
    char url[128];

    rig_renew(rig, 1);
    rig_url(url, "http", "127.0.0.1", server_port(server));
    rig_start(rig, url, "", "{}", 600, &first);
    rig_start(rig, url, "", "{}", 200, &second);
    rig_wait(rig, &second, 1);
    assert_int_equal(second.outcome, FETCH_TIMED_OUT);
    assert_string_equal(second.error, "Posthorn had no free connection within 200 ms");
    rig_wait(rig, &first, 1);
    assert_string_equal(first.error, "no response within 600 ms");
    server_stop(server);
}

static void test_cancel(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_nothing);
    struct outcome never = {0};
    struct fetch *fetches[5];
    char url[128];

    rig_renew(rig, 1);
    rig_url(url, "http", "127.0.0.1", server_port(server));
    fetches[0] = rig_start(rig, url, "", "{}", 5000, &never);
    fetches[1] = rig_start(rig, url, "", "{}", 5000, &never); /* queued */
    fetches[2] = rig_start(rig, "http://silent.test/", "", "{}", 5000, &never);
    rig_idle(rig, 100);
    assert_int_equal(server_requests(server), 1);
    fetches[3] = rig_start(rig, "ftp://x/", "", "{}", 5000, &never); /* has ended */
    fetches[4] = rig_start(rig, "http://name.test/", "", "{}", 5000, &never);
    for (int i = 0; i < 5; i++)
        fetch_cancel(fetches[i]);
    fetch_cancel(NULL);
    rig_idle(rig, 50);
    assert_int_equal(never.calls, 0);
    server_stop(server);
}

/* From inside a callback: another is started, a third cancelled. */
struct nest {
    struct rig *rig;
    struct fetch *victim;
    struct outcome *next;
    char url[128];
};

static void nest(struct outcome *outcome)
{
    struct nest *nested = outcome->arg;

    fetch_cancel(nested->victim);
    nested->victim = NULL;
    if (nested->next != NULL)
        rig_start(nested->rig, nested->url, "", "{}", 2000, nested->next);
}

static void test_inside_callback(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome never = {0}, second = {0};
    struct nest nested = {.rig = rig, .next = &second};
    struct outcome first = {.then = nest, .arg = &nested};

    rig_url(nested.url, "http", "name.test", server_port(server));
    rig_start(rig, nested.url, "", "{}", 2000, &first);
    nested.victim = rig_start(rig, "http://silent.test/", "", "{}", 2000, &never);
    rig_wait(rig, &second, 1);
    assert_int_equal(second.status, 200);
    assert_int_equal(never.calls, 0);

    /* Two that end in one turn, of which the first cancels the second. */
    first.calls = second.calls = 0;
    rig_start(rig, "ftp://x/", "", "{}", 2000, &first);
    nested.victim = rig_start(rig, "ftp://x/", "", "{}", 2000, &never);
    rig_wait(rig, &second, 1);
    assert_int_equal(never.calls, 0);
    server_stop(server);
}

static void destroy(struct outcome *outcome)
{
    struct rig *rig = outcome->arg;
    fetcher_destroy(rig->fetcher);
    rig->fetcher = NULL;
    assert_int_equal(strlen(outcome->error) > 0, outcome->outcome != FETCH_ANSWERED);
}

/* In every state: being resolved, connecting, sent, waiting for a connection, ended. */
static void start_some(struct rig *rig, struct server *silent, struct outcome *others)
{
    char url[128];

    rig_start(rig, "http://silent.test/", "", "{}", 2000, others);
    rig_start(rig, "http://127.0.0.1:1/", "", "{}", 2000, others);
    rig_url(url, "http", "127.0.0.1", server_port(silent));
    for (int i = 0; i < 3; i++)
        rig_start(rig, url, "", "{}", 2000, others);
    rig_start(rig, "ftp://x/", "", "{}", 2000, others);
}

static void test_destroy(void **state)
{
    struct rig *rig = *state;
    struct server *silent = server_start(serve_nothing);

    for (int turns = 0; turns < 6; turns++) {
        struct outcome others = {0};
        rig_renew(rig, 3);
        start_some(rig, silent, &others);
        for (int i = 0; i < turns; i++)
            uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT);
        int calls = others.calls; /* of what ended at once */
        fetcher_destroy(rig->fetcher);
        rig->fetcher = NULL;
        rig_idle(rig, 20);
        assert_int_equal(others.calls, calls);
    }
    server_stop(silent);
}

/* At an answer, a failure of DNS, a deadline, and what fails before it starts. */
static void test_destroy_in_callback(void **state)
{
    static const struct {
        const char *host;
        int64_t timeout_ms;
        enum fetch_outcome outcome;
    } rows[] = {
        {"127.0.0.1", 2000, FETCH_ANSWERED},
        {"missing.test", 2000, FETCH_DNS_FAILED},
        {"silent.test", 50, FETCH_DNS_FAILED},
        {"x y", 2000, FETCH_BAD_URL},
    };
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok), *silent = server_start(serve_nothing);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome first = {.then = destroy, .arg = rig}, others = {0};
        char url[128];
        rig_renew(rig, 3);
        rig_url(url, "http", rows[i].host, server_port(server));
        rig_start(rig, url, "User-Agent: test\r\n", "{}", rows[i].timeout_ms, &first);
        start_some(rig, silent, &others);
        rig_wait(rig, &first, 1);
        assert_int_equal(first.outcome, rows[i].outcome);
        int calls = others.calls;
        rig_idle(rig, 20);
        assert_int_equal(others.calls, calls);
    }
    server_stop(server);
    server_stop(silent);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static struct outcome post_tls(struct rig *rig, const char *host, struct server *server)
{
    struct outcome outcome = {0};
    char url[128];

    rig_url(url, "https", host, server_port(server));
    rig_start(rig, url, "", "{}", 3000, &outcome);
    rig_wait(rig, &outcome, 1);
    return outcome;
}

static void test_tls(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start_tls(serve_ok, CERT_GOOD);

    rig_trust(rig, server_ca_file(server));
    struct outcome outcome = post_tls(rig, "name.test", server);
    assert_string_equal(outcome.error, "");
    assert_int_equal(outcome.status, 200);
    assert_true(outcome.tls_us > 0);
    assert_int_equal(post_tls(rig, "name.test", server).tls_us, 0);
    assert_int_equal(server_connections(server), 1);

    outcome = post_tls(rig, "other.test", server);
    assert_int_equal(outcome.outcome, FETCH_TLS_FAILED);
    assert_non_null(strstr(outcome.error, "other.test"));
    assert_int_equal(server_requests(server), 2);
    server_stop(server);
}

static void test_tls_refused(void **state)
{
    struct rig *rig = *state;
    struct server *good = server_start_tls(serve_ok, CERT_GOOD);
    struct server *expired = server_start_tls(serve_ok, CERT_EXPIRED);
    struct server *plain = server_start(serve_unasked);

    struct outcome outcome = post_tls(rig, "name.test", good);
    assert_int_equal(outcome.outcome, FETCH_TLS_FAILED);
    assert_string_equal(outcome.error, "self-signed certificate");
    outcome = post_tls(rig, "name.test", plain);
    assert_int_equal(outcome.outcome, FETCH_TLS_FAILED);

    rig_trust(rig, server_ca_file(expired));
    outcome = post_tls(rig, "name.test", expired);
    assert_int_equal(outcome.outcome, FETCH_TLS_FAILED);
    assert_string_equal(outcome.error, "certificate has expired");
    assert_int_equal(server_requests(good) + server_requests(expired) + server_requests(plain), 0);
    server_stop(good);
    server_stop(expired);
    server_stop(plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wire),
        TEST(test_result),
        TEST(test_big_body),
        TEST(test_bad_requests),
        TEST(test_guard),
        TEST(test_policy_change),
        TEST(test_every_guard),
        TEST(test_rebinding),
        TEST(test_proxy_ignored),
        TEST(test_next_address),
        TEST(test_ipv6),
        TEST(test_dns_failures),
        TEST(test_queue),
        TEST(test_room),
        TEST(test_queue_deadline),
        TEST(test_cancel),
        TEST(test_inside_callback),
        TEST(test_destroy),
        TEST(test_destroy_in_callback),
        TEST(test_tls),
        TEST(test_tls_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
