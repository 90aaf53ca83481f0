/* Servers that hang, drip, flood, lie, reset, and close at the worst moment. */
#include "unit.h"

#include "fetch_rig.h"
#include "wait.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- behaviours ------------------------------------------------------------------------------- */

static void linger(struct peer *peer)
{
    while (!peer_stopping(peer))
        uv_sleep(10);
}

static void serve_nothing(struct peer *peer)
{
    peer_read(peer);
    linger(peer);
}

static void accept_only(struct peer *peer)
{
    linger(peer);
}

static void drip_head(struct peer *peer)
{
    const char *text = "HTTP/1.1 200 OK\r\nX-Long: ";
    peer_read(peer);
    for (; *text != '\0' && peer_write_n(peer, text, 1); text++)
        uv_sleep(20);
    while (peer_write(peer, "x"))
        uv_sleep(20);
}

static void drip_body(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (peer_write(peer, "x"))
        uv_sleep(20);
}

static void endless_body(struct peer *peer)
{
    static char chunk[0x1000 + 8];
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + sizeof chunk - 2, "\r\n", 2);
    while (peer_write_n(peer, chunk, sizeof chunk))
        ;
}

static void huge_body(struct peer *peer)
{
    static char zeros[65536];
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
    while (peer_write_n(peer, zeros, sizeof zeros))
        ;
}

/* More than is kept, less than is read: the connection survives. */
static void big_body(struct peer *peer)
{
    static char bytes[40000];
    while (peer_read(peer)) {
        peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
        if (!peer_write_n(peer, bytes, sizeof bytes))
            break;
    }
}

static void endless_headers(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\n");
    while (
        peer_write(peer, "X-Flood: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"))
        ;
}

/* A line without an end. */
static void flood(struct peer *peer, const char *head)
{
    static char bytes[4096];
    memset(bytes, 'x', sizeof bytes);
    peer_read(peer);
    peer_write(peer, head);
    while (peer_write_n(peer, bytes, sizeof bytes))
        ;
}

static void endless_line(struct peer *peer)
{
    flood(peer, "HTTP/1.1 200 OK\r\nX-Flood: ");
}

/* Its head is longer than is kept, and ends. */
static void long_head(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 500; i++)
        peer_write(peer, "X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    peer_write(peer, "Content-Length: 2\r\n\r\nok");
    linger(peer);
}

static void endless_trailers(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n");
    while (
        peer_write(peer, "X-Flood: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"))
        ;
}

