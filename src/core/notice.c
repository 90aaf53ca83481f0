/* A table of kinds: which facts each tells. */
#include "core/notice.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "core/delivery.h"
#include "core/mask.h"
#include "core/webhook.h"

#define URL_MAX (MASK_GROWTH * WEBHOOK_URL_MAX)
#define API     "/v1"

const char *const notice_types[NOTICE_KINDS] = {
    [NOTICE_FAILING] = "posthorn.endpoint.failing",
    [NOTICE_DISABLED] = "posthorn.endpoint.disabled",
    [NOTICE_RECOVERED] = "posthorn.endpoint.recovered",
    [NOTICE_EXHAUSTED] = "posthorn.delivery.exhausted",
};

static void write_failures(struct jsonw *w, const struct notice *n)
{
    jsonw_i64(w, "failures", n->failures);
    jsonw_time_or_null(w, "failing_since", n->failing_ms, CLOCK_MILLIS);
    jsonw_text(w, "error_code", attempt_error_code(n->error));
}

static void write_disabled(struct jsonw *w, const struct notice *n)
{
    jsonw_text(w, "reason", str_name(webhook_disabled_reasons, n->reason));
    write_failures(w, n);
}

static void write_recovered(struct jsonw *w, const struct notice *n)
{
    jsonw_time_or_null(w, "failed_since", n->failing_ms, CLOCK_MILLIS);
}

static void write_exhausted(struct jsonw *w, const struct notice *n)
{
    jsonw_id(w, "delivery_id", ID_DELIVERY, n->delivery);
    jsonw_id(w, "event_id", ID_EVENT, n->event);
    jsonw_str(w, "event_type", n->event_type);
    jsonw_i64(w, "attempts", n->attempts);
    jsonw_i64_or_null(w, "response_code", n->code != 0, n->code);
    jsonw_text(w, "error_code", attempt_error_code(n->error));
    jsonw_i64(w, "count", n->count);
}

static void (*const write_facts[NOTICE_KINDS])(struct jsonw *w, const struct notice *n) = {
    [NOTICE_FAILING] = write_failures,
    [NOTICE_DISABLED] = write_disabled,
    [NOTICE_RECOVERED] = write_recovered,
    [NOTICE_EXHAUSTED] = write_exhausted,
};

static void write_link(struct jsonw *w, const char *key, const char *path, const char *prefix,
                       struct id id)
{
    char text[ID_TEXT_SIZE];
    struct buf b;

    buf_init(&b, sizeof API + ID_TEXT_SIZE + 32);
    buf_printf(&b, API "/%s/%s", path, id_text(text, prefix, id));
    jsonw_str(w, key, buf_str(&b));
    buf_fini(&b);
}

void notice_write(struct buf *out, const struct notice *n)
{
    struct jsonw w = jsonw_on(out);
    struct buf url;

    buf_init(&url, URL_MAX);
    mask_url(&url, n->url);
    jsonw_begin(&w, NULL, '{');
    jsonw_id(&w, "webhook_id", ID_WEBHOOK, n->webhook);
    jsonw_str(&w, "url", buf_str(&url));
    write_facts[n->kind](&w, n);
    jsonw_begin(&w, "links", '{');
    write_link(&w, "webhook", "webhooks", ID_WEBHOOK, n->webhook);
    if (n->kind == NOTICE_EXHAUSTED)
        write_link(&w, "delivery", "deliveries", ID_DELIVERY, n->delivery);
    jsonw_end(&w, '}');
    jsonw_end(&w, '}');
    buf_fini(&url);
}
