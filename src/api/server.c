/* The server: listener, connections, h2o's context, drain. h2o 2.2.5 notices neither a limit of
 * connections nor a client that stops reading, so both are looked after here. */
#include "api/server.h"

#include "accept.h"
#include "auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "refusal.h"
#include "reply.h"
#include "routes.h"
#include "store/store.h"
#include "test_wait.h"

#include <h2o.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 4096
#define BACKLOG         1024
#define RECEIVE_BUFFER  (128 * 1024)
#define REQUEST_MS      10000 /* head and body, from the first byte */
#define USER_TIMEOUT_MS 20000 /* of TCP: a peer that takes nothing */
#define DB_CONNECTIONS  4
#define DB_QUEUE_MAX    1024
#define DB_PATIENCE_MS  400 /* then 503: within a second, all told */
#define DRAIN_MS        20000
#define DRAIN_TICK_MS   20
#define QUEUE_DRAIN_MS  1000
#define HANG_UP_MS      1000 /* for the last connections to notice */

struct server {
    struct api api; /* what its calls see */
    h2o_globalconf_t h2o;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_tcp_t listener;
    bool listening, accept_pending;
    struct list connections;
    int connection_count;
    struct timeout *drain_timeout;
    int64_t drain_deadline;
};

struct connection {
    uv_tcp_t tcp;
    struct list node;
    struct server *server;
};

static void accept_next(struct server *s);

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *c = CONTAINER_OF((uv_tcp_t *)handle, struct connection, tcp);
    struct server *s = c->server;

    list_remove(&c->node);
    s->connection_count--;
    free(c);
    if (s->accept_pending && s->listening)
        accept_next(s);
}

static void set_socket_options(uv_tcp_t *tcp)
{
    int fd, user_timeout = USER_TIMEOUT_MS;
    uv_tcp_nodelay(tcp, 1);
    if (uv_fileno((uv_handle_t *)tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
}

/* At the limit the connection stays where it is: libuv stops listening until it is taken. */
static void accept_next(struct server *s)
{
    s->accept_pending = s->connection_count >= CONNECTIONS_MAX;
    if (s->accept_pending)
        return;
    struct connection *c = xcalloc(1, sizeof *c);
    c->server = s;
    list_push(&s->connections, &c->node);
    s->connection_count++;
    uv_tcp_init(loop_uv(s->api.loop), &c->tcp);
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) != 0) {
        uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
        return;
    }
    set_socket_options(&c->tcp);
    h2o_accept(&s->accept, h2o_uv_socket_create((uv_stream_t *)&c->tcp, on_connection_closed));
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        accept_next(listener->data);
}

/* --- listening -------------------------------------------------------------------------------- */

/* "host:port", "[v6]:port". */
static struct addrinfo *resolve(const char *text)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char host[256];
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return NULL;
    bool brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    int n = (int)(colon - text) - (brackets ? 2 : 0);
    snprintf(host, sizeof host, "%.*s", n, text + (brackets ? 1 : 0));
    return getaddrinfo(host, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static int open_socket(const struct addrinfo *a)
{
    int on = 1, receive = RECEIVE_BUFFER;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    close(fd);
    return -1;
}

static int start_listening(struct server *s)
{
    char text[LOG_QUOTE_SIZE];
    const char *listen = s->api.settings->config.listen;
    struct addrinfo *a = resolve(listen);
    int fd = a != NULL ? open_socket(a) : -1;

    if (a != NULL)
        freeaddrinfo(a);
    uv_tcp_init(loop_uv(s->api.loop), &s->listener);
    s->listener.data = s;
    s->listening = true;
    if (fd < 0 || uv_tcp_open(&s->listener, fd) != 0 ||
        uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection) != 0) {
        log_error("listen_failed", "address=%s error=%s", log_quote(text, listen), strerror(errno));
        return ERR_UNAVAILABLE;
    }
    log_info("listening", "address=%s", listen);
    return 0;
}

static void stop_listening(struct server *s)
{
    if (s->listening)
        uv_close((uv_handle_t *)&s->listener, NULL);
    s->listening = false;
}

/* --- the start -------------------------------------------------------------------------------- */

struct handler {
    h2o_handler_t super;
    struct api *api;
};

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    routes_dispatch(call_create(((struct handler *)handler)->api, req));
    return 0;
}

