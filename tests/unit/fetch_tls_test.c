/* Whom a certificate is for, and whose TLS sessions are. */
#include "unit.h"

#include "fetch_rig.h"

#include <stdio.h>
#include <string.h>

static void serve_ok(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        ;
}

static const char unnamed[] = "the certificate does not name the host in its subjectAltName";

static const struct row {
    const char *name, *san, *host;
    const char *error; /* NULL: it is accepted; "": it is refused in libcurl's words */
} rows[] = {
    {"test", "DNS:name.test", "name.test", NULL},
    {"test", "DNS:other.test,DNS:*.name.test", "deep.name.test", NULL},
    {"test", "IP:127.0.0.1", "127.0.0.1", NULL},
    {"name.test", "DNS:other.test", "name.test", ""},
    {"127.0.0.1", "DNS:name.test", "127.0.0.1", ""},
    {"name.test", NULL, "name.test", unnamed},
    {"*.name.test", NULL, "deep.name.test", unnamed},
    {"name.test", "email:me@name.test", "name.test", unnamed},
    {"127.0.0.1", NULL, "127.0.0.1", unnamed},
};

static void test_names(void **state)
{
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct server *server = server_start_named(serve_ok, row->name, row->san);
        struct outcome outcome = {0};
        char url[128];
        rig_trust(rig, server_ca_file(server));
        rig_url(url, "https", row->host, server_port(server));
        for (int n = 1; n <= 2; n++) {
            rig_start(rig, url, "", "{}", 3000, &outcome);
            rig_wait(rig, &outcome, n);
            bool refused = outcome.outcome == FETCH_TLS_FAILED;
            if (refused != (row->error != NULL) || outcome.status != (refused ? 0 : 200) ||
                (refused && row->error[0] != '\0' && strcmp(outcome.error, row->error) != 0))
                fail_msg("%s, %s, %s: outcome %d: %s", row->name, row->san, row->host,
                         outcome.outcome, outcome.error);
        }
        assert_int_equal(server_requests(server), row->error == NULL ? 2 : 0);
        assert_int_equal(server_connections(server), row->error == NULL ? 1 : 2);
        server_stop(server);
    }
}

/* Every connection carries one request. */
static void serve_once(struct peer *peer)
{
    if (peer_read(peer))
        peer_write(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
}

static void post(struct rig *rig, const char *host, struct server *server, struct outcome *outcome)
{
    char url[128];

    rig_url(url, "https", host, server_port(server));
    rig_start(rig, url, "", "{}", 3000, outcome);
    rig_wait(rig, outcome, outcome->calls + 1);
    if (outcome->status != 200)
        fail_msg("%s: outcome %d: %s", host, outcome->outcome, outcome->error);
}

static void test_sessions_are_resumed(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start_named(serve_once, "test", "DNS:name.test,DNS:other.test");
    struct outcome outcome = {0};

    rig_trust(rig, server_ca_file(server));
    for (int n = 0; n < 5; n++) {
        post(rig, "name.test", server, &outcome);
        assert_int_equal(server_connections(server), n + 1);
        assert_int_equal(server_resumed(server), n);
    }
    post(rig, "other.test", server, &outcome);
    assert_int_equal(server_resumed(server), 4);
    server_stop(server);
}

/* A receiver that two owners share must not know them by each other's tickets, nor trust one for the other. */
static void test_sessions_have_owners(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start_tls(serve_once, CERT_GOOD);
    struct outcome outcome = {0};

    rig_trust(rig, server_ca_file(server));
    for (uint8_t owner = 0; owner < 5; owner++) {
        rig->owner.b[15] = owner;
        post(rig, "name.test", server, &outcome);
        assert_int_equal(server_resumed(server), 0);
    }
    for (uint8_t owner = 0; owner < 5; owner++) {
        rig->owner.b[15] = owner;
        post(rig, "name.test", server, &outcome);
        assert_int_equal(server_resumed(server), owner + 1);
    }
    server_stop(server);
}

/* One that has very many hosts, of which none needs to answer, does not push out another's. */
static void test_hosts_are_shared_by_owners(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start_named(serve_once, "test", "DNS:name.test");
    struct outcome outcome = {0}, other = {0};
    char url[128], host[32];

    rig_trust(rig, server_ca_file(server));
    post(rig, "name.test", server, &outcome);
    rig->owner.b[15] = 1;
    for (int n = 0; n < 3000; n++) {
        snprintf(host, sizeof host, "127.1.%d.%d", n / 250, n % 250);
        rig_url(url, "https", host, 9);
        rig_start(rig, url, "", "{}", 3000, &other);
        rig_wait(rig, &other, n + 1);
    }
    assert_int_equal(other.outcome, FETCH_CONNECT_FAILED);
    rig->owner.b[15] = 0;
    post(rig, "name.test", server, &outcome);
    assert_int_equal(server_resumed(server), 1);
    server_stop(server);
}

/* Whoever answers with certificates as large as it can takes no more room than others. */
static void test_large_sessions_are_not_kept(void **state)
{
    static const struct {
        int names;
        bool kept;
    } sizes[] = {{100, true}, {400, false}};
    struct rig *rig = *state;
    static char san[32768];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct outcome outcome = {0};
        size_t n = (size_t)snprintf(san, sizeof san, "DNS:name.test");
        for (int k = 0; k < sizes[i].names; k++)
            n += (size_t)snprintf(san + n, sizeof san - n,
                                  ",DNS:host%03d.of-a-name-that-is-long-enough.example", k);
        struct server *server = server_start_named(serve_once, "test", san);
        rig_trust(rig, server_ca_file(server));
        post(rig, "name.test", server, &outcome);
        post(rig, "name.test", server, &outcome);
        assert_int_equal(server_resumed(server), sizes[i].kept);
        server_stop(server);
    }
}

static struct str read_file(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(out, 1, size, file);
    fclose(file);
    return (struct str){out, n};
}

/* What one request trusts, the next one of the same handle does not, on the connection that was kept neither; and a
 * connection or session that was made with other settings is not used, though its owner is the same. */
static void test_settings_are_a_requests_own(void **state)
{
    struct rig *rig = *state;
    struct server *server = server_start_tls(serve_ok, CERT_GOOD);
    struct outcome outcome = {0};
    char pem[4096], url[128];
    struct fetch_tls tls = {.ca = read_file(server_ca_file(server), pem, sizeof pem)};

    rig_url(url, "https", "name.test", server_port(server));
    for (int round = 0; round < 2; round++) {
        rig->tls = &tls;
        for (uint8_t mark = 1; mark <= 2; mark++) {
            tls.mark.b[0] = mark;
            post(rig, "name.test", server, &outcome);
        }
        assert_int_equal(server_resumed(server), 0);
        rig->tls = NULL;
        rig_start(rig, url, "", "{}", 3000, &outcome);
        rig_wait(rig, &outcome, outcome.calls + 1);
        assert_int_equal(outcome.outcome, FETCH_TLS_FAILED);
    }
    assert_int_equal(server_requests(server), 4);
    assert_int_equal(server_connections(server), 2 + 2);
    server_stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_sessions_are_resumed),
        TEST(test_sessions_have_owners),
        TEST(test_hosts_are_shared_by_owners),
        TEST(test_large_sessions_are_not_kept),
        TEST(test_settings_are_a_requests_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
