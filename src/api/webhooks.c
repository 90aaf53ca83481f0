/* Webhooks: create, list, get, update, delete. */
#include "base/crypto.h"
#include "core/key.h"
#include "core/signature.h"
#include "deed.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "webhook_choice.h"
#include "webhook_form.h"
#include "webhook_view.h"

/* Replies with the webhook of the first row; `secret` as in webhook_write(). */
static void reply_webhook(struct call *call, const struct db_rows *rows, int status,
                          struct str secret)
{
    struct webhook webhook;
    webhooks_read(rows, 0, &webhook);
    if (!call_sees_all(call) && secret.p == NULL)
        webhook_write_masked(reply_begin(call), call->api->settings, &webhook);
    else
        webhook_write(reply_begin(call), call->api->settings, &webhook, secret);
    reply_send(call, status);
}

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const char *secret = call->state;
    char id[ID_TEXT_SIZE];

    if (!webhook_was_created(call, err, rows))
        return;
    reply_location(call, "/webhooks", id_text(id, ID_WEBHOOK, db_id(rows, 0, 0)));
    reply_webhook(call, rows, 201, str_of(secret));
}

void handle_webhooks_create(struct call *call)
{
    struct webhook_input in = {0};
    struct webhook webhook;
    struct buf secret;

    if (!input_bind(call, webhook_create_fields, IN_AND_NOT, &in))
        return;
    webhook_defaults(call, &webhook);
    webhook.id = id_new();
    webhook_apply(call, &in, &webhook);
    if (field_has(&call->fields, IN_SECRET) && !field_wrong(&call->fields, IN_PROFILE))
        webhook_check_secret(call, "secret", &webhook, in.secret);
    const char *prefix = SECRET_PREFIX;
    if (field_has(&call->fields, IN_SECRET_TYPE) && !field_wrong(&call->fields, IN_PROFILE))
        prefix = webhook_prefix(call, &webhook, in.secret.p != NULL, in.secret_type);
    if (!input_is_fine(call))
        return;
    buf_init(&secret, SECRET_MAX);
    webhook.sealed_secret = webhook_secret(call, webhook.id, in.secret, prefix, &secret);
    call->state = call_copy_text(call, buf_str(&secret));
    buf_fini(&secret);
    call->op =
        webhooks_insert(call->api->db, &webhook, call->api->settings->config.webhooks_per_app,
                        deed_of(call, AUDIT_WEBHOOK_CREATE), on_created, call);
}

/* --- list ------------------------------------------------------------------------------------- */

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct webhook webhook;
    webhooks_read(rows, row, &webhook);
    webhook_write(w, settings, &webhook, STR_NONE);
}

static void write_row_masked(struct jsonw *w, const struct settings *settings,
                             const struct db_rows *rows, int row)
{
    struct webhook webhook;
    webhooks_read(rows, row, &webhook);
    webhook_write_masked(w, settings, &webhook);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, !call_sees_all(call) ? write_row_masked : write_row);
}

void handle_webhooks_list(struct call *call)
{
    struct webhook_choice choice;

    if (webhook_choice_read(call, WEBHOOKS_COL_FITS, &choice))
        call->op = webhooks_list(call->api->reads, &choice, on_list, call);
}

/* --- one -------------------------------------------------------------------------------------- */

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (result_row(call, err, rows))
        reply_webhook(call, rows, 200, STR_NONE);
}

void handle_webhooks_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_WEBHOOK, &id))
        call->op = webhooks_get(call->api->db, call->app, id, on_got, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0)
        webhook_reply_untouched(call);
    else
        reply_empty(call, 204);
}

void handle_webhooks_delete(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_WEBHOOK, &id))
        call->op = webhooks_delete(call->api->db, call->app, id,
                                   deed_of(call, AUDIT_WEBHOOK_DELETE), on_deleted, call);
}

/* --- update: read, apply, write if nobody wrote meanwhile ------------------------------------- */

static void on_updated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (result_uid_taken(call, err, WEBHOOK_UID_TAKEN) || !result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_CONFLICT,
                    "The webhook was changed or deleted in the meantime; read it again");
        return;
    }
    webhook_tell_limits(call, rows);
    reply_webhook(call, rows, 200, STR_NONE);
}

