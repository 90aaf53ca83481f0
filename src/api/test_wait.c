/* Clients that wait for a test delivery. The worker NOTIFYs when it has recorded one; a connection
 * that comes back may have missed that, so then all are looked up. */
#include "test_wait.h"

#include "result.h"
#include "store/deliveries.h"

#include <stdlib.h>

struct test_wait {
    struct list node; /* in api->test_waits */
    struct call *call;
    struct id event, delivery;
    test_done *done;
    struct timeout *timeout;
    bool looking, again; /* a look is under way; something was heard meanwhile */
    bool late;           /* the next look is the last */
};

static void look(struct test_wait *wait);

static void destroy(void *arg)
{
    struct test_wait *wait = arg;
    list_remove(&wait->node);
    timeout_destroy(wait->timeout);
    free(wait);
}

/* The wait is over; what comes may start another. */
static void end(struct test_wait *wait, const struct attempt_row *attempt)
{
    struct test_result result = {wait->event, wait->delivery, attempt};
    struct call *call = wait->call;
    test_done *done = wait->done;

    call_wait_over(call);
    destroy(wait);
    done(call, &result);
}

static void on_look(void *arg, int err, const struct db_rows *rows)
{
    struct test_wait *wait = arg;
    struct call *call = wait->call;
    struct attempt_row attempt;

    call->op = NULL;
    wait->looking = false;
    if (err == 0 && db_count(rows) > 0 && !db_null(rows, 0, 0)) {
        attempts_read_whole(rows, 0, &attempt);
        end(wait, &attempt);
        attempt_row_fini(&attempt);
    } else if (wait->late && err < 0) {
        call_wait_over(call);
        destroy(wait);
        result_error(call, err);
    } else if (wait->late) {
        end(wait, NULL);
    } else if (wait->again) {
        look(wait);
    }
}

static void look(struct test_wait *wait)
{
    struct call *call = wait->call;
    wait->again = wait->looking;
    if (wait->looking)
        return;
    wait->looking = true;
    call->op = attempts_list(call->api->db, call->app, wait->delivery, &ATTEMPT_PLACE_LAST, 1, 0,
                             on_look, wait);
}

static void on_late(void *arg)
{
    struct test_wait *wait = arg;
    wait->late = true;
    look(wait);
}

void test_wait_start(struct call *call, struct id event, struct id delivery, int64_t wait_ms,
                     test_done *done)
{
    struct test_wait *wait = xcalloc(1, sizeof *wait);
    wait->call = call;
    wait->event = event;
    wait->delivery = delivery;
    wait->done = done;
    wait->timeout = timeout_create(call->api->loop, on_late, wait);
    timeout_set(wait->timeout, wait_ms);
    list_push(&call->api->test_waits, &wait->node);
    call_wait(call, destroy, wait);
}

void test_waits_wake(struct api *api, const char *uuid)
{
    struct id id;

    if (uuid != NULL && !id_parse_uuid(str_of(uuid), &id))
        return;
    LIST_FOREACH_SAFE(node, &api->test_waits)
    {
        struct test_wait *wait = CONTAINER_OF(node, struct test_wait, node);
        if (uuid == NULL || id_eq(id, wait->delivery))
            look(wait);
    }
}
