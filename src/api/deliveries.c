/* Deliveries: lists, one, its attempts, retry, cancel. */
#include "store/deliveries.h"

#include "core/key.h"
#include "deed.h"
#include "delivery_view.h"
#include "happening.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "turns.h"

#define NOT_RETRIED   "An attempt is under way, or the webhook is disabled or deleted"
#define NOT_CANCELLED "Only a pending or held delivery can be cancelled"

/* --- the list of a webhook -------------------------------------------------------------------- */

static void write_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row)
{
    struct delivery d;
    (void)settings;

    if (db_null(rows, row, 0)) /* the webhook has none */
        return;
    deliveries_read(rows, row, &d);
    delivery_write_row(w, &d);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows))
        page_reply(call, rows, write_row);
}

static void read_error(struct call *call, int *error)
{
    struct str code = input_value(call, "error_code");

    *error = code.p != NULL ? attempt_error_of(code) : 0;
    if (code.p != NULL && *error == 0)
        fields_problem(&call->fields, "error_code",
                       "must be a code of `last_error`, such as timed_out");
}

/* What both lists take. NULL: something is wrong, and that has been replied. */
static struct page *read_filter(struct call *call, struct delivery_filter *filter)
{
    *filter = (struct delivery_filter){.state = -1};
    input_enum(call, "status", delivery_state_names, &filter->state);
    input_type(call, "event_type", &filter->type);
    input_i64(call, "response_code", 100, 599, &filter->code);
    read_error(call, &filter->error);
    filter->of_event =
        input_id_given(call, "event_id", (const char *[]){ID_EVENT, ID_TEST_EVENT, NULL},
                       "must be the id of an event", &filter->event);
    struct page *page = page_read_span(call, ID_DELIVERY);
    if (page == NULL)
        return NULL;
    page->scan = DELIVERY_SCAN;
    filter->from = page->from;
    filter->before = page->before;
    return page;
}

void handle_deliveries_list(struct call *call)
{
    struct delivery_filter filter;
    const struct page *page;
    struct id webhook;

    if (input_id(call, 0, ID_WEBHOOK, &webhook) && (page = read_filter(call, &filter)) != NULL)
        call->op = deliveries_list(call->api->reads, call->app, webhook, &filter, page->limit + 1,
                                   on_list, call);
}

/* --- the list of an app ----------------------------------------------------------------------- */

static void write_listed(struct jsonw *w, const struct settings *settings,
                         const struct db_rows *rows, int row)
{
    struct delivery d;
    (void)settings;

    if (db_null(rows, row, 0)) /* the webhook has none */
        return;
    deliveries_read(rows, row, &d);
    delivery_write_listed(w, &d);
}

static void on_search(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_ok(call, err))
        page_reply(call, rows, write_listed);
}

static void on_search_of(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows))
        page_reply(call, rows, write_listed);
}

void handle_deliveries_search(struct call *call)
{
    struct delivery_filter filter;
    struct id webhook;

    bool one = input_webhook_given(call, &webhook);
    const struct page *page = read_filter(call, &filter);
    if (page == NULL)
        return;
    filter.host = input_value(call, "url_host");
    if (one)
        call->op = deliveries_list(call->api->reads, call->app, webhook, &filter, page->limit + 1,
                                   on_search_of, call);
    else
        call->op = deliveries_search(call->api->reads, call->app, &filter, page->limit + 1,
                                     on_search, call);
}

/* --- one -------------------------------------------------------------------------------------- */

struct one_state {
    struct id id;
    int status; /* of the answer */
};

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct one_state *state = call->state;
    struct delivery d;

    if (!result_row(call, err, rows))
        return;
    deliveries_read_whole(rows, 0, &d);
    delivery_write(reply_begin(call), &d, !call_sees_all(call));
    reply_send(call, state->status);
}

static void get(struct call *call)
{
    const struct one_state *state = call->state;
    call->op = deliveries_get(call->api->db, call->app, state->id, on_got, call);
}

/* The delivery that the path names; NULL: none, and that has been replied. */
static const struct one_state *begin(struct call *call, int status)
{
    struct one_state *state = call->state = call_alloc(call, sizeof *state);
    state->status = status;
    return input_id(call, 0, ID_DELIVERY, &state->id) ? state : NULL;
}

void handle_deliveries_get(struct call *call)
{
    if (begin(call, 200) != NULL)
        get(call);
}

/* --- retry and cancel ------------------------------------------------------------------------- */

