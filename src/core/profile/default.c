/* Profile `default`: the generic webhook API of many documentation sites, a body that
 * JSON.stringify(JSON.parse(body)) gives back, and a signature over exactly that body; plus, with a
 * whsec_ secret, the three headers of Standard Webhooks
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md),
 * whose timestamp is the attempt's. */
#include "profile_internal.h"

#include "core/signature.h"

#include <inttypes.h>
#include <stdio.h>

static void add_standard_headers(const struct profile_input *in, const char *id, struct str body,
                                 struct buf *head)
{
    char seconds[24];
    int n = snprintf(seconds, sizeof seconds, "%" PRId64, in->now_ms / 1000);
    struct str timestamp = {seconds, (size_t)n};

    buf_printf(head, "webhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: ", id, seconds);
    signature_standard(head, in->secret, str_of(id), timestamp, body);
    if (secret_is_standard(in->previous_secret)) {
        buf_add_char(head, ' ');
        signature_standard(head, in->previous_secret, str_of(id), timestamp, body);
    }
    buf_add_text(head, "\r\n");
}

/* An array has none of them: its members have types and ids of their own. */
static void add_event_headers(const struct profile_input *in, struct buf *head)
{
    char delivery[ID_TEXT_SIZE];

    buf_printf(head,
               "X-Webhook-Event: %.*s\r\n"
               "X-Webhook-Delivery: %s\r\n"
               "X-Webhook-Attempt: %d\r\n",
               STR_FMT(in->type), id_text(delivery, ID_DELIVERY, in->delivery), in->attempt);
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    return body_write_many(in, count, body_write_envelope, body);
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    char id[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE];
    size_t start = head->n;

    buf_printf(head,
               "Content-Type: application/json\r\n"
               "User-Agent: " PROFILE_USER_AGENT "\r\n"
               "X-Webhook-Id: %s\r\n",
               id_text(webhook, ID_WEBHOOK, in->webhook));
    if (in->options.envelope == ENVELOPE_OBJECT)
        add_event_headers(in, head);
    buf_add_text(head, "X-Webhook-Signature: ");
    signature_hex(head, "sha256=", in->secret, body);
    buf_add_text(head, "\r\n");
    if (secret_is_standard(in->secret))
        add_standard_headers(in, message_id(id, in, count), body, head);
    buf_add(masked, head->p + start, head->n - start);
    return head_end(&(struct head){head, masked});
}

static bool carries_both(const struct profile_options *options, struct str secret,
                         struct str previous)
{
    (void)options;
    return secret_is_standard(secret) && secret_is_standard(previous);
}

const struct profile profile_default = {
    .name = "default",
    .about = "The generic form of many systems, signed by X-Webhook-Signature.",
    .carries_both = carries_both,
    PROFILE_JSON_VARIANTS,
    .signs = "body; with a whsec_ secret also webhook-id.webhook-timestamp.body",
    .standard = {.json = JSON_FORM_JS,
                 .bigint = JSON_BIGINT_STRING,
                 .batch_max = PROFILE_BATCH_MAX},
    .options = profile_array_options,
    .option_count = PROFILE_ARRAY_OPTIONS,
    .secret_check = secret_check,
    .body_max = PROFILE_ARRAY_MAX,
    .write_body = write_body,
    .write_head = write_head,
};
