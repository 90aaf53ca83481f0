/* Webhooks: reading and writing their JSON. */
#include "webhook_form.h"

#include "base/crypto.h"
#include "base/json.h"
#include "core/address.h"
#include "core/filter.h"
#include "core/signature.h"
#include "input.h"
#include "io/url.h"
#include "reply.h"
#include "result.h"

#include <stdio.h>

_Static_assert(WEBHOOK_URL_MAX <= URL_SIZE_MAX, "what may be set can be called");

#define HEADERS_MAX_BYTES 65536
#define PREVIEW_MIN       20 /* shorter secrets would be given away */

#define AT(member)        offsetof(struct webhook_input, member)

#define COMMON_FIELDS(required)                                                                  \
    [IN_URL] = {"url", FIELD_STR, AT(url), required, .min = 1, .max = WEBHOOK_URL_MAX},          \
    [IN_EVENTS] = {"events",                                                                     \
                   FIELD_STRS,                                                                   \
                   AT(events),                                                                   \
                   required,                                                                     \
                   .min = 1,                                                                     \
                   .max = WEBHOOK_EVENTS_MAX,                                                    \
                   .item_max = FILTER_PATTERN_MAX,                                               \
                   .check = filter_check},                                                       \
    [IN_DESCRIPTION] = {"description", FIELD_STR, AT(description), FIELD_NULLABLE,               \
                        .max = WEBHOOK_DESCRIPTION_MAX},                                         \
    [IN_PROFILE] = {"profile", FIELD_ENUM, AT(profile), FIELD_NULLABLE, .names = profile_names}, \
    [IN_OPTIONS] = {"profile_options",                                                           \
                    FIELD_RAW,                                                                   \
                    AT(options),                                                                 \
                    FIELD_NULLABLE,                                                              \
                    .max = PROFILE_OPTIONS_MAX,                                                  \
                    .kinds = FIELD_KIND(JSON_OBJECT)},                                           \
    [IN_HEADERS] = {"headers",                                                                   \
                    FIELD_MAP,                                                                   \
                    AT(headers),                                                                 \
                    FIELD_NULLABLE,                                                              \
                    .max = WEBHOOK_HEADERS_MAX,                                                  \
                    .key_max = WEBHOOK_HEADER_NAME_MAX,                                          \
                    .item_max = WEBHOOK_HEADER_VALUE_MAX,                                        \
                    .check_pair = webhook_header_check},                                         \
    [IN_SCHEDULE] = {"retry_schedule",                                                           \
                     FIELD_I64S,                                                                 \
                     AT(schedule),                                                               \
                     FIELD_NULLABLE,                                                             \
                     .max = SCHEDULE_STEPS_MAX,                                                  \
                     .item_min = 1,                                                              \
                     .item_max = SCHEDULE_SECONDS_MAX},                                          \
    [IN_TIMEOUT] = {"timeout_ms",                                                                \
                    FIELD_I64,                                                                   \
                    AT(timeout_ms),                                                              \
                    FIELD_NULLABLE,                                                              \
                    .min = WEBHOOK_TIMEOUT_MS_MIN,                                               \
                    .max = WEBHOOK_TIMEOUT_MS_MAX},                                              \
    [IN_RATE] = {"rate_limit",   FIELD_I64, AT(rate_limit),                                      \
                 FIELD_NULLABLE, .min = 1,  .max = WEBHOOK_RATE_MAX},                            \
    [IN_CONCURRENCY] = {"concurrency",  FIELD_I64, AT(concurrency),                              \
                        FIELD_NULLABLE, .min = 1,  .max = WEBHOOK_CONCURRENCY_MAX},              \
    [IN_METADATA] = {"metadata",                                                                 \
                     FIELD_MAP,                                                                  \
                     AT(metadata),                                                               \
                     FIELD_NULLABLE,                                                             \
                     .max = METADATA_MAX,                                                        \
                     .key_max = METADATA_KEY_MAX,                                                \
                     .item_max = METADATA_VALUE_MAX}

