/* POST /ingest/{token}: another system's own request becomes events of the app whose source has the token.
 *
 * What a sender makes of an answer: Marzban tries what has a status of 400 or above three times more, minutes apart,
 * Remnawave what is no 2xx, seconds apart; both then forget it. Stripe goes on for three days, Shopify for four hours, and
 * then takes its subscription away. So what came before is a success again, never a conflict; what is refused is what the
 * sender or the source has to be set up for, and comes again when it is. */
#include "accept_check.h"
#include "accept_view.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "core/idempotency.h"
#include "core/signature.h"
#include "core/source.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "tokens.h"

static struct str header_of(const void *arg, const char *name)
{
    return call_header(arg, name);
}

static void refuse(struct call *call, const struct source *source, const char *wrong)
{
    char id[ID_TEXT_SIZE], app[ID_TEXT_SIZE], quoted[LOG_QUOTE_SIZE];

    log_bounded(LOG_LEVEL_WARN, "ingest_refused", "source=%s app=%s request=%s why=%s",
                id_text(id, ID_SOURCE, source->id), id_text(app, ID_APP, source->app),
                call->request_id, log_quote(quoted, wrong));
    reply_error(call, ERR_UNPROVEN, wrong);
}

/* Whether it is from who has the source's secret; false: not, and that has been replied. */
static bool is_proven(struct call *call, const struct source *source,
                      const struct source_kind *kind, const struct source_options *options,
                      const struct source_request *request)
{
    char wrong[SOURCE_WRONG_SIZE];
    struct buf secret;

    if (source->sealed_secret.n == 0)
        return true;
    buf_init(&secret, SECRET_MAX);
    int err =
        source_open(&call->api->settings->seal_keys, source->id, source->sealed_secret, &secret);
    bool proven = err == 0 && kind->verify(request, options, buf_str(&secret), wrong);
    crypto_forget(&secret);
    if (err < 0)
        reply_error(
            call, ERR_INTERNAL,
            "The source's secret is sealed with an encryption key that is not there: give the "
            "source another one");
    else if (!proven)
        refuse(call, source, wrong);
    return proven;
}

static struct event_new new_event(struct call *call, const struct source *source,
                                  const struct source_event *from)
{
    struct event_new event = {
        .id = id_new(), .app = call->app, .type = from->type, .data = from->data, .grouped = true};

    /* One key is one event, whatever else a later try says. */
    if (from->key.p != NULL) {
        event.keyed = true;
        event.key = idempotency_id(source->id, IDEMPOTENCY_SOURCE, from->key, from->nth);
        event.hash = event.key;
    }
    return event;
}

static void on_forgotten(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    (void)rows;
    if (result_ok(call, err))
        accept_check(call, call->state, accept_reply_list);
}

/* First tries are events of their own, whatever came before. */
static void accept_all(struct call *call, const struct source *source,
                       const struct source_turn *turn)
{
    struct accept_request *r = call->state = call_alloc(call, sizeof *r);
    struct id *first = call_alloc(call, turn->count * sizeof *first);
    size_t firsts = 0;

    r->foreign = true;
    r->count = turn->count;
    r->events = call_alloc(call, r->count * sizeof *r->events);
    r->accepted = call_alloc(call, r->count * sizeof *r->accepted);
    for (size_t i = 0; i < r->count; i++) {
        r->events[i] = new_event(call, source, &turn->events[i]);
        if (turn->events[i].is_first)
            first[firsts++] = r->events[i].key;
    }
    if (firsts == 0)
        accept_check(call, r, accept_reply_list);
    else
        call->op = events_forget_keys(call->api->db, first, firsts, on_forgotten, call);
}

static void take(struct call *call, const struct source *source)
{
    const struct source_kind *kind = source_find(source->kind);
    struct source_request request = {header_of, call, call->body, clock_wall_ms()};
    struct source_options options;

    /* The row is a later release's. */
    if (kind == NULL || !json_is_object(source->options) ||
        source_options_bind(&call->fields, kind, source->options, &options) < 0) {
        reply_error(call, ERR_INTERNAL, "This release does not know the source's kind or options");
        return;
    }
    if (!is_proven(call, source, kind, &options, &request) || !input_json(call))
        return;
    struct source_turn turn = {
        .request = &request,
        .options = &options,
        .prefix = source->prefix.p != NULL ? source->prefix : str_of(kind->prefix),
        .fields = &call->fields,
    };
    source_read(kind, &turn);
    if (!input_is_fine(call))
        return;
    if (turn.count > 0) {
        accept_all(call, source, &turn);
        return;
    }
    call->state = call_alloc(call, sizeof(struct accept_request));
    accept_reply_list(call, 0);
}

void handle_ingest(struct call *call)
{
    token_start(call, take);
}
