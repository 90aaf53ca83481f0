/* What clients say of webhooks. */
#include "webhook_form.h"

#include "api/webhook_url.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/metrics.h"
#include "core/conditions.h"
#include "core/credentials.h"
#include "core/filter.h"
#include "core/signature.h"
#include "core/tls_settings.h"
#include "core/uid.h"
#include "core/webhook_options.h"
#include "input.h"
#include "reply.h"
#include "result.h"
#include "webhook_access.h"

#include <stdio.h>

_Static_assert(WEBHOOK_URL_MAX <= URL_SIZE_MAX, "what may be set can be called");

#define OPTIONS_KEPT_MAX ((size_t)2 * PROFILE_OPTIONS_MAX)

#define AT(member)       offsetof(struct webhook_input, member)

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
    [IN_UID] = {"uid",    FIELD_STR,      AT(uid),           FIELD_NULLABLE,                     \
                .min = 1, .max = UID_MAX, .check = uid_check},                                   \
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
    [IN_ORDERING] = {"ordering", FIELD_ENUM, AT(ordering), FIELD_NULLABLE,                       \
                     .names = webhook_ordering_names},                                           \
    [IN_METADATA] = {"metadata",                                                                 \
                     FIELD_MAP,                                                                  \
                     AT(metadata),                                                               \
                     FIELD_NULLABLE,                                                             \
                     .max = METADATA_MAX,                                                        \
                     .key_max = METADATA_KEY_MAX,                                                \
                     .item_max = METADATA_VALUE_MAX},                                            \
    [IN_AUTH] = {"auth",                                                                         \
                 FIELD_RAW,                                                                      \
                 AT(auth),                                                                       \
                 FIELD_NULLABLE,                                                                 \
                 .max = CREDENTIALS_JSON_MAX,                                                    \
                 .kinds = FIELD_KIND(JSON_OBJECT)},                                              \
    [IN_TLS] = {"tls",                                                                           \
                FIELD_RAW,                                                                       \
                AT(tls),                                                                         \
                FIELD_NULLABLE,                                                                  \
                .max = TLS_SETTINGS_JSON_MAX,                                                    \
                .kinds = FIELD_KIND(JSON_OBJECT)},                                               \
    [IN_FILTER] = {"filter",                                                                     \
                   FIELD_RAW,                                                                    \
                   AT(filter),                                                                   \
                   FIELD_NULLABLE,                                                               \
                   .max = CONDITIONS_JSON_MAX,                                                   \
                   .kinds = FIELD_KIND(JSON_OBJECT)},                                            \
    [IN_SECRET] = {"secret",                                                                     \
                   FIELD_STR,                                                                    \
                   AT(secret),                                                                   \
                   0,                                                                            \
                   .min = 1,                                                                     \
                   .max = SECRET_MAX,                                                            \
                   .check = secret_check_printable},                                             \
    [NO_ENABLED] = {"enabled", FIELD_NONE, .instead = STATUS_INSTEAD},                           \
    [NO_ACTIVE] = {"active", FIELD_NONE, .instead = STATUS_INSTEAD},                             \
    [NO_TYPES] = {"event_types", FIELD_NONE,                                                     \
                  .instead = "is not a field: the event types are in `events`"}

#define STATUS_INSTEAD \
    "is not a field: PATCH /webhooks/{id} takes `status`, which is active, paused or disabled"

const struct field webhook_create_fields[IN_AND_NOT] = {
    COMMON_FIELDS(FIELD_REQUIRED),
    [IN_SECRET_TYPE] = {"secret_type", FIELD_ENUM, AT(secret_type), 0, .names = secret_type_names},
    [IN_STATUS] = {"status", FIELD_NONE,
                   .instead = "is set with PATCH /webhooks/{id}: a new webhook is active"},
};

const struct field webhook_update_fields[IN_AND_NOT] = {
    COMMON_FIELDS(0),
    [IN_SECRET_TYPE] = {"secret_type", FIELD_NONE,
                        .instead = "is taken by POST /webhooks/{id}/secret/rotate"},
    [IN_STATUS] = {"status", FIELD_ENUM, AT(status), 0, .names = webhook_status_names},
};

