/* Deliveries: lists, one, its attempts, retry, cancel. */
#include "store/deliveries.h"

#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

#include <stdio.h>

#define ATTEMPTS_MAX 100

static void write_code(struct jsonw *w, bool answered, int64_t code)
{
    if (answered)
        jsonw_i64(w, "response_code", code);
    else
        jsonw_null(w, "response_code");
}

static void write_time(struct jsonw *w, const char *key, int64_t ms)
{
    if (ms > 0)
        jsonw_time(w, key, ms, CLOCK_MILLIS);
    else
        jsonw_null(w, key);
}

static void write_error(struct jsonw *w, const char *key, int error, struct str text)
{
    const char *code = attempt_error_code(error);
    if (code == NULL) {
        jsonw_null(w, key);
        return;
    }
    jsonw_begin(w, key, '{');
    jsonw_text(w, "code", code);
    jsonw_str(w, "message", text);
    jsonw_end(w, '}');
}

static void write_head(struct jsonw *w, const struct delivery *d)
{
    jsonw_id(w, "id", ID_DELIVERY, d->id);
    jsonw_id(w, "event_id", d->test ? ID_TEST_EVENT : ID_EVENT, d->event);
    jsonw_str(w, "event_type", d->type);
}

static void write_outcome(struct jsonw *w, const struct delivery *d)
{
    jsonw_text(w, "status", delivery_state_names[d->state]);
    write_code(w, d->answered, d->code);
    if (d->attempts > 0)
        jsonw_i64(w, "response_time_ms", d->last_us / 1000);
    else
        jsonw_null(w, "response_time_ms");
    jsonw_i64(w, "attempts", d->attempts);
    write_time(w, "next_attempt_at", d->next_ms);
    jsonw_time(w, "created_at", d->created_ms, CLOCK_SECONDS);
}

/* --- the list of a webhook -------------------------------------------------------------------- */

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct delivery d;
    (void)settings;

    if (db_null(rows, row, 0)) /* the webhook has none */
        return;
    deliveries_read(rows, row, &d);
    jsonw_begin(w, NULL, '{');
    write_head(w, &d);
    write_outcome(w, &d);
    jsonw_end(w, '}');
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows))
        page_reply(call, rows, write_row);
}

void handle_deliveries_list(struct call *call)
{
    struct delivery_filter filter = {.state = -1};
    struct id webhook;

    if (!input_id(call, 0, ID_WEBHOOK, &webhook) ||
        !input_enum(call, "status", delivery_state_names, &filter.state) ||
        !input_type(call, "event_type", &filter.type))
        return;
    const struct page *page = page_read_span(call, ID_DELIVERY);
    if (page == NULL)
        return;
    filter.from = page->from;
    filter.before = page->before;
    call->op =
        deliveries_list(call->api->db, call->app, webhook, &filter, page->limit + 1, on_list, call);
}

/* --- one -------------------------------------------------------------------------------------- */

struct one_state {
    struct id id;
    int status; /* of the answer */
};

static void write_whole(struct jsonw *w, const struct delivery *d)
{
    jsonw_begin(w, NULL, '{');
    write_head(w, d);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, d->webhook);
    jsonw_str(w, "url", d->url);
    write_outcome(w, d);
    write_time(w, "completed_at", d->completed_ms);
    write_error(w, "last_error", d->last_error, d->error_text);
    jsonw_end(w, '}');
}

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct one_state *state = call->state;
    struct delivery d;

    if (!result_row(call, err, rows))
        return;
    deliveries_read_whole(rows, 0, &d);
    write_whole(reply_begin(call), &d);
    reply_send(call, state->status);
}

static void get(struct call *call)
{
    const struct one_state *state = call->state;
    call->op = deliveries_get(call->api->db, call->app, state->id, on_got, call);
}

/* The delivery that the path names; false: none, and that has been replied. */
static bool begin(struct call *call, int status)
{
    struct one_state *state = call->state = call_alloc(call, sizeof *state);
    state->status = status;
    return input_id(call, 0, ID_DELIVERY, &state->id);
}

void handle_deliveries_get(struct call *call)
{
    if (begin(call, 200))
        get(call);
}

