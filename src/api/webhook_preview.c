/* POST /webhooks/{id}/preview: the request that would be sent, without sending it. Plain secrets and the
 * webhook's own headers are masked, as in history; so are signatures, for who may only read: with one he could
 * send data of his own to the receiver. */
#include "base/clock.h"
#include "base/json.h"
#include "core/filter.h"
#include "core/key.h"
#include "core/mask.h"
#include "core/message.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/events.h"
#include "store/webhooks.h"
#include "turns.h"
#include "webhook_view.h"

#include <stdio.h>

#define STANDARD_TYPE "webhook.test"
#define STANDARD_DATA "{}"

struct preview_input {
    struct str event, type, data;
};

enum { IN_EVENT, IN_TYPE, IN_DATA };

#define AT(member) offsetof(struct preview_input, member)

static bool read_event(struct str text, struct id *id)
{
    return id_parse(text, ID_EVENT, id) || id_parse(text, ID_TEST_EVENT, id);
}

static const char *check_event(struct str text)
{
    struct id id;
    return read_event(text, &id) ? NULL : "must be the id of an event";
}

static const struct field fields[] = {
    [IN_EVENT] = {"event_id", FIELD_STR, AT(event), FIELD_NULLABLE, .check = check_event},
    [IN_TYPE] = {"type", FIELD_STR, AT(type), FIELD_NULLABLE, .min = 1, .max = EVENT_TYPE_MAX,
                 .check = event_type_check},
    [IN_DATA] = {"data", FIELD_RAW, AT(data), FIELD_NULLABLE, .kinds = FIELD_KIND(JSON_OBJECT)},
};

struct preview_state {
    struct id webhook;
    struct content content; /* of a delivery that is not there */
    struct turn turn;
};

static void write_message(struct jsonw *w, const struct message *m, const char *signs, bool masked,
                          struct str refusal)
{
    struct buf url;

    buf_init(&url, WEBHOOK_URL_MAX * MASK_GROWTH);
    if (masked)
        mask_url(&url, buf_str(&m->url));
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "method", "POST");
    jsonw_str(w, "url", buf_str(masked ? &url : &m->url));
    jsonw_str(w, "headers", buf_str(&m->masked));
    jsonw_bytes(w, "body", message_body(m));
    jsonw_text(w, "signed", signs);
    webhook_write_refusal(w, refusal);
    jsonw_end(w, '}');
    buf_fini(&url);
}

/* `why` is what attempts say, which goes on where another text began. */
static void reply_unsendable(struct call *call, const char *why)
{
    reply_errorf(call, ERR_WRONG_STATE, "Nothing would be sent: %s", why);
}

static void on_webhook(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct preview_state *state = call->state;
    const struct content *contents[] = {&state->content};
    struct webhook webhook;
    struct message message;
    const char *why;

    turn_leave(&state->turn);
    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    struct recipient to = webhook_recipient(&webhook);
    message_init(&message);
    bool masked = !call_sees_all(call);
    err = masked
              ? message_show(&message, call->api->settings, &to, contents, 1, clock_wall_ms(), &why)
              : message_make(&message, call->api->settings, &to, contents, 1, clock_wall_ms(), NULL,
                             &why);
    if (err < 0) {
        reply_unsendable(call, why);
    } else {
        write_message(reply_begin(call), &message, profile_find(to.profile)->signs, masked,
                      webhooks_read_refusal(rows, 0));
        reply_send(call, 200);
    }
    message_fini(&message);
}

static void find_webhook(struct call *call)
{
    const struct preview_state *state = call->state;
    call->op = webhooks_get_asked(call->api->db, call->app, state->webhook, state->content.data,
                                  on_webhook, call);
}

static void find_event(struct call *call);

/* One that is large is asked for again when it is its turn: who waits has it not in memory. */
static void on_event(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct preview_state *state = call->state;
    struct event event;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_invalid(call, "event_id", "must be the id of an event that exists");
        return;
    }
    events_read_whole(rows, 0, &event);
    if (event.erased_ms != 0) {
        reply_error(call, ERR_ERASED, NULL);
        return;
    }
    if (event.data.n > TURNS_BYTES && !turn_is_held(&state->turn)) {
        turns_wait(call->api->turns, &state->turn, call, find_event);
        return;
    }
    state->content.test = event.test;
    state->content.type = call_copy(call, event.type);
    state->content.data = call_copy(call, event.data);
    find_webhook(call);
}

static void find_event(struct call *call)
{
    const struct preview_state *state = call->state;
    call->op = events_get(call->api->reads, call->app, state->content.event, on_event, call);
}

void handle_webhooks_preview(struct call *call)
{
    struct preview_state *state = call->state = call_alloc(call, sizeof *state);
    struct preview_input in = {.type = STR_LIT(STANDARD_TYPE), .data = STR_LIT(STANDARD_DATA)};

    if (!input_id(call, 0, ID_WEBHOOK, &state->webhook) ||
        !input_body_if_any(call, fields, ARRAY_LEN(fields), &in))
        return;
    state->content = (struct content){
        .event = id_new(), .type = in.type, .data = in.data, .delivery = id_new(), .attempt = 1};
    if (!field_has(&call->fields, IN_EVENT) && in.data.n > TURNS_BYTES)
        turns_wait(call->api->turns, &state->turn, call, find_webhook);
    else if (!field_has(&call->fields, IN_EVENT))
        find_webhook(call);
    else if (read_event(in.event, &state->content.event))
        find_event(call);
}
