/* POST /webhooks/{id}/secret/rotate: another secret, beside which the old one stays valid for a while. */
#include "base/crypto.h"
#include "core/signature.h"
#include "deed.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "webhook_form.h"
#include "webhook_view.h"

struct rotate_input {
    struct str secret;
    int64_t overlap_seconds, delay_seconds;
    int secret_type;
};

enum { ROTATE_SECRET, ROTATE_OVERLAP, ROTATE_DELAY, ROTATE_TYPE };

static const struct field fields[] = {
    [ROTATE_SECRET] = {"secret", FIELD_STR, offsetof(struct rotate_input, secret), FIELD_NULLABLE,
                       .min = 1, .max = SECRET_MAX, .check = secret_check_printable},
    [ROTATE_OVERLAP] = {"overlap_seconds", FIELD_I64,
                        offsetof(struct rotate_input, overlap_seconds), FIELD_NULLABLE,
                        .max = WEBHOOK_OVERLAP_MAX},
    [ROTATE_DELAY] = {"delay_seconds", FIELD_I64, offsetof(struct rotate_input, delay_seconds),
                      FIELD_NULLABLE, .max = WEBHOOK_DELAY_MAX},
    [ROTATE_TYPE] = {"secret_type", FIELD_ENUM, offsetof(struct rotate_input, secret_type),
                     FIELD_NULLABLE, .names = secret_type_names},
};

static void on_rotated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const char *secret = call->state;
    struct webhook webhook;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        webhook_reply_untouched(call);
        return;
    }
    webhooks_read(rows, 0, &webhook);
    webhook_write(reply_begin(call), call->api->settings, &webhook, str_of(secret));
    reply_send(call, 200);
}

/* What its receivers verify goes on in the same way; with a secret that cannot be opened nobody knows how that was. */
static const char *prefix_after(struct call *call, const struct webhook *webhook)
{
    struct buf old;

    buf_init(&old, SECRET_MAX);
    int err = webhook_open(call->api->settings, WEBHOOK_SECRET, webhook->id, webhook->sealed_secret,
                           &old);
    const char *prefix = err == 0 ? secret_prefix_of(buf_str(&old)) : SECRET_PREFIX;
    crypto_forget(&old);
    return prefix;
}

static void on_rotating(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct rotate_input *in = call->state;
    struct webhook webhook;
    struct buf secret;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    if (in->secret.p != NULL)
        webhook_check_secret(call, "secret", &webhook, in->secret);
    const char *prefix = field_has(&call->fields, ROTATE_TYPE)
                             ? webhook_prefix(call, &webhook, in->secret.p != NULL, in->secret_type)
                             : prefix_after(call, &webhook);
    if (!input_is_fine(call))
        return;
    buf_init(&secret, SECRET_MAX);
    struct rotation rotation = {
        .sealed_secret = webhook_secret(call, webhook.id, in->secret, prefix, &secret),
        .delay_seconds = in->delay_seconds,
        .overlap_seconds = in->overlap_seconds,
    };
    call->state = call_copy_text(call, buf_str(&secret));
    buf_fini(&secret);
    call->op = webhooks_rotate(call->api->db, call->app, webhook.id, &rotation,
                               deed_on(call, AUDIT_WEBHOOK_ROTATE, "secret"), on_rotated, call);
}

/* Which secrets there may be depends on the profile: the webhook is read first. */
void handle_webhooks_rotate(struct call *call)
{
    struct rotate_input *in = call->state = call_alloc(call, sizeof *in);
    struct id id;

    in->overlap_seconds = WEBHOOK_OVERLAP_SECONDS;
    if (input_id(call, 0, ID_WEBHOOK, &id) &&
        (call->body.n == 0 || input_bind(call, fields, ARRAY_LEN(fields), in)))
        call->op = webhooks_get(call->api->db, call->app, id, on_rotating, call);
}
