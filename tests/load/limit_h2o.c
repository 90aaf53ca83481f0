/* What the machine's h2o can do with nothing else: one libuv loop, a handler that answers every request with 202 and a
 * few bytes of JSON. Usage: limit_h2o PORT; ends by a signal. */
#include <h2o.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_context;

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    static h2o_generator_t generator;
    h2o_iovec_t body = h2o_iovec_init(
        H2O_STRLIT("{\"id\":\"evt_01k9z0000000000000000000000\",\"type\":\"order.created\","
                   "\"created_at\":\"2026-01-01T00:00:00.000Z\",\"deliveries\":1}"));

    (void)handler;
    req->res.status = 202;
    req->res.reason = "Accepted";
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status != 0)
        return;
    uv_tcp_t *tcp = h2o_mem_alloc(sizeof *tcp);
    uv_tcp_init(listener->loop, tcp);
    if (uv_accept(listener, (uv_stream_t *)tcp) != 0) {
        uv_close((uv_handle_t *)tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(tcp, 1);
    h2o_accept(&accept_context, h2o_uv_socket_create((uv_stream_t *)tcp, on_closed));
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    uv_tcp_t listener;

    h2o_config_init(&config);
    config.max_request_entity_size = 4 << 20;
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
        on_request;
    h2o_context_init(&context, loop, &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    uv_ip4_addr("127.0.0.1", argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, &address);
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 4096, on_connection) != 0) {
        fprintf(stderr, "limit_h2o: cannot listen\n");
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
