/* POST /webhooks/{id}/replay: deliveries of the webhook go out once more. */
#include "core/filter.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/deliveries.h"

#define LIMIT 10000

struct replay_input {
    int64_t since, until;
    int status;
    struct str type;
    bool dry_run;
};

enum {
    IN_SINCE,
    IN_UNTIL,
    IN_STATUS,
    IN_TYPE,
    IN_DRY_RUN,
};

/* What is pending goes out by itself. */
static const char *const state_names[] = {"failed", "cancelled", "delivered", "held", NULL};
static const enum delivery_state states[] = {DELIVERY_FAILED, DELIVERY_CANCELLED,
                                             DELIVERY_DELIVERED, DELIVERY_HELD};

#define AT(member) offsetof(struct replay_input, member)

static const struct field fields[] = {
    [IN_SINCE] = {"since", FIELD_TIME, AT(since), FIELD_NULLABLE},
    [IN_UNTIL] = {"until", FIELD_TIME, AT(until), FIELD_NULLABLE},
    [IN_STATUS] = {"status", FIELD_ENUM, AT(status), FIELD_NULLABLE, .names = state_names},
    [IN_TYPE] = {"event_type", FIELD_STR, AT(type), FIELD_NULLABLE, .min = 1, .max = EVENT_TYPE_MAX,
                 .check = event_type_check},
    [IN_DRY_RUN] = {"dry_run", FIELD_BOOL, AT(dry_run), FIELD_NULLABLE},
};

enum { MATCHED, MOVED, ENTRY };

static void enqueue(struct call *call, const struct db_rows *rows)
{
    struct queue_entry entry;
    for (int i = 0; i < db_count(rows); i++) {
        if (db_null(rows, i, ENTRY))
            continue;
        queue_entry_read(rows, i, ENTRY, &entry);
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
    enqueue(call, rows);
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_WEBHOOK, *webhook);
    jsonw_text(w, "status", "done");
    jsonw_i64(w, "matched", db_i64(rows, 0, MATCHED));
    jsonw_i64(w, "done", db_i64(rows, 0, MOVED));
    jsonw_end(w, '}');
    reply_send(call, 202);
}

void handle_webhooks_replay(struct call *call)
{
    struct replay_input in = {0};
    struct id *webhook = call->state = call_alloc(call, sizeof *webhook);

    if (!input_id(call, 0, ID_WEBHOOK, webhook) ||
        !input_body_if_any(call, fields, ARRAY_LEN(fields), &in))
        return;
    const struct fields *f = &call->fields;
    struct delivery_filter filter = {
        .state = (int)states[in.status],
        .type = in.type,
        .from = id_floor(in.since),
        .before = field_has(f, IN_UNTIL) ? id_floor(in.until) : id_last(),
    };
    call->op = deliveries_replay(call->api->db, call->app, *webhook, &filter, in.dry_run, LIMIT,
                                 on_replayed, call);
}
