/* The JSON of deliveries and attempts. */
#include "delivery_view.h"

#include <stdio.h>

void attempt_write_error(struct jsonw *w, const char *key, int error, struct str text)
{
    const char *code = attempt_error_code(error);

    if (!jsonw_begin_or_null(w, key, code != NULL, '{'))
        return;
    jsonw_text(w, "code", code);
    jsonw_str(w, "message", text);
    jsonw_end(w, '}');
}

/* --- deliveries ------------------------------------------------------------------------------- */

static void write_head(struct jsonw *w, const struct delivery *d)
{
    jsonw_id(w, "id", ID_DELIVERY, d->id);
    jsonw_id(w, "event_id", d->test ? ID_TEST_EVENT : ID_EVENT, d->event);
    jsonw_str(w, "event_type", d->type);
}

static void write_next(struct jsonw *w, const struct delivery *d)
{
    jsonw_time_or_null(w, "next_attempt_at", d->next_ms, CLOCK_MILLIS);
    jsonw_text(w, "waiting_for", d->asleep ? "order" : NULL);
}

static void write_outcome(struct jsonw *w, const struct delivery *d)
{
    jsonw_text(w, "status", str_name(delivery_state_names, d->state));
    jsonw_i64_or_null(w, "response_code", d->answered, d->code);
    jsonw_i64_or_null(w, "response_time_ms", d->recorded, d->last_us / 1000);
    jsonw_i64(w, "attempts", d->attempts);
    write_next(w, d);
    jsonw_time(w, "created_at", d->created_ms, CLOCK_SECONDS);
}

void delivery_write_row(struct jsonw *w, const struct delivery *d)
{
    jsonw_begin(w, NULL, '{');
    write_head(w, d);
    write_outcome(w, d);
    jsonw_end(w, '}');
}

void delivery_write(struct jsonw *w, const struct delivery *d)
{
    jsonw_begin(w, NULL, '{');
    write_head(w, d);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, d->webhook);
    jsonw_str(w, "url", d->url);
    write_outcome(w, d);
    jsonw_time_or_null(w, "completed_at", d->completed_ms, CLOCK_MILLIS);
    attempt_write_error(w, "last_error", d->last_error, d->error_text);
    jsonw_str_or_null(w, "ordering_key", d->ordering_key);
    jsonw_time_or_null(w, "expires_at", d->expires_ms, CLOCK_MILLIS);
    jsonw_end(w, '}');
}

void delivery_write_of_event(struct jsonw *w, const struct delivery *d)
{
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_DELIVERY, d->id);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, d->webhook);
    jsonw_text(w, "status", str_name(delivery_state_names, d->state));
    jsonw_i64_or_null(w, "response_code", d->answered, d->code);
    jsonw_i64(w, "attempts", d->attempts);
    write_next(w, d);
    jsonw_end(w, '}');
}

/* --- attempts --------------------------------------------------------------------------------- */

const char *attempt_status(int error)
{
    return error == ATTEMPT_OK ? "delivered" : "failed";
}

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
    if (!jsonw_begin_or_null(w, "response", a->answered, '{'))
        return;
    jsonw_bytes(w, "headers", a->response_head);
    jsonw_bytes(w, "body", a->response_body);
    jsonw_bool(w, "body_truncated", a->body_cut);
    jsonw_end(w, '}');
}

void attempt_write(struct jsonw *w, const struct attempt_row *a)
{
    jsonw_begin(w, NULL, '{');
    jsonw_i64(w, "number", a->number);
    jsonw_time(w, "started_at", a->started_ms, CLOCK_MILLIS);
    jsonw_text(w, "status", attempt_status(a->error));
    jsonw_i64_or_null(w, "response_code", a->answered, a->code);
    attempt_write_error(w, "error", a->error, a->error_text);
    jsonw_str_or_null(w, "address", a->address.n > 0 ? a->address : STR_NONE);
    write_timings(w, a);
    write_messages(w, a);
    jsonw_end(w, '}');
}
