/* The server: h2o's context, what calls share, and the drain. */
#include "api/server.h"

#include "absence.h"
#include "accept.h"
#include "accept_check.h"
#include "auth.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "intake.h"
#include "listener.h"
#include "refusal.h"
#include "reply.h"
#include "routes.h"
#include "store/accepts.h"
#include "store/store.h"
#include "streams.h"
#include "test_wait.h"
#include "tokens.h"
#include "turns.h"

#include <h2o.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUEST_MS       10000 /* head and body, from the first byte */
#define DB_CONNECTIONS   4
#define DB_QUEUE_MAX     1024
#define DB_PATIENCE_MS   400 /* then 503: within a second, all told */
#define READ_CONNECTIONS 2
#define READ_QUEUE_MAX   256
#define DRAIN_MS         20000
#define DRAIN_TICK_MS    20
#define QUEUE_DRAIN_MS   1000
#define HANG_UP_MS       1000 /* for the last connections to notice */

struct server {
    struct api api;    /* what its calls see */
    struct list doors; /* that are to be shut again before the loop polls */
    uv_prepare_t turn; /* active: there are any */
    h2o_globalconf_t h2o;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    struct listener *listener;
    struct timeout *drain_timeout;
    int64_t drain_deadline;
};

/* --- the door ---------------------------------------------------------------------------------
 * What h2o is given to read goes through the intake first. h2o has no place for that: it sets the callback of a
 * socket when it begins to wait for a request, and the door takes that place before the loop polls. */

struct door {
    struct server *server;
    h2o_socket_t *socket;
    h2o_socket_cb read; /* h2o's own */
    struct intake intake;
    struct list node; /* in server.doors, or alone */
};

static void on_read(h2o_socket_t *socket, const char *err)
{
    struct door *door = socket->on_close.data;
    h2o_buffer_t *input = socket->input;

    if (err == NULL) {
        switch (intake_read(&door->intake, input->bytes, &input->size)) {
        case INTAKE_WAIT:
            return;
        case INTAKE_PASS:
            break;
        case INTAKE_HANG_UP:
            err = "refused";
            break;
        }
    }
    door->read(socket, err);
}

/* Unless h2o is busy with the next request already, whose end comes by here too. */
static void shut(struct door *door)
{
    h2o_socket_t *socket = door->socket;
    h2o_buffer_t *input = socket->input;

    if (socket->_cb.read == NULL || socket->_cb.read == on_read)
        return;
    door->read = socket->_cb.read;
    socket->_cb.read = on_read;
    if (input->size == 0)
        return;
    door->intake.begun = true;
    if (intake_read(&door->intake, input->bytes, &input->size) == INTAKE_HANG_UP)
        door->read(socket, "refused");
    else
        door->intake.begun = door->intake.judged;
}

static void on_turn(uv_prepare_t *turn)
{
    struct server *s = turn->data;
    struct list *node;

    while ((node = list_pop(&s->doors)) != NULL)
        shut(CONTAINER_OF(node, struct door, node));
    uv_prepare_stop(turn);
}

/* Its memory goes, and h2o reads on. */
static void on_request_over(void *memory)
{
    struct door *door = *(struct door **)memory;

    intake_next(&door->intake);
    list_remove(&door->node);
    list_push(&door->server->doors, &door->node);
    if (!uv_is_closing((uv_handle_t *)&door->server->turn))
        uv_prepare_start(&door->server->turn, on_turn);
}

static void on_closed(void *arg)
{
    struct door *door = arg;

    intake_next(&door->intake);
    list_remove(&door->node);
    free(door);
}

/* --- the start -------------------------------------------------------------------------------- */

struct handler {
    h2o_handler_t super;
    struct api *api;
};

static void reply_full(struct call *call)
{
    reply_errorf(
        call, ERR_BUSY,
        "The bodies of requests under way have as many bytes as they may have together, which is "
        "POSTHORN_BODIES_MIB (%lld)",
        (long long)call->api->settings->config.bodies_mib);
}

