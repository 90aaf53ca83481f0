/* Servers, certificates, and a client that remembers what it was told. */
#include "fetch_rig.h"

#include "base/buf.h"
#include "base/clock.h"
#include "dns_server.h"
#include "io/dns_internal.h"
#include "io/fetch_internal.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX   512
#define REQUEST_MAX (4 << 20)

struct server {
    peer_cb *serve;
    int fd, port;
    SSL_CTX *tls;
    char ca_file[32];
    pthread_t thread, peers[PEERS_MAX];
    atomic_int connections, requests, resumed;
    atomic_bool stop;
    pthread_mutex_t lock;
    struct buf last;
};

/* --- one connection --------------------------------------------------------------------------- */

bool peer_stopping(const struct peer *peer)
{
    return peer->server->stop;
}

/* Waits with an eye on the end of the test. */
static ssize_t receive(struct peer *peer, char *p, size_t n)
{
    struct pollfd at = {.fd = peer->fd, .events = POLLIN};

    while (!peer->server->stop) {
        if (peer->tls != NULL && SSL_pending(peer->tls) > 0)
            return SSL_read(peer->tls, p, (int)n);
        if (poll(&at, 1, 20) <= 0)
            continue;
        return peer->tls != NULL ? SSL_read(peer->tls, p, (int)n) : recv(peer->fd, p, n, 0);
    }
    return 0;
}

static void remember(struct server *server, struct buf *request)
{
    pthread_mutex_lock(&server->lock);
    buf_fini(&server->last);
    server->last = *request;
    pthread_mutex_unlock(&server->lock);
    server->requests++;
}

/* How long the request will be, once its head is there. */
static size_t whole_size(struct str got)
{
    const char *end = memmem(got.p, got.n, "\r\n\r\n", 4);
    if (end == NULL)
        return SIZE_MAX;
    const char *length = strcasestr(got.p, "Content-Length:");
    return (size_t)(end - got.p) + 4 + (length != NULL ? strtoul(length + 15, NULL, 10) : 0);
}

bool peer_read(struct peer *peer)
{
    struct buf request;
    char chunk[4096];

    buf_init(&request, REQUEST_MAX);
    do {
        ssize_t n = receive(peer, chunk, sizeof chunk);
        if (n <= 0) {
            buf_fini(&request);
            return false;
        }
        buf_add(&request, chunk, (size_t)n);
    } while (request.n < whole_size((struct str){buf_text(&request), request.n}));
    remember(peer->server, &request);
    return true;
}

