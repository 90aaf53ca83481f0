/* Answers. A body is written into the call's buffer and sent from there without a copy; it lives
 * until the request is gone. */
#include "api_internal.h"
#include "problem.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

struct jsonw *reply_begin(struct call *call)
{
    buf_clear(&call->out);
    call->json = jsonw_on(&call->out);
    return &call->json;
}

void reply_header(struct call *call, const char *name, const char *value)
{
    h2o_req_t *req = call->req;
    size_t n = strlen(name);
    char *lower = h2o_mem_alloc_pool(&req->pool, n);

    memcpy(lower, name, n);
    h2o_strtolower(lower, n);
    h2o_add_header_by_str(&req->pool, &req->res.headers, lower, n, 1, name, value, strlen(value));
}

void reply_location(struct call *call, const char *path, const char *id)
{
    size_t size = strlen(path) + strlen(id) + 5;
    char *value = call_alloc(call, size);
    snprintf(value, size, "/v1%s/%s", path, id);
    reply_header(call, "Location", value);
}

/* The one place where an answer leaves. */
static void send_answer(struct call *call, int status, const char *type, struct str body)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_req_t *req = call->req;
    h2o_iovec_t iov = h2o_iovec_init(body.p, body.n);
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

    req->res.status = status;
    req->res.reason = status_phrase(status);
    assert(req->res.reason != NULL);
    req->res.content_length = body.n;
    if (type != NULL)
        reply_header(call, "Content-Type", type);
    reply_header(call, "X-Request-Id", call->request_id);
    h2o_start_response(req, &generator);
    h2o_send(req, &iov, head || body.n == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void reply_send(struct call *call, int status)
{
    if (call->out.overflow) {
        log_error("reply_too_large", "request=%s", call->request_id);
        reply_error(call, ERR_INTERNAL, NULL);
        return;
    }
    send_answer(call, status, "application/json", buf_str(&call->out));
}

void reply_empty(struct call *call, int status)
{
    send_answer(call, status, NULL, (struct str){NULL, 0});
}

void reply_static(struct call *call, int status, struct str json)
{
    send_answer(call, status, "application/json", json);
}

static bool is_authon(const struct call *call)
{
    return call->route != NULL && call->route->shape == SHAPE_AUTHON;
}

/* The error of Authon's API: {"success":false,"message":…}; `code` and `errors` are ours. */
static void write_authon_error(struct jsonw *w, int err, const char *detail)
{
    jsonw_begin(w, NULL, '{');
    jsonw_bool(w, "success", false);
    jsonw_text(w, "message", detail != NULL ? detail : problem_of(err)->title);
    jsonw_text(w, "code", err_name(err));
}

/* Begins the answer; the caller ends it. */
static struct jsonw *begin_error(struct call *call, int err, const char *detail)
{
    struct jsonw *w = reply_begin(call);
    if (is_authon(call))
        write_authon_error(w, err, detail);
    else
        problem_write(w, err, detail);
    return w;
}

static void send_error(struct call *call, int err)
{
    int status = problem_of(err)->status;
    if (status == 401)
        reply_header(call, "WWW-Authenticate", "Bearer");
    if (status == 503)
        reply_header(call, "Retry-After", "1");
    send_answer(call, status, is_authon(call) ? "application/json" : PROBLEM_TYPE,
                buf_str(&call->out));
}

void reply_error(struct call *call, int err, const char *detail)
{
    jsonw_end(begin_error(call, err, detail), '}');
    send_error(call, err);
}

void reply_problems(struct call *call, int err)
{
    const struct field_problem *first = &call->fields.problems[0];
    char detail[400];

    assert(call->fields.problem_count > 0);
    snprintf(detail, sizeof detail, "%s %s", first->field, first->message);
    struct jsonw *w = begin_error(call, err, detail);
    jsonw_begin(w, "errors", '[');
    for (size_t i = 0; i < call->fields.problem_count; i++) {
        jsonw_begin(w, NULL, '{');
        jsonw_text(w, "field", call->fields.problems[i].field);
        jsonw_text(w, "message", call->fields.problems[i].message);
        jsonw_end(w, '}');
    }
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    send_error(call, err);
}

void reply_invalid(struct call *call, const char *field, const char *message)
{
    fields_problem(&call->fields, field, message);
    reply_problems(call, ERR_INVALID);
}

void reply_db_error(struct call *call, int err)
{
    if (err != ERR_UNAVAILABLE && err != ERR_BUSY && err != ERR_TIMEOUT) {
        log_error("request_failed", "request=%s error=%s", call->request_id, err_name(err));
        err = ERR_INTERNAL;
    }
    reply_error(call, err, NULL);
}

bool call_row(struct call *call, int err, const struct db_rows *rows)
{
    call->op = NULL;
    if (err < 0)
        reply_db_error(call, err);
    else if (db_count(rows) == 0)
        reply_error(call, ERR_NOT_FOUND, NULL);
    else
        return true;
    return false;
}

/* --- h2o's own errors ------------------------------------------------------------------------- */

struct problem_ostream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_replaced(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                          h2o_send_state_t state)
{
    struct problem_ostream *o = (struct problem_ostream *)self;
    (void)bufs;
    (void)count;
    h2o_ostream_send_next(&o->super, req, &o->body, 1, state);
}

static void replace_header(h2o_req_t *req, const h2o_token_t *token, const char *value)
{
    h2o_set_header(&req->pool, &req->res.headers, token, value, strlen(value), 1);
}

/* What h2o answers by itself is plain text; our clients were promised problems. Ours have an id. */
static void on_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("x-request-id"), -1) == -1) {
        int err = req->res.status == 413 ? ERR_TOO_LARGE : ERR_BAD_REQUEST;
        struct problem_ostream *o = (struct problem_ostream *)h2o_add_ostream(req, sizeof *o, slot);
        struct buf body;

        buf_init(&body, 1024);
        struct jsonw w = jsonw_on(&body);
        problem_write(&w, err, NULL);
        jsonw_end(&w, '}');
        o->body = h2o_strdup(&req->pool, body.p, body.n);
        buf_fini(&body);
        o->super.do_send = send_replaced;
        req->res.content_length = o->body.len;
        replace_header(req, H2O_TOKEN_CONTENT_TYPE, PROBLEM_TYPE);
        slot = &o->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void reply_install_filter(h2o_pathconf_t *path)
{
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup;
}