static void configure_h2o(struct server *s)
{
    h2o_config_init(&s->h2o);
    s->h2o.server_name = h2o_iovec_init(H2O_STRLIT("posthorn"));
    s->h2o.max_request_entity_size = BODY_MAX + 1; /* h2o refuses exactly its limit when chunked */
    s->h2o.http1.req_timeout = REQUEST_MS;
    s->h2o.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&s->h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(root, sizeof *handler);
    handler->super.on_req = on_request;
    handler->api = &s->api;
    refusal_install(root);
    refusal_install(&host->fallback_path);
    h2o_context_init(&s->context, loop_uv(s->api.loop), &s->h2o);
    s->accept = (h2o_accept_ctx_t){.ctx = &s->context, .hosts = s->h2o.hosts};
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct server *s = arg;
    if (strcmp(channel, STORE_TEST_CHANNEL) == 0)
        test_waits_wake(&s->api, payload);
    else
        auth_cache_clear(s->api.auth);
}

/* While a connection was away, notifications were missed. */
static void on_db_ready(void *arg)
{
    struct server *s = arg;
    auth_cache_clear(s->api.auth);
    test_waits_wake(&s->api, NULL);
}

static void on_stop(void *arg);
static void on_drain(void *arg);
static void close_all(struct server *s);

struct server *server_create(const struct settings *settings)
{
    const struct config *config = &settings->config;
    struct server *s = xcalloc(1, sizeof *s);

    s->api.settings = settings;
    s->api.loop = loop_create(on_stop, s);
    list_init(&s->api.test_waits);
    list_init(&s->api.calls);
    list_init(&s->connections);
    s->api.auth = auth_cache_create();
    s->api.acceptor = acceptor_create(&s->api);
    s->drain_timeout = timeout_create(s->api.loop, on_drain, s);
    s->api.queue = queue_create(s->api.loop, &(struct queue_config){.url = config->redis_url});
    s->api.db = db_create(s->api.loop, &(struct db_config){.url = config->database_url,
                                                           .session = store_api_session,
                                                           .stmts = store_api_stmts,
                                                           .connections = DB_CONNECTIONS,
                                                           .queue_max = DB_QUEUE_MAX,
                                                           .patience_ms = DB_PATIENCE_MS,
                                                           .on_ready = on_db_ready,
                                                           .on_notify = on_notify,
                                                           .arg = s});
    configure_h2o(s);
    if (start_listening(s) < 0) {
        close_all(s);
        server_destroy(s);
        return NULL;
    }
    return s;
}

void server_run(struct server *s)
{
    loop_run(s->api.loop);
}

void server_stop(struct server *s)
{
    loop_stop(s->api.loop);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Idle keep-alive connections end when their socket does. */
static void hang_up(struct server *s)
{
    LIST_FOREACH(node, &s->connections)
    {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        int fd;
        if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

static void close_all(struct server *s)
{
    stop_listening(s);
    h2o_context_dispose(&s->context);
    timeout_destroy(s->drain_timeout);
    acceptor_destroy(s->api.acceptor);
    queue_destroy(s->api.queue);
    db_destroy(s->api.db);
}

static void abandon_calls(struct server *s)
{
    LIST_FOREACH_SAFE(node, &s->api.calls)
    {
        struct call *call = CONTAINER_OF(node, struct call, node);
        if (call_answered(call))
            continue;
        call_cancel(call);
        reply_error(call, ERR_UNAVAILABLE, "The server is stopping; try again");
    }
}

/* Answers what is under way, hands the queue its ids, hangs up, closes. */
static void on_drain(void *arg)
{
    struct server *s = arg;
    int64_t left = s->drain_deadline - clock_mono_ms();
    if (left <= 0)
        abandon_calls(s);
    bool queue_empty = queue_pending(s->api.queue) == 0 || !queue_up(s->api.queue);
    bool quiet = list_empty(&s->api.calls) && (queue_empty || left < DRAIN_MS - QUEUE_DRAIN_MS);

    if (quiet || left <= 0)
        hang_up(s);
    if (left > -HANG_UP_MS && !(quiet && s->connection_count == 0)) {
        timeout_set(s->drain_timeout, DRAIN_TICK_MS);
        return;
    }
    log_info("server_stopped", "drained=%s", left > 0 ? "true" : "false");
    close_all(s);
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    s->api.stopping = true;
    s->drain_deadline = clock_mono_ms() + DRAIN_MS;
    stop_listening(s);
    /* What h2o_context_request_shutdown() does for HTTP/1; for HTTP/2 it would start a timer too.
     */
    s->context.shutdown_requested = 1;
    timeout_set(s->drain_timeout, 0);
}

void server_destroy(struct server *s)
{
    if (s == NULL)
        return;
    loop_destroy(s->api.loop);
    h2o_config_dispose(&s->h2o);
    auth_cache_destroy(s->api.auth);
    free(s);
}
