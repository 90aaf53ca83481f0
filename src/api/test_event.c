/* Test events, from the statement that stores one to the answer. */
#include "test_event.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "reply.h"
#include "result.h"
#include "store/deliveries.h"
#include "store/events.h"

/* A test waits for its worker, a request of the longest timeout, and recording. */
#define WAIT_MS (WEBHOOK_TIMEOUT_MS_MAX + 5000)

/* In the request's pool. */
struct sending {
    struct call *call;
    struct id webhook, event;
    test_done *done;
};

static void on_stored(void *arg, int err, const struct db_rows *rows)
{
    const struct sending *s = arg;
    struct call *call = s->call;

    if (!result_row(call, err, rows))
        return;
    struct queue_entry entry = {db_id(rows, 0, 0), s->webhook, 0, (int)db_i64(rows, 0, 1),
                                (int)db_i64(rows, 0, 2)};
    queue_enqueue(call->api->queue, &entry, 1, QUEUE_GENTLE);
    test_wait_start(call, s->event, entry.delivery, WAIT_MS, s->done);
}

void test_event_send(struct call *call, struct id webhook, struct str type, struct str data,
                     struct str profile_options, test_done *done)
{
    struct sending *s = call_alloc(call, sizeof *s);
    struct event_new event = {.id = id_new(), .type = type, .data = data};

    *s = (struct sending){call, webhook, event.id, done};
    call->op = events_insert_test(call->api->db, call->app, webhook, &event, profile_options,
                                  on_stored, s);
}

/* --- the answer ------------------------------------------------------------------------------- */

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

void test_event_reply(struct call *call, const struct test_result *result)
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