#define MEMBER(member) offsetof(struct webhook, member), sizeof(((struct webhook *)0)->member)

/* Where a field is in the webhook, size 0: it cannot be null; and in the input, 0: it is more than a
 * copy. */
static const struct {
    size_t at, size, from;
} members[IN_COUNT] = {
    [IN_UID] = {MEMBER(uid), AT(uid)},
    [IN_DESCRIPTION] = {MEMBER(description), AT(description)},
    [IN_PROFILE] = {MEMBER(profile)},
    [IN_OPTIONS] = {MEMBER(profile_options), AT(options)},
    [IN_HEADERS] = {MEMBER(sealed_headers)},
    [IN_SCHEDULE] = {MEMBER(schedule)},
    [IN_TIMEOUT] = {MEMBER(timeout_ms), AT(timeout_ms)},
    [IN_RATE] = {MEMBER(rate_limit), AT(rate_limit)},
    [IN_CONCURRENCY] = {MEMBER(concurrency), AT(concurrency)},
    [IN_ORDERING] = {MEMBER(ordering), AT(ordering)},
    [IN_METADATA] = {MEMBER(metadata)},
    [IN_AUTH] = {MEMBER(sealed_auth)},
    [IN_TLS] = {MEMBER(sealed_tls)},
    [IN_FILTER] = {MEMBER(filter), AT(filter)},
};

void webhook_defaults(const struct call *call, struct webhook *w)
{
    *w = (struct webhook){
        .app = call->app,
        .url = STR_LIT(""),
        .profile = str_of(profiles[0]->name),
        .profile_options = STR_LIT("{}"),
        .sealed_headers = STR_LIT(""),
        .sealed_auth = STR_LIT(""),
        .sealed_tls = STR_LIT(""),
        .schedule = call->api->settings->schedule,
        .timeout_ms = WEBHOOK_TIMEOUT_MS,
        .concurrency = WEBHOOK_CONCURRENCY,
        .metadata = STR_LIT("{}"),
    };
}

/* --- one function a field that is more than a copy -------------------------------------------- */

/* An address of Discord or Slack asks for their profile, unless the client names one. They want
 * requests one by one. */
static void apply_detection(const struct call *call, const struct url *url, struct webhook *w)
{
    const struct profile *profile =
        profile_detect(str_of(url->host), str_of(url->text + url->path));

    if (profile == NULL || field_given(&call->fields, IN_PROFILE) ||
        !str_eq_text(w->profile, profiles[0]->name))
        return;
    w->profile = str_of(profile->name);
}

#define STAYS                                                                               \
    "cannot change between " WEBHOOK_LISTEN_URL " and the URL of a receiver: make another " \
    "webhook instead"

static void apply_url(struct call *call, const struct webhook_input *in, struct webhook *w)
{
    struct url *url = call_alloc(call, sizeof *url);
    bool listens = webhook_listens(in->url);
    const char *why;

    if (w->url.n > 0 && listens != webhook_listens(w->url)) {
        fields_problem(&call->fields, "url", STAYS);
    } else if (listens) {
        w->url = in->url;
        w->status = w->status == WEBHOOK_ACTIVE ? WEBHOOK_LISTENING : w->status;
    } else if (webhook_url_check(in->url, call->api->settings, url, &why) < 0) {
        fields_problem(&call->fields, "url", why);
    } else {
        w->url = str_of(url->text);
        apply_detection(call, url, w);
    }
}

#define GATHERS                                                             \
    "cannot be webhook while the profile gathers events, whose arrays are " \
    "in order by themselves; set batch_max in profile_options to 1"

#define OPTIONS_LOST "must be given anew: they were sealed with another encryption key"

/* What is listened to goes one by one, as it comes. */
void webhook_gather(struct webhook *w, const struct profile_options *options)
{
    bool listens = webhook_listens(w->url);

    w->batch_seconds = listens ? 0 : options->batch_seconds;
    w->batch_max = listens ? 1 : options->batch_max;
}

