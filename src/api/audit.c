/* GET /audit: who changed what. */
#include "store/audit.h"
#include "core/filter.h"
#include "core/key.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

static void write_actor(struct jsonw *w, const struct audit_entry *e, bool whole)
{
    static const struct id nil;

    jsonw_begin(w, "actor", '{');
    jsonw_text(w, "type", str_name(audit_actor_names, e->actor));
    jsonw_id_or_null(w, "key_id", whole && !id_eq(e->key, nil), ID_KEY, e->key);
    jsonw_str_or_null(w, "key_name", whole ? e->key_name : STR_NONE);
    jsonw_end(w, '}');
}

static void write_resource(struct jsonw *w, const struct audit_entry *e)
{
    const struct audit_resource *resource = audit_resource_of(e->action);

    if (resource == NULL) {
        jsonw_null(w, "resource");
        return;
    }
    jsonw_begin(w, "resource", '{');
    jsonw_text(w, "type", resource->type);
    if (resource->prefix != NULL)
        jsonw_id(w, "id", resource->prefix, e->resource);
    else
        jsonw_str_or_null(w, "id", e->name);
    jsonw_end(w, '}');
}

/* `whole`: also who of the operator's it was, and from where. */
static void write_entry(struct jsonw *w, const struct db_rows *rows, int row, bool whole)
{
    static const struct id nil;
    struct audit_entry e;
    struct str field;

    audit_read(rows, row, &e);
    whole = whole || e.actor == AUDIT_BY_KEY;
    jsonw_begin(w, NULL, '{');
    jsonw_id(w, "id", ID_AUDIT, e.id);
    jsonw_time(w, "created_at", id_time_ms(e.id), CLOCK_MILLIS);
    jsonw_id_or_null(w, "app_id", e.has_app, ID_APP, e.app);
    jsonw_text(w, "action", str_name(audit_action_names, e.action));
    write_resource(w, &e);
    jsonw_begin(w, "fields", '[');
    while (db_array_next(&e.fields, &field))
        jsonw_str(w, NULL, field);
    jsonw_end(w, ']');
    write_actor(w, &e, whole);
    jsonw_str_or_null(w, "address", whole ? e.address : STR_NONE);
    jsonw_id_or_null(w, "request_id", !id_eq(e.request, nil), ID_REQUEST, e.request);
    jsonw_end(w, '}');
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    (void)settings;
    write_entry(w, rows, row, true);
}

static void write_row_of_app(struct jsonw *w, const struct settings *settings,
                             const struct db_rows *rows, int row)
{
    (void)settings;
    write_entry(w, rows, row, false);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, call->scope < SCOPE_ADMIN ? write_row_of_app : write_row);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static void read_actor(struct call *call, struct id *key)
{
    struct str text = input_value(call, "actor");

    if (text.p != NULL && !id_parse(text, ID_KEY, key))
        fields_problem(&call->fields, "actor", "must be the id of an API key");
}

/* An id, or the name of an event type. */
static void read_resource(struct call *call, struct audit_filter *filter)
{
    struct str text = input_value(call, "resource");

    for (const struct audit_resource *r = audit_resources; r->type != NULL; r++)
        if (r->prefix != NULL && id_parse(text, r->prefix, &filter->resource))
            return;
    filter->name = text;
    if (text.p != NULL && event_type_check(text) != NULL)
        fields_problem(&call->fields, "resource",
                       "must be the id of what was changed, or the name of an event type");
}

/* An admin key sees the rows of all apps, unless it names one. */
static bool read_all(struct call *call, bool *all)
{
    struct str app;

    if (!input_header(call, "X-App-Id", &app))
        return false;
    *all = call->scope == SCOPE_ADMIN && app.p == NULL;
    return true;
}

void handle_audit_list(struct call *call)
{
    struct audit_filter filter = {.action = -1};
    struct db *db = call->api->reads;
    bool all;

    if (!read_all(call, &all))
        return;
    read_actor(call, &filter.key);
    input_enum(call, "action", audit_action_names, &filter.action);
    read_resource(call, &filter);
    struct page *page = page_read_span(call, ID_AUDIT);
    if (page == NULL)
        return;
    page->scan = AUDIT_SCAN;
    filter.from = page->from;
    filter.before = page->before;
    call->op = all ? audit_list_all(db, &filter, page->limit + 1, on_list, call)
                   : audit_list(db, call->app, &filter, page->limit + 1, on_list, call);
}