enum { MOVED, ENTRY };

/* True if it moved; else that it did not has been replied. */
static bool moved(struct call *call, int err, const struct db_rows *rows, const char *why)
{
    if (!result_row(call, err, rows))
        return false;
    if (!db_bool(rows, 0, MOVED))
        reply_error(call, ERR_WRONG_STATE, why);
    return db_bool(rows, 0, MOVED);
}

static void on_retried(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct queue_entry entry;

    if (err == 0 && db_count(rows) > 0 && deliveries_read_erased(rows)) {
        call->op = NULL;
        reply_error(call, ERR_ERASED, NULL);
        return;
    }
    if (!moved(call, err, rows, NOT_RETRIED))
        return;
    queue_entry_read(rows, 0, ENTRY, &entry);
    queue_enqueue(call->api->queue, &entry, 1, QUEUE_FORCE);
    happening_tell(call->app);
    get(call);
}

void handle_deliveries_retry(struct call *call)
{
    const struct one_state *state = begin(call, 202);
    if (state != NULL)
        call->op = deliveries_retry(call->api->db, call->app, state->id,
                                    deed_of(call, AUDIT_DELIVERY_RETRY), on_retried, call);
}

static void on_cancelled(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct queue_entry entry;

    if (!moved(call, err, rows, NOT_CANCELLED))
        return;
    if (!db_null(rows, 0, ENTRY)) {
        queue_entry_read(rows, 0, ENTRY, &entry);
        queue_enqueue(call->api->queue, &entry, 1, QUEUE_WOKEN);
    }
    get(call);
}

void handle_deliveries_cancel(struct call *call)
{
    const struct one_state *state = begin(call, 200);
    if (state != NULL)
        call->op = deliveries_cancel(call->api->db, call->app, state->id,
                                     deed_of(call, AUDIT_DELIVERY_CANCEL), on_cancelled, call);
}

/* --- attempts --------------------------------------------------------------------------------- */

struct attempts_state {
    struct page page; /* the call's state */
    struct id delivery;
    struct attempt_place after;
    struct turn turn;
};

static void write_attempt(struct jsonw *w, const struct settings *settings,
                          const struct db_rows *rows, int row)
{
    struct attempt_row attempt;

    (void)settings;
    attempts_read_whole(rows, row, &attempt);
    attempt_write(w, &attempt, false);
    attempt_row_fini(&attempt);
}

static void write_masked_attempt(struct jsonw *w, const struct settings *settings,
                                 const struct db_rows *rows, int row)
{
    struct attempt_row attempt;

    (void)settings;
    attempts_read_whole(rows, row, &attempt);
    attempt_write(w, &attempt, true);
    attempt_row_fini(&attempt);
}

static void find_attempts(struct call *call);

/* What is large is asked for again when it is its turn, as for a preview. */
static void on_attempts(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct attempts_state *state = CONTAINER_OF(call->state, struct attempts_state, page);
    bool held = turn_is_held(&state->turn);

    turn_leave(&state->turn);
    if (!result_row(call, err, rows))
        return;
    if (!held && attempts_read_size(rows) > TURNS_BYTES)
        turns_wait(call->api->turns, &state->turn, call, find_attempts);
    else
        page_reply(call, rows, !call_sees_all(call) ? write_masked_attempt : write_attempt);
}

static void find_attempts(struct call *call)
{
    struct attempts_state *state = CONTAINER_OF(call->state, struct attempts_state, page);
    call->op = attempts_list(
        call->api->reads, call->app, state->delivery, &state->after, state->page.limit + 1,
        turn_is_held(&state->turn) ? INT64_MAX : TURNS_BYTES, on_attempts, call);
}

static const char *check_place(struct str cursor)
{
    struct attempt_place place;
    return attempt_place_read(cursor, &place) ? NULL : "is no place";
}

void handle_attempts_list(struct call *call)
{
    struct attempts_state *state = call_alloc(call, sizeof *state);

    state->after = ATTEMPT_PLACE_LAST;
    if (!input_id(call, 0, ID_DELIVERY, &state->delivery))
        return;
    const struct page *page = page_read_texts(call, ATTEMPT_CURSOR, check_place);
    if (page == NULL)
        return;
    state->page = *page;
    state->page.scan = ATTEMPT_SCAN;
    call->state = &state->page;
    bool good = page->after.n == 0 || attempt_place_read(page->after, &state->after);
    assert(good); /* check_place() was asked */
    find_attempts(call);
}
