/* Jobs: list, one, cancel. What begins them is in job_start.c; of fan-outs, the statement that accepts events; of
 * settle jobs, a change of a webhook's status. */
#include "deed.h"
#include "input.h"
#include "job_view.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct job job;
    (void)settings;

    jobs_read(rows, row, &job);
    job_write(w, &job, false);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_jobs_list(struct call *call)
{
    int kind = -1, state = -1;

    input_enum(call, "kind", job_kind_names, &kind);
    input_enum(call, "status", job_state_names, &state);
    const struct page *page = page_read(call, ID_JOB);
    if (page != NULL)
        call->op = jobs_list(call->api->reads, call->app, kind, state, page->before,
                             page->limit + 1, on_list, call);
}

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    write_row(reply_begin(call), call->api->settings, rows, 0);
    reply_send(call, 200);
}

void handle_jobs_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_JOB, &id))
        call->op = jobs_get(call->api->db, call->app, id, on_got, call);
}

static void on_untouched(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct job job;

    if (!result_row(call, err, rows))
        return;
    jobs_read(rows, 0, &job);
    reply_error(
        call, ERR_WRONG_STATE,
        job.kind == JOB_SETTLE && job.ended_ms == 0
            ? "A settle job cannot be cancelled: deliveries follow the status of their webhook"
            : "The job has ended");
}

static void on_cancelled(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;

    if (err == 0 && db_count(rows) == 0)
        call->op = jobs_get(call->api->db, call->app, *id, on_untouched, call);
    else
        on_got(call, err, rows);
}

void handle_jobs_cancel(struct call *call)
{
    struct id *id = call->state = call_alloc(call, sizeof *id);
    if (input_id(call, 0, ID_JOB, id))
        call->op = jobs_cancel(call->api->db, call->app, *id, deed_of(call, AUDIT_JOB_CANCEL),
                               on_cancelled, call);
}