static void on_drop(void *arg)
{
    struct door *door = arg;
    intake_release(&door->intake);
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct call *call = call_create(((struct handler *)handler)->api, req);
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    struct door *door = socket->on_close.data;
    struct door **leaving =
        h2o_mem_alloc_shared(&req->pool, sizeof(struct door *), on_request_over);

    *leaving = door;
    call->on_drop = on_drop;
    call->drop_arg = door;
    call->over = door->intake.over;
    /* The head is at the beginning of what was read until the request is answered. */
    intake_judge(&door->intake, (struct str){socket->input->bytes, socket->input->size});
    const char *fault = door->intake.framing.fault;
    if (fault != NULL || door->intake.last)
        call_is_last(call);
    if (fault != NULL)
        reply_error(call, ERR_BAD_REQUEST, fault);
    else if (door->intake.full)
        reply_full(call);
    else
        routes_dispatch(call);
    return 0;
}

static void on_connection(void *arg, uv_stream_t *stream, uv_close_cb closed)
{
    struct server *s = arg;
    struct door *door = xcalloc(1, sizeof *door);

    door->server = s;
    door->socket = h2o_uv_socket_create(stream, closed);
    door->socket->on_close.cb = on_closed;
    door->socket->on_close.data = door;
    list_init(&door->node);
    intake_init(&door->intake, &s->api);
    h2o_accept(&s->accept, door->socket);
    shut(door);
}

/* JSON for who takes it with gzip. The lowest level: it is a tenth of what it was, and others wait for the thread. */
static h2o_compress_args_t packing = {
    .min_size = 1024, .gzip = {.quality = 1}, .brotli = {.quality = -1}};

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
    h2o_compress_register(root, &packing);
    refusal_install(root);
    refusal_install(&host->fallback_path);
    h2o_context_init(&s->context, loop_uv(s->api.loop), &s->h2o);
    s->accept = (h2o_accept_ctx_t){.ctx = &s->context, .hosts = s->h2o.hosts};
}

static void forget_keys(struct server *s)
{
    auth_cache_clear(s->api.auth);
    token_cache_clear(s->api.tokens);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct server *s = arg;
    struct id app;

    if (strcmp(channel, STORE_TEST_CHANNEL) == 0)
        test_waits_wake(&s->api, payload);
    else if (strcmp(channel, STORE_TYPE_CHANNEL) == 0)
        type_cache_forget(s->api.types, id_parse_uuid(str_of(payload), &app) ? &app : NULL);
    else
        forget_keys(s);
}

/* While nobody listened, notifications were missed. */
static void on_listening(void *arg)
{
    struct server *s = arg;
    forget_keys(s);
    type_cache_forget(s->api.types, NULL);
    test_waits_wake(&s->api, NULL);
}

static void tell_limits(const struct settings *settings)
{
    metric_add(METRIC_BUDGET_LIMIT_ANSWERS, settings->config.answers_mib << 20);
    metric_add(METRIC_BUDGET_LIMIT_BODIES, intake_bytes_max(settings, BODY_PROVEN));
    metric_add(METRIC_BUDGET_LIMIT_STRANGE_BODIES, intake_bytes_max(settings, BODY_STRANGE));
}

static void on_left(struct call *call);
static void on_stop(void *arg);
static void on_drain(void *arg);
static void close_all(struct server *s);

struct server *server_create(const struct settings *settings, struct rates *rates)
{
    const struct config *config = &settings->config;
    struct server *s = xcalloc(1, sizeof *s);

