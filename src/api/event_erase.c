/* DELETE /events/{id}: the event loses its data, so many of its deliveries at a time; one after the other, until all is
 * done. Who hangs up before that may ask again. */
#include "deed.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/events.h"

#define AT_A_TIME 1000

static void erase(struct call *call, bool first);

static void on_erased(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct queue_entry woken;
    bool whole = true, is_woken;

    if (!result_row(call, err, rows))
        return;
    for (int i = 0; i < db_count(rows); i++) {
        whole = events_read_erased(rows, i, &woken, &is_woken);
        if (is_woken)
            queue_enqueue(call->api->queue, &woken, 1, QUEUE_WOKEN);
    }
    if (whole)
        reply_empty(call, 204);
    else
        erase(call, false);
}

static void erase(struct call *call, bool first)
{
    const struct id *id = call->state;
    call->op = events_erase(call->api->db, call->app, *id, AT_A_TIME, first,
                            deed_of(call, AUDIT_EVENT_ERASE), on_erased, call);
}

void handle_events_delete(struct call *call)
{
    struct id *id = call->state = call_alloc(call, sizeof *id);
    if (id_parse(call->params[0], ID_TEST_EVENT, id) || input_id(call, 0, ID_EVENT, id))
        erase(call, true);
}
