/* What can be done with a webhook: rotate its secret, replay its deliveries. */
#include "base/json.h"
#include "core/filter.h"
#include "core/signature.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/deliveries.h"
#include "webhook_form.h"
#include "webhook_view.h"

#define REPLAY_MAX 10000

/* --- rotate ----------------------------------------------------------------------------------- */

struct rotate_input {
    struct str secret;
    int64_t overlap_seconds;
};

enum { ROTATE_IN_SECRET, ROTATE_IN_OVERLAP };

static const struct field rotate_fields[] = {
    [ROTATE_IN_SECRET] = {"secret", FIELD_STR, offsetof(struct rotate_input, secret),
                          FIELD_NULLABLE, .min = 1, .max = SECRET_MAX,
                          .check = secret_check_printable},
    [ROTATE_IN_OVERLAP] = {"overlap_seconds", FIELD_I64,
                           offsetof(struct rotate_input, overlap_seconds), FIELD_NULLABLE,
                           .max = WEBHOOK_OVERLAP_MAX},
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

static void on_rotating(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct rotate_input *in = call->state;
    struct webhook webhook;
    struct buf secret;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    bool given = field_has(&call->fields, ROTATE_IN_SECRET);
    if (given && !webhook_secret_fits(call, "secret", &webhook, in->secret))
        return;
    buf_init(&secret, SECRET_MAX);
    struct str sealed = webhook_secret(call, webhook.id, given, in->secret, &secret);
    call->state = str_dup(call_allocator(call), buf_str(&secret));
    buf_fini(&secret);
    call->op = webhooks_rotate(call->api->db, call->app, webhook.id, sealed, in->overlap_seconds,
                               on_rotated, call);
}

/* Which secrets there may be depends on the profile: the webhook is read first. */
void handle_webhooks_rotate(struct call *call)
{
    struct rotate_input *in = call->state = call_alloc(call, sizeof *in);
    struct id id;

    in->overlap_seconds = WEBHOOK_OVERLAP_SECONDS;
    if (input_id(call, 0, ID_WEBHOOK, &id) &&
        input_body_if_any(call, rotate_fields, ARRAY_LEN(rotate_fields), in))
        call->op = webhooks_get(call->api->db, call->app, id, on_rotating, call);
}

/* --- replay ----------------------------------------------------------------------------------- */

struct replay_input {
    int64_t since, until;
    int status;
    struct str type, dry_run;
};

enum {
    REPLAY_IN_SINCE,
    REPLAY_IN_UNTIL,
    REPLAY_IN_STATUS,
    REPLAY_IN_TYPE,
    REPLAY_IN_DRY_RUN,
};

/* What is pending goes out by itself. */
static const char *const replay_states[] = {"failed", "cancelled", "delivered", "held", NULL};
static const enum delivery_state replay_state_numbers[] = {DELIVERY_FAILED, DELIVERY_CANCELLED,
                                                           DELIVERY_DELIVERED, DELIVERY_HELD};

#define REPLAY_AT(member) offsetof(struct replay_input, member)

static const struct field replay_fields[] = {
    [REPLAY_IN_SINCE] = {"since", FIELD_TIME, REPLAY_AT(since), FIELD_NULLABLE},
    [REPLAY_IN_UNTIL] = {"until", FIELD_TIME, REPLAY_AT(until), FIELD_NULLABLE},
    [REPLAY_IN_STATUS] = {"status", FIELD_ENUM, REPLAY_AT(status), FIELD_NULLABLE,
                          .names = replay_states},
    [REPLAY_IN_TYPE] = {"event_type", FIELD_STR, REPLAY_AT(type), FIELD_NULLABLE, .min = 1,
                        .max = EVENT_TYPE_MAX, .check = event_type_check},
    [REPLAY_IN_DRY_RUN] = {"dry_run", FIELD_RAW, REPLAY_AT(dry_run), FIELD_NULLABLE,
                           .kinds = FIELD_KIND(JSON_BOOL)},
};

static void enqueue_replayed(struct call *call, struct id webhook, const struct db_rows *rows)
{
    enum { ID = 2, CONCURRENCY, RATE };
    for (int i = 0; i < db_count(rows); i++) {
        if (db_null(rows, i, ID))
            continue;
        struct queue_entry entry = {db_id(rows, i, ID), webhook, 0,
                                    (int)db_i64(rows, i, CONCURRENCY), (int)db_i64(rows, i, RATE)};
        queue_enqueue(call->api->queue, &entry, 1, QUEUE_GENTLE);
    }
}

static void on_replayed(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *webhook = call->state;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_NOT_FOUND, "No webhook has this id, or it is disabled");
        return;
    }
    enqueue_replayed(call, *webhook, rows);
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_WEBHOOK, *webhook);
    jsonw_text(w, "status", "done");
    jsonw_i64(w, "matched", db_i64(rows, 0, 0));
    jsonw_i64(w, "done", db_i64(rows, 0, 1));
    jsonw_end(w, '}');
    reply_send(call, 202);
}

void handle_webhooks_replay(struct call *call)
{
    struct replay_input in = {0};
    struct id *webhook = call->state = call_alloc(call, sizeof *webhook);

    if (!input_id(call, 0, ID_WEBHOOK, webhook) ||
        (!input_body_if_any(call, replay_fields, ARRAY_LEN(replay_fields), &in)))
        return;
    const struct fields *f = &call->fields;
    struct delivery_filter filter = {
        .state = (int)replay_state_numbers[in.status],
        .type = in.type,
        .from = id_floor(in.since),
        .before = field_has(f, REPLAY_IN_UNTIL) ? id_floor(in.until) : id_last(),
    };
    bool dry_run = str_eq_text(in.dry_run, "true");
    call->op = deliveries_replay(call->api->db, call->app, *webhook, &filter, dry_run, REPLAY_MAX,
                                 on_replayed, call);
}