void webhook_tell_limits(const struct call *call, const struct db_rows *rows)
{
    struct webhook w;

    webhooks_read(rows, 0, &w);
    queue_set_limits(call->api->queue, w.id, w.app, w.batch_max > 1 ? 1 : (int)w.concurrency,
                     (int)w.rate_limit);
}

static void seal_options(struct call *call, const struct profile *profile, struct webhook *w)
{
    struct buf kept;

    buf_init(&kept, OPTIONS_KEPT_MAX);
    webhook_options_seal(call->api->settings, profile, w->id, w->profile_options, &kept);
    w->profile_options = call_copy(call, buf_str(&kept));
    buf_fini(&kept);
}

/* Options are stored as they were given: what they do not say follows the profile. `*out` are those in force. */
static void apply_options(struct call *call, struct webhook *w, struct profile_options *out)
{
    const struct profile *profile = profile_find(w->profile);
    struct fields *f = &call->fields;

    if (field_wrong(f, IN_PROFILE) || field_wrong(f, IN_OPTIONS))
        return;
    if (profile == NULL) {
        fields_problem(f, "profile", WEBHOOK_STRANGE);
        return;
    }
    /* What the client gives is never what is kept: a text that looks sealed is not opened. */
    bool given = field_has(f, IN_OPTIONS) || field_null(f, IN_OPTIONS);
    int err = given ? profile_options_bind(f, profile, w->profile_options, out)
                    : webhook_options_bind(call->api->settings, f, profile, w->id, w->url,
                                           w->profile_options, out);
    if (err == ERR_INTERNAL)
        fields_problem(f, "profile_options", OPTIONS_LOST);
    assert(err == 0 || f->problem_count > 0);
    if (err == 0 && given)
        seal_options(call, profile, w);
    webhook_gather(w, out);
    if (w->ordering == ORDERING_WEBHOOK && w->batch_max > 1)
        fields_problem(f, "ordering", GATHERS);
    if (profile->rules != NULL && !field_has(f, IN_CONCURRENCY) &&
        w->concurrency == WEBHOOK_CONCURRENCY)
        w->concurrency = 1;
}

static void apply_filter(struct call *call, struct webhook *w)
{
    struct conditions_fault fault;
    struct buf plan, pointer;

    buf_init(&plan, CONDITIONS_PLAN_MAX);
    buf_init(&pointer, (size_t)4 * CONDITIONS_JSON_MAX);
    w->conditions = conditions_plan(w->filter, &plan, &fault);
    buf_printf(&pointer, "/filter%.*s", STR_FMT(buf_str(&fault.pointer)));
    if (w->conditions < 0)
        fields_problem_at(&call->fields, "filter", buf_text(&pointer), fault.message);
    w->filter_plan = call_copy(call, buf_str(&plan));
    conditions_fault_fini(&fault);
    buf_fini(&pointer);
    buf_fini(&plan);
}

/* A delivery that is still being tried when its partition is dropped from the history would be lost without a
 * word. */
static void check_schedule(struct call *call, const struct schedule *schedule)
{
    int64_t days = call->api->settings->config.retention_days, seconds = 0;
    char message[120];

    for (size_t i = 0; i < schedule->count; i++)
        seconds += schedule->seconds[i];
    if (seconds < days * 86400)
        return;
    snprintf(message, sizeof message,
             "must last less than the %lld days that history is kept, but lasts %lld days",
             (long long)days, (long long)(seconds / 86400));
    fields_problem(&call->fields, "retry_schedule", message);
}

static void apply_lists(struct call *call, const struct webhook_input *in, struct webhook *w)
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
        check_schedule(call, &w->schedule);
    }
}

