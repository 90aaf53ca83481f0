/* Issues: list, one, and where people are with it. What failed is sent again by POST /deliveries/retry, for which each has the
 * body: nothing else knows which deliveries those are now. */
#include "store/issues.h"

#include "core/delivery.h"
#include "deed.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

static void write_retry(struct jsonw *w, const struct issue *issue)
{
    if (!jsonw_begin_or_null(w, "retry", issue->deliveries > 0, '{'))
        return;
    jsonw_text(w, "status", delivery_state_names[DELIVERY_FAILED]);
    jsonw_id(w, "webhook_id", ID_WEBHOOK, issue->webhook);
    jsonw_text(w, "error_code", attempt_error_code(issue->error));
    if (issue->code > 0)
        jsonw_i64(w, "response_code", issue->code);
    jsonw_time(w, "since", issue->oldest_ms, CLOCK_MILLIS);
    jsonw_end(w, '}');
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct issue issue;
    (void)settings;

    issues_read(rows, row, &issue);
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_ISSUE, issue.id);
    jsonw_text(w, "status", str_name(issue_status_names, issue.status));
    jsonw_id(w, "webhook_id", ID_WEBHOOK, issue.webhook);
    jsonw_text(w, "error_code", attempt_error_code(issue.error));
    jsonw_i64_or_null(w, "response_code", issue.code > 0, issue.code);
    jsonw_i64(w, "failed_attempts", issue.attempts);
    jsonw_i64(w, "failed_deliveries", issue.deliveries);
    jsonw_i64(w, "recurrences", issue.recurred);
    jsonw_time(w, "first_failure_at", issue.first_ms, CLOCK_MILLIS);
    jsonw_time(w, "last_failure_at", issue.last_ms, CLOCK_MILLIS);
    jsonw_time(w, "opened_at", issue.opened_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "resolved_at", issue.resolved_ms, CLOCK_MILLIS);
    jsonw_id(w, "last_delivery_id", ID_DELIVERY, issue.delivery);
    write_retry(w, &issue);
    jsonw_end(w, '}');
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_issues_list(struct call *call)
{
    struct id webhook;
    int status = -1;

    input_enum(call, "status", issue_status_names, &status);
    bool one = input_webhook_given(call, &webhook);
    struct page *page = page_read(call, ID_ISSUE);
    if (page == NULL)
        return;
    page->cursor = ISSUES_COL_OPENING;
    call->op = issues_list(call->api->reads, call->app, status, one ? &webhook : NULL, page->before,
                           page->limit + 1, on_list, call);
}

static void on_row(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    if (!result_row(call, err, rows))
        return;
    write_row(reply_begin(call), call->api->settings, rows, 0);
    reply_send(call, 200);
}

void handle_issues_get(struct call *call)
{
    struct id id;
    if (input_id(call, 0, ID_ISSUE, &id))
        call->op = issues_get(call->api->db, call->app, id, on_row, call);
}

static const struct field update_fields[] = {
    {"status", FIELD_ENUM, 0, FIELD_REQUIRED, .names = issue_status_names},
};

void handle_issues_update(struct call *call)
{
    int status = ISSUE_OPEN;
    struct id id;

    if (input_id(call, 0, ID_ISSUE, &id) &&
        input_body(call, update_fields, ARRAY_LEN(update_fields), &status))
        call->op = issues_update(call->api->db, call->app, id, (enum issue_status)status,
                                 deed_of(call, AUDIT_ISSUE_UPDATE), on_row, call);
}
