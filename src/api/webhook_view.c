/* The JSON of webhooks. Of secrets it has no more than their beginning, of headers the names. */
#include "webhook_view.h"

#include "base/crypto.h"
#include "base/json.h"
#include "core/conditions.h"
#include "core/mask.h"
#include "core/signature.h"
#include "core/webhook.h"
#include "core/webhook_options.h"
#include "stats_view.h"
#include "webhook_access.h"

#include <stdio.h>

#define PREVIEW_MIN 20 /* shorter secrets would be given away */

/* Enough to tell one secret from another, not enough to use. */
static void write_preview(struct jsonw *w, struct str secret)
{
    char text[32] = "…";
    int n = str_starts(secret, STR_LIT(SECRET_PREFIX)) ? 10 : 4;

    if (secret.n >= PREVIEW_MIN)
        snprintf(text, sizeof text, "%.*s…", n, secret.p);
    jsonw_text(w, "secret_preview", text);
}

static bool carries_both(const struct settings *settings, const struct webhook *webhook,
                         struct str secret, struct str previous)
{
    const struct profile *profile = profile_find(webhook->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    return webhook->previous_until_ms > 0 && profile != NULL && profile->carries_both != NULL &&
           webhook_options_bind(settings, &f, profile, webhook->id, webhook->url,
                                webhook->profile_options, &options) == 0 &&
           profile->carries_both(&options, secret, previous);
}

/* Which secret a receiver verified with cannot be known; which were sent can. */
static void write_sent(struct jsonw *w, const struct settings *settings,
                       const struct webhook *webhook, struct str secret, struct str previous)
{
    jsonw_begin(w, "secrets_sent", '[');
    jsonw_text(w, NULL, "current");
    if (carries_both(settings, webhook, secret, previous))
        jsonw_text(w, NULL, "previous");
    jsonw_end(w, ']');
}

static void write_secrets(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    struct buf secret, previous;

    buf_init(&secret, SECRET_MAX);
    buf_init(&previous, SECRET_MAX);
    if (webhook_open(settings, WEBHOOK_SECRET, webhook->id, webhook->sealed_secret, &secret) < 0 ||
        (webhook->sealed_previous.p != NULL &&
         webhook_open(settings, WEBHOOK_SECRET, webhook->id, webhook->sealed_previous, &previous) <
             0))
        buf_clear(&secret); /* sealed with another key: nothing to tell */
    write_preview(w, buf_str(&secret));
    jsonw_time_or_null(w, "previous_secret_expires_at", webhook->previous_until_ms, CLOCK_SECONDS);
    jsonw_time_or_null(w, "secret_activates_at", webhook->secret_from_ms, CLOCK_SECONDS);
    write_sent(w, settings, webhook, buf_str(&secret), buf_str(&previous));
    crypto_forget(&secret);
    crypto_forget(&previous);
}

static void write_headers(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    struct json_iter it;
    struct str key, value;
    struct buf json, name;

    buf_init(&json, WEBHOOK_HEADERS_JSON_MAX);
    buf_init(&name, WEBHOOK_HEADER_NAME_MAX);
    jsonw_begin(w, "headers", '{');
    if (webhook->sealed_headers.n > 0 &&
        webhook_open(settings, WEBHOOK_HEADERS, webhook->id, webhook->sealed_headers, &json) == 0) {
        json_iter_init(&it, buf_str(&json));
        while (json_iter_next(&it, &key, &value)) {
            buf_clear(&name);
            if (json_unquote(&name, key) == 0)
                jsonw_text(w, buf_text(&name), "***");
        }
    }
    jsonw_end(w, '}');
    buf_fini(&name);
    crypto_forget(&json);
}

static void write_settings(struct jsonw *w, const struct webhook *webhook)
{
    jsonw_begin(w, "retry_schedule", '[');
    for (size_t i = 0; i < webhook->schedule.count; i++)
        jsonw_i64(w, NULL, webhook->schedule.seconds[i]);
    jsonw_end(w, ']');
    jsonw_i64(w, "timeout_ms", webhook->timeout_ms);
    jsonw_i64_or_null(w, "rate_limit", webhook->rate_limit > 0, webhook->rate_limit);
    jsonw_i64(w, "concurrency", webhook->concurrency);
    jsonw_text(w, "ordering", webhook_ordering_names[webhook->ordering]);
    if (webhook->filter.p != NULL)
        jsonw_raw(w, "filter", webhook->filter);
    else
        jsonw_null(w, "filter");
    jsonw_raw(w, "metadata", webhook->metadata);
    jsonw_text(w, "disabled_reason",
               webhook->disabled_reason == DISABLED_NOT
                   ? NULL
                   : str_name(webhook_disabled_reasons, webhook->disabled_reason));
}

/* The options in force: the profile's standard, and what the webhook says; null if this release cannot
 * tell, since the row is another's. */
static void write_options(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    const struct profile *profile = profile_find(webhook->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    if (profile == NULL || webhook_options_bind(settings, &f, profile, webhook->id, webhook->url,
                                                webhook->profile_options, &options) < 0) {
        jsonw_null(w, "profile_options");
        return;
    }
    if (profile->mask != NULL)
        profile->mask(f.alloc, &options);
    profile_options_write(w, profile, &options);
}

static void write_health(struct jsonw *w, const struct webhook *webhook)
{
    const struct gate *gate = &webhook->gate;
    bool waits = gate->until_ms > webhook->now_ms;

    jsonw_begin(w, "health", '{');
    jsonw_text(w, "state", gate_health_names[gate_health(gate, webhook->now_ms)]);
    jsonw_i64(w, "failures", gate->failures);
    jsonw_time_or_null(w, "since", gate->failing_ms, CLOCK_MILLIS);
    jsonw_text(w, "reason", gate->failures > 0 ? attempt_error_code(gate->error) : NULL);
    jsonw_i64(w, "concurrency",
              gate_width(gate, webhook->batch_max > 1 ? 1 : (int)webhook->concurrency));
    jsonw_time_or_null(w, "next_at", waits ? gate->until_ms : 0, CLOCK_MILLIS);
    jsonw_end(w, '}');
}

static void write_stats(struct jsonw *w, const struct webhook *webhook)
{
    const struct webhook_day *day = &webhook->day;

    jsonw_begin(w, "stats", '{');
    jsonw_time_or_null(w, "last_success_at", day->last_success_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "last_failure_at", day->last_fail_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "failing_since", webhook->gate.failing_ms, CLOCK_MILLIS);
    jsonw_begin(w, "last_24h", '{');
    stats_write(w, &(struct stats){day->attempts, day->succeeded, day->exhausted, day->p50_us,
                                   day->p95_us, day->retried});
    jsonw_end(w, '}');
    jsonw_end(w, '}');
}

void webhook_write_masked(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    struct webhook masked = *webhook;
    struct buf url;

    buf_init(&url, WEBHOOK_URL_MAX * MASK_GROWTH);
    mask_url(&url, webhook->url);
    masked.url = buf_str(&url);
    webhook_write(w, settings, &masked, STR_NONE);
    buf_fini(&url);
}

void webhook_write(struct jsonw *w, const struct settings *settings, const struct webhook *webhook,
                   struct str secret)
{
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_WEBHOOK, webhook->id);
    jsonw_str(w, "url", webhook->url);
    jsonw_begin(w, "events", '[');
    for (size_t i = 0; i < webhook->event_count; i++)
        jsonw_str(w, NULL, webhook->events[i]);
    jsonw_end(w, ']');
    jsonw_time(w, "created_at", id_time_ms(webhook->id), CLOCK_SECONDS);
    jsonw_text(w, "status", str_name(webhook_status_names, webhook->status));
    if (secret.p != NULL)
        jsonw_str(w, "secret", secret);
    jsonw_time(w, "updated_at", webhook->updated_us / 1000, CLOCK_SECONDS);
    jsonw_str_or_null(w, "uid", webhook->uid);
    jsonw_str_or_null(w, "description", webhook->description);
    jsonw_str(w, "profile", webhook->profile);
    write_options(w, settings, webhook);
    write_headers(w, settings, webhook);
    webhook_write_access(w, settings, webhook);
    write_settings(w, webhook);
    write_secrets(w, settings, webhook);
    jsonw_str_or_null(w, "managed", webhook->managed);
    write_health(w, webhook);
    write_stats(w, webhook);
    jsonw_end(w, '}');
}

void webhook_write_refusal(struct jsonw *w, struct str refusal)
{
    struct buf pointer;

    buf_init(&pointer, CONDITIONS_PLAN_MAX);
    buf_printf(&pointer, "/filter%.*s", STR_FMT(refusal));
    jsonw_text(w, "filtered_by", refusal.p != NULL ? buf_text(&pointer) : NULL);
    buf_fini(&pointer);
}
