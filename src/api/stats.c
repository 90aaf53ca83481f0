/* What attempts came to, hour by hour: GET /stats of an app or of one of its webhooks, GET /stats/webhooks the last day of
 * each webhook on a page of them; and GET /stats/now, how they stand. */
#include "base/clock.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "stats_view.h"
#include "store/tallies.h"
#include "store/webhooks.h"
#include "webhook_choice.h"

#define HOURS_MAX 1000 /* all that POSTHORN_STATS_DAYS may keep */

static void write_hour(struct jsonw *w, const struct tally_hour *h)
{
    jsonw_begin(w, NULL, '{');
    jsonw_time(w, "hour", h->hour_ms, CLOCK_SECONDS);
    if (h->accepted < 0)
        jsonw_null(w, "accepted");
    else
        jsonw_i64(w, "accepted", h->accepted);
    stats_write(w, &(struct stats){h->attempts, h->succeeded, h->exhausted, h->p50_us, h->p95_us,
                                   h->retried});
    jsonw_end(w, '}');
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct tally_hour hour;

    if (!result_row(call, err, rows))
        return;
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < db_count(rows); i++)
        if (!db_null(rows, i, 0)) {
            tallies_read(rows, i, &hour);
            write_hour(w, &hour);
        }
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_stats_list(struct call *call)
{
    int64_t since = 0, until = clock_wall_ms() + 1;
    struct id webhook;

    bool one = input_webhook_given(call, &webhook);
    input_time(call, "since", &since);
    input_time(call, "until", &until);
    if (input_is_fine(call) && page_has_room(call))
        call->op = tallies_list(call->api->reads, call->app, one ? &webhook : NULL, since, until,
                                HOURS_MAX, on_list, call);
}

/* --- of a page of webhooks -------------------------------------------------------------------- */

static void write_webhook(struct jsonw *w, const struct settings *settings,
                          const struct db_rows *rows, int row)
{
    struct db_array hours = tallies_hours(rows, row);
    struct tally_hour hour;

    (void)settings;
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "webhook_id", ID_WEBHOOK, db_id(rows, row, 0));
    jsonw_begin(w, "hours", '[');
    while (tallies_next_hour(&hours, &hour))
        write_hour(w, &hour);
    jsonw_end(w, ']');
    jsonw_end(w, '}');
}

static void on_webhooks(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_webhook);
}

void handle_stats_list_webhooks(struct call *call)
{
    struct webhook_choice choice;

    if (webhook_choice_read(call, TALLIES_COL_FITS, &choice))
        call->op = tallies_list_webhooks(call->api->reads, &choice, on_webhooks, call);
}

/* --- now -------------------------------------------------------------------------------------- */

static void on_standing(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    struct standing standing = webhooks_read_standing(rows);
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_i64(w, "webhooks", standing.webhooks);
    jsonw_i64(w, "active", standing.active);
    jsonw_i64(w, "needs_attention", standing.needs_attention);
    jsonw_time_or_null(w, "oldest_due_at", standing.oldest_due_ms, CLOCK_MILLIS);
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_stats_now(struct call *call)
{
    if (input_is_fine(call) && page_has_room(call))
        call->op = webhooks_standing(call->api->reads, call->app, on_standing, call);
}
