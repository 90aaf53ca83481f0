/* Profile `authon`: https://authon.pro's webhooks. Exactly four headers, of which one is the secret
 * itself. */
#include "profile_internal.h"

#include "base/clock.h"
#include "core/signature.h"

static int render(const struct profile_input *in, size_t count, struct buf *head,
                  struct buf *masked, struct buf *body)
{
    struct head h = {head, masked};
    char timestamp[CLOCK_TEXT_SIZE];

    assert(count == 1);
    clock_text(timestamp, id_time_ms(in->event), CLOCK_MILLIS);
    int err = body_write_event(in, timestamp, body);
    if (err < 0)
        return err;
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"));
    head_add_auth(&h, "X-Webhook-Secret", in->options.auth, in->secret, buf_str(body));
    head_printf(&h,
                "X-Webhook-Event: %.*s\r\n"
                "User-Agent: Authon-Webhook/1.0\r\n",
                STR_FMT(in->type));
    return message_end(head, masked, body, 1);
}

const struct profile profile_authon = {
    .name = "authon",
    .standard = {.json = JSON_FORM_JS, .bigint = JSON_BIGINT_STRING, .auth = AUTH_PLAIN},
    .options = profile_json_options,
    .option_count = PROFILE_JSON_OPTIONS,
    .secret_check = secret_check_printable,
    .render = render,
};
