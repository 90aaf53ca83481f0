/* What became of events, and of those that are refused why. */
#include "accept_view.h"

#include "core/job.h"
#include "reply.h"
#include "result.h"

void accept_write(struct jsonw *w, const struct accept_request *r, size_t i)
{
    const struct accepted *a = &r->accepted[i];
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_EVENT, a->event);
    jsonw_str(w, "type", r->events[i].type);
    jsonw_time(w, "created_at", id_time_ms(a->event), CLOCK_SECONDS);
    jsonw_i64(w, "deliveries", a->deliveries);
    jsonw_end(w, '}');
}

static bool all_replayed(const struct accept_request *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->accepted[i].replayed)
            return false;
    return true;
}

bool accept_went_well(struct call *call, const struct accept_request *r, int err)
{
    if (err == ERR_IDEMPOTENCY)
        reply_error(call, err, NULL);
    else if (err == ERR_TOO_LARGE)
        reply_invalid(
            call, r->count > 1 ? "events" : "type",
            "go to more than " TEXT_OF(JOB_FANOUT_MAX) " webhooks, those of each type"
                                                       " counted; send fewer types at once");
    else if (err < 0)
        result_error(call, err);
    else if (all_replayed(r))
        call_add_header(call, "Idempotent-Replayed", "true");
    return err == 0;
}

void accept_reply_list(struct call *call, int err)
{
    const struct accept_request *r = call->state;

    if (!accept_went_well(call, r, err))
        return;
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (size_t i = 0; i < r->count; i++)
        accept_write(w, r, i);
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 202);
}