const struct field webhook_create_fields[IN_COUNT] = {
    COMMON_FIELDS(FIELD_REQUIRED),
    [IN_SECRET_OR_STATUS] = {"secret", FIELD_STR, AT(secret), 0, .min = 1, .max = SECRET_MAX,
                             .check = secret_check_printable},
};

const struct field webhook_change_fields[IN_COUNT] = {
    COMMON_FIELDS(0),
    [IN_SECRET_OR_STATUS] = {"status", FIELD_ENUM, AT(status), 0, .names = webhook_status_names},
};

void webhook_defaults(const struct call *call, struct webhook *w)
{
    *w = (struct webhook){
        .app = call->app,
        .profile = str_of(profiles[0]->name),
        .profile_options = STR_LIT("{}"),
        .sealed_headers = STR_LIT(""),
        .schedule = call->api->settings->schedule,
        .timeout_ms = WEBHOOK_TIMEOUT_MS,
        .concurrency = WEBHOOK_CONCURRENCY,
        .metadata = STR_LIT("{}"),
    };
}

/* --- one function a field that is more than a copy -------------------------------------------- */

/* The part of a normalised URL from its path on. */
static struct str path_of(const struct url *url)
{
    const char *path = strchr(strstr(url->text, "://") + 3, '/');
    return str_of(path != NULL ? path : "/");
}

/* An address of Discord or Slack asks for their profile, unless the client names one. They want
 * requests one by one. */
static void apply_detection(const struct call *call, const struct url *url, struct webhook *w)
{
    const struct profile *profile = profile_detect(str_of(url->host), path_of(url));

    if (profile == NULL || field_given(&call->fields, IN_PROFILE) ||
        !str_eq_text(w->profile, profiles[0]->name))
        return;
    w->profile = str_of(profile->name);
}

static void apply_url(struct call *call, const struct webhook_input *in, struct webhook *w)
{
    const struct networks *opened = &call->api->settings->networks;
    struct url *url = call_alloc(call, sizeof *url);
    const char *why;

    if (url_parse(in->url, url, &why) < 0)
        fields_problem(&call->fields, "url", why);
    else if (url->literal && !address_allowed(opened, (struct sockaddr *)&url->address))
        fields_problem(&call->fields, "url", "the address is not public");
    else if (!url->literal && !address_name_allowed(opened, str_of(url->host)))
        fields_problem(&call->fields, "url", "the host is not a public name");
    else {
        w->url = str_of(url->text);
        apply_detection(call, url, w);
    }
}

/* Options are stored as they were given: what they do not say follows the profile. */
static void apply_options(struct call *call, struct webhook *w)
{
    const struct profile *profile = profile_find(w->profile);
    struct fields *f = &call->fields;
    uint32_t present = f->present, nulls = f->nulls;
    struct profile_options options = {0};

    int err = profile_options_bind(f, profile, w->profile_options, &options);
    assert(err == 0 || f->problem_count > 0); /* they are what webhook_apply() replies */
    f->present = present;
    f->nulls = nulls;
    w->batch_seconds = options.batch_seconds;
    if (profile->rules != NULL && w->concurrency == WEBHOOK_CONCURRENCY)
        w->concurrency = 1;
}

static void apply_headers(struct call *call, const struct webhook_input *in, struct webhook *w)
{
    struct buf sealed;

    if (in->headers.n == 0) {
        w->sealed_headers = STR_LIT("");
        return;
    }
    buf_init(&sealed, HEADERS_MAX_BYTES);
    webhook_seal(call->api->settings, w->id, input_map_json(call, &in->headers), &sealed);
    w->sealed_headers = (struct str){str_dup(call_allocator(call), buf_str(&sealed)), sealed.n};
    buf_fini(&sealed);
}

