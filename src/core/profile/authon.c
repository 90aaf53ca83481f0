/* Profile `authon`: https://authon.pro's webhooks. Exactly four headers, of which one is the secret
 * itself. */
#include "profile_internal.h"

#include "base/clock.h"
#include "core/signature.h"

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    char timestamp[CLOCK_TEXT_SIZE];

    assert(count == 1);
    clock_text(timestamp, id_time_ms(in->event), CLOCK_MILLIS);
    int err = body_write_event(in, timestamp, body);
    return err < 0 ? err : 1;
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    struct head h = {head, masked};

    (void)count;
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"));
    head_add_auth(&h, "X-Webhook-Secret", in->options.auth, in->secret, body);
    head_printf(&h,
                "X-Webhook-Event: %.*s\r\n"
                "User-Agent: Authon-Webhook/1.0\r\n",
                STR_FMT(in->type));
    return head_end(&h);
}

const struct profile profile_authon = {
    .name = "authon",
    .about = "Receivers of Authon: the secret as it is.",
    .standard = {.json = JSON_FORM_JS, .bigint = JSON_BIGINT_STRING, .auth = AUTH_PLAIN},
    .options = profile_json_options,
    .option_count = PROFILE_JSON_OPTIONS,
    .secret_check = secret_check_printable,
    .write_body = write_body,
    .write_head = write_head,
};
