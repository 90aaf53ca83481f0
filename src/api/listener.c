/* Listening, and connections from accept to close. */
#include "listener.h"

#include "base/crypto.h"
#include "base/idmap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "io/listen.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER  (128 * 1024)
#define USER_TIMEOUT_MS 20000 /* of TCP: a peer that takes nothing */

struct listener {
    struct loop *loop;
    int64_t per_address;
    uint8_t secret[32];   /* with which addresses become keys, so that nobody chooses those */
    struct idmap by_peer; /* how many connections each has, as pointers */
    listener_cb *cb;
    void *arg;
    uv_tcp_t tcp;
    bool open, waiting; /* at the limit, one waits to be accepted */
    struct list connections;
    int count, max;
};

struct connection {
    uv_tcp_t tcp;
    struct id peer;
    struct list node;
    struct listener *listener;
};

static void accept_next(struct listener *l);

/* How many it has now. */
static int64_t count_peer(struct listener *l, struct id peer, int64_t change)
{
    int64_t count = (int64_t)(uintptr_t)idmap_get(&l->by_peer, peer) + change;
    idmap_set(&l->by_peer, peer, (void *)(uintptr_t)count);
    return count;
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *c = CONTAINER_OF((uv_tcp_t *)handle, struct connection, tcp);
    struct listener *l = c->listener;

    list_remove(&c->node);
    count_peer(l, c->peer, -1);
    l->count--;
    metric_add(METRIC_CONNECTIONS, -1);
    free(c);
    if (l->waiting && l->open)
        accept_next(l);
}

static void set_socket_options(uv_tcp_t *tcp)
{
    int fd, user_timeout = USER_TIMEOUT_MS;
    uv_tcp_nodelay(tcp, 1);
    if (uv_fileno((uv_handle_t *)tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
}

/* --- connections by address ------------------------------------------------------------------- */

struct prefix {
    int family;
    uint8_t bytes[8]; /* IPv4: four */
};

static struct prefix prefix_of(const uv_tcp_t *tcp)
{
    struct sockaddr_storage address = {0};
    int size = sizeof address;
    struct prefix prefix = {0};

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&address, &size) != 0)
        return prefix;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    prefix.family = address.ss_family;
    if (prefix.family == AF_INET) {
        memcpy(prefix.bytes, &v4->sin_addr, 4);
    } else if (prefix.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        prefix.family = AF_INET;
        memcpy(prefix.bytes, v6->sin6_addr.s6_addr + 12, 4);
    } else if (prefix.family == AF_INET6) {
        memcpy(prefix.bytes, v6->sin6_addr.s6_addr, 8);
    }
    return prefix;
}

static struct id peer_of(const struct listener *l, const uv_tcp_t *tcp)
{
    struct prefix prefix = prefix_of(tcp);
    struct str key = {(const char *)l->secret, sizeof l->secret};
    struct str part = {(const char *)&prefix, sizeof prefix};
    uint8_t hash[SHA256_SIZE];
    struct id peer;

    crypto_hmac_sha256(key, &part, 1, hash);
    memcpy(peer.b, hash, sizeof peer.b);
    return peer;
}

/* No request was read, so this is all that can be said; what does not fit into the socket is lost. */
static void refuse(struct connection *c)
{
    static const char body[] =
        "{\"type\":\"about:blank\",\"title\":\"Too many requests are waiting\",\"status\":503,"
        "\"code\":\"overloaded\",\"detail\":\"This address has as many connections as it may have, which is "
        "POSTHORN_CONNECTIONS_PER_ADDRESS\"}";
    char answer[640];
    int n =
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
                 "Retry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                 sizeof body - 1, body);
    uv_buf_t buf = uv_buf_init(answer, (unsigned)n);

    assert((size_t)n < sizeof answer);
    if (uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) < 0)
        log_debug("refusal_not_sent", "bytes=%d", n);
    uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
}

/* At the limit the connection stays where it is: libuv stops listening until it is taken. */
static void accept_next(struct listener *l)
{
    l->waiting = l->count >= l->max;
    if (l->waiting) {
        metric_add(METRIC_CONNECTIONS_MET, 1);
        log_bounded(LOG_LEVEL_WARN, "connections_full", "count=%d", l->count);
        return;
    }
    struct connection *c = xcalloc(1, sizeof *c);
    c->listener = l;
    list_push(&l->connections, &c->node);
    l->count++;
    metric_add(METRIC_CONNECTIONS, 1);
    uv_tcp_init(loop_uv(l->loop), &c->tcp);
    int err = uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&c->tcp);
    c->peer = peer_of(l, &c->tcp);
    int64_t of_peer = count_peer(l, c->peer, 1);
    if (err != 0) {
        uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
        return;
    }
    set_socket_options(&c->tcp);
    if (l->per_address > 0 && of_peer > l->per_address) {
        metric_add(METRIC_CONNECTIONS_PER_ADDRESS_MET, 1);
        log_bounded(LOG_LEVEL_WARN, "connections_bounded", "per_address=%lld",
                    (long long)l->per_address);
        refuse(c);
        return;
    }
    l->cb(l->arg, (uv_stream_t *)&c->tcp, on_connection_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        accept_next(listener->data);
}

int listener_connections(const struct listener *l)
{
    return l->count;
}

void listener_hang_up(struct listener *l)
{
    LIST_FOREACH(node, &l->connections)
    {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        int fd;
        if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

/* --- listening -------------------------------------------------------------------------------- */

int listener_open(struct listener *l, const struct listening *at)
{
    static const struct listen_options options = {.shared = true, .receive_buffer = RECEIVE_BUFFER};

    int fd = listen_open(at, &options);

    uv_tcp_init(loop_uv(l->loop), &l->tcp);
    l->tcp.data = l;
    l->open = true;
    if (fd < 0)
        return fd;
    int rc = uv_tcp_open(&l->tcp, fd);
    assert(rc == 0);
    rc = uv_listen((uv_stream_t *)&l->tcp, LISTEN_BACKLOG, on_connection);
    assert(rc == 0);
    return 0;
}

void listener_close(struct listener *l)
{
    if (l == NULL || !l->open)
        return;
    l->open = false;
    uv_close((uv_handle_t *)&l->tcp, NULL);
}

struct listener *listener_create(struct loop *loop, int connections_max, int64_t per_address,
                                 listener_cb *cb, void *arg)
{
    struct listener *l = xcalloc(1, sizeof *l);
    l->loop = loop;
    l->per_address = per_address;
    l->cb = cb;
    l->arg = arg;
    l->max = connections_max;
    metric_add(METRIC_CONNECTIONS_LIMIT, connections_max);
    list_init(&l->connections);
    crypto_random(l->secret, sizeof l->secret);
    return l;
}

void listener_destroy(struct listener *l)
{
    if (l != NULL)
        idmap_fini(&l->by_peer);
    free(l);
}