static void apply_lists(const struct call *call, const struct webhook_input *in, struct webhook *w)
{
    const struct fields *f = &call->fields;

    if (field_has(f, IN_EVENTS)) {
        w->event_count = in->events.n;
        memcpy(w->events, in->events.at, in->events.n * sizeof in->events.at[0]);
    }
    if (field_has(f, IN_SCHEDULE)) {
        w->schedule.count = in->schedule.n;
        for (size_t i = 0; i < in->schedule.n; i++)
            w->schedule.seconds[i] = (int32_t)in->schedule.at[i];
    }
}

/* What was given as null goes back to its default. */
static void apply_nulls(const struct call *call, struct webhook *w)
{
    const struct fields *f = &call->fields;
    struct webhook standard;

    webhook_defaults(call, &standard);
    if (f->nulls >> IN_DESCRIPTION & 1)
        w->description = standard.description;
    if (f->nulls >> IN_PROFILE & 1)
        w->profile = standard.profile;
    if (f->nulls >> IN_OPTIONS & 1)
        w->profile_options = standard.profile_options;
    if (f->nulls >> IN_HEADERS & 1)
        w->sealed_headers = standard.sealed_headers;
    if (f->nulls >> IN_SCHEDULE & 1)
        w->schedule = standard.schedule;
    if (f->nulls >> IN_TIMEOUT & 1)
        w->timeout_ms = standard.timeout_ms;
    if (f->nulls >> IN_RATE & 1)
        w->rate_limit = standard.rate_limit;
    if (f->nulls >> IN_CONCURRENCY & 1)
        w->concurrency = standard.concurrency;
    if (f->nulls >> IN_METADATA & 1)
        w->metadata = standard.metadata;
}

bool webhook_apply(struct call *call, const struct webhook_input *in, struct webhook *w)
{
    const struct fields *f = &call->fields;

    apply_nulls(call, w);
    apply_lists(call, in, w);
    if (field_has(f, IN_URL))
        apply_url(call, in, w);
    if (field_has(f, IN_DESCRIPTION))
        w->description = in->description;
    if (field_has(f, IN_PROFILE))
        w->profile = str_of(profiles[in->profile]->name);
    if (field_has(f, IN_OPTIONS))
        w->profile_options = in->options;
    apply_options(call, w);
    if (field_has(f, IN_HEADERS))
        apply_headers(call, in, w);
    if (field_has(f, IN_TIMEOUT))
        w->timeout_ms = in->timeout_ms;
    if (field_has(f, IN_RATE))
        w->rate_limit = in->rate_limit;
    if (field_has(f, IN_CONCURRENCY))
        w->concurrency = in->concurrency;
    if (field_has(f, IN_METADATA))
        w->metadata = input_map_json(call, &in->metadata);
    if (f->problem_count == 0)
        return true;
    reply_problems(call, ERR_INVALID);
    return false;
}

bool webhook_secret_fits(struct call *call, const char *field, const struct webhook *w,
                         struct str secret)
{
    const char *wrong = profile_find(w->profile)->secret_check(secret);
    if (wrong == NULL)
        return true;
    reply_invalid(call, field, wrong);
    return false;
}

struct str webhook_secret(struct call *call, struct id id, bool given, struct str secret,
                          struct buf *out)
{
    struct buf sealed;

    if (given)
        buf_add_str(out, secret);
    else
        secret_generate(out);
    buf_init(&sealed, SECRET_MAX + SEAL_OVERHEAD);
    webhook_seal(call->api->settings, id, buf_str(out), &sealed);
    struct str copy = {str_dup(call_allocator(call), buf_str(&sealed)), sealed.n};
    buf_fini(&sealed);
    return copy;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Enough to tell one secret from another, not enough to use. */
static void write_preview(struct jsonw *w, struct str secret)
{
    char text[32] = "…";
    int n = str_starts(secret, STR_LIT(SECRET_PREFIX)) ? 10 : 4;

    if (secret.n >= PREVIEW_MIN)
        snprintf(text, sizeof text, "%.*s…", n, secret.p);
    jsonw_text(w, "secret_preview", text);
}

/* Which secret a receiver verified with cannot be known; which were sent can. */
static void write_sent(struct jsonw *w, const struct webhook *webhook, struct str secret,
                       struct str previous)
{
    const struct profile *profile = profile_find(webhook->profile);

