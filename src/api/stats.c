/* GET /stats: what attempts came to, hour by hour, of an app or of one of its webhooks. */
#include "base/clock.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "stats_view.h"
#include "store/tallies.h"

#define HOURS_MAX 1000 /* all that POSTHORN_STATS_DAYS may keep */

static void write_hour(struct jsonw *w, const struct db_rows *rows, int row)
{
    struct tally_hour h;

    tallies_read(rows, row, &h);
    jsonw_begin(w, NULL, '{');
    jsonw_time(w, "hour", h.hour_ms, CLOCK_SECONDS);
    stats_write(w, &(struct stats){h.attempts, h.succeeded, h.exhausted, h.p50_us, h.p95_us});
    jsonw_end(w, '}');
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < db_count(rows); i++)
        if (!db_null(rows, i, 0))
            write_hour(w, rows, i);
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