/* What was disabled begins anew: what failed before is not held against it. */
static void apply_status(struct call *call, struct webhook *webhook, int status)
{
    if (webhook->status == WEBHOOK_DISABLED && status != WEBHOOK_DISABLED)
        queue_forget_gate(call->api->queue, webhook->id, webhook->app);
    webhook->disabled_reason = status == WEBHOOK_DISABLED ? DISABLED_BY_API : DISABLED_NOT;
    webhook->status = status;
}

/* A webhook that is listened to is listening or disabled, and no other is listening. */
static void check_status(struct call *call, const struct webhook *webhook, int status)
{
    bool listens = webhook_listens(webhook->url);

    if (listens && status != WEBHOOK_LISTENING && status != WEBHOOK_DISABLED)
        fields_problem(
            &call->fields, "status",
            "must be listening or disabled, of a webhook whose url is " WEBHOOK_LISTEN_URL);
    if (!listens && status == WEBHOOK_LISTENING)
        fields_problem(&call->fields, "status",
                       "may be listening only of a webhook whose url is " WEBHOOK_LISTEN_URL);
}

/* Another profile may ask for another kind of secret. */
static void check_secret(struct call *call, const struct webhook_input *in,
                         const struct webhook *webhook)
{
    const struct fields *f = &call->fields;
    struct buf secret;

    if (field_wrong(f, IN_PROFILE))
        return;
    if (field_has(f, IN_SECRET)) {
        webhook_check_secret(call, "secret", webhook, in->secret);
    } else if (field_given(f, IN_PROFILE)) {
        buf_init(&secret, SECRET_MAX);
        if (webhook_open(call->api->settings, WEBHOOK_SECRET, webhook->id, webhook->sealed_secret,
                         &secret) == 0)
            webhook_check_secret(call, "profile", webhook, buf_str(&secret));
        crypto_forget(&secret);
    }
}

static void replace_secret(struct call *call, struct str given, struct webhook *webhook)
{
    struct buf secret;

    buf_init(&secret, SECRET_MAX);
    webhook->sealed_secret = webhook_secret(call, webhook->id, given, SECRET_PREFIX, &secret);
    crypto_forget(&secret);
}

static enum audit_action action_of(int before, int after)
{
    static const enum audit_action to[] = {
        [WEBHOOK_ACTIVE] = AUDIT_WEBHOOK_RESUME,
        [WEBHOOK_PAUSED] = AUDIT_WEBHOOK_PAUSE,
        [WEBHOOK_DISABLED] = AUDIT_WEBHOOK_DISABLE,
        [WEBHOOK_LISTENING] = AUDIT_WEBHOOK_RESUME,
    };
    return before == after ? AUDIT_WEBHOOK_UPDATE : to[after];
}

static void on_read(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct webhook_input *in = call->state;
    struct webhook webhook, before;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    if (!webhook_settable(call, &webhook))
        return;
    before = webhook;
    webhook_apply(call, in, &webhook);
    webhook_keep_secrets(call, &before, &webhook);
    check_secret(call, in, &webhook);
    if (field_has(&call->fields, IN_STATUS))
        check_status(call, &webhook, in->status);
    if (!input_is_fine(call))
        return;
    if (field_has(&call->fields, IN_STATUS))
        apply_status(call, &webhook, in->status);
    if (field_has(&call->fields, IN_SECRET))
        replace_secret(call, in->secret, &webhook);
    call->op =
        webhooks_update(call->api->db, &webhook,
                        deed_of(call, action_of(before.status, webhook.status)), on_updated, call);
}

void handle_webhooks_update(struct call *call)
{
    struct webhook_input *in = call_alloc(call, sizeof *in);
    struct id id;

    if (!input_id(call, 0, ID_WEBHOOK, &id) ||
        !input_bind(call, webhook_update_fields, IN_AND_NOT, in))
        return;
    call->state = in;
    call->op = webhooks_get(call->api->db, call->app, id, on_read, call);
}
