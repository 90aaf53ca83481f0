/* GET /webhooks/{id}/stream: a webhook without a URL is listened to. The ledger holds what is for it; here each such
 * delivery is sent, as the request that a receiver would have got, to whoever listens, and is in flight until it is
 * answered (delivery_answer.c). What was not answered when the connection ended is held all the same, and comes again. */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "core/key.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/listens.h"
#include "store/webhooks.h"
#include "store/work.h"
#include "streams.h"

#define FLIGHTS_MAX 16
#define OVER_MAX    500

struct listener_stream {
    struct stream stream; /* the call's state, once it has begun */
    struct id webhook, after;
    struct listen_flight flights[FLIGHTS_MAX];
    size_t count;
};

#define NOT_LISTENED_TO \
    "This webhook has a URL, and what it is sent goes there: make one whose url is " WEBHOOK_LISTEN_URL

/* --- what goes out ---------------------------------------------------------------------------- */

static void write_message(struct jsonw *w, const struct listened *l, const struct message *m,
                          int64_t now_ms)
{
    const struct content *c = &l->content;

    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_DELIVERY, c->delivery);
    jsonw_id(w, "event_id", c->test ? ID_TEST_EVENT : ID_EVENT, c->event);
    jsonw_str(w, "event_type", c->type);
    jsonw_i64(w, "attempt", c->attempt);
    jsonw_time(w, "sent_at", now_ms, CLOCK_MILLIS);
    jsonw_text(w, "method", "POST");
    jsonw_bytes(w, "headers", buf_str(&m->head));
    jsonw_bytes(w, "body", message_body(m));
    jsonw_end(w, '}');
}

static void on_recorded(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    (void)err; /* it is held as before, and comes up again */
    (void)rows;
}

/* Nobody can be sent it: so it has failed. */
static void give_up(struct call *call, const struct listened *l, int err, const char *why)
{
    struct finish f = {
        .delivery = l->content.delivery,
        .event = l->content.event,
        .webhook = l->to.webhook,
        .state = DELIVERY_FAILED,
        .error = err == ERR_INVALID ? ATTEMPT_UNSENDABLE : ATTEMPT_INTERNAL,
        .number = l->content.attempt,
        .started_ms = clock_wall_ms(),
        .error_text = str_of(why),
        .request_head = STR_LIT(""),
    };

    crypto_random((uint8_t *)&f.token, sizeof f.token);
    work_answer(call->api->db, call->app, &f, on_recorded, NULL);
}

/* False: there is no room for it behind what is in `out`. */
static bool add(struct listener_stream *g, const struct listened *l)
{
    struct call *call = g->stream.call;
    struct buf *out = &g->stream.out;
    const struct content *contents[] = {&l->content};
    int64_t now_ms = clock_wall_ms();
    char id[ID_TEXT_SIZE];
    struct message message;
    const char *why;
    size_t start = out->n;

    message_init(&message);
    int err = message_make(&message, call->api->settings, &l->to, contents, 1, now_ms, NULL, &why);
    if (err >= 0) {
        buf_printf(
            out, "event: delivery\nid: %s\ndata: ", id_text(id, ID_DELIVERY, l->content.delivery));
        struct jsonw w = jsonw_on(out);
        write_message(&w, l, &message, now_ms);
        buf_add_text(out, "\n\n");
    }
    if (out->overflow) {
        out->n = start;
        out->overflow = false;
        err = start == 0 ? ERR_INVALID : 0;
        why = "its request is too large to be listened to";
    }
    if (err < 0)
        give_up(call, l, err, why);
    message_fini(&message);
    if (err >= 0 && out->n > start)
        g->flights[g->count++] = (struct listen_flight){l->content.delivery, l->content.attempt};
    return err < 0 || out->n > start;
}

/* --- what is asked for ------------------------------------------------------------------------ */

static void land(struct listener_stream *g, struct db_array landed)
{
    struct str element;

    while (db_array_next(&landed, &element))
        for (size_t i = 0; i < g->count; i++)
            if (memcmp(g->flights[i].delivery.b, element.p, sizeof g->flights[i].delivery.b) == 0)
                g->flights[i--] = g->flights[--g->count];
}

static void end_those_over(struct listener_stream *g, struct db_array over)
{
    struct id ids[OVER_MAX];
    struct str element;
    size_t n = 0;

    while (n < OVER_MAX && db_array_next(&over, &element))
        memcpy(ids[n++].b, element.p, sizeof ids[0].b);
    if (n > 0)
        listens_expire(g->stream.call->api->db, g->webhook, ids, n, on_recorded, NULL);
}

static const char *ended_by(const struct db_rows *rows, struct listen_look *look)
{
    if (db_count(rows) == 0)
        return "deleted";
    listens_read_look(rows, look);
    return !look->allowed ? "key" : look->status != WEBHOOK_LISTENING ? "disabled" : NULL;
}

static void take(struct listener_stream *g, const struct db_rows *rows,
                 const struct listen_look *look)
{
    size_t before = g->count, had;
    struct listened l;
    bool fits = true;

    land(g, look->landed);
    bool landed = g->count < before;
    had = g->count;
    end_those_over(g, look->over);
    for (int i = 0; fits && i < look->count; i++) {
        listens_read(rows, i, &l);
        fits = add(g, &l);
    }
    bool room = g->count < FLIGHTS_MAX;
    g->after = !room || look->end || look->count > 0 ? (struct id){{0}} : look->last;
    if (!stream_asked(&g->stream, landed || (room && (look->count > 0 || !look->end))))
        g->count = had;
}

static void on_rows(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct listener_stream *g = CONTAINER_OF(call->state, struct listener_stream, stream);
    struct listen_look look;
    const char *why = NULL;

    call->op = NULL;
    if (err == 0 && (why = ended_by(rows, &look)) == NULL)
        take(g, rows, &look);
    else if (err == 0)
        stream_end(&g->stream, why);
    else if (!stream_asked(&g->stream, false))
        log_debug("stream_not_asked", "request=%s", call->request_id);
}

static void ask(struct stream *s)
{
    struct call *call = s->call;
    const struct listener_stream *g = CONTAINER_OF(s, struct listener_stream, stream);
    const struct listen_ask what = {
        .webhook = g->webhook,
        .by = {.app = call->app, .key = call->key, .scope = call->route->scope},
        .flights = g->flights,
        .count = g->count,
        .limit = (int)(FLIGHTS_MAX - g->count),
        .after = g->after,
    };

    call->op = listens_next(call->api->reads, &what, on_rows, call);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void on_webhook(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct listener_stream *g = call->state;
    struct webhook webhook;

    if (!result_row(call, err, rows))
        return;
    webhooks_read(rows, 0, &webhook);
    if (!webhook_listens(webhook.url))
        reply_error(call, ERR_WRONG_STATE, NOT_LISTENED_TO);
    else if (webhook.status != WEBHOOK_LISTENING)
        reply_error(call, ERR_WRONG_STATE,
                    "The webhook is disabled: PATCH its status to listening first");
    else
        stream_start(call, &g->stream, ask);
}

void handle_webhooks_stream(struct call *call)
{
    struct listener_stream *g = call->state = call_alloc(call, sizeof *g);

    if (input_id(call, 0, ID_WEBHOOK, &g->webhook))
        call->op = webhooks_get(call->api->db, call->app, g->webhook, on_webhook, call);
}
