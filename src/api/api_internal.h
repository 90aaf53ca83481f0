/* What the files of the API share.
 *
 *   server.c   the listener, connections, h2o, the drain
 *   route.c    the table of routes; a request becomes a call
 *   auth.c     the key becomes a tenant and a scope
 *   reply.c    answers and problems
 *   page.c     query parameters, pages
 *   accept.c   group commit of events
 *   tests.c    test deliveries that a client waits for
 *
 * and one file per resource. A handler parses and starts a statement; its callback decodes and
 * replies. A call dies with its request: what it started is cancelled then, so no callback ever
 * meets a request that is gone. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/field.h"
#include "base/jsonw.h"
#include "base/list.h"
#include "core/settings.h"
#include "io/db.h"
#include "io/loop.h"
#include "store/events.h"
#include "store/queue.h"
#include "store/tenants.h"

#include <h2o.h>

#define BODY_MAX   ((size_t)1 << 20)
#define BODY_DEPTH 32
#define PARAMS_MAX 2

/* --- route.c ---------------------------------------------------------------------------------- */

struct server;
struct call;
struct attempt_row;
typedef void route_handler(struct call *call);

#define QUERY_MAX 6

/* How answers look, and where the tenant is named. */
enum route_shape {
    SHAPE_NATIVE,
    SHAPE_AUTHON, /* {success, data} or {success, message}; the tenant is the path's first parameter
                   */
};

struct route {
    const char *method, *path; /* "{id}" stands for one segment */
    int scope;                 /* enum key_scope, or SCOPE_OPEN */
    route_handler *handler;
    const char *query[QUERY_MAX + 1]; /* the parameters it takes; ends with NULL */
    enum route_shape shape;
};

#define SCOPE_OPEN (-1)

extern const struct route routes[];
extern const size_t route_count;

/* Every request becomes a call, finds its route, is authenticated, and runs the handler. */
void route_install(h2o_pathconf_t *path, struct server *server);

/* --- a call ----------------------------------------------------------------------------------- */

struct call {
    struct server *server;
    h2o_req_t *req;
    const struct route *route;
    struct str path, query;        /* of the request target, without /v1 */
    struct str params[PARAMS_MAX]; /* what stands for {…} */
    struct str values[QUERY_MAX];  /* of route->query, decoded; p == NULL: not given */
    char request_id[ID_TEXT_SIZE];

    int scope;     /* of the key */
    struct id app; /* the tenant */

    struct db_op *op; /* under way; cancelled with the call */
    struct accept_request *accepting;
    struct test_wait *waiting;
    void *state;   /* the handler's own, in the pool */
    void *sending; /* of a test under way, likewise */

    struct fields fields;
    struct buf out; /* the answer's body */
    struct jsonw json;
    struct list node; /* in server.calls */
};

struct allocator call_allocator(struct call *call);
void *call_alloc(struct call *call, size_t size); /* zeroed, in the request's pool */

/* Ends what is under way and replies 503, unless there was a reply. */
void call_abandon(struct call *call);

/* Binds the body; false: it is wrong, and that has been replied. */
bool call_bind(struct call *call, const struct field *table, size_t count, void *out) MUST_CHECK;

/* params[i] as an id; false: it is none, and 404 has been replied. */
bool call_id(struct call *call, int i, const char *prefix, struct id *id) MUST_CHECK;

/* A bound map as JSON text, in the request's pool. */
struct str map_json(struct call *call, const struct field_map *map);

/* A request header, or p == NULL. */
struct str call_header(const struct call *call, const char *name);

/* --- auth.c ----------------------------------------------------------------------------------- */

/* Known keys, for a few seconds, so that a busy client costs no statement a request. */
struct auth_cache;
struct auth_cache *auth_cache_create(void);
void auth_cache_destroy(struct auth_cache *cache);
void auth_cache_clear(struct auth_cache *cache); /* a key or an app is gone */

/* Sets scope and app and runs the route's handler, or replies 401, 403 or 404. */
void auth_start(struct call *call);

/* --- reply.c ---------------------------------------------------------------------------------- */

/* Begins the body's JSON; the handler writes into call->json. */
struct jsonw *reply_begin(struct call *call);