bool peer_write_n(struct peer *peer, const char *bytes, size_t n)
{
    while (n > 0 && !peer->server->stop) {
        ssize_t sent = peer->tls != NULL ? SSL_write(peer->tls, bytes, (int)n)
                                         : send(peer->fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return n == 0;
}

bool peer_write(struct peer *peer, const char *text)
{
    return peer_write_n(peer, text, strlen(text));
}

void peer_reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void *run_peer(void *arg)
{
    struct peer *peer = arg;
    struct timeval patience = {.tv_sec = 1};
    bool ok = true;

    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (peer->server->tls != NULL) {
        peer->tls = SSL_new(peer->server->tls);
        SSL_set_fd(peer->tls, peer->fd);
        ok = SSL_accept(peer->tls) == 1;
        peer->server->resumed += ok && SSL_session_reused(peer->tls);
    }
    if (ok)
        peer->server->serve(peer);
    SSL_free(peer->tls);
    close(peer->fd);
    free(peer);
    return NULL;
}

/* --- servers ---------------------------------------------------------------------------------- */

static void *run_server(void *arg)
{
    struct server *server = arg;
    struct pollfd at = {.fd = server->fd, .events = POLLIN};

    while (!server->stop) {
        if (poll(&at, 1, 20) <= 0)
            continue;
        struct peer *peer = xcalloc(1, sizeof *peer);
        peer->server = server;
        peer->fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        assert(server->connections < PEERS_MAX);
        int n = server->connections++; /* before the peer answers: a test may count at once */
        pthread_create(&server->peers[n], NULL, run_peer, peer);
    }
    return NULL;
}

/* The port is at the same place in both families. */
static void listen_on(struct server *server, int family)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6.sin6_family = AF_INET6, .v6.sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof address.v6;

    if (family == AF_INET) {
        address.v4 =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        length = sizeof address.v4;
    }
    server->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(bind(server->fd, &address.any, length) == 0);
    assert(listen(server->fd, 128) == 0);
    assert(getsockname(server->fd, &address.any, &length) == 0);
    server->port = ntohs(address.v4.sin_port);
}

static struct server *start(peer_cb *serve, int family, SSL_CTX *tls)
{
    struct server *server = xcalloc(1, sizeof *server);

    /* OpenSSL writes without MSG_NOSIGNAL. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    server->serve = serve;
    server->tls = tls;
    pthread_mutex_init(&server->lock, NULL);
    listen_on(server, family);
    return server;
}

struct server *server_start(peer_cb *serve)
{
    struct server *server = start(serve, AF_INET, NULL);
    pthread_create(&server->thread, NULL, run_server, server);
    return server;
}

struct server *server_start_v6(peer_cb *serve)
{
    struct server *server = start(serve, AF_INET6, NULL);
    pthread_create(&server->thread, NULL, run_server, server);
    return server;
}

static X509 *make_cert(EVP_PKEY *key, enum cert kind, const char *common, const char *san_text)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(cert), kind == CERT_EXPIRED ? -3600 : 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0);
    X509_set_issuer_name(cert, name);
    if (san_text != NULL) {
        X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san_text);
        X509_add_ext(cert, san, -1);
        X509_EXTENSION_free(san);
    }
    assert(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static struct server *start_tls(peer_cb *serve, enum cert kind, const char *name, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key, kind, name, san);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    struct server *server = start(serve, AF_INET, tls);

    SSL_CTX_use_certificate(tls, cert);
    SSL_CTX_use_PrivateKey(tls, key);
    snprintf(server->ca_file, sizeof server->ca_file, "/tmp/fetch_test.XXXXXX");
    FILE *file = fdopen(mkstemp(server->ca_file), "w");
    PEM_write_X509(file, cert);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    pthread_create(&server->thread, NULL, run_server, server);
    return server;
}

struct server *server_start_tls(peer_cb *serve, enum cert kind)
{
    return start_tls(serve, kind, "test", "DNS:name.test");
}

struct server *server_start_named(peer_cb *serve, const char *name, const char *san)
{
    return start_tls(serve, CERT_GOOD, name, san);
}

void server_stop(struct server *server)
{
    server->stop = true;
    pthread_join(server->thread, NULL);
    for (int i = 0; i < server->connections; i++)
        pthread_join(server->peers[i], NULL);
    close(server->fd);
    if (server->ca_file[0] != '\0')
        unlink(server->ca_file);
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    buf_fini(&server->last);
    free(server);
}

int server_port(const struct server *server)
{
    return server->port;
}

int server_connections(const struct server *server)
{
    return server->connections;
}

int server_resumed(const struct server *server)
{
    return server->resumed;
}

int server_requests(const struct server *server)
{
    return server->requests;
}

const char *server_last(struct server *server)
{
    return buf_text(&server->last);
}

const char *server_ca_file(struct server *server)
{
    return server->ca_file;
}

/* --- the client ------------------------------------------------------------------------------- */

static const struct dns_record records[] = {
    {"name.test", DNS_ANSWER, 60, {"127.0.0.1"}},
    {"other.test", DNS_ANSWER, 60, {"127.0.0.1"}},
    {"deep.name.test", DNS_ANSWER, 60, {"127.0.0.1"}},
    {"inside.test", DNS_ANSWER, 60, {"10.0.0.1"}},
    {"mixed.test", DNS_ANSWER, 60, {"127.0.0.1", "10.0.0.1"}},
    {"mapped.test", DNS_ANSWER, 60, {"::ffff:127.0.0.1"}},
    {"two.test", DNS_ANSWER, 60, {"127.0.0.2", "127.0.0.1"}},
    {"flip.test", DNS_ALTERNATE, 0, {"127.0.0.1", "10.0.0.1"}},
    {"six.test", DNS_ANSWER, 60, {"::1"}},
    {"silent.test", DNS_SILENT, 0, {NULL}},
    {NULL, 0, 0, {NULL}},
};

static bool guard(void *arg, const struct sockaddr *address)
{
    struct rig *rig = arg;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    rig->guard_calls++;
    if (rig->refuse_call == rig->guard_calls)
        return false;
    if (address->sa_family == AF_INET6)
        return rig->v6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return !rig->strict && address->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

static void on_stop(void *arg)
{
    (void)arg;
}

static void make_fetcher(struct rig *rig, int connections_max, const char *ca_file)
{
    struct fetcher_config config = {.guard = guard,
                                    .guard_arg = rig,
                                    .connections_max = connections_max,
                                    .dns = {dns_server_text(rig->names), 256, 256},
                                    .ca_file = ca_file};
    rig->fetcher = fetcher_create(rig->loop, &config);
}

int rig_set_up(void **state)
{
    struct rig *rig = xcalloc(1, sizeof *rig);

    rig->names = dns_server_start(records);
    rig->loop = loop_create(on_stop, NULL);
    make_fetcher(rig, 100, NULL);
    *state = rig;
    return 0;
}

int rig_tear_down(void **state)
{
    struct rig *rig = *state;

    fetcher_destroy(rig->fetcher);
    loop_destroy(rig->loop);
    dns_server_stop(rig->names);
    free(rig);
    return 0;
}

void rig_renew(struct rig *rig, int connections_max)
{
    fetcher_destroy(rig->fetcher);
    make_fetcher(rig, connections_max, NULL);
}

void rig_trust(struct rig *rig, const char *ca_file)
{
    fetcher_destroy(rig->fetcher);
    make_fetcher(rig, 100, ca_file);
}

void rig_url(char out[128], const char *scheme, const char *host, int port)
{
    snprintf(out, 128, "%s://%s:%d/secret?token=1", scheme, host, port);
}

static void on_result(void *arg, const struct fetch_result *result)
{
    struct outcome *outcome = arg;

    outcome->calls++;
    outcome->outcome = result->outcome;
    outcome->status = result->status;
    outcome->body_cut = result->body_cut;
    outcome->head_n = result->head.n;
    outcome->body_n = result->body.n;
    snprintf(outcome->error, sizeof outcome->error, "%s", result->error);
    snprintf(outcome->address, sizeof outcome->address, "%s", result->address);
    snprintf(outcome->head, sizeof outcome->head, "%.*s", STR_FMT(result->head));
    snprintf(outcome->body, sizeof outcome->body, "%.*s", STR_FMT(result->body));
    outcome->dns_us = result->dns_us;
    outcome->connect_us = result->connect_us;
    outcome->tls_us = result->tls_us;
    outcome->first_byte_us = result->first_byte_us;
    outcome->total_us = result->total_us;
    assert(strstr(result->error, "secret") == NULL && strstr(result->error, "token") == NULL);
    if (outcome->then != NULL)
        outcome->then(outcome);
}

struct fetch *rig_start(struct rig *rig, const char *url, const char *head, const char *body,
                        int64_t timeout_ms, struct outcome *outcome)
{
    struct fetch_request request = {.url = url,
                                    .head = str_of(head),
                                    .body = str_of(body),
                                    .owner = rig->owner,
                                    .tls = rig->tls,
                                    .timeout_ms = timeout_ms};
    int calls = outcome->calls;
    struct fetch *fetch = fetch_start(rig->fetcher, &request, on_result, outcome);

    assert(outcome->calls == calls); /* never before it returns */
    return fetch;
}

void rig_wait(struct rig *rig, const struct outcome *outcome, int calls)
{
    int64_t end = clock_mono_ms() + 10000;

    while (outcome->calls < calls && clock_mono_ms() < end)
        if (uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT) != 0 && outcome->calls < calls)
            usleep(100);
    assert(outcome->calls == calls);
}

void rig_idle(struct rig *rig, int ms)
{
    for (int64_t end = clock_mono_ms() + ms; clock_mono_ms() < end; usleep(1000))
        uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT);
}

void rig_post(struct rig *rig, const char *host, int port, int64_t timeout_ms,
              struct outcome *outcome)
{
    char url[128];

    rig_url(url, "http", host, port);
    rig_start(rig, url, "User-Agent: test\r\n", "{}", timeout_ms, outcome);
    rig_wait(rig, outcome, outcome->calls + 1);
}
