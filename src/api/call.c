/* Between h2o's request and our call. */
#include "call.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "problem.h"

#include <h2o.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define PACKED_MAX ((size_t)256 << 10) /* of one answer: it is packed in one go */

static struct str str_of_iovec(h2o_iovec_t v)
{
    return (struct str){v.base, v.len};
}

static void *pool_alloc(void *pool, size_t size)
{
    return h2o_mem_alloc_pool(pool, size);
}

void *call_alloc(struct call *call, size_t size)
{
    return memset(h2o_mem_alloc_pool(&call->req->pool, size), 0, size);
}

char *call_copy_text(struct call *call, struct str s)
{
    return str_dup(call->fields.alloc, s);
}

struct str call_copy(struct call *call, struct str s)
{
    return (struct str){call_copy_text(call, s), s.n};
}

/* --- its line in the log ---------------------------------------------------------------------- */

/* A method that no route has is anybody's text. */
static const char *method_text(const struct call *call, char out[LOG_QUOTE_SIZE])
{
    char text[20];

    if (call->route != NULL)
        return str_eq_text(call->method, "HEAD") ? "HEAD" : call->route->method;
    snprintf(text, sizeof text, "%.*s", STR_FMT(call->method));
    return log_quote(out, text);
}

/* The route's pattern and not the path, which may hold anything; `status` 0: the client hung up. */
static void log_end(const struct call *call, int status)
{
    static const struct id none;
    char app[ID_TEXT_SIZE], method[LOG_QUOTE_SIZE];

    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    log_debug("request", "request=%s app=%s method=%s route=%s status=%d ms=%.1f", call->request_id,
              id_eq(call->app, none) ? "-" : id_text(app, ID_APP, call->app),
              method_text(call, method), call->route != NULL ? call->route->path : "-", status,
              (double)(clock_mono_us() - call->start_us) / 1000);
}

/* --- its life --------------------------------------------------------------------------------- */

void call_wait(struct call *call, void (*cancel)(void *arg), void *arg)
{
    assert(call->cancel == NULL);
    call->cancel = cancel;
    call->cancel_arg = arg;
}

void call_wait_over(struct call *call)
{
    call->cancel = NULL;
}

static const enum metric gauges[HOLD_COUNT] = {
    [HOLD_LOOKUP] = METRIC_HELD_LOOKUPS,   [HOLD_GUESS] = METRIC_HELD_GUESSES,
    [HOLD_ANSWER] = METRIC_BUDGET_ANSWERS, [HOLD_TEST] = METRIC_HELD_TESTS,
    [HOLD_LIST] = METRIC_HELD_LISTS,       [HOLD_STREAM] = METRIC_HELD_STREAMS,
};

bool call_hold(struct call *call, enum hold what, struct id owner, int64_t n, int64_t max)
{
    assert(call->holds[what].n == 0);
    if (!shares_take(&call->api->held[what], owner, n, max))
        return false;
    call->holds[what].owner = owner;
    call->holds[what].n = n;
    metric_add(gauges[what], n);
    return true;
}

void call_let_go(struct call *call, enum hold what)
{
    shares_give_back(&call->api->held[what], call->holds[what].owner, call->holds[what].n);
    metric_add(gauges[what], -call->holds[what].n);
    call->holds[what].n = 0;
}

void call_cancel(struct call *call)
{
    db_cancel(call->op);
    call->op = NULL;
    if (call->cancel != NULL)
        call->cancel(call->cancel_arg);
    call->cancel = NULL;
}

static void dispose(void *p)
{
    struct call *call = p;

    call_cancel(call);
    if (!call_answered(call))
        log_end(call, 0);
    for (int what = 0; what < HOLD_COUNT; what++)
        call_let_go(call, (enum hold)what);
    list_remove(&call->node);
    buf_fini(&call->out);
    if (call->at_end != NULL)
        call->at_end(call->end_arg);
}

void call_at_end(struct call *call, void (*end)(void *arg), void *arg)
{
    assert(call->at_end == NULL);
    call->at_end = end;
    call->end_arg = arg;
}

static void split_target(struct call *call, const h2o_req_t *req)
{
    struct str prefix = STR_LIT("/v1/");

    call->target = str_of_iovec(req->path);
    call->path = str_of_iovec(req->path_normalized);
    if (str_starts(call->path, prefix)) {
        call->path.p += prefix.n - 1;
        call->path.n -= prefix.n - 1;
    }
    if (req->query_at != SIZE_MAX)
        call->query =
            (struct str){req->path.base + req->query_at + 1, req->path.len - req->query_at - 1};
}

struct call *call_create(struct api *api, h2o_req_t *req)
{
    struct call *call = h2o_mem_alloc_shared(&req->pool, sizeof *call, dispose);