    s->api.settings = settings;
    s->api.loop = loop_create(on_stop, s);
    list_init(&s->api.test_waits);
    list_init(&s->api.calls);
    s->api.auth = auth_cache_create();
    s->api.types = type_cache_create();
    s->api.tokens = token_cache_create();
    s->api.rates = rates;
    s->api.acceptor = acceptor_create(&s->api);
    s->api.absence = absence_create(&s->api, on_left);
    s->api.turns = turns_create(s->api.loop);
    s->api.streams = streams_create(&s->api);
    list_init(&s->doors);
    uv_prepare_init(loop_uv(s->api.loop), &s->turn);
    s->turn.data = s;
    s->drain_timeout = timeout_create(s->api.loop, on_drain, s);
    s->api.queue = queue_create(
        s->api.loop, &(struct queue_config){.url = config->redis_url,
                                            .ca_file = config->ca_file,
                                            .sentinel_password = config->sentinel_password});
    s->api.db = db_create(s->api.loop, &(struct db_config){.url = config->database_url,
                                                           .session = store_api_session,
                                                           .stmts = store_api_stmts,
                                                           .connections = DB_CONNECTIONS,
                                                           .queue_max = DB_QUEUE_MAX,
                                                           .patience_ms = DB_PATIENCE_MS,
                                                           .listens = store_api_listens,
                                                           .on_listening = on_listening,
                                                           .on_notify = on_notify,
                                                           .arg = s});
    s->api.reads = db_create(s->api.loop, &(struct db_config){.url = config->database_url,
                                                              .session = store_read_session,
                                                              .stmts = store_read_stmts,
                                                              .connections = READ_CONNECTIONS,
                                                              .queue_max = READ_QUEUE_MAX,
                                                              .patience_ms = DB_PATIENCE_MS,
                                                              .one_by_one = true});
    s->api.accepts = accepts_create(s->api.loop, s->api.db);
    configure_h2o(s);
    tell_limits(settings);
    s->listener = listener_create(s->api.loop, settings->api_connections,
                                  config->connections_per_address, on_connection, s);
    if (listener_open(s->listener, &settings->listen) < 0) {
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

static void close_all(struct server *s)
{
    listener_close(s->listener);
    h2o_context_dispose(&s->context);
    timeout_destroy(s->drain_timeout);
    uv_close((uv_handle_t *)&s->turn, NULL);
    acceptor_destroy(s->api.acceptor);
    absence_destroy(s->api.absence);
    turns_destroy(s->api.turns);
    streams_destroy(s->api.streams);
    accepts_destroy(s->api.accepts);
    queue_destroy(s->api.queue);
    db_destroy(s->api.reads);
    db_destroy(s->api.db);
}

static void abandon(struct call *call, const char *why)
{
    call_cancel(call);
    reply_error(call, ERR_UNAVAILABLE, why);
}

static void on_left(struct call *call)
{
    call_is_last(call);
    abandon(call, "The client closed its side of the connection");
}

static void abandon_calls(struct server *s)
{
    LIST_FOREACH_SAFE(node, &s->api.calls)
    {
        struct call *call = CONTAINER_OF(node, struct call, node);
        if (!call_answered(call))
            abandon(call, "The server is stopping; try again");
    }
}

/* Answers what is under way, hands the queue its ids, adds what it has counted, hangs up, closes. */
static void on_drain(void *arg)
{
    struct server *s = arg;
    int64_t left = s->drain_deadline - clock_mono_ms();
    if (left <= 0)
        abandon_calls(s);
    bool queue_empty = queue_pending(s->api.queue) == 0 || !queue_up(s->api.queue);
    bool quiet = list_empty(&s->api.calls) && (queue_empty || left < DRAIN_MS - QUEUE_DRAIN_MS) &&
                 accepts_end(s->api.accepts);

    if (quiet || left <= 0)
        listener_hang_up(s->listener);
    if (left > -HANG_UP_MS && !(quiet && listener_connections(s->listener) == 0)) {
        timeout_set(s->drain_timeout, DRAIN_TICK_MS);
        return;
    }
    log_info("server_stopped", "drained=%s", left > 0 ? "true" : "false");
    close_all(s);
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    CRASH_POINT("api", "stops");
    s->api.stopping = true;
    s->drain_deadline = clock_mono_ms() + DRAIN_MS;
    listener_close(s->listener);
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
    listener_destroy(s->listener);
    h2o_config_dispose(&s->h2o);
    auth_cache_destroy(s->api.auth);
    type_cache_destroy(s->api.types);
    token_cache_destroy(s->api.tokens);
    for (int i = 0; i < HOLD_COUNT; i++)
        shares_fini(&s->api.held[i]);
    for (int i = 0; i < BODY_KINDS; i++)
        shares_fini(&s->api.bodies[i]);
    free(s);
}
