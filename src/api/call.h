/* A call: one request and, later, its answer.
 *
 * It lives in its request's pool and dies with it, answered or not; what it started is cancelled then,
 * so no callback ever meets a request that is gone. */
#ifndef API_CALL_H
#define API_CALL_H

#include "api.h"
#include "base/buf.h"
#include "base/field.h"
#include "base/jsonw.h"
#include "core/key.h"
#include "route.h"

#include <sys/socket.h>

#define BODY_MAX ((size_t)1 << 20)

struct st_h2o_req_t;
struct flow;

struct call {
    struct api *api;
    struct st_h2o_req_t *req; /* call.c's own */

    struct str method, target; /* as they came */
    struct str host;           /* that it was sent to, as the client says; n == 0: it does not */
    struct str path, query;    /* of the target, the path normalised and without /v1 */
    struct str body;           /* n == 0: none, or dropped */
    const struct route *route; /* NULL: none fits */
    struct str params[PARAMS_MAX]; /* what stands for {…} */
    struct str values[QUERY_MAX];  /* of route->query, decoded; p == NULL: not given */
    struct id id;                  /* of the request */
    char request_id[ID_TEXT_SIZE]; /* that, as text */
    int64_t start_us;              /* monotonic; set at log level debug */
    int64_t answered_ms;           /* monotonic; of a large answer */

    struct {
        struct id owner;
        int64_t n;
    } holds[HOLD_COUNT]; /* its part of api->held */

    int scope;        /* of the key */
    struct id key;    /* nil: that of the options */
    bool portal;      /* it is a portal token */
    int64_t requests; /* that it may make a second; 0: no bound; < 0: as the options say */
    struct id app;    /* the tenant */
    int checks;       /* what that asks for of its events: bits of enum app_check (store/apps.h) */

    bool over; /* its key had asked too often when its head came: its body was not kept */

    char rate_policy[48], rate_left[48]; /* header fields of the answer */

    struct db_op *op;          /* the statement under way */
    void (*cancel)(void *arg); /* of call_wait(), or NULL */
    void *cancel_arg;
    void *state;               /* the handler's own, in the pool */
    void (*at_end)(void *arg); /* of call_at_end(), or NULL */
    void *end_arg;
    void (*on_drop)(void *arg); /* of call_drop_body(), or NULL */
    void *drop_arg;

    struct fields fields;
    const struct field
        *table; /* that the body was bound by, and which of its fields were given; NULL: none was */
    uint32_t given;
    struct flow *flow; /* of call_stream(), or NULL */
    struct buf out;    /* the answer's body */
    struct jsonw json;
    struct list node; /* in api->calls */
};

/* In the request's pool, and in api->calls. */
struct call *call_create(struct api *api, struct st_h2o_req_t *req);

/* Zeroed, in the request's pool: it lives as long as the call. */
void *call_alloc(struct call *call, size_t size);

/* Who calls may know it all, URLs and signatures too; else it is masked. */
static inline bool call_sees_all(const struct call *call)
{
    return call->scope >= SCOPE_WRITE && !call->portal;
}

/* Memory that is freed with it, by `end`. Once a call. */
void call_at_end(struct call *call, void (*end)(void *arg), void *arg);

/* A copy there, which ends with NUL; and that as a slice. */
char *call_copy_text(struct call *call, struct str s);
struct str call_copy(struct call *call, struct str s);

/* Its connection ends with its answer: what came behind it is not read. */
void call_is_last(struct call *call);

/* What waits for long does not keep its body: its memory goes back, and slices of it are no text any more. `on_drop` is
 * then called, where one was set. */
void call_drop_body(struct call *call);

/* A header of the request, or p == NULL. */
struct str call_header(const struct call *call, const char *name);
bool call_header_comes_twice(const struct call *call, const char *name);

/* Who is at the other end of the connection; false: it is gone. */
bool call_peer(const struct call *call, struct sockaddr_storage *address);

/* The call waits for something that is no statement: `cancel(arg)` ends that when the call ends before
 * call_wait_over(). One at a time. */
void call_wait(struct call *call, void (*cancel)(void *arg), void *arg);
void call_wait_over(struct call *call);

/* Takes `n` of what all calls together may have `max` of, once, for `owner` (shares.h); false: there is not that much
 * left. The call's end, or call_let_go(), gives it back; of a test and of a list its answer does. */
bool call_hold(struct call *call, enum hold what, struct id owner, int64_t n, int64_t max);
void call_let_go(struct call *call, enum hold what);

/* What is under way will not call back. */
void call_cancel(struct call *call);

/* --- the answer, which reply.h makes ---------------------------------------------------------- */

/* `value` must live as long as the call. */
void call_add_header(struct call *call, const char *name, const char *value);

/* Once a call; a line of the log at debug. `body` is not copied; without one (n == 0) `type` is NULL. Nothing
 * may touch the call afterwards. */
void call_send(struct call *call, int status, const char *type, struct str body);

bool call_answered(const struct call *call);

/* Begins an answer of no known length, whose pieces are sent by call_stream_send(): `taken` is called when one has been
 * taken, and only then may the next be sent. The piece is not copied. After the last nothing may touch the call. */
typedef void call_taken(struct call *call);
void call_stream(struct call *call, const char *type, call_taken *taken);
void call_stream_send(struct call *call, struct str piece, bool last);

/* --- its connection --------------------------------------------------------------------------- */

/* The client has closed its side: it is gone, or says nothing more. */
bool call_is_left(const struct call *call);

/* Whatever of the answer was not taken is not sent. */
void call_hang_up(struct call *call);

#endif
