/* Events: post one, post many, list, read. */
#include "store/events.h"

#include "accept_check.h"
#include "accept_view.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/idempotency.h"
#include "core/order.h"
#include "delivery_view.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/deliveries.h"

#include <stdio.h>

#define BATCH_MAX       1000
#define KEY_MAX         255
#define DELIVERIES_SHOW 250

struct event_input {
    struct str type, data, ordering_key, coalesce_key, key;
    int64_t deliver_ms, expires_ms;
};

enum { IN_TYPE, IN_DATA, IN_ORDERING, IN_COALESCE, IN_DELIVER, IN_EXPIRES, IN_KEY };

static const char *check_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < 0x20 || key.p[i] > 0x7e)
            return "must be printable ASCII characters";
    return NULL;
}

/* The key's field is for batches: one event has the header. */
static const struct field event_fields[] = {
    [IN_TYPE] = {"type", FIELD_STR, offsetof(struct event_input, type), FIELD_REQUIRED, .min = 1,
                 .max = EVENT_TYPE_MAX, .check = event_type_check},
    [IN_DATA] = {"data", FIELD_RAW, offsetof(struct event_input, data), FIELD_REQUIRED,
                 .kinds = FIELD_KIND(JSON_OBJECT)},
    [IN_ORDERING] = {"ordering_key", FIELD_STR, offsetof(struct event_input, ordering_key),
                     FIELD_NULLABLE, .min = 1, .max = ORDER_KEY_MAX, .check = order_key_check},
    [IN_COALESCE] = {"coalesce_key", FIELD_STR, offsetof(struct event_input, coalesce_key),
                     FIELD_NULLABLE, .min = 1, .max = ORDER_KEY_MAX, .check = order_key_check},
    [IN_DELIVER] = {"deliver_at", FIELD_TIME, offsetof(struct event_input, deliver_ms),
                    FIELD_NULLABLE},
    [IN_EXPIRES] = {"expires_at", FIELD_TIME, offsetof(struct event_input, expires_ms),
                    FIELD_NULLABLE},
    [IN_KEY] = {"idempotency_key", FIELD_STR, offsetof(struct event_input, key), FIELD_NULLABLE,
                .min = 1, .max = KEY_MAX, .check = check_key},
};

static const struct field batch_fields[] = {
    {"events", FIELD_RAW, 0, FIELD_REQUIRED, .kinds = FIELD_KIND(JSON_ARRAY)},
};

/* --- accepting -------------------------------------------------------------------------------- */

static void on_accepted(struct call *call, int err)
{
    const struct accept_request *r = call->state;

    if (!accept_went_well(call, r, err))
        return;
    accept_write(reply_begin(call), r, 0);
    reply_send(call, 202);
}

static struct accept_request *request_create(struct call *call, size_t count)
{
    struct accept_request *r = call->state = call_alloc(call, sizeof *r);
    r->count = count;
    r->events = call_alloc(call, count * sizeof *r->events);
    r->accepted = call_alloc(call, count * sizeof *r->accepted);
    return r;
}

static void set_event(struct call *call, struct event_new *event, const struct event_input *in)
{
    event->id = id_new();
    event->app = call->app;
    event->type = in->type;
    event->data = in->data;
    event->ordering_key = in->ordering_key;
    event->coalesce_key = in->coalesce_key;
    event->deliver_ms = in->deliver_ms;
    event->expires_ms = in->expires_ms;
}

/* What an event says beside its type and data, as far as it says anything: so the hash of those that say
 * nothing is what it always was. */
static struct str extras_text(struct call *call, const struct event_new *event)
{
    char text[8 * ORDER_KEY_MAX + 80]; /* keys in UTF-8 */

    if (event->ordering_key.p == NULL && event->coalesce_key.p == NULL && event->deliver_ms == 0 &&
        event->expires_ms == 0)
        return (struct str){"", 0};
    int n = snprintf(text, sizeof text, "%lld %lld %zu %zu %.*s %.*s", (long long)event->deliver_ms,
                     (long long)event->expires_ms, event->ordering_key.n, event->coalesce_key.n,
                     STR_FMT(event->ordering_key), STR_FMT(event->coalesce_key));
    return call_copy(call, (struct str){text, (size_t)n});
}

static void set_key(struct call *call, struct event_new *event, struct id key, struct str request)
{
    struct str parts[] = {event->type, {"", 1}, event->data,
                          {"", 1},     request, extras_text(call, event)};
    event->keyed = true;
    event->key = key;
    event->hash = idempotency_hash(parts, ARRAY_LEN(parts));
}

static void problem(struct call *call, const char *path, const char *name, const char *message)
{
    char field[64];
    snprintf(field, sizeof field, "%s%s", path, name);
    fields_problem(&call->fields, field, message);
}

/* Later than history is kept, nothing would be left to deliver. */
static void check_times(struct call *call, const char *path, const struct event_input *in)
{
    int64_t days = call->api->settings->config.retention_days;
    int64_t last_ms = clock_wall_ms() + days * 86400000;
    char message[80];

    snprintf(message, sizeof message, "must lie within the %lld days that history is kept",
             (long long)days);
    if (in->deliver_ms > last_ms)
        problem(call, path, "deliver_at", message);
    if (in->expires_ms > last_ms)
        problem(call, path, "expires_at", message);
    if (in->expires_ms != 0 && in->deliver_ms >= in->expires_ms)
        problem(call, path, "expires_at", "must be later than deliver_at");
}

