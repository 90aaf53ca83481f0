/* Requests that are no POST, answers that are longer than what is kept of receivers', and bodies that are handed on. */
#include "unit.h"

#include "fetch_rig.h"

#include <stdio.h>
#include <string.h>

#define PIECES   40
#define PIECE_MS 20

static void serve_ok(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        ;
}

/* 100,000 bytes. */
static void serve_long(struct peer *peer)
{
    char piece[1001];

    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    if (peer_read(peer) && peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
        for (int i = 0; i < 100 && peer_write(peer, piece); i++)
            ;
}

static void drip(struct peer *peer, const char *status)
{
    char head[128];

    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n", status);
    if (!peer_read(peer) || !peer_write(peer, head))
        return;
    for (int i = 0; i < PIECES && !peer_stopping(peer) && peer_write(peer, "2\r\nab\r\n"); i++)
        uv_sleep(PIECE_MS);
    peer_write(peer, "0\r\n\r\n");
}

static void serve_stream(struct peer *peer)
{
    drip(peer, "200 OK");
}

static void serve_refusal(struct peer *peer)
{
    drip(peer, "403 Forbidden");
}

static void serve_one_piece(struct peer *peer)
{
    if (peer_read(peer) &&
        peer_write(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"))
        while (!peer_stopping(peer))
            uv_sleep(10);
}

/* What came of a request. */
struct got {
    int calls, status;
    size_t body_n, data_n;
    bool cut;
    int pieces_max; /* after which on_data ends it; 0: never */
    int pieces;
};

static void on_end(void *arg, const struct fetch_result *result)
{
    struct got *got = arg;

    got->calls++;
    got->status = result->status;
    got->body_n = result->body.n;
    got->cut = result->body_cut;
}

static bool on_data(void *arg, struct str data)
{
    struct got *got = arg;

    got->data_n += data.n;
    return ++got->pieces != got->pieces_max;
}

static struct got ask(struct rig *rig, struct server *server, struct fetch_request request,
                      int pieces_max)
{
    struct got got = {.pieces_max = pieces_max};
    char url[128];

    rig_url(url, "http", "127.0.0.1", server_port(server));
    request.url = url;
    fetch_start(rig->fetcher, &request, on_end, &got);
    while (got.calls == 0)
        rig_idle(rig, 5);
    return got;
}

static void test_methods(void **state)
{
    static const struct {
        const char *method, *body, *line, *length;
    } rows[] = {
        {"GET", "", "GET /", NULL},
        {"PATCH", "{}", "PATCH /", "Content-Length: 2\r\n"},
        {"DELETE", "", "DELETE /", NULL},
        {"POST", "", "POST /", "Content-Length: 0\r\n"},
        {NULL, "{}", "POST /", "Content-Length: 2\r\n"},
    };
    struct rig *rig = *state;
    struct server *server = server_start(serve_ok);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(rig, server,
            (struct fetch_request){
                .method = rows[i].method, .body = str_of(rows[i].body), .timeout_ms = 2000},
            0);
        const char *sent = server_last(server), *length = strstr(sent, "Content-Length: ");
        assert_memory_equal(sent, rows[i].line, strlen(rows[i].line));
        assert_true((rows[i].length == NULL) == (length == NULL));
        if (length != NULL)
            assert_memory_equal(length, rows[i].length, strlen(rows[i].length));
    }
    server_stop(server);
}

static void test_longer_answers(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_long);
    struct got got =
        ask(rig, server, (struct fetch_request){.timeout_ms = 2000, .body_max = 100000}, 0);

    assert_int_equal(got.body_n, 100000);
    assert_false(got.cut);
    got = ask(rig, server, (struct fetch_request){.timeout_ms = 2000, .body_max = 99999}, 0);
    assert_int_equal(got.body_n, 99999);
    assert_true(got.cut);
    got = ask(rig, server, (struct fetch_request){.timeout_ms = 2000}, 0);
    assert_int_equal(got.body_n, FETCH_BODY_MAX);
    assert_true(got.cut);
    server_stop(server);
}

/* It takes twice as long as the deadline, which begins again with each piece. */
static void test_handed_on(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_stream);
    struct got got =
        ask(rig, server,
            (struct fetch_request){.timeout_ms = PIECES * PIECE_MS / 2, .on_data = on_data}, 0);

    assert_int_equal(got.data_n, PIECES * 2);
    assert_int_equal(got.body_n, 0);
    assert_false(got.cut);
    got = ask(rig, server, (struct fetch_request){.timeout_ms = 2000, .on_data = on_data}, 3);
    assert_int_equal(got.pieces, 3);
    server_stop(server);
}

static void test_silence_ends_it(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_one_piece);
    struct got got =
        ask(rig, server, (struct fetch_request){.timeout_ms = 100, .on_data = on_data}, 0);

    assert_int_equal(got.status, 200);
    assert_int_equal(got.data_n, 2);
    assert_true(got.cut);
    server_stop(server);
}

static void test_refusals_are_kept(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start(serve_refusal);
    struct got got =
        ask(rig, server, (struct fetch_request){.timeout_ms = 4000, .on_data = on_data}, 0);

    assert_int_equal(got.status, 403);
    assert_int_equal(got.data_n, 0);
    assert_int_equal(got.body_n, PIECES * 2);
    server_stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_methods),         TEST(test_longer_answers),    TEST(test_handed_on),
        TEST(test_silence_ends_it), TEST(test_refusals_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
