/* POST /events/explain: which webhooks would get an event, and what keeps it from the others. Nothing is stored. */
#include "core/filter.h"
#include "input.h"
#include "page.h"
#include "resources.h"
#include "result.h"
#include "store/webhooks.h"
#include "webhook_view.h"

struct explain_input {
    struct str type, data;
};

static const struct field fields[] = {
    {"type", FIELD_STR, offsetof(struct explain_input, type), FIELD_REQUIRED, .min = 1,
     .max = EVENT_TYPE_MAX, .check = event_type_check},
    {"data", FIELD_RAW, offsetof(struct explain_input, data), FIELD_REQUIRED,
     .kinds = FIELD_KIND(JSON_OBJECT)},
};

/* NULL: nothing. */
static const char *reason_of(const struct webhook_answer *answer)
{
    return !answer->gets               ? "disabled"
           : !answer->wants            ? "events"
           : answer->refusal.p != NULL ? "filter"
                                       : NULL;
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct webhook_answer answer;

    (void)settings;
    webhooks_read_answer(rows, row, &answer);
    const char *reason = reason_of(&answer);
    bool filtered = answer.gets && answer.wants;
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "webhook_id", ID_WEBHOOK, answer.id);
    jsonw_str_or_null(w, "uid", answer.uid);
    jsonw_text(w, "status", webhook_status_names[answer.status]);
    jsonw_bool(w, "wanted", reason == NULL);
    jsonw_text(w, "reason", reason);
    webhook_write_refusal(w, filtered ? answer.refusal : STR_NONE);
    jsonw_end(w, '}');
}

static void on_answers(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_events_explain(struct call *call)
{
    struct explain_input in = {0};

    if (!input_bind(call, fields, ARRAY_LEN(fields), &in) || !input_is_fine(call))
        return;
    const struct page *page = page_read(call, ID_WEBHOOK);
    if (page != NULL)
        call->op = webhooks_explain(call->api->reads, call->app, in.type, in.data, page->before,
                                    page->limit + 1, on_answers, call);
}