static void endless_extension(struct peer *peer)
{
    flood(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n5;");
}

/* A byte of data in each, and a hundred of what nobody reads. */
static void small_chunks(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer_write(peer,
                      "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                      "xxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n"))
        ;
}

/* Every form that a chunk may have, byte by byte: the connection survives. */
static void dripped_chunks(struct peer *peer)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-encoding:  Chunked\r\n\r\n"
                               "5\r\nhello\r\n00A ; a=\"5\"\r\n, wor\r\nld!\r\n1;x\n\n\n"
                               "0000;end\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n";
    while (peer_read(peer))
        for (size_t i = 0; i < sizeof text - 1; i++) {
            peer_write_n(peer, text + i, 1);
            if (i % 8 == 0)
                uv_sleep(1);
        }
}

/* The second answer's first header goes on from one that is not there. */
static void folds_nothing(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nX-Name: value\r\nContent-Length: 0\r\n\r\n");
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\n folded: value\r\nContent-Length: 0\r\n\r\n");
    linger(peer);
}

static void flood_1xx(struct peer *peer)
{
    peer_read(peer);
    while (peer_write(peer, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"))
        ;
}

static void hints_then_ok(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                     "HTTP/1.1 204 No Content\r\nX-Final: 1\r\n\r\n");
    linger(peer);
}

static void hints_then_close(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
}

static void switch_protocols(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello");
    linger(peer);
}

static void not_modified(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n");
    linger(peer);
}

static int canary_port;

static void redirect(struct peer *peer)
{
    char text[256];
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n",
             canary_port);
    while (peer_read(peer) && peer_write(peer, text))
        ;
}

static void reset(struct peer *peer)
{
    peer_read(peer);
    peer_reset(peer);
}

static void reset_in_body(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    uv_sleep(50);
    peer_reset(peer);
}

static void close_unread(struct peer *peer)
{
    (void)peer;
}

static void close_after_read(struct peer *peer)
{
    peer_read(peer);
}

static void close_in_head(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nX-A:");
}

static void short_body(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

static void bad_chunk(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n");
    linger(peer);
}

static void garbage(struct peer *peer)
{
    static const char text[] = "\x15\x03\x01\0\x02\x02\x28 garbage\r\n\r\n";
    peer_read(peer);
    peer_write_n(peer, text, sizeof text - 1);
}

static void http2_line(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/2 200\r\nContent-Length: 0\r\n\r\n");
    linger(peer);
}

static void bad_status(struct peer *peer)
{
    peer_read(peer);
    peer_write(peer, "HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n");
    linger(peer);
}

static void nul_in_head(struct peer *peer)
{
    static const char text[] = "HTTP/1.1 200 O\0K\r\nX: a\0b\r\nContent-Length: 3\r\n\r\na\0b";
    peer_read(peer);
    peer_write_n(peer, text, sizeof text - 1);
    linger(peer);
}

/* Answers the first request and closes, unanswering, after it has read the second. */
static void die_on_second(struct peer *peer)
{
    if (peer_read(peer) && peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        peer_read(peer);
}

static void close_when_idle(struct peer *peer)
{
    if (peer_read(peer))
        peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

/* --- what becomes of each --------------------------------------------------------------------- */

static const struct {
    const char *name;
    peer_cb *serve;
    enum fetch_outcome outcome;
    int status;
    bool cut;
    const char *error; /* a part of it */
} rows[] = {
    {"serve_nothing", serve_nothing, FETCH_TIMED_OUT, 0, false, "no response within 400 ms"},
    {"accept_only", accept_only, FETCH_TIMED_OUT, 0, false, "no response within 400 ms"},
    {"drip_head", drip_head, FETCH_TIMED_OUT, 0, false, "no response within 400 ms"},
    {"drip_body", drip_body, FETCH_ANSWERED, 200, true, ""},
    {"endless_body", endless_body, FETCH_ANSWERED, 200, true, ""},
    {"huge_body", huge_body, FETCH_ANSWERED, 200, true, ""},
    {"big_body", big_body, FETCH_ANSWERED, 200, true, ""},
    {"endless_headers", endless_headers, FETCH_BAD_RESPONSE, 0, false, "longer than 65536"},
    {"endless_line", endless_line, FETCH_BAD_RESPONSE, 0, false, "response"},
    {"long_head", long_head, FETCH_ANSWERED, 200, false, ""},
    {"endless_extension", endless_extension, FETCH_ANSWERED, 200, true, ""},
    {"small_chunks", small_chunks, FETCH_ANSWERED, 200, true, ""},
    {"endless_trailers", endless_trailers, FETCH_ANSWERED, 200, true, ""},
    {"flood_1xx", flood_1xx, FETCH_BAD_RESPONSE, 0, false, "longer than 65536"},
    {"hints_then_ok", hints_then_ok, FETCH_ANSWERED, 204, false, ""},
    {"hints_then_close", hints_then_close, FETCH_CONNECTION_LOST, 0, false, "closed by"},
    {"switch_protocols", switch_protocols, FETCH_BAD_RESPONSE, 0, false, "switches protocols"},
    {"not_modified", not_modified, FETCH_ANSWERED, 304, false, ""},
    {"reset", reset, FETCH_CONNECTION_LOST, 0, false, "by 127.0.0.1:"},
    {"reset_in_body", reset_in_body, FETCH_ANSWERED, 200, true, ""},
    {"close_unread", close_unread, FETCH_CONNECTION_LOST, 0, false, "by 127.0.0.1:"},
    {"close_after_read", close_after_read, FETCH_CONNECTION_LOST, 0, false, "closed by"},
    {"close_in_head", close_in_head, FETCH_CONNECTION_LOST, 0, false, "closed by"},
    {"short_body", short_body, FETCH_ANSWERED, 200, true, ""},
    {"bad_chunk", bad_chunk, FETCH_ANSWERED, 202, true, ""},
    {"garbage", garbage, FETCH_BAD_RESPONSE, 0, false, "not HTTP/1.1"},
    {"http2_line", http2_line, FETCH_BAD_RESPONSE, 0, false, "not HTTP/1.1"},
    {"bad_status", bad_status, FETCH_BAD_RESPONSE, 0, false, "not HTTP/1.1"},
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server *server = server_start(rows[i].serve);
        struct outcome outcome = {0};

        rig_post(*state, "127.0.0.1", server_port(server), 400, &outcome);
        if (outcome.outcome != rows[i].outcome || outcome.status != rows[i].status ||
            outcome.body_cut != rows[i].cut || strstr(outcome.error, rows[i].error) == NULL ||
            (rows[i].error[0] == '\0') != (outcome.error[0] == '\0') || outcome.total_us > 700000)
            fail_msg("%s: outcome %d, status %d, cut %d, after %lld us: %s", rows[i].name,
                     outcome.outcome, outcome.status, outcome.body_cut, (long long)outcome.total_us,
                     outcome.error);
        assert_true(server_connections(server) == 1);
        assert_true(server_requests(server) <= 1);
        server_stop(server);
    }
}

static void post_to(struct rig *rig, peer_cb *serve, struct outcome *outcome)
{
    struct server *server = server_start(serve);
    rig_post(rig, "127.0.0.1", server_port(server), 400, outcome);
    server_stop(server);
}

static void test_caps(void **state)
{
    struct outcome outcome = {0};

    post_to(*state, endless_body, &outcome);
    assert_int_equal(outcome.body_n, FETCH_BODY_MAX);
    assert_true(outcome.total_us < 390000); /* cut, not timed out */
    post_to(*state, endless_extension, &outcome);
    assert_string_equal(outcome.body, "ok");
    assert_true(outcome.total_us < 390000);
    post_to(*state, small_chunks, &outcome);
    assert_in_range(outcome.body_n, 500, 700);
    assert_true(outcome.total_us < 390000);
    post_to(*state, big_body, &outcome);
    assert_int_equal(outcome.body_n, FETCH_BODY_MAX);
    post_to(*state, long_head, &outcome);
    assert_int_equal(outcome.head_n, FETCH_HEAD_MAX);
    assert_string_equal(outcome.body, "ok");
    post_to(*state, short_body, &outcome);
    assert_string_equal(outcome.body, "half");
}

static void test_chunks(void **state)
{
    struct server *server = server_start(dripped_chunks);
    struct outcome outcome = {0};

    for (int i = 0; i < 2; i++) {
        rig_post(*state, "127.0.0.1", server_port(server), 2000, &outcome);
        assert_int_equal(outcome.status, 200);
        assert_string_equal(outcome.body, "hello, wor\r\nld!\n");
        assert_false(outcome.body_cut);
    }
    assert_int_equal(server_connections(server), 1);
    server_stop(server);
}

/* What is kept of a response is that of the final one, byte for byte. */
static void test_kept(void **state)
{
    static const char head[] = "HTTP/1.1 200 O\0K\r\nX: a\0b\r\nContent-Length: 3\r\n";
    struct outcome outcome = {0};

    post_to(*state, hints_then_ok, &outcome);
    assert_string_equal(outcome.head, "HTTP/1.1 204 No Content\r\nX-Final: 1\r\n");
    post_to(*state, nul_in_head, &outcome);
    if (outcome.outcome == FETCH_ANSWERED) {
        assert_int_equal(outcome.head_n, sizeof head - 1);
        assert_int_equal(outcome.body_n, 3);
    } else {
        assert_int_equal(outcome.outcome, FETCH_BAD_RESPONSE);
    }
}

/* libcurl before 8.1.1 looks for that one among those of the handle's answer before, which are freed. */
static void test_folded(void **state)
{
    struct server *server = server_start(folds_nothing);
    struct outcome outcome = {0};

    rig_post(*state, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    rig_post(*state, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_BAD_RESPONSE);
    assert_int_equal(server_requests(server), 2);
    server_stop(server);
}

static void test_redirect(void **state)
{
    struct server *canary = server_start(close_after_read);
    struct outcome outcome = {0};

    canary_port = server_port(canary);
    post_to(*state, redirect, &outcome);
    assert_int_equal(outcome.outcome, FETCH_ANSWERED);
    assert_int_equal(outcome.status, 302);
    assert_int_equal(server_connections(canary), 0);
    server_stop(canary);
}

/* libcurl would send the second request again on a new connection. */
static void test_no_resend(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(die_on_second);
    struct outcome outcome = {0};

    rig_post(rig, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    rig_post(rig, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_CONNECTION_LOST);
    assert_non_null(strstr(outcome.error, "before it answered"));
    rig_idle(rig, 100);
    assert_int_equal(server_requests(server), 2); /* the first, and the second once */
    assert_int_equal(server_connections(server), 1);

    /* The next one is not affected. */
    rig_post(rig, "127.0.0.1", server_port(server), 2000, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(server_requests(server), 3);
    server_stop(server);
}

/* A connection that was closed while nobody used it is replaced without a word. */
static void test_closed_idle(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(close_when_idle);
    struct outcome outcome = {0};

    for (int i = 1; i <= 3; i++) {
        rig_post(rig, "127.0.0.1", server_port(server), 2000, &outcome);
        assert_int_equal(outcome.status, 200);
        assert_int_equal(server_requests(server), i);
        rig_idle(rig, 30);
    }
    server_stop(server);
}

static void test_refused(void **state)
{
    struct server *server = server_start(close_unread);
    int port = server_port(server);
    struct outcome outcome = {0};
    char expected[64];

    server_stop(server);
    rig_post(*state, "127.0.0.1", port, 1000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_CONNECT_FAILED);
    snprintf(expected, sizeof expected, "connection refused by 127.0.0.1:%d", port);
    assert_string_equal(outcome.error, expected);
    rig_post(*state, "two.test", port, 1000, &outcome);
    assert_int_equal(outcome.outcome, FETCH_CONNECT_FAILED);
}

/* Without descriptors nobody is to blame but us. */
static void test_no_descriptors(void **state)
{
    struct rlimit limit, low;
    struct outcome outcome = {0};

    rig_post(*state, "127.0.0.1", 1, 1000, &outcome);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    rig_post(*state, "127.0.0.1", 1, 1000, &outcome);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(outcome.outcome, FETCH_NO_FILE);
    assert_string_equal(outcome.error, "Too many open files");
}

/* A listener whose queue is full never completes the handshake. */
static void test_no_handshake(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fillers[4], fd = socket(AF_INET, SOCK_STREAM, 0);
    struct outcome outcome = {0};

    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, length);
    }
    rig_post(*state, "127.0.0.1", ntohs(address.sin_port), 300, &outcome);
    assert_int_equal(outcome.outcome, FETCH_TIMED_OUT);
    assert_in_range(outcome.total_us, 299000, 600000);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(fd);
}

/* Many of them at once, among them good ones, end in time. */
static void test_crowd(void **state)
{
    enum { EACH = 25 };
    static peer_cb *const crowd[] = {serve_nothing, drip_body, endless_body, flood_1xx, reset};
    struct rig *rig = *state;
    struct server *servers[ARRAY_LEN(crowd)], *good = server_start(close_when_idle);
    struct outcome bad = {0}, fine = {0};
    char url[128];

    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        servers[i] = server_start(crowd[i]);
    rig_renew(rig, 500);
    for (size_t i = 0; i < EACH; i++) {
        for (size_t j = 0; j < ARRAY_LEN(crowd); j++) {
            rig_url(url, "http", "127.0.0.1", server_port(servers[j]));
            rig_start(rig, url, "", "{}", 1000, &bad);
        }
        rig_url(url, "http", "name.test", server_port(good));
        rig_start(rig, url, "", "{}", 3000, &fine);
    }
    rig_wait(rig, &fine, EACH);
    assert_int_equal(fine.status, 200);
    rig_wait(rig, &bad, EACH * (int)ARRAY_LEN(crowd));
    assert_true(bad.total_us < 3000000 * SLOWER);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        server_stop(servers[i]);
    server_stop(good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows),         TEST(test_caps),        TEST(test_chunks),
        TEST(test_kept),         TEST(test_folded),      TEST(test_redirect),
        TEST(test_no_resend),    TEST(test_closed_idle), TEST(test_refused),
        TEST(test_no_handshake), TEST(test_crowd),       TEST(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
