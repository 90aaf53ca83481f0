/* Group commit of events. */
#ifndef API_ACCEPT_H
#define API_ACCEPT_H

#include "accept_queue.h"
#include "call.h"
#include "store/events.h"

struct accepted {
    struct id event;
    int64_t deliveries;
    bool replayed; /* the event is that of an earlier request with its idempotency key */
};

/* 0, ERR_IDEMPOTENCY, ERR_TOO_LARGE (JOB_FANOUT_MAX), ERR_BUSY, ERR_UNAVAILABLE or ERR_TIMEOUT. */
typedef void accept_done(struct call *call, int err);

/* Events of one request, all or nothing. It lives in the request's pool. */
struct accept_request {
    size_t count;
    struct event_new *events;  /* `count`, with all that their members point to */
    struct accepted *accepted; /* `count`, filled before the callback */
    bool foreign; /* its client did not choose the types: what is wrong with one says which it is */

    /* The acceptor's own. */
    struct call *call;
    accept_done *done;
    struct list node;             /* of those that are refused */
    struct accept_waiter waiting; /* its turn, and its size */
    struct accept_batch *batch;   /* NULL: it is in none */
    int64_t start_us;             /* monotonic */
    int err;
};

struct acceptor *acceptor_create(struct api *api);

/* No request may be waiting. NULL is fine. */
void acceptor_destroy(struct acceptor *acceptor);

/* Stores the events, and puts their deliveries into the queue. The call's end cancels it: the events
 * may be stored all the same. */
void accept_start(struct call *call, struct accept_request *request, accept_done *done);

#endif
