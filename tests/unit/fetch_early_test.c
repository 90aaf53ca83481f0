/* Answers that come before their question: what a receiver sends beyond its answer is never the next one's. */
#include "unit.h"

#include "fetch_rig.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#define ANSWER  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define REFUSAL "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

/* What the first request gets at once, and what comes without a question, once it was answered. */
static const char *at_once, *after;

/* Every request but the first is refused. */
static void serve(struct peer *peer)
{
    if (!peer_read(peer))
        return;
    if (server_requests(peer->server) == 1) {
        if (!peer_write(peer, at_once))
            return;
        uv_sleep(50);
        if (after[0] != '\0' && !peer_write(peer, after))
            return;
        if (!peer_read(peer))
            return;
    }
    do {
        if (!peer_write(peer, REFUSAL))
            return;
    } while (peer_read(peer));
}

static void post(struct rig *rig, const char *scheme, struct server *server,
                 struct outcome *outcome)
{
    char url[128];

    rig_url(url, scheme, "name.test", server_port(server));
    rig_start(rig, url, "", "{}", 3000, outcome);
    rig_wait(rig, outcome, outcome->calls + 1);
}

static struct server *start(struct rig *rig, const char *scheme, peer_cb *cb)
{
    if (strcmp(scheme, "http") == 0)
        return server_start(cb);
    struct server *server = server_start_tls(cb, CERT_GOOD);
    rig_trust(rig, server_ca_file(server));
    return server;
}

static const char *const schemes[] = {"http", "https"};

static void test_early_answers(void **state)
{
    static const struct {
        const char *at_once, *after;
    } rows[] = {
        {ANSWER, ANSWER},
        {ANSWER, "HTTP/1.1 200 OK\r\nConte"},
        {ANSWER, "\r\n"},
        {ANSWER ANSWER, ""},
        {"HTTP/1.1 204 No Content\r\n\r\n" ANSWER, ""},
        {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 2", "00 OK\r\nContent-Length: 0\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" ANSWER, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" ANSWER, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ANSWER},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(schemes); i++) {
        const char *scheme = schemes[i % ARRAY_LEN(schemes)];
        struct outcome outcome = {0};
        at_once = rows[i / ARRAY_LEN(schemes)].at_once;
        after = rows[i / ARRAY_LEN(schemes)].after;
        struct server *server = start(rig, scheme, serve);
        post(rig, scheme, server, &outcome);
        assert_in_range(outcome.status, 200, 204);
        rig_idle(rig, 120);
        post(rig, scheme, server, &outcome);
        if (outcome.status != 500 || server_connections(server) != 2)
            fail_msg("%s, %zu: status %d (%s), %d connections", scheme, i / ARRAY_LEN(schemes),
                     outcome.status, outcome.error, server_connections(server));
        assert_int_equal(server_requests(server), 2);
        server_stop(server);
    }
}

static void on_over(void *arg)
{
    *(bool *)arg = true;
}

/* How often the loop wakes in this time. */
static int turns_in(struct rig *rig, int ms)
{
    bool over = false;
    struct timeout *timeout = timeout_create(rig->loop, on_over, &over);
    int turns = 0;

    timeout_set(timeout, ms);
    while (!over) {
        uv_run(loop_uv(rig->loop), UV_RUN_ONCE);
        turns++;
    }
    timeout_destroy(timeout);
    return turns;
}

static void serve_and_leave(struct peer *peer)
{
    if (peer_read(peer))
        peer_write(peer, ANSWER);
}

/* A connection that is kept and on which something has come, or which has ended, waits for its next use: the loop is not
 * told of it again and again. */
static void test_what_comes_meanwhile_keeps_nobody_awake(void **state)
{
    peer_cb *const servers[] = {serve, serve_and_leave};
    struct rig *rig = *state;

    at_once = after = ANSWER;
    for (size_t i = 0; i < ARRAY_LEN(servers) * ARRAY_LEN(schemes); i++) {
        const char *scheme = schemes[i % ARRAY_LEN(schemes)];
        struct server *server = start(rig, scheme, servers[i / ARRAY_LEN(schemes)]);
        struct outcome outcome = {0};
        post(rig, scheme, server, &outcome);
        assert_int_equal(outcome.status, 200);
        assert_in_range(turns_in(rig, 200), 1, 20);
        server_stop(server);
    }
}

/* Its own answers, one by one. */
static void serve_ok(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, ANSWER))
        ;
}

static void test_owners(void **state)
{
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct server *server = start(rig, schemes[i], serve_ok);
        struct outcome outcome = {0};
        for (int n = 0; n < 6; n++) {
            rig->owner.b[15] = (uint8_t)(n % 3);
            post(rig, schemes[i], server, &outcome);
            assert_int_equal(outcome.status, 200);
        }
        assert_int_equal(server_connections(server), 3);
        server_stop(server);
    }
}

/* Where libcurl takes them for the same: it knows owners by a number that is shorter than they are. */
static void test_owners_that_look_alike(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);
    struct outcome outcome = {0};

    for (int n = 0; n < 4; n++) {
        rig->owner.b[0] = (uint8_t)(n % 2);
        post(rig, "http", server, &outcome);
        assert_int_equal(outcome.status, 200);
    }
    assert_int_equal(server_connections(server), 4);
    assert_int_equal(server_requests(server), 4);
    server_stop(server);
}

/* --- what is no answer ------------------------------------------------------------------------ */

static void serve_goodbye(struct peer *peer)
{
    if (!peer_read(peer) || !peer_write(peer, ANSWER))
        return;
    uv_sleep(20);
    SSL_shutdown(peer->tls);
    while (!peer_stopping(peer))
        uv_sleep(10);
}

/* Three requests, each when what came behind the answer before is there. */
static void post_three(struct rig *rig, peer_cb *cb, int connections)
{
    struct server *server = start(rig, "https", cb);
    struct outcome outcome = {0};

    for (int n = 0; n < 3; n++) {
        post(rig, "https", server, &outcome);
        assert_int_equal(outcome.status, 200);
        rig_idle(rig, 60);
    }
    assert_int_equal(server_connections(server), connections);
    server_stop(server);
}

static void test_alert(void **state)
{
    post_three(*state, serve_goodbye, 3);
}

static void serve_tickets(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, ANSWER)) {
        uv_sleep(20);
        SSL_new_session_ticket(peer->tls);
        SSL_do_handshake(peer->tls);
    }
}

static void test_late_tickets(void **state)
{
    post_three(*state, serve_tickets, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_early_answers),          TEST(test_owners),
        TEST(test_owners_that_look_alike), TEST(test_alert),
        TEST(test_late_tickets),           TEST(test_what_comes_meanwhile_keeps_nobody_awake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
