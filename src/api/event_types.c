/* The catalogue of event types. */
#include "store/event_types.h"
#include "accept_check.h"
#include "base/json.h"
#include "base/metrics.h"
#include "core/filter.h"
#include "core/schema.h"
#include "deed.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

#define DESCRIPTION_MAX 1000
#define SCHEMA_MAX      65536
#define POINTER_MAX     1200

enum { IN_DESCRIPTION, IN_SCHEMA, IN_EXAMPLE, IN_NAME };

#define AT(member) offsetof(struct event_type, member)

/* The name comes last: at change it is in the path. */
static const struct field fields[] = {
    [IN_DESCRIPTION] = {"description", FIELD_STR, AT(description), FIELD_NULLABLE,
                        .max = DESCRIPTION_MAX},
    [IN_SCHEMA] = {"schema", FIELD_RAW, AT(schema), FIELD_NULLABLE, .max = SCHEMA_MAX,
                   .kinds = FIELD_KIND(JSON_OBJECT)},
    [IN_EXAMPLE] = {"example", FIELD_RAW, AT(example), FIELD_NULLABLE, .max = SCHEMA_MAX,
                    .kinds = FIELD_ANY},
    [IN_NAME] = {"name", FIELD_STR, AT(name), FIELD_REQUIRED, .min = 1, .max = EVENT_TYPE_MAX,
                 .check = event_type_check},
};

enum { COL_NAME, COL_DESCRIPTION, COL_SCHEMA, COL_EXAMPLE, COL_CREATED, COL_UPDATED };

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    (void)settings;

    jsonw_begin(w, NULL, '{');
    jsonw_str(w, "name", db_str(rows, row, COL_NAME));
    jsonw_str_or_null(w, "description", db_str(rows, row, COL_DESCRIPTION));
    jsonw_raw_or_null(w, "schema", db_str(rows, row, COL_SCHEMA));
    jsonw_raw_or_null(w, "example", db_str(rows, row, COL_EXAMPLE));
    jsonw_time(w, "created_at", db_i64(rows, row, COL_CREATED), CLOCK_SECONDS);
    jsonw_time(w, "updated_at", db_i64(rows, row, COL_UPDATED), CLOCK_SECONDS);
    jsonw_end(w, '}');
}

/* A schema is what can be checked, or it is refused. */
static bool schema_is_fine(struct call *call, struct str json)
{
    struct schema_fault fault;
    struct buf pointer;

    if (json.p == NULL)
        return true;
    struct schema *schema = schema_create(json, &fault);
    buf_init(&pointer, POINTER_MAX);
    buf_add_text(&pointer, "/schema");
    buf_add_str(&pointer, buf_str(&fault.pointer));
    if (schema == NULL)
        fields_problem_at(&call->fields, "schema", buf_text(&pointer), fault.message);
    buf_fini(&pointer);
    schema_fault_fini(&fault);
    schema_destroy(schema);
    return input_is_fine(call);
}

static bool has_row(struct call *call, int err, const struct db_rows *rows)
{
    return result_unique(call, err, rows, "An event type with this name exists already");
}

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    type_cache_forget(call->api->types, &call->app);
    if (err == ERR_CONFLICT ? !has_row(call, err, rows) : !result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        metric_add(METRIC_EVENT_TYPES_PER_APP_MET, 1);
        reply_errorf(call, ERR_LIMITED,
                     "This app has %lld event types already, which is POSTHORN_EVENT_TYPES_PER_APP",
                     (long long)call->api->settings->config.event_types_per_app);
        return;
    }
    struct str name = db_str(rows, 0, COL_NAME);
    reply_location(call, "/event-types", call_copy_text(call, name));
    write_row(reply_begin(call), NULL, rows, 0);
    reply_send(call, 201);
}

void handle_event_types_create(struct call *call)
{
    struct event_type type = {0};
    if (input_body(call, fields, ARRAY_LEN(fields), &type) && schema_is_fine(call, type.schema))
        call->op = event_types_insert(call->api->db, call->app, &type,
                                      call->api->settings->config.event_types_per_app,
                                      deed_of(call, AUDIT_EVENT_TYPE_CREATE), on_created, call);
}

static void on_row(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (has_row(call, err, rows)) {
        write_row(reply_begin(call), NULL, rows, 0);
        reply_send(call, 200);
    }
}

static void on_updated(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    type_cache_forget(call->api->types, &call->app);
    on_row(call, err, rows);
}

/* The name in the path; false: no type can have it, and 404 has been replied. */
static bool path_name(struct call *call, struct str *name)
{
    *name = call->params[0];
    if (event_type_check(*name) == NULL)
        return true;
    reply_not_found(call);
    return false;
}

void handle_event_types_get(struct call *call)
{
    struct str name;
    if (path_name(call, &name))
        call->op = event_types_get(call->api->db, call->app, name, on_row, call);
}

void handle_event_types_update(struct call *call)
{
    struct event_type type = {0};
    const struct fields *f = &call->fields;

    if (!path_name(call, &type.name) || !input_body(call, fields, IN_NAME, &type) ||
        !schema_is_fine(call, type.schema))
        return;
    unsigned given = (field_given(f, IN_DESCRIPTION) ? 1U : 0) |
                     (field_given(f, IN_SCHEMA) ? 2U : 0) | (field_given(f, IN_EXAMPLE) ? 4U : 0);
    call->op = event_types_update(call->api->db, call->app, &type, given,
                                  deed_of(call, AUDIT_EVENT_TYPE_UPDATE), on_updated, call);
}

static void on_deleted(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    type_cache_forget(call->api->types, &call->app);
    if (has_row(call, err, rows))
        reply_empty(call, 204);
}

void handle_event_types_delete(struct call *call)
{
    struct str name;
    if (path_name(call, &name))
        call->op = event_types_delete(call->api->db, call->app, name,
                                      deed_of(call, AUDIT_EVENT_TYPE_DELETE), on_deleted, call);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_event_types_list(struct call *call)
{
    const struct page *page = page_read_texts(call, 0, event_type_check);
    if (page != NULL)
        call->op = event_types_list(call->api->reads, call->app, page->after, page->limit + 1,
                                    on_list, call);
}
