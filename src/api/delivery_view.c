/* The JSON of deliveries and attempts. */
#include "delivery_view.h"

#include "core/mask.h"

#include <stdio.h>

#define HEAD_MAX ((size_t)64 << 10)

typedef void mask(struct buf *out, struct str text);

/* A member with what `mask` makes of the text. */
static void write_masked(struct jsonw *w, const char *key, struct str text, mask *how)
{
    struct buf b;

    buf_init(&b, HEAD_MAX);
    how(&b, text);
    jsonw_bytes(w, key, buf_str(&b));
    buf_fini(&b);
}

static void write_url(struct jsonw *w, struct str url, bool masked)
{
    if (masked)
        write_masked(w, "url", url, mask_url);
    else
        jsonw_str(w, "url", url);
}

static void write_failure(struct jsonw *w, const char *key, int error, struct str text, bool masked)
{
    if (!masked || error != ATTEMPT_REDIRECT) {
        attempt_write_error(w, key, error, text);
        return;
    }
    jsonw_begin(w, key, '{');
    jsonw_text(w, "code", attempt_error_code(error));
    write_masked(w, "message", text, mask_redirect);
    jsonw_end(w, '}');
}

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

void delivery_write_listed(struct jsonw *w, const struct delivery *d)
{
    jsonw_begin(w, NULL, '{');
    write_head(w, d);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, d->webhook);
    write_outcome(w, d);
    jsonw_text(w, "error_code", attempt_error_code(d->last_error));
    jsonw_end(w, '}');
}

void delivery_write(struct jsonw *w, const struct delivery *d, bool masked)
{
    jsonw_begin(w, NULL, '{');
    write_head(w, d);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, d->webhook);
    write_url(w, d->url, masked);
    write_outcome(w, d);
    jsonw_time_or_null(w, "completed_at", d->completed_ms, CLOCK_MILLIS);
    write_failure(w, "last_error", d->last_error, d->error_text, masked);
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

static void write_messages(struct jsonw *w, const struct attempt_row *a, bool masked)
{
    jsonw_begin(w, "request", '{');
    jsonw_text(w, "method", "POST");
    write_url(w, a->url, masked);
    jsonw_bytes(w, "headers", a->request_head);
    jsonw_str_or_null(w, "body", a->has_body ? buf_str(&a->body) : STR_NONE);
    jsonw_end(w, '}');
    if (!jsonw_begin_or_null(w, "response", a->answered, '{'))
        return;
    if (masked)
        write_masked(w, "headers", a->response_head, mask_head);
    else
        jsonw_bytes(w, "headers", a->response_head);
    jsonw_bytes(w, "body", a->response_body);
    jsonw_bool(w, "body_truncated", a->body_cut);
    jsonw_end(w, '}');
}

void attempt_write(struct jsonw *w, const struct attempt_row *a, bool masked)
{
    jsonw_begin(w, NULL, '{');
    jsonw_i64(w, "number", a->number);
    jsonw_time(w, "started_at", a->started_ms, CLOCK_MILLIS);
    jsonw_text(w, "status", attempt_status(a->error));
    jsonw_i64_or_null(w, "response_code", a->answered, a->code);
    write_failure(w, "error", a->error, a->error_text, masked);
    jsonw_str_or_null(w, "address", a->address.n > 0 ? a->address : STR_NONE);
    write_timings(w, a);
    write_messages(w, a, masked);
    jsonw_end(w, '}');
}
