/* The management API of Authon (https://docs.authon.pro, "Webhooks"), for clients written for it:
 * its paths, its envelope, its one-time secret, its test ping. What its document leaves open
 * (statuses, the list, deletion, errors) is chosen as in openapi/posthorn.yaml. */
#include "base/crypto.h"
#include "core/key.h"
#include "core/mask.h"
#include "core/signature.h"
#include "deed.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "test_event.h"
#include "webhook_form.h"

#include <stdio.h>

#define PROFILE      "authon"
#define SECRET_BYTES 32
#define LIST_MAX     250
#define TEST_TYPE    "test"
#define WEBHOOK_AT   1 /* params: the app, the webhook */

/* whsec_ and hex, as Authon shows them. */
static void make_secret(struct buf *out)
{
    uint8_t bytes[SECRET_BYTES];
    crypto_random(bytes, sizeof bytes);
    buf_add_text(out, SECRET_PREFIX);
    crypto_hex(out, bytes, sizeof bytes);
    crypto_wipe(bytes, sizeof bytes);
}

static void write_webhook(struct jsonw *w, const struct db_rows *rows, int row, const char *secret,
                          bool masked)
{
    struct webhook webhook;
    struct buf url;

    webhooks_read(rows, row, &webhook);
    buf_init(&url, WEBHOOK_URL_MAX * MASK_GROWTH);
    if (masked)
        mask_url(&url, webhook.url);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_WEBHOOK, webhook.id);
    jsonw_str(w, "url", masked ? buf_str(&url) : webhook.url);
    jsonw_begin(w, "events", '[');
    for (size_t i = 0; i < webhook.event_count; i++)
        jsonw_str(w, NULL, webhook.events[i]);
    jsonw_end(w, ']');
    if (secret != NULL)
        jsonw_text(w, "secret", secret);
    jsonw_end(w, '}');
    buf_fini(&url);
}

/* {"success":true,"data": …; the caller writes what follows. */
static struct jsonw *begin_success(struct call *call)
{
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_bool(w, "success", true);
    return w;
}

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!webhook_was_created(call, err, rows))
        return;
    struct jsonw *w = begin_success(call);
    jsonw_key(w, "data");
    write_webhook(w, rows, 0, call->state, false);
    jsonw_end(w, '}');
    reply_send(call, 201);
}

void handle_authon_create(struct call *call)
{
    struct webhook_input in = {0};
    struct webhook webhook;
    struct buf secret, sealed;

    /* Of a webhook's fields, the first two. */
    if (!input_bind(call, webhook_create_fields, IN_EVENTS + 1, &in))
        return;
    webhook_defaults(call, &webhook);
    webhook.id = id_new();
    webhook.profile = STR_LIT(PROFILE);
    webhook_apply(call, &in, &webhook);
    if (!input_is_fine(call))
        return;
    buf_init(&secret, SECRET_MAX);
    buf_init(&sealed, SECRET_MAX);
    make_secret(&secret);
    webhook.sealed_secret = webhook_secret(call, webhook.id, buf_str(&secret), NULL, &sealed);
    call->state = call_copy_text(call, buf_str(&secret));
    buf_fini(&secret);
    buf_fini(&sealed);
    call->op =
        webhooks_insert(call->api->db, &webhook, call->api->settings->config.webhooks_per_app,
                        deed_of(call, AUDIT_WEBHOOK_CREATE), on_created, call);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_ok(call, err))
        return;
    struct jsonw *w = begin_success(call);
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < db_count(rows); i++)
        write_webhook(w, rows, i, NULL, call->scope < SCOPE_WRITE);
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_authon_list(struct call *call)
{
    const struct webhook_choice newest = {.app = call->app,
                                          .status = -1,
                                          .needs_attention = -1,
                                          .before = id_last(),
                                          .limit = LIST_MAX};

    call->op = webhooks_list(call->api->reads, &newest, on_list, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    jsonw_end(begin_success(call), '}');
    reply_send(call, 200);
}

void handle_authon_delete(struct call *call)
{
    struct id id;
    if (input_id(call, WEBHOOK_AT, ID_WEBHOOK, &id))
        call->op = webhooks_delete(call->api->db, call->app, id,
                                   deed_of(call, AUDIT_WEBHOOK_DELETE), on_deleted, call);
}

void handle_authon_test(struct call *call)
{
    char app[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE], *data = call_alloc(call, 256);
    struct id id;

    if (!input_id(call, WEBHOOK_AT, ID_WEBHOOK, &id) || !test_event_begin(call))
        return;
    int n = snprintf(data, 256,
                     "{\"message\":\"This is a test ping from Authon\",\"appId\":\"%s\","
                     "\"webhookId\":\"%s\"}",
                     id_text(app, ID_APP, call->app), id_text(webhook, ID_WEBHOOK, id));
    test_event_send(call, id, &(struct test_event){STR_LIT(TEST_TYPE), {data, (size_t)n}},
                    test_event_reply);
}