/* What is no more than a copy; what was given as null goes back to its default. */
static void apply_values(const struct call *call, const struct webhook_input *in, struct webhook *w)
{
    struct webhook standard;

    webhook_defaults(call, &standard);
    for (int i = 0; i < IN_COUNT; i++) {
        char *to = (char *)w + members[i].at;
        if (field_null(&call->fields, i))
            memcpy(to, (const char *)&standard + members[i].at, members[i].size);
        else if (field_has(&call->fields, i) && members[i].from > 0)
            memcpy(to, (const char *)in + members[i].from, members[i].size);
    }
}

void webhook_apply(struct call *call, const struct webhook_input *in, struct webhook *w)
{
    const struct fields *f = &call->fields;
    struct profile_options options = {0};

    apply_values(call, in, w);
    apply_lists(call, in, w);
    if (field_has(f, IN_URL))
        apply_url(call, in, w);
    if (field_has(f, IN_PROFILE))
        w->profile = str_of(profiles[in->profile]->name);
    apply_options(call, w, &options);
    if (field_has(f, IN_HEADERS))
        webhook_apply_headers(call, &in->headers, w);
    if (field_has(f, IN_AUTH))
        webhook_apply_auth(call, in->auth, w);
    webhook_check_auth(call, w, &options);
    if (field_has(f, IN_TLS))
        webhook_apply_tls(call, in->tls, w);
    if (webhook_listens(w->url) && (w->sealed_tls.n > 0 || w->sealed_auth.n > 0))
        fields_problem(&call->fields, w->sealed_tls.n > 0 ? "tls" : "auth",
                       "is for webhooks that have the URL of a receiver");
    if (w->sealed_tls.n > 0 && str_starts(w->url, STR_LIT("http:")))
        fields_problem(&call->fields, "tls", "is for URLs that begin with https://");
    if (field_has(f, IN_FILTER))
        apply_filter(call, w);
    if (field_null(f, IN_FILTER)) {
        w->filter_plan = STR_NONE;
        w->conditions = 0;
    }
    if (field_has(f, IN_METADATA))
        w->metadata = input_map_json(call, &in->metadata);
}

void webhook_check_secret(struct call *call, const char *field, const struct webhook *w,
                          struct str secret)
{
    const struct profile *profile = profile_find(w->profile);
    const char *wrong = profile != NULL ? profile->secret_check(secret) : WEBHOOK_STRANGE;

    if (wrong != NULL)
        fields_problem(&call->fields, field, wrong);
}

const char *webhook_prefix(struct call *call, const struct webhook *w, bool given, int type)
{
    const struct profile *profile = profile_find(w->profile);

    if (given) {
        fields_problem(&call->fields, "secret_type",
                       "is for a secret that is made here: leave it out, or `secret`");
        return NULL;
    }
    if (type == SECRET_ED25519 && (profile == NULL || !profile->signs_ed25519)) {
        fields_problem(&call->fields, "secret_type",
                       "may be ed25519 only with the profile standard-webhooks");
        return NULL;
    }
    return secret_prefix(type);
}

struct str webhook_secret(struct call *call, struct id id, struct str secret, const char *prefix,
                          struct buf *out)
{
    struct buf sealed;

    if (secret.p != NULL)
        buf_add_str(out, secret);
    else
        secret_generate(out, prefix);
    buf_init(&sealed, SECRET_MAX + SEAL_OVERHEAD);
    webhook_seal(call->api->settings, WEBHOOK_SECRET, id, buf_str(out), &sealed);
    struct str copy = call_copy(call, buf_str(&sealed));
    buf_fini(&sealed);
    return copy;
}

/* --- what must not be read by turning the URL ------------------------------------------------- */

#define SECRET_ANEW                                                                       \
    "must be given with this change, the same one or another: it would go, as it is, to " \
    "where it has not gone before"
#define HEADERS_ANEW                                                                         \
    "must be given with a URL of another scheme, host or port: their values are not handed " \
    "on to it; {} leaves them out"
#define ACCESS_ANEW                                                                              \
    "must be given with a URL of another scheme, host or port: it is not handed on to it; null " \
    "leaves it out"
#define OPTIONS_ANEW                                                                               \
    "must be given with a URL of another scheme, host or port: what is not shown of `headers` is " \
    "not handed on to it"
