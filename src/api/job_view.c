/* The JSON of jobs. */
#include "job_view.h"

static void write_choice(struct jsonw *w, const struct job *job)
{
    const char *state = job->chosen_state >= 0 ? delivery_state_names[job->chosen_state] : NULL;
    bool chosen = job->kind != JOB_FANOUT && job->kind != JOB_SETTLE;

    if (!jsonw_begin_or_null(w, "filter", chosen, '{'))
        return;
    jsonw_time_or_null(w, "since", job->since_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "until", job->before_ms, CLOCK_MILLIS);
    jsonw_text(w, "status", state);
    jsonw_str_or_null(w, "event_type", job->type);
    jsonw_text(w, "error_code", attempt_error_code((int)job->error));
    jsonw_i64_or_null(w, "response_code", job->code > 0, job->code);
    jsonw_id_or_null(w, "event_id", job->of_event, ID_EVENT, job->event);
    jsonw_str_or_null(w, "url_host", job->host);
    jsonw_end(w, '}');
}

void job_write(struct jsonw *w, const struct job *job, bool planned)
{
    jsonw_begin(w, NULL, '{');
    jsonw_id_or_null(w, "id", !planned, ID_JOB, job->id);
    jsonw_text(w, "kind", job_kind_names[job->kind]);
    jsonw_text(w, "status", job_state_names[job->state]);
    jsonw_id_or_null(w, "webhook_id", job->one, ID_WEBHOOK, job->webhook);
    write_choice(w, job);
    jsonw_i64(w, "matched", job->plan.matched);
    jsonw_bool(w, "exact", job->plan.exact);
    jsonw_i64(w, "done", job->done);
    jsonw_time(w, "created_at", id_time_ms(job->id), CLOCK_SECONDS);
    jsonw_time_or_null(w, "ended_at", job->ended_ms, CLOCK_MILLIS);
    jsonw_end(w, '}');
}