/* The Idempotency-Key header; false: it is there twice, and that has been replied. */
static bool read_key(struct call *call, struct str *key)
{
    if (!input_header(call, "Idempotency-Key", key))
        return false;
    if (key->p != NULL && (key->n == 0 || key->n > KEY_MAX || check_key(*key) != NULL))
        fields_problem(&call->fields, "Idempotency-Key",
                       "must be 1 to 255 printable ASCII characters");
    return true;
}

void handle_events_create(struct call *call)
{
    struct event_input in = {0};
    struct str key;

    if (!read_key(call, &key) || !input_bind(call, event_fields, IN_KEY, &in))
        return;
    check_times(call, "", &in);
    if (!input_is_fine(call))
        return;
    struct accept_request *r = request_create(call, 1);
    set_event(call, &r->events[0], &in);
    if (key.p != NULL)
        set_key(call, &r->events[0], idempotency_id(call->app, IDEMPOTENCY_EVENT, key, 0),
                (struct str){"", 0});
    accept_check(call, r, on_accepted);
}

/* Binds the events of a batch; false: one is wrong, and that has been replied. */
static bool read_events(struct call *call, struct accept_request *r, struct str array,
                        struct str key)
{
    struct json_iter it;
    struct str name, value;
    char path[32];

    json_iter_init(&it, array);
    for (size_t i = 0; json_iter_next(&it, &name, &value); i++) {
        struct event_input in = {0};
        struct event_new *event = &r->events[i];

        snprintf(path, sizeof path, "events[%zu].", i);
        int err =
            fields_bind(&call->fields, event_fields, ARRAY_LEN(event_fields), value, path, &in);
        check_times(call, path, &in);
        if (err < 0)
            continue;
        set_event(call, event, &in);
        event->grouped = true;
        if (in.key.p != NULL)
            set_key(call, event, idempotency_id(call->app, IDEMPOTENCY_EVENT, in.key, 0),
                    (struct str){"", 0});
        else if (key.p != NULL)
            set_key(call, event, idempotency_id(call->app, IDEMPOTENCY_BATCH, key, i), call->body);
    }
    return input_is_fine(call);
}

void handle_events_create_batch(struct call *call)
{
    struct str array = {0}, key, name, value;
    struct json_iter it;
    size_t count = 0;

    if (!read_key(call, &key) || !input_bind(call, batch_fields, ARRAY_LEN(batch_fields), &array))
        return;
    if (field_has(&call->fields, 0)) {
        json_iter_init(&it, array);
        while (json_iter_next(&it, &name, &value))
            count++;
        if (count < 1 || count > BATCH_MAX)
            fields_problem(&call->fields, "events", "must have 1 to 1000 entries");
    }
    if (!input_is_fine(call))
        return;
    struct accept_request *r = request_create(call, count);
    if (!read_events(call, r, array, key))
        return;
    accept_check(call, r, accept_reply_list);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void write_event(struct jsonw *w, const struct event *e)
{
    jsonw_id(w, "id", e->test ? ID_TEST_EVENT : ID_EVENT, e->id);
    jsonw_str(w, "type", e->type);
    jsonw_time(w, "created_at", id_time_ms(e->id), CLOCK_SECONDS);
    jsonw_str_or_null(w, "ordering_key", e->ordering_key);
    jsonw_str_or_null(w, "coalesce_key", e->coalesce_key);
    jsonw_time_or_null(w, "deliver_at", e->deliver_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "expires_at", e->expires_ms, CLOCK_MILLIS);
    jsonw_time_or_null(w, "erased_at", e->erased_ms, CLOCK_MILLIS);
}

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct event event;

    (void)settings;
    events_read(rows, row, &event);
    jsonw_begin(w, NULL, '{');
    write_event(w, &event);
    jsonw_end(w, '}');
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_row);
}

void handle_events_list(struct call *call)
{
    struct str type = STR_NONE;

    input_type(call, "type", &type);
    struct page *page = page_read_span(call, ID_EVENT);
    if (page == NULL)
        return;
    page->scan = EVENT_SCAN;
    call->op = events_list(call->api->reads, call->app, type, page->from, page->before,
                           page->limit + 1, on_list, call);
}

/* The event was written by on_event; its deliveries complete the object. */
static void on_deliveries(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct jsonw *w = &call->json;
    struct delivery delivery;

    if (!result_ok(call, err))
        return;
    jsonw_begin(w, "deliveries", '[');
    for (int i = 0; i < db_count(rows); i++) {
        deliveries_read(rows, i, &delivery);
        delivery_write_of_event(w, &delivery);
    }
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

static void on_event(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct event event;

    if (!result_row(call, err, rows))
        return;
    struct jsonw *w = reply_begin(call);
    events_read_whole(rows, 0, &event);
    jsonw_begin(w, NULL, '{');
    write_event(w, &event);
    if (event.erased_ms == 0)
        jsonw_raw(w, "data", event.data);
    call->op = deliveries_of_event(call->api->reads, call->app, event.id, DELIVERIES_SHOW,
                                   on_deliveries, call);
}

void handle_events_get(struct call *call)
{
    struct id id;
    if (id_parse(call->params[0], ID_TEST_EVENT, &id) || input_id(call, 0, ID_EVENT, &id))
        call->op = events_get(call->api->reads, call->app, id, on_event, call);
}