/* --- retry and cancel ------------------------------------------------------------------------- */

/* Rows of (moved, webhook, concurrency, rate). */
enum { MOVED, WEBHOOK, CONCURRENCY, RATE };

/* True if it moved; else that it did not has been replied. */
static bool moved(struct call *call, int err, const struct db_rows *rows, const char *why)
{
    if (!result_row(call, err, rows))
        return false;
    if (!db_bool(rows, 0, MOVED))
        reply_error(call, ERR_WRONG_STATE, why);
    return db_bool(rows, 0, MOVED);
}

static void on_retried(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct one_state *state = call->state;

    if (!moved(call, err, rows, "an attempt is under way, or the webhook is deleted or disabled"))
        return;
    struct queue_entry entry = {state->id, db_id(rows, 0, WEBHOOK), 0,
                                (int)db_i64(rows, 0, CONCURRENCY), (int)db_i64(rows, 0, RATE)};
    queue_enqueue(call->api->queue, &entry, 1, QUEUE_FORCE);
    get(call);
}

void handle_deliveries_retry(struct call *call)
{
    const struct one_state *state;
    if (!begin(call, 202))
        return;
    state = call->state;
    call->op = deliveries_retry(call->api->db, call->app, state->id, on_retried, call);
}

static void on_cancelled(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (moved(call, err, rows, "only what is pending or held can be cancelled"))
        get(call);
}

void handle_deliveries_cancel(struct call *call)
{
    const struct one_state *state;
    if (!begin(call, 200))
        return;
    state = call->state;
    call->op = deliveries_cancel(call->api->db, call->app, state->id, on_cancelled, call);
}

/* --- attempts --------------------------------------------------------------------------------- */

static void write_ms(struct jsonw *w, const char *key, int64_t us)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld.%03d", (long long)(us / 1000), (int)(us % 1000));
    jsonw_raw(w, key, (struct str){text, (size_t)n});
}

static void write_timings(struct jsonw *w, const struct attempt_row *a)
{
    jsonw_begin(w, "timings", '{');
    write_ms(w, "dns_ms", a->dns_us);
    write_ms(w, "connect_ms", a->connect_us);
    write_ms(w, "tls_ms", a->tls_us);
    write_ms(w, "first_byte_ms", a->first_byte_us);
    write_ms(w, "total_ms", a->total_us);
    jsonw_end(w, '}');
}

static void write_messages(struct jsonw *w, const struct attempt_row *a)
{
    jsonw_begin(w, "request", '{');
    jsonw_text(w, "method", "POST");
    jsonw_str(w, "url", a->url);
    jsonw_bytes(w, "headers", a->request_head);
    jsonw_end(w, '}');
    if (!a->answered) {
        jsonw_null(w, "response");
        return;
    }
    jsonw_begin(w, "response", '{');
    jsonw_bytes(w, "headers", a->response_head);
    jsonw_bytes(w, "body", a->response_body);
    jsonw_bool(w, "body_truncated", a->body_cut);
    jsonw_end(w, '}');
}

static void write_attempt(struct jsonw *w, const struct attempt_row *a)
{
    jsonw_begin(w, NULL, '{');
    jsonw_i64(w, "number", a->number);
    jsonw_time(w, "started_at", a->started_ms, CLOCK_MILLIS);
    jsonw_text(w, "status", a->error == ATTEMPT_OK ? "delivered" : "failed");
    write_code(w, a->answered, a->code);
    write_error(w, "error", a->error, a->error_text);
    jsonw_str(w, "address", a->address);
    write_timings(w, a);
    write_messages(w, a);
    jsonw_end(w, '}');
}

static void on_attempts(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct attempt_row attempt;

    if (!result_row(call, err, rows))
        return;
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < db_count(rows) && !db_null(rows, i, 0); i++) {
        attempts_read(rows, i, &attempt);
        write_attempt(w, &attempt);
    }
    jsonw_end(w, ']');
    jsonw_null(w, "next_cursor");
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_attempts_list(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_DELIVERY, &id))
        call->op = attempts_list(call->api->db, call->app, id, ATTEMPTS_MAX, on_attempts, call);
}
