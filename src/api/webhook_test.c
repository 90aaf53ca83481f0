/* POST /webhooks/{id}/test: a test event through the worker; and, with `detect`, one after the other in
 * each way in which a receiver of the webhook's profile may verify, until one is accepted. */
#include "base/crypto.h"
#include "base/json.h"
#include "core/filter.h"
#include "core/signature.h"
#include "core/webhook_options.h"
#include "deed.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/deliveries.h"
#include "test_event.h"
#include "webhook_form.h"

#include <stdio.h>

#define TEST_TYPE    "webhook.test"
#define TEST_MESSAGE "This is a test event from Posthorn"
#define TRIES_MAX    8

/* Room for all members of `profile_options`, given or not. */
#define OPTIONS_WHOLE_MAX ((size_t)4 * PROFILE_OPTIONS_MAX)
#define OPTIONS_KEPT_MAX  (2 * OPTIONS_WHOLE_MAX)

/* --- detection -------------------------------------------------------------------------------- */

struct trial {
    struct str options, shown; /* JSON; the second with *** for what people put credentials into */
    bool answered, delivered;
    int64_t code;
};

struct detection {
    struct id webhook;
    struct str url, type, data; /* `data`, p == NULL: it is in the ledger */
    struct id sent;             /* the first event that was tried with */
    bool keep, kept;
    int64_t updated_us; /* the webhook's version: what was tried is of no other */
    const struct profile *profile;
    struct profile_options options; /* the webhook's */
    struct str secret;              /* the client's; p == NULL: it gave none */
    bool sends_secret;              /* as it is: the webhook does, or the client knows it anyway */
    struct trial tries[TRIES_MAX];
    size_t count; /* of those made */
    size_t next;  /* variant */
};

static struct str options_json(struct call *call, const struct profile *profile,
                               const struct profile_options *options)
{
    static const struct str head = STR_LIT("{\"profile_options\":");
    struct buf b;

    buf_init(&b, OPTIONS_WHOLE_MAX);
    struct jsonw w = jsonw_on(&b);
    jsonw_begin(&w, NULL, '{');
    profile_options_write(&w, profile, options);
    jsonw_end(&w, '}');
    struct str whole = call_copy(call, buf_str(&b));
    buf_fini(&b);
    assert(str_starts(whole, head));
    return (struct str){whole.p + head.n, whole.n - head.n - 1};
}

/* The webhook's options, with what `variant` changes. */
static void set_options(struct call *call, const struct detection *d,
                        const struct profile_variant *variant, struct trial *t)
{
    struct profile_options options = d->options;

    options.json = variant->json >= 0 ? variant->json : options.json;
    options.auth = variant->auth >= 0 ? variant->auth : options.auth;
    options.envelope = variant->envelope >= 0 ? variant->envelope : options.envelope;
    if (options.envelope != d->options.envelope) {
        options.batch_seconds = 0;
        options.batch_max = options.envelope == ENVELOPE_ARRAY ? d->profile->standard.batch_max : 1;
    }
    t->options = t->shown = options_json(call, d->profile, &options);
    if (d->profile->mask == NULL)
        return;
    options.headers.at = call_alloc(call, (options.headers.n + 1) * sizeof options.headers.at[0]);
    for (size_t i = 0; i < options.headers.n; i++)
        options.headers.at[i] = d->options.headers.at[i];
    d->profile->mask(call->fields.alloc, &options);
    t->shown = options_json(call, d->profile, &options);
}

static void write_try(struct jsonw *w, const struct trial *t)
{
    jsonw_begin(w, NULL, '{');
    jsonw_raw(w, "profile_options", t->shown);
    jsonw_text(w, "status", t->delivered ? "delivered" : "failed");
    jsonw_i64_or_null(w, "response_code", t->answered, t->code);
    jsonw_end(w, '}');
}