    jsonw_begin(w, "secrets_sent", '[');
    jsonw_text(w, NULL, "current");
    if (webhook->previous_until_ms > 0 && profile->carries_both != NULL &&
        profile->carries_both(secret, previous))
        jsonw_text(w, NULL, "previous");
    jsonw_end(w, ']');
}

static void write_secrets(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    struct buf secret, previous;

    buf_init(&secret, SECRET_MAX);
    buf_init(&previous, SECRET_MAX);
    if (webhook_open(settings, webhook->id, webhook->sealed_secret, &secret) < 0 ||
        (webhook->sealed_previous.p != NULL &&
         webhook_open(settings, webhook->id, webhook->sealed_previous, &previous) < 0))
        buf_clear(&secret); /* sealed with another key: nothing to tell */
    write_preview(w, buf_str(&secret));
    jsonw_time_or_null(w, "previous_secret_expires_at", webhook->previous_until_ms, CLOCK_SECONDS);
    write_sent(w, webhook, buf_str(&secret), buf_str(&previous));
    crypto_wipe(secret.p, secret.n);
    crypto_wipe(previous.p, previous.n);
    buf_fini(&secret);
    buf_fini(&previous);
}

static void write_headers(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook)
{
    struct json_iter it;
    struct str key, value;
    struct buf json, name;

    buf_init(&json, HEADERS_MAX_BYTES);
    buf_init(&name, WEBHOOK_HEADER_NAME_MAX);
    jsonw_begin(w, "headers", '{');
    if (webhook->sealed_headers.n > 0 &&
        webhook_open(settings, webhook->id, webhook->sealed_headers, &json) == 0) {
        json_iter_init(&it, buf_str(&json));
        while (json_iter_next(&it, &key, &value)) {
            buf_clear(&name);
            if (json_unquote(&name, key) == 0)
                jsonw_text(w, buf_text(&name), "***");
        }
    }
    jsonw_end(w, '}');
    buf_fini(&name);
    crypto_wipe(json.p, json.n);
    buf_fini(&json);
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
    jsonw_raw(w, "metadata", webhook->metadata);
    jsonw_text(w, "disabled_reason", webhook_disabled_reasons[webhook->disabled_reason]);
}

/* The options in force: the profile's standard, and what the webhook says. */
static void write_options(struct jsonw *w, const struct webhook *webhook)
{
    const struct profile *profile = profile_find(webhook->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    int err = profile_options_bind(&f, profile, webhook->profile_options, &options);
    assert(err == 0); /* they were bound before they were stored */
    profile_options_write(w, profile, &options);
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
    jsonw_text(w, "status", webhook_status_names[webhook->status]);
    if (secret.p != NULL)
        jsonw_str(w, "secret", secret);
    jsonw_time(w, "updated_at", webhook->updated_us / 1000, CLOCK_SECONDS);
    jsonw_str_or_null(w, "description", webhook->description);
    jsonw_str(w, "profile", webhook->profile);
    write_options(w, webhook);
    write_headers(w, settings, webhook);
    write_settings(w, webhook);
    write_secrets(w, settings, webhook);
    jsonw_str_or_null(w, "managed", webhook->managed);
    jsonw_end(w, '}');
}

static void on_untouched(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (result_row(call, err, rows))
        reply_error(call, ERR_WRONG_STATE, WEBHOOK_MANAGED);
}

void webhook_reply_untouched(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_WEBHOOK, &id))
        call->op = webhooks_get(call->api->db, call->app, id, on_untouched, call);
}
