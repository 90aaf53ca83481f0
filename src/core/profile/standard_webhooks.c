/* Profile `standard-webhooks`: https://github.com/standard-webhooks/standard-webhooks. The payload
 * that its specification recommends; v1 signatures with a whsec_ secret, v1a (Ed25519) with a
 * whsk_ one; during a rotation one with each secret. The id is the event's, the same on every
 * attempt, or an array's; the timestamp is the attempt's, because receivers refuse old ones. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "core/signature.h"

#include <inttypes.h>
#include <stdio.h>

/* In an array each event says its id, which else the head does. */
static int write_event(const struct profile_input *in, struct buf *body)
{
    char id[ID_TEXT_SIZE];
    struct buf text;

    buf_init(&text, MESSAGE_BODY_MAX);
    struct jsonw w = jsonw_on(&text);
    jsonw_begin(&w, NULL, '{');
    if (in->options.envelope == ENVELOPE_ARRAY)
        jsonw_text(&w, "id", message_id(id, in, 1));
    jsonw_str(&w, "type", in->type);
    jsonw_time(&w, "timestamp", id_time_ms(in->event), CLOCK_MILLIS);
    jsonw_raw(&w, "data", in->data);
    jsonw_end(&w, '}');
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

/* One signature by the kind of the secret; false when it can sign nothing. */
static bool sign(struct buf *out, struct str secret, struct str id, struct str timestamp,
                 struct str body)
{
    if (secret_is_private_key(secret))
        signature_asymmetric(out, secret, id, timestamp, body);
    else if (secret_is_standard(secret))
        signature_standard(out, secret, id, timestamp, body);
    else
        return false;
    return true;
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    return body_write_many(in, count, write_event, body);
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    char id[ID_TEXT_SIZE], seconds[24];
    size_t start = head->n;

    message_id(id, in, count);
    snprintf(seconds, sizeof seconds, "%" PRId64, in->now_ms / 1000);
    buf_printf(head,
               "Content-Type: application/json\r\n"
               "User-Agent: " PROFILE_USER_AGENT "\r\n"
               "webhook-id: %s\r\n"
               "webhook-timestamp: %s\r\n"
               "webhook-signature: ",
               id, seconds);
    if (!sign(head, in->secret, str_of(id), str_of(seconds), body))
        return ERR_INVALID;
    size_t first = head->n;
    buf_add_char(head, ' ');
    if (!sign(head, in->previous_secret, str_of(id), str_of(seconds), body))
        head->n = first;
    buf_add_text(head, "\r\n");
    buf_add(masked, head->p + start, head->n - start);
    return head_end(&(struct head){head, masked});
}

static bool carries_both(const struct profile_options *options, struct str secret,
                         struct str previous)
{
    (void)options;
    return secret_check_signing(secret) == NULL && secret_check_signing(previous) == NULL;
}

const struct profile profile_standard_webhooks = {
    .name = "standard-webhooks",
    .about = "Receivers of Standard Webhooks and Svix.",
    .carries_both = carries_both,
    .signs_ed25519 = true,
    PROFILE_JSON_VARIANTS,
    .signs = "webhook-id.webhook-timestamp.body",
    .standard = {.json = JSON_FORM_JS,
                 .bigint = JSON_BIGINT_STRING,
                 .batch_max = PROFILE_BATCH_MAX},
    .options = profile_array_options,
    .option_count = PROFILE_ARRAY_OPTIONS,
    .secret_check = secret_check_signing,
    .body_max = PROFILE_ARRAY_MAX,
    .write_body = write_body,
    .write_head = write_head,
};
