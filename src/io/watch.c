/* Descriptor readiness over uv_poll. */
#include "io/watch.h"

#include "io/loop_uv.h"

#include <stdlib.h>

struct watch {
    uv_poll_t poll;
    int events;
    watch_cb *cb;
    void *arg;
};

_Static_assert(WATCH_READ == (int)UV_READABLE && WATCH_WRITE == (int)UV_WRITABLE, "the same bits");

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int wanted = watch->events;

    /* On an error libuv has stopped the handle and reports no events. */
    if (status < 0) {
        watch->events = 0;
        events = wanted;
    }
    watch->cb(watch->arg, events);
}

struct watch *watch_open(struct loop *loop, int fd, watch_cb *cb, void *arg)
{
    struct watch *watch = xcalloc(1, sizeof *watch);
    int rc = uv_poll_init(loop_uv(loop), &watch->poll, fd);
    assert(rc == 0);
    watch->poll.data = watch;
    watch->cb = cb;
    watch->arg = arg;
    return watch;
}

void watch_set(struct watch *watch, int events)
{
    if (events == watch->events)
        return;
    watch->events = events;
    if (events != 0)
        uv_poll_start(&watch->poll, events, on_poll);
    else
        uv_poll_stop(&watch->poll);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void watch_close(struct watch *watch)
{
    if (watch != NULL)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
}