static void reply_detection(struct call *call)
{
    const struct detection *d = call->state;
    const struct trial *last = &d->tries[d->count - 1];
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_raw_or_null(w, "detected", last->delivered ? last->shown : STR_NONE);
    jsonw_bool(w, "kept", d->kept);
    jsonw_begin(w, "tried", '[');
    for (size_t i = 0; i < d->count; i++)
        write_try(w, &d->tries[i]);
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

static void on_kept(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct detection *d = call->state;

    if (!result_ok(call, err))
        return;
    d->kept = db_count(rows) > 0;
    if (d->kept)
        webhook_tell_limits(call, rows);
    reply_detection(call);
}

static void on_keeping(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct detection *d = call->state;
    struct profile_options options;
    struct webhook webhook;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    if (!webhook_settable(call, &webhook))
        return;
    if (webhook.updated_us != d->updated_us) {
        reply_detection(call);
        return;
    }
    struct str json = d->tries[d->count - 1].options;
    err = profile_options_bind(&call->fields, d->profile, json, &options);
    assert(err == 0); /* we wrote them, for this profile */
    struct buf kept;
    buf_init(&kept, OPTIONS_KEPT_MAX);
    webhook_options_seal(call->api->settings, d->profile, webhook.id, json, &kept);
    webhook.profile_options = call_copy(call, buf_str(&kept));
    buf_fini(&kept);
    webhook_gather(&webhook, &options);
    call->op =
        webhooks_update(call->api->db, &webhook,
                        deed_on(call, AUDIT_WEBHOOK_UPDATE, "profile_options"), on_kept, call);
}

static bool try_next(struct call *call);

/* What a receiver answers that cannot verify; anything else says nothing about the form. */
static bool refuses(int64_t code)
{
    return code == 400 || code == 401 || code == 403;
}

static void on_tried(struct call *call, const struct test_result *result)
{
    struct detection *d = call->state;
    struct trial *t = &d->tries[d->count++];
    const struct attempt_row *attempt = result->attempt;

    if (d->data.p != NULL)
        d->sent = result->event;
    d->data = STR_NONE;
    if (attempt != NULL) {
        t->answered = attempt->answered;
        t->code = attempt->code;
        t->delivered = attempt->error == ATTEMPT_OK;
    }
    if (t->delivered && d->keep)
        call->op = webhooks_get(call->api->db, call->app, d->webhook, on_keeping, call);
    else if (t->delivered || !t->answered || !refuses(t->code) || !try_next(call))
        reply_detection(call);
}

/* The next variant; NULL: there is none. A secret that was kept from the receiver is not sent to find out whether it
 * wants it: whoever may change the URL could read it there. */
static const struct profile_variant *next_variant(struct detection *d)
{
    static const struct profile_variant as_it_is = {-1, -1, -1};
    const struct profile *profile = d->profile;

    if (profile->variant_count == 0)
        return d->next++ == 0 ? &as_it_is : NULL;
    while (d->next < profile->variant_count) {
        const struct profile_variant *v = &profile->variants[d->next++];
        if (v->auth != AUTH_PLAIN || d->sends_secret)
            return v;
    }
    return NULL;
}

/* False: nothing is left to try. */
static bool try_next(struct call *call)
{
    struct detection *d = call->state;
    const struct profile_variant *variant = next_variant(d);
    struct trial *t = &d->tries[d->count];
    struct buf kept;

    if (variant == NULL)
        return false;
    assert(d->count < TRIES_MAX);
    set_options(call, d, variant, t);
    /* Should the webhook be turned to another receiver meanwhile, that one gets no secret by this. */
    buf_init(&kept, OPTIONS_KEPT_MAX);
    webhook_options_seal_here(call->api->settings, d->webhook, d->url, t->options, &kept);
    test_event_send(
        call, d->webhook,
        &(struct test_event){d->type, d->data, d->sent, call_copy(call, buf_str(&kept))}, on_tried);
    buf_fini(&kept);
    return true;
}

static bool is_secret(struct call *call, const struct webhook *webhook, struct str given)
{
    struct buf secret;

    buf_init(&secret, SECRET_MAX);
    bool is = webhook_open(call->api->settings, WEBHOOK_SECRET, webhook->id, webhook->sealed_secret,
                           &secret) == 0 &&
              crypto_equal(buf_str(&secret), given);
    crypto_forget(&secret);
    return is;
}

static void on_detecting(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct detection *d = call->state;
    struct webhook webhook;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    d->updated_us = webhook.updated_us;
    d->profile = profile_find(webhook.profile);
    d->url = call_copy(call, webhook.url);
    if (d->profile == NULL ||
        webhook_options_bind(call->api->settings, &call->fields, d->profile, webhook.id,
                             webhook.url, webhook.profile_options, &d->options) < 0) {
        reply_error(call, ERR_WRONG_STATE, WEBHOOK_STRANGE);
        return;
    }
    if (d->secret.p != NULL && !is_secret(call, &webhook, d->secret)) {
        reply_invalid(call, "secret", "is not the webhook's secret");
        return;
    }
    d->sends_secret = d->secret.p != NULL || profile_sends_secret(d->profile, &d->options);
    bool sent = try_next(call);
    assert(sent); /* every profile has a way without the secret */
}

/* --- the route -------------------------------------------------------------------------------- */

struct test_input {
    struct str type, data, secret;
    bool detect, keep;
};

#define AT(member) offsetof(struct test_input, member)

static const struct field fields[] = {
    {"type", FIELD_STR, AT(type), FIELD_NULLABLE, .min = 1, .max = EVENT_TYPE_MAX,
     .check = event_type_check},
    {"data", FIELD_RAW, AT(data), FIELD_NULLABLE, .kinds = FIELD_KIND(JSON_OBJECT)},
    {"detect", FIELD_BOOL, AT(detect), FIELD_NULLABLE},
    {"keep", FIELD_BOOL, AT(keep), FIELD_NULLABLE},
    {"secret", FIELD_STR, AT(secret), FIELD_NULLABLE, .min = 1, .max = SECRET_MAX,
     .check = secret_check_printable},
};

static struct str standard_data(struct call *call, struct id webhook)
{
    char id[ID_TEXT_SIZE], *json = call_alloc(call, 160);
    int n = snprintf(json, 160, "{\"message\":\"" TEST_MESSAGE "\",\"webhook_id\":\"%s\"}",
                     id_text(id, ID_WEBHOOK, webhook));
    return (struct str){json, (size_t)n};
}

void handle_webhooks_test(struct call *call)
{
    struct test_input in = {.type = STR_LIT(TEST_TYPE)};
    struct id webhook;

    if (!input_id(call, 0, ID_WEBHOOK, &webhook) || !test_event_begin(call))
        return;
    in.data = standard_data(call, webhook);
    if (!input_body_if_any(call, fields, ARRAY_LEN(fields), &in))
        return;
    if (!in.detect) {
        test_event_send(call, webhook, &(struct test_event){in.type, in.data}, test_event_reply);
        return;
    }
    struct detection *d = call->state = call_alloc(call, sizeof *d);
    d->webhook = webhook;
    d->type = call_copy(call, in.type);
    d->data = in.data;
    d->keep = in.keep;
    d->secret = in.secret;
    call->op = webhooks_get(call->api->db, call->app, webhook, on_detecting, call);
}
