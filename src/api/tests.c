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
    test_done *done;
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

void test_reply(struct call *call, const struct test_result *result)
{
    bool authon = call->route->shape == SHAPE_AUTHON;
    const struct attempt_row *attempt = result->attempt;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    if (authon) {
        jsonw_bool(w, "success", attempt != NULL && attempt->error == ATTEMPT_OK);
        jsonw_begin(w, "data", '{');
    }
    jsonw_id(w, "id", ID_TEST_EVENT, result->event);
    if (attempt != NULL)
        write_attempt(w, attempt);
    else
        write_pending(w);
    jsonw_id(w, "delivery_id", ID_DELIVERY, result->delivery);
    if (authon)
        jsonw_end(w, '}');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

/* The wait is over; what comes may start another. */
static void end(struct test_wait *wait, const struct attempt_row *attempt)
{
    struct test_result result = {wait->event, wait->delivery, attempt};
    struct call *call = wait->call;
    test_done *done = wait->done;

    call->waiting = NULL;
    test_wait_cancel(wait);
    done(call, &result);
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
        end(wait, &attempt);
    } else if (wait->late && err < 0) {
        reply_db_error(call, err);
    } else if (wait->late) {
        end(wait, NULL);
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

void test_wait_start(struct call *call, struct id event, struct id delivery, int64_t wait_ms,
                     test_done *done)
{
    struct test_wait *wait = xcalloc(1, sizeof *wait);
    wait->call = call;
    wait->event = event;
    wait->delivery = delivery;
    wait->done = done;
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
