/* Deliveries: lists, one, its attempts, retry, cancel. */
#include "store/deliveries.h"

#include "core/key.h"
#include "deed.h"
#include "delivery_view.h"
#include "input.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

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

void handle_deliveries_list(struct call *call)
{
    struct delivery_filter filter = {.state = -1};
    struct id webhook;

    if (!input_id(call, 0, ID_WEBHOOK, &webhook) ||
        !input_enum(call, "status", delivery_state_names, &filter.state) ||
        !input_type(call, "event_type", &filter.type))
        return;
    struct page *page = page_read_span(call, ID_DELIVERY);
    if (page == NULL)
        return;
    page->scan = DELIVERY_SCAN;
    filter.from = page->from;
    filter.before = page->before;
    call->op = deliveries_list(call->api->reads, call->app, webhook, &filter, page->limit + 1,
                               on_list, call);
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
    delivery_write(reply_begin(call), &d, call->scope < SCOPE_WRITE);
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

static void on_attempts(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    if (result_row(call, err, rows))
        page_reply(call, rows, call->scope < SCOPE_WRITE ? write_masked_attempt : write_attempt);
}

static const char *check_place(struct str cursor)
{
    struct attempt_place place;
    return attempt_place_read(cursor, &place) ? NULL : "is no place";
}

void handle_attempts_list(struct call *call)
{
    struct attempt_place after = ATTEMPT_PLACE_LAST;
    struct id id;

    if (!input_id(call, 0, ID_DELIVERY, &id))
        return;
    struct page *page = page_read_texts(call, ATTEMPT_CURSOR, check_place);
    if (page == NULL)
        return;
    page->scan = ATTEMPT_SCAN;
    bool good = page->after.n == 0 || attempt_place_read(page->after, &after);
    assert(good); /* check_place() was asked */
    call->op =
        attempts_list(call->api->reads, call->app, id, &after, page->limit + 1, on_attempts, call);
}