/* Sends what was written. Nothing may touch the call after any of these. */
void reply_send(struct call *call, int status);
void reply_empty(struct call *call, int status);

/* A problem (RFC 9457). `detail` may be NULL. */
void reply_error(struct call *call, int err, const char *detail);
void reply_invalid(struct call *call, const char *field, const char *message);
void reply_problems(struct call *call, int err);

/* The error of a statement: a conflict or bad data that validation should have caught is our fault.
 */
void reply_db_error(struct call *call, int err);

/* What most callbacks of statements begin with: clears call->op, and tells whether there is a row. False:
 * there is none, or an error, and 404 or that has been replied. */
bool call_row(struct call *call, int err, const struct db_rows *rows) MUST_CHECK;

void reply_header(struct call *call, const char *name,
                  const char *value); /* value: static or pool */
void reply_location(struct call *call, const char *path, const char *id);

/* A static JSON body, and the same for h2o's own errors (too large, bad request). */
void reply_static(struct call *call, int status, struct str json);
void reply_install_filter(h2o_pathconf_t *path);

/* --- page.c ----------------------------------------------------------------------------------- */

/* Fills call->values. False: a parameter is unknown, twice, or malformed, and that has been
 * replied. */
bool query_read(struct call *call) MUST_CHECK;

/* Each replies when it returns false. An absent value leaves `*out` as it is. */
bool query_limit(struct call *call, struct str value, int *limit) MUST_CHECK;
bool query_cursor(struct call *call, struct str value, const char *prefix,
                  struct id *before) MUST_CHECK;
bool query_enum(struct call *call, const char *name, struct str value, const char *const *names,
                int *out) MUST_CHECK;
bool query_time(struct call *call, const char *name, struct str value, int64_t *out) MUST_CHECK;
bool query_type(struct call *call, const char *name, struct str value) MUST_CHECK;

#define PAGE_LIMIT     50
#define PAGE_LIMIT_MAX 250

/* Writes {"data": [ … ], "next_cursor": …} and sends it: `rows` holds up to limit + 1, and `limit`
 * of them are shown. */
typedef void page_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row);
void page_reply(struct call *call, const struct db_rows *rows, int limit, page_row *write_row,
                const char *prefix);

/* --- accept.c --------------------------------------------------------------------------------- */

struct accepted {
    struct id event;
    int64_t deliveries;
    bool replayed;
};

/* Events of one request, all or nothing. In the request's pool. */
struct accept_request {
    struct list node;
    struct accept_batch *batch; /* NULL: waiting */
    size_t count, bytes;        /* events, and of their data (the acceptor counts them) */
    struct event_new *events;
    struct accepted *accepted; /* `count`, filled before the callback */
    int err;
    void (*cb)(struct call *call, int err);
    struct call *call;
};

struct acceptor;
struct acceptor *acceptor_create(struct server *server);
void acceptor_destroy(struct acceptor *acceptor);

/* Calls back with 0, ERR_IDEMPOTENCY, ERR_BUSY, ERR_UNAVAILABLE or ERR_TIMEOUT. */
void accept_start(struct call *call, struct accept_request *request);
void accept_cancel(struct accept_request *request); /* NULL is fine */

/* --- tests.c ---------------------------------------------------------------------------------- */

struct test_result {
    struct id event, delivery;
    const struct attempt_row *attempt; /* NULL: still pending. Borrowed */
};

typedef void test_done(struct call *call, const struct test_result *result);

/* Waits for the end of a test delivery, at most `wait_ms`. */
void test_wait_start(struct call *call, struct id event, struct id delivery, int64_t wait_ms,
                     test_done *done);

/* Replies with what the receiver said. */
test_done test_reply;
void test_wait_cancel(struct test_wait *wait); /* NULL is fine */

/* A test delivery ended (PostgreSQL's text of its id), or it is not known whether some did (NULL).
 */
void tests_ended(struct server *server, const char *uuid);

/* --- server.c --------------------------------------------------------------------------------- */

struct server {
    const struct settings *settings;
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct auth_cache *auth;
    struct acceptor *acceptor;
    struct list waits; /* struct test_wait */
    struct list calls;
    bool stopping;

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

#endif
