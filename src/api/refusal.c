/* A filter over h2o's answers: those that are no call's lack our request id, and are plain text. They get one, and a
 * problem document. */
#include "refusal.h"

#include "base/id.h"
#include "base/log.h"
#include "problem.h"

#include <h2o.h>

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

static h2o_iovec_t problem_text(h2o_mem_pool_t *pool, int err)
{
    struct buf body;
    buf_init(&body, 1024);
    struct jsonw w = jsonw_on(&body);
    problem_write(&w, err, NULL);
    jsonw_end(&w, '}');
    h2o_iovec_t text = h2o_strdup(pool, body.p, body.n);
    buf_fini(&body);
    return text;
}

static void on_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("x-request-id"), -1) == -1) {
        int err = req->res.status == 413 ? ERR_TOO_LARGE : ERR_BAD_REQUEST;
        char *id = h2o_mem_alloc_pool(&req->pool, ID_TEXT_SIZE);
        struct problem_ostream *o = (struct problem_ostream *)h2o_add_ostream(req, sizeof *o, slot);

        id_text(id, ID_REQUEST, id_new());
        log_debug("request", "request=%s app=- method=- route=- status=%d", id, req->res.status);
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 0,
                              "X-Request-Id", id, strlen(id));
        o->body = problem_text(&req->pool, err);
        o->super.do_send = send_replaced;
        req->res.content_length = o->body.len;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                       H2O_STRLIT(PROBLEM_TYPE), 1);
        slot = &o->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void refusal_install(h2o_pathconf_t *path)
{
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup;
}