#define SECRET_ALONE                                                                             \
    "is changed by POST /webhooks/{id}/secret/rotate; here it is taken with a change of `url`, " \
    "`profile` or `profile_options` only"

/* False: its options are not those of its profile. */
static bool read_options(const struct call *call, const struct webhook *w,
                         const struct profile **profile, struct profile_options *options)
{
    struct fields f = {.alloc = call->fields.alloc};

    *profile = profile_find(w->profile);
    return *profile != NULL && webhook_options_bind(call->api->settings, &f, *profile, w->id,
                                                    w->url, w->profile_options, options) == 0;
}

static bool sends_secret(const struct call *call, const struct webhook *w)
{
    const struct profile *profile;
    struct profile_options options;

    return read_options(call, w, &profile, &options) && profile_sends_secret(profile, &options);
}

/* Is anything of the headers that its options make not shown? */
static bool options_send_hidden(const struct call *call, const struct webhook *w)
{
    const struct profile *profile;
    struct profile_options options, masked;
    bool hidden = false;

    if (!read_options(call, w, &profile, &options) || profile->mask == NULL ||
        !read_options(call, w, &profile, &masked))
        return false;
    profile->mask(call->fields.alloc, &masked);
    for (size_t i = 0; i < options.headers.n; i++)
        hidden = hidden || !str_eq(options.headers.at[i].value, masked.headers.at[i].value);
    return hidden;
}

void webhook_keep_secrets(struct call *call, const struct webhook *before,
                          const struct webhook *after)
{
    struct fields *f = &call->fields;
    bool moves = !str_eq(webhook_origin(before->url), webhook_origin(after->url));

    if (!field_given(f, IN_SECRET) && sends_secret(call, after) &&
        (moves || !sends_secret(call, before)))
        fields_problem(f, "secret", SECRET_ANEW);
    if (moves && before->sealed_headers.n > 0 && !field_given(f, IN_HEADERS))
        fields_problem(f, "headers", HEADERS_ANEW);
    if (moves && before->sealed_auth.n > 0 && !field_given(f, IN_AUTH))
        fields_problem(f, "auth", ACCESS_ANEW);
    if (moves && !field_given(f, IN_TLS) && webhook_has_certificate(call->api->settings, before))
        fields_problem(f, "tls", ACCESS_ANEW);
    if (moves && !field_given(f, IN_OPTIONS) && options_send_hidden(call, after))
        fields_problem(f, "profile_options", OPTIONS_ANEW);
    if (field_has(f, IN_SECRET) && !field_given(f, IN_URL) && !field_given(f, IN_PROFILE) &&
        !field_given(f, IN_OPTIONS))
        fields_problem(f, "secret", SECRET_ALONE);
}

/* --- managed ones ----------------------------------------------------------------------------- */

#define MANAGED "The webhook is managed by the server's drop-in settings; change it there"

bool webhook_settable(struct call *call, const struct webhook *webhook)
{
    if (webhook->managed.p == NULL)
        return true;
    reply_error(call, ERR_WRONG_STATE, MANAGED);
    return false;
}

static void on_untouched(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (result_row(call, err, rows))
        reply_error(call, ERR_WRONG_STATE, MANAGED);
}

void webhook_reply_untouched(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_WEBHOOK, &id))
        call->op = webhooks_get(call->api->db, call->app, id, on_untouched, call);
}

bool webhook_was_created(struct call *call, int err, const struct db_rows *rows)
{
    if (result_uid_taken(call, err, WEBHOOK_UID_TAKEN) || !result_ok(call, err))
        return false;
    if (db_count(rows) > 0)
        return true;
    metric_add(METRIC_WEBHOOKS_PER_APP_MET, 1);
    reply_errorf(call, ERR_LIMITED,
                 "This app has %lld webhooks already, which is POSTHORN_WEBHOOKS_PER_APP",
                 (long long)call->api->settings->config.webhooks_per_app);
    return false;
}
