/* Test events, from the statement that stores one to the answer. */
#include "test_event.h"

#include "base/metrics.h"
#include "core/webhook.h"
#include "delivery_view.h"
#include "happening.h"
#include "reply.h"
#include "result.h"
#include "store/events.h"

/* A test waits for its worker, a request of the longest timeout, and recording. */
#define WAIT_MS (WEBHOOK_TIMEOUT_MS_MAX + 5000)
#define ALL_MAX 250 /* of all apps */

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
    call_drop_body(call);
    struct queue_entry entry = {
        .ref = queue_ref_of(db_id(rows, 0, 0), s->webhook, call->app, true),
        .concurrency = 1,
    };
    queue_enqueue(call->api->queue, &entry, 1, QUEUE_GENTLE);
    happening_tell(call->app);
    test_wait_start(call, s->event, entry.ref.delivery, WAIT_MS, s->done);
}

/* A test keeps a request for as long as the receiver takes. A detection is one, however often it tries. */
bool test_event_begin(struct call *call)
{
    int64_t own = shares_of(&call->api->held[HOLD_TEST], call->app);

    if (own >= call->api->settings->config.tests_per_app) {
        metric_add(METRIC_TESTS_PER_APP_MET, 1);
        reply_errorf(call, ERR_LIMITED,
                     "%lld tests of this app are waiting already, which is POSTHORN_TESTS_PER_APP",
                     (long long)own);
        return false;
    }
    if (call_hold(call, HOLD_TEST, call->app, 1, ALL_MAX))
        return true;
    metric_add(METRIC_TESTS_MET, 1);
    reply_error(call, ERR_BUSY, NULL);
    return false;
}

void test_event_send(struct call *call, struct id webhook, const struct test_event *test,
                     test_done *done)
{
    struct sending *s = call_alloc(call, sizeof *s);
    struct event_new event = {.id = id_new(), .type = test->type, .data = test->data};

    assert(call->holds[HOLD_TEST].n > 0);
    *s = (struct sending){call, webhook, event.id, done};
    call->op = events_insert_test(call->api->db, call->app, webhook, &event, test->like,
                                  test->profile_options, on_stored, s);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* What the receiver said; `attempt` NULL: nothing yet. */
static void write_outcome(struct jsonw *w, const struct attempt_row *attempt)
{
    static const struct attempt_row nothing = {.error = ATTEMPT_OK};
    const struct attempt_row *a = attempt != NULL ? attempt : &nothing;

    jsonw_text(w, "status", attempt != NULL ? attempt_status(a->error) : "pending");
    jsonw_i64_or_null(w, "response_code", a->answered, a->code);
    if (a->answered)
        jsonw_bytes(w, "response_body", a->response_body);
    else
        jsonw_null(w, "response_body");
    jsonw_i64_or_null(w, "response_time_ms", attempt != NULL, a->total_us / 1000);
    attempt_write_error(w, "error", a->error, a->error_text);
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
    write_outcome(w, attempt);
    jsonw_id(w, "delivery_id", ID_DELIVERY, result->delivery);
    if (authon)
        jsonw_end(w, '}');
    jsonw_end(w, '}');
    reply_send(call, 200);
}