    memset(call, 0, sizeof *call);
    call->api = api;
    call->req = req;
    call->method = str_of_iovec(req->method);
    call->body = str_of_iovec(req->entity);
    call->host = str_of_iovec(req->authority);
    split_target(call, req);
    call->start_us = log_enabled(LOG_LEVEL_DEBUG) ? clock_mono_us() : 0;
    call->fields.alloc = (struct allocator){pool_alloc, &req->pool};
    buf_init(&call->out, ANSWER_MAX);
    call->id = id_new();
    id_text(call->request_id, ID_REQUEST, call->id);
    list_push(&api->calls, &call->node);
    return call;
}

/* h2o has the body in the buffer of its socket, from which it takes the request's bytes at the end, whatever they are;
 * heads of requests with a body it has copied. So pages that lie within the body can go by themselves. */
void call_drop_body(struct call *call)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)call->body.p;
    uintptr_t first = (begin + page - 1) / page * page, end = (begin + call->body.n) / page * page;

    if (first < end &&
        madvise(call->req->entity.base + (first - begin), end - first, MADV_DONTNEED) < 0)
        log_debug("body_not_dropped", "bytes=%zu", call->body.n);
    call->body = STR_NONE;
    if (call->on_drop != NULL)
        call->on_drop(call->drop_arg);
}

void call_is_last(struct call *call)
{
    call->req->http1_is_persistent = 0;
}

struct str call_header(const struct call *call, const char *name)
{
    const h2o_headers_t *headers = &call->req->headers;
    ssize_t i = h2o_find_header_by_str(headers, name, strlen(name), -1);
    return i == -1 ? STR_NONE : str_of_iovec(headers->entries[i].value);
}

bool call_header_comes_twice(const struct call *call, const char *name)
{
    const h2o_headers_t *headers = &call->req->headers;
    ssize_t i = h2o_find_header_by_str(headers, name, strlen(name), -1);
    return i != -1 && h2o_find_header_by_str(headers, name, strlen(name), i) != -1;
}

bool call_peer(const struct call *call, struct sockaddr_storage *address)
{
    h2o_conn_t *conn = call->req->conn;
    *address = (struct sockaddr_storage){0};
    return conn->callbacks->get_peername(conn, (struct sockaddr *)address) > 0;
}

/* --- its answer ------------------------------------------------------------------------------- */

void call_add_header(struct call *call, const char *name, const char *value)
{
    h2o_req_t *req = call->req;
    h2o_iovec_t lower = h2o_strdup(&req->pool, name, SIZE_MAX);

    h2o_strtolower(lower.base, lower.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, lower.base, lower.len, 1, name, value,
                          strlen(value));
}

void call_send(struct call *call, int status, const char *type, struct str body)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_req_t *req = call->req;
    h2o_iovec_t iov = h2o_iovec_init(body.p, body.n);
    bool head = str_eq_text(call->method, "HEAD");

    req->res.status = status;
    req->res.reason = status_phrase(status);
    assert(req->res.reason != NULL);
    req->res.content_length = body.n;
    if (body.n > PACKED_MAX)
        req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    if (type != NULL)
        call_add_header(call, "Content-Type", type);
    call_add_header(call, "X-Request-Id", call->request_id);
    log_end(call, status);
    call_let_go(call, HOLD_TEST);
    call_let_go(call, HOLD_LIST);
    h2o_start_response(req, &generator);
    h2o_send(req, &iov, head || body.n == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

/* --- one that goes on ------------------------------------------------------------------------- */

struct flow {
    h2o_generator_t super;
    struct call *call;
    call_taken *taken;
};

static void on_taken(h2o_generator_t *generator, h2o_req_t *req)
{
    struct flow *flow = CONTAINER_OF(generator, struct flow, super);
    (void)req;
    flow->taken(flow->call);
}

void call_stream(struct call *call, const char *type, call_taken *taken)
{
    h2o_req_t *req = call->req;
    struct flow *flow = call->flow = call_alloc(call, sizeof *flow);

    *flow = (struct flow){{on_taken, NULL}, call, taken};
    req->res.status = 200;
    req->res.reason = status_phrase(200);
    req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    call_add_header(call, "Content-Type", type);
    call_add_header(call, "Cache-Control", "no-store");
    call_add_header(call, "X-Accel-Buffering", "no");
    call_add_header(call, "X-Request-Id", call->request_id);
    call_is_last(call);
    log_end(call, 200);
    h2o_start_response(req, &flow->super);
}

void call_stream_send(struct call *call, struct str piece, bool last)
{
    h2o_iovec_t iov = h2o_iovec_init(piece.p, piece.n);

    h2o_send(call->req, &iov, piece.n > 0 ? 1 : 0,
             last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static int fd_of(const struct call *call)
{
    return h2o_socket_get_fd(call->req->conn->callbacks->get_socket(call->req->conn));
}

bool call_is_left(const struct call *call)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    return getsockopt(fd_of(call), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state != TCP_ESTABLISHED;
}

void call_hang_up(struct call *call)
{
    shutdown(fd_of(call), SHUT_RDWR);
}

bool call_answered(const struct call *call)
{
    return call->req->res.status != 0;
}
