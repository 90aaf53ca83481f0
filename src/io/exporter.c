/* As little HTTP as /metrics needs: a head of one request, an answer, and the end of the connection (RFC 9112 §9.6). A
 * body is not looked at. */
#include "io/exporter.h"

#include "base/list.h"
#include "base/metrics.h"
#include "io/listen.h"
#include "io/loop_uv.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX        8192
#define CONNECTIONS_MAX 16   /* the next one is closed */
#define DEADLINE_MS     5000 /* of a connection, its answer taken */

struct exporter {
    struct loop *loop;
    exporter_write *write;
    uv_tcp_t tcp;
    bool open;
    struct list clients;
    int count;
};

struct client {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct list node;
    struct exporter *exporter;
    struct timeout *deadline;
    struct buf answer;
    size_t n; /* of `head` */
    char head[HEAD_MAX];
};

static void on_closed(uv_handle_t *handle)
{
    struct client *c = CONTAINER_OF((uv_tcp_t *)handle, struct client, tcp);

    buf_fini(&c->answer);
    free(c);
}

static void end(struct client *c)
{
    timeout_destroy(c->deadline);
    list_remove(&c->node);
    c->exporter->count--;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_deadline(void *arg)
{
    end(arg);
}

/* --- the answer ------------------------------------------------------------------------------- */

#define NO_BODY "Content-Length: 0\r\nConnection: close\r\n\r\n"

/* Whether it asks for /metrics by this method; if the method is the same, `*known` is set. */
static bool asks_for(struct str head, const char *method, bool *known)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%s /metrics", method);
    struct str start = {line, (size_t)n}, verb = {line, strlen(method) + 1};

    *known = *known || str_starts(head, verb);
    if (!str_starts(head, start) || head.n == start.n)
        return false;
    return head.p[start.n] == ' ' || head.p[start.n] == '?';
}

/* https://prometheus.io/docs/specs/om/open_metrics_spec/#overall-structure has the type. */
static void answer_metrics(struct client *c, bool with_body)
{
    struct buf body;

    buf_init(&body, METRICS_BYTES_MAX);
    c->exporter->write(&body);
    assert(!body.overflow);
    buf_printf(&c->answer,
               "HTTP/1.1 200 OK\r\n"
               "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
               "Content-Length: %zu\r\nConnection: close\r\n\r\n",
               body.n);
    if (with_body)
        buf_add_str(&c->answer, buf_str(&body));
    buf_fini(&body);
}

static void make_answer(struct client *c)
{
    struct str head = {c->head, c->n};
    bool known = false;

    if (listen_hears_tls(head))
        buf_add_text(&c->answer, "HTTP/1.1 400 Bad Request\r\n" NO_BODY);
    else if (asks_for(head, "GET", &known))
        answer_metrics(c, true);
    else if (asks_for(head, "HEAD", &known))
        answer_metrics(c, false);
    else if (known)
        buf_add_text(&c->answer, "HTTP/1.1 404 Not Found\r\n" NO_BODY);
    else
        buf_add_text(&c->answer, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n" NO_BODY);
}

/* What the client still sends is read, or the end would be a reset and take the answer along; its own end is waited
 * for. */
static void on_written(uv_write_t *write, int status)
{
    struct client *c = CONTAINER_OF(write, struct client, write);

    if (status == 0)
        uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, NULL);
    else if (status != UV_ECANCELED)
        end(c);
}

static void answer(struct client *c)
{
    make_answer(c);
    uv_buf_t out = uv_buf_init(c->answer.p, (unsigned)c->answer.n);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, on_written) != 0)
        end(c);
}

/* --- the request ------------------------------------------------------------------------------ */

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct client *c = CONTAINER_OF((uv_tcp_t *)handle, struct client, tcp);

    (void)wanted;
    if (c->answer.n > 0)
        c->n = 0; /* read to be forgotten */
    *buf = uv_buf_init(c->head + c->n, (unsigned)(HEAD_MAX - c->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = CONTAINER_OF((uv_tcp_t *)stream, struct client, tcp);

    (void)buf;
    if (n < 0) {
        end(c);
        return;
    }
    if (c->answer.n > 0)
        return;
    c->n += (size_t)n;
    if (c->head[0] == LISTEN_TLS || memmem(c->head, c->n, "\r\n\r\n", 4) != NULL)
        answer(c);
    else if (c->n == HEAD_MAX)
        end(c);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct exporter *e = stream->data;

    if (status != 0)
        return;
    struct client *c = xcalloc(1, sizeof *c);
    c->exporter = e;
    c->deadline = timeout_create(e->loop, on_deadline, c);
    buf_init(&c->answer, METRICS_BYTES_MAX + HEAD_MAX);
    list_push(&e->clients, &c->node);
    e->count++;
    uv_tcp_init(loop_uv(e->loop), &c->tcp);
    timeout_set(c->deadline, DEADLINE_MS);
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) != 0 || e->count > CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&c->tcp, give_room, on_read) != 0)
        end(c);
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_stop(void *arg)
{
    struct exporter *e = arg;

    e->open = false;
    uv_close((uv_handle_t *)&e->tcp, NULL);
    LIST_FOREACH_SAFE(node, &e->clients)
    {
        end(CONTAINER_OF(node, struct client, node));
    }
}

struct exporter *exporter_create(const struct listening *at, exporter_write *write)
{
    static const struct listen_options options = {.shared = false};
    struct exporter *e = xcalloc(1, sizeof *e);

    e->loop = loop_create(on_stop, e);
    e->write = write;
    e->tcp.data = e;
    e->open = true;
    list_init(&e->clients);
    uv_tcp_init(loop_uv(e->loop), &e->tcp);
    int fd = listen_open(at, &options);
    if (fd < 0) {
        exporter_destroy(e);
        return NULL;
    }
    int rc = uv_tcp_open(&e->tcp, fd);
    assert(rc == 0);
    rc = uv_listen((uv_stream_t *)&e->tcp, LISTEN_BACKLOG, on_connection);
    assert(rc == 0);
    return e;
}

void exporter_run(struct exporter *e)
{
    loop_run(e->loop);
}

void exporter_stop(struct exporter *e)
{
    loop_stop(e->loop);
}

void exporter_destroy(struct exporter *e)
{
    if (e == NULL)
        return;
    if (e->open) /* it never ran */
        on_stop(e);
    loop_destroy(e->loop);
    free(e);
}
