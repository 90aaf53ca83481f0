/* Clients that wait for a test delivery. The worker NOTIFYs when it has recorded one; a connection
 * that comes back may have missed that, so then all are looked up. */
#include "api_internal.h"

#include "core/delivery.h"
#include "store/deliveries.h"

#include <stdlib.h>

struct test_wait {
    struct list node; /* in server.waits */
    struct call *call;
    struct id event, delivery;
    struct timeout *timeout;
    bool looking, again; /* a look is under way; something was heard meanwhile */
    bool late;           /* the next look is the last */
};

static void look(struct test_wait *wait);

void test_wait_cancel(struct test_wait *wait)
{
    if (wait == NULL)
        return;
    list_remove(&wait->node);
    timeout_destroy(wait->timeout);
    free(wait);
}

static void write_attempt(struct jsonw *w, const struct attempt_row *a)
{
    jsonw_text(w, "status", a->error == ATTEMPT_OK ? "delivered" : "failed");
    if (a->answered) {
        jsonw_i64(w, "response_code", a->code);
        jsonw_bytes(w, "response_body", a->response_body);
    } else {
        jsonw_null(w, "response_code");
        jsonw_null(w, "response_body");
    }
    jsonw_i64(w, "response_time_ms", a->total_us / 1000);
    if (a->error == ATTEMPT_OK) {
        jsonw_null(w, "error");
        return;
    }
    jsonw_begin(w, "error", '{');
    jsonw_text(w, "code", attempt_error_code(a->error));
    jsonw_str(w, "message", a->error_text);
    jsonw_end(w, '}');
}

static void write_pending(struct jsonw *w)
{
    jsonw_text(w, "status", "pending");
    jsonw_null(w, "response_code");
    jsonw_null(w, "response_body");
    jsonw_null(w, "response_time_ms");
    jsonw_null(w, "error");
}

static void reply(struct test_wait *wait, const struct attempt_row *attempt)
{
    struct call *call = wait->call;
    struct jsonw *w = reply_begin(call);

    if (call->route->shape == SHAPE_AUTHON) {
        jsonw_begin(w, NULL, '{');
        jsonw_bool(w, "success", attempt != NULL && attempt->error == ATTEMPT_OK);
        jsonw_begin(w, "data", '{');
    } else {
        jsonw_begin(w, NULL, '{');
    }
    jsonw_id(w, "id", ID_TEST_EVENT, wait->event);
    if (attempt != NULL)
        write_attempt(w, attempt);
    else
        write_pending(w);
    jsonw_id(w, "delivery_id", ID_DELIVERY, wait->delivery);
    jsonw_end(w, '}');
    if (call->route->shape == SHAPE_AUTHON)
        jsonw_end(w, '}');
    call->waiting = NULL;
    test_wait_cancel(wait);
    reply_send(call, 200);
}

static void on_look(void *arg, int err, const struct db_rows *rows)
{
    struct test_wait *wait = arg;
    struct call *call = wait->call;
    struct attempt_row attempt;

    call->op = NULL;
    wait->looking = false;
    if (err == 0 && db_count(rows) > 0 && !db_null(rows, 0, 0)) {
        attempts_read(rows, 0, &attempt);
        reply(wait, &attempt);
    } else if (wait->late && err < 0) {
        reply_db_error(call, err);
    } else if (wait->late) {
        reply(wait, NULL);
    } else if (wait->again) {
        look(wait);
    }
}

static void look(struct test_wait *wait)
{
    struct call *call = wait->call;
    wait->again = wait->looking;
    if (wait->looking)
        return;
    wait->looking = true;
    call->op = attempts_list(call->server->db, call->app, wait->delivery, 1, on_look, wait);
}

static void on_late(void *arg)
{
    struct test_wait *wait = arg;
    wait->late = true;
    look(wait);
}

void test_wait_start(struct call *call, struct id event, struct id delivery, int64_t wait_ms)
{
    struct test_wait *wait = xcalloc(1, sizeof *wait);
    wait->call = call;
    wait->event = event;
    wait->delivery = delivery;
    wait->timeout = timeout_create(call->server->loop, on_late, wait);
    timeout_set(wait->timeout, wait_ms);
    list_push(&call->server->waits, &wait->node);
    call->waiting = wait;
}

void tests_ended(struct server *server, const char *uuid)
{
    struct id id;

    if (uuid != NULL && !id_parse_uuid(str_of(uuid), &id))
        return;
    LIST_FOREACH_SAFE(node, &server->waits)
    {
        struct test_wait *wait = CONTAINER_OF(node, struct test_wait, node);
        if (uuid == NULL || id_eq(id, wait->delivery))
            look(wait);
    }
}
