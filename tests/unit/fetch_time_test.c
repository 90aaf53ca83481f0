/* Deadlines of a fetcher that stood still: what is there is read first, and nothing is sent late. */
#include "unit.h"

#include "fetch_rig.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: 15000\r\n\r\n"

/* Takes a while, so that the client has no time for it. */
static void serve_much(struct peer *peer)
{
    char body[15000];

    memset(body, 'x', sizeof body);
    while (peer_read(peer)) {
        uv_sleep(100);
        peer_write(peer, HEAD);
        peer_write_n(peer, body, sizeof body);
    }
}

static void serve_nothing(struct peer *peer)
{
    while (!peer_stopping(peer))
        uv_sleep(10);
}

static void turn(struct rig *rig)
{
    uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT);
}

static void start_all(struct rig *rig, struct server *server, struct outcome *outcomes, int count)
{
    int before = server_requests(server);
    char url[128];

    rig_url(url, "http", "127.0.0.1", server_port(server));
    for (int i = 0; i < count; i++)
        rig_start(rig, url, "", "{}", 300, &outcomes[i]);
    for (int i = 0; i < 10000 && server_requests(server) < before + count; i++)
        rig_idle(rig, 1);
}

/* Requests are under way, on connections that were used before; the process is stopped for longer than they
 * have; answers lie in the sockets. */
static void test_answers_that_came_meanwhile(void **state)
{
    enum { COUNT = 20 };
    struct rig *rig = *state;
    struct server *server = server_start(serve_much);

    for (int round = 0; round < 2; round++) {
        struct outcome outcomes[COUNT] = {0};
        start_all(rig, server, outcomes, COUNT);
        if (round > 0)
            uv_sleep(500);
        for (int i = 0; i < COUNT; i++) {
            rig_wait(rig, &outcomes[i], 1);
            assert_int_equal(outcomes[i].outcome, FETCH_ANSWERED);
            assert_int_equal(outcomes[i].body_n, 15000);
            assert_false(outcomes[i].body_cut);
        }
    }
    assert_int_equal(server_connections(server), COUNT);
    server_stop(server);
}

/* It stands still for a moment between connecting and sending: the receiver gets nothing that nobody waits for. */
static void test_nothing_is_sent_late(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_much);
    char url[128];

    rig_url(url, "http", "127.0.0.1", server_port(server));
    for (int turns = 0; turns < 3; turns++) {
        struct outcome outcome = {0};
        int before = server_requests(server);
        rig_start(rig, url, "", "{}", 100, &outcome);
        for (int i = 0; i < turns; i++)
            turn(rig);
        uv_sleep(50);
        bool sent = server_requests(server) > before;
        uv_sleep(150);
        rig_wait(rig, &outcome, 1);
        rig_idle(rig, 20);
        assert_int_equal(outcome.outcome, sent ? FETCH_ANSWERED : FETCH_TIMED_OUT);
        assert_int_equal(server_requests(server) - before, sent);
        if (!sent)
            assert_string_equal(outcome.error, "no connection within 100 ms");
    }
    server_stop(server);
}

/* It stands still for long, anywhere on the way: the receiver, who is fast enough, has its time all the same. */
static void test_time_begins_again(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_much);
    char url[128];

    rig_url(url, "http", "127.0.0.1", server_port(server));
    for (int turns = 0; turns < 4; turns++) {
        struct outcome outcome = {0};
        rig_start(rig, url, "", "{}", 200, &outcome);
        for (int i = 0; i < turns; i++)
            turn(rig);
        uv_sleep(600);
        rig_wait(rig, &outcome, 1);
        assert_int_equal(outcome.outcome, FETCH_ANSWERED);
    }
    assert_int_equal(server_requests(server), 4);
    server_stop(server);
}

/* Once: a receiver that hangs is not waited for longer than that. */
static void test_it_begins_again_once(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_nothing);
    struct outcome outcome = {0};
    char url[128];

    rig_url(url, "http", "127.0.0.1", server_port(server));
    rig_start(rig, url, "", "{}", 200, &outcome);
    for (int i = 0; i < 3; i++) {
        turn(rig);
        uv_sleep(600);
    }
    rig_idle(rig, 20);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.outcome, FETCH_TIMED_OUT);
    server_stop(server);
}

/* The first address of two.test takes no connection: its backlog is full. The other has its turn. */
static void test_an_address_that_is_silent(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_much);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server_port(server))};
    int listener = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    struct outcome outcome = {0};

    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (struct sockaddr *)&address, sizeof address);
    }
    rig_post(rig, "two.test", server_port(server), 1000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_ANSWERED);
    assert_true(outcome.total_us >= 400000 && outcome.total_us < 950000);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(listener);
    server_stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_that_came_meanwhile), TEST(test_nothing_is_sent_late),
        TEST(test_time_begins_again),           TEST(test_it_begins_again_once),
        TEST(test_an_address_that_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
