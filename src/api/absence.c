/* A look at the calls, as long as there are any that it is for. */
#include "absence.h"

#include "base/clock.h"
#include "call.h"

#include <stdlib.h>

#define LOOK_MS 200
#define TAKE_MS 30000 /* 16 MiB at 0.5 MiB/s */

struct absence {
    struct api *api;
    absence_cb *on_left;
    struct timeout *timeout;
};

/* True if it is still to be looked at. */
static bool look_at(const struct absence *absence, struct call *call, int64_t now)
{
    if (call_answered(call)) {
        if (call->holds[HOLD_ANSWER].n == 0)
            return false;
        if (now >= call->answered_ms + TAKE_MS)
            call_hang_up(call);
        return true;
    }
    bool listing = call->holds[HOLD_LIST].n > 0;
    if (!listing || !call_is_left(call))
        return listing;
    absence->on_left(call);
    return false;
}

static void on_look(void *arg)
{
    struct absence *absence = arg;
    int64_t now = clock_mono_ms();
    bool more = false;

    LIST_FOREACH_SAFE(node, &absence->api->calls)
    more |= look_at(absence, CONTAINER_OF(node, struct call, node), now);
    if (more)
        timeout_set(absence->timeout, LOOK_MS);
}

void absence_watch(struct absence *absence)
{
    if (!timeout_is_set(absence->timeout))
        timeout_set(absence->timeout, LOOK_MS);
}

struct absence *absence_create(struct api *api, absence_cb *on_left)
{
    struct absence *absence = xcalloc(1, sizeof *absence);
    absence->api = api;
    absence->on_left = on_left;
    absence->timeout = timeout_create(api->loop, on_look, absence);
    return absence;
}

void absence_destroy(struct absence *absence)
{
    if (absence == NULL)
        return;
    timeout_destroy(absence->timeout);
    free(absence);
}
