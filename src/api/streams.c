/* Streams take turns. A client that does not read is sent no more, and after a while is cut off; one that has gone is
 * found out by a look at its connection, at which h2o does not look. */
#include "streams.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "happening.h"
#include "reply.h"

#include <stdlib.h>

#define TICK_MS   25
#define LOOK_MS   200 /* at connections */
#define ASK_MS    1000
#define SOON_MS   100 /* when something has happened */
#define BEAT_MS   15000
#define TAKE_MS   30000
#define PAUSES    3 /* so many times as long as it took, until the next is asked for */
#define OUT_SMALL ((size_t)64 << 10)

struct streams {
    struct api *api;
    struct list all; /* struct stream, the next to be asked for first */
    struct timeout *timeout;
    struct stream *asking;
    int64_t asked_us, ask_at_us;
};

/* --- one of them ------------------------------------------------------------------------------ */

static void write_out(struct stream *s, bool last)
{
    s->sent_ms = clock_mono_ms();
    s->writing = true;
    if (last)
        list_remove(&s->node);
    call_stream_send(s->call, buf_str(&s->out), last);
}

static void on_taken(struct call *call)
{
    struct stream *s = call->state;

    s->writing = false;
    call_let_go(call, HOLD_ANSWER);
    buf_clear(&s->out);
    buf_trim(&s->out);
}

/* The call has ended. */
static void on_gone(void *arg)
{
    struct stream *s = arg;
    struct streams *all = s->call->api->streams;

    if (all->asking == s)
        all->asking = NULL;
    list_remove(&s->node);
    buf_fini(&s->out);
}

/* What a socket does not take at once counts among the answers on their way. */
static bool has_room(struct stream *s)
{
    struct call *call = s->call;

    call->answered_ms = clock_mono_ms();
    return s->out.n <= OUT_SMALL || call_hold(call, HOLD_ANSWER, call->app, (int64_t)s->out.n,
                                              call->api->settings->config.answers_mib << 20);
}

bool stream_asked(struct stream *s, bool more)
{
    struct streams *all = s->call->api->streams;
    int64_t now = clock_mono_us();

    all->asking = NULL;
    all->ask_at_us = now + PAUSES * (now - all->asked_us);
    s->asking = false;
    s->at_once = more;
    assert(!s->out.overflow);
    if (s->out.n == 0)
        return true;
    if (has_room(s)) {
        write_out(s, false);
        return true;
    }
    metric_add(METRIC_ANSWERS_MIB_MET, 1);
    buf_clear(&s->out);
    s->at_once = false;
    return false;
}

void stream_end(struct stream *s, const char *reason)
{
    struct streams *all = s->call->api->streams;

    if (all->asking == s)
        all->asking = NULL;
    buf_clear(&s->out);
    buf_printf(&s->out, "event: end\ndata: {\"reason\":\"%s\"}\n\n", reason);
    write_out(s, true);
}

static bool take_part(struct call *call)
{
    const struct config *config = &call->api->settings->config;
    int64_t own = shares_of(&call->api->held[HOLD_STREAM], call->app);

    if (own >= config->streams_per_app) {
        metric_add(METRIC_STREAMS_PER_APP_MET, 1);
        reply_errorf(call, ERR_LIMITED,
                     "%lld streams of this app are open already, which is POSTHORN_STREAMS_PER_APP",
                     (long long)own);
        return false;
    }
    if (call_hold(call, HOLD_STREAM, call->app, 1, config->streams))
        return true;
    metric_add(METRIC_STREAMS_MET, 1);
    reply_errorf(call, ERR_BUSY,
                 "As many streams are open as there may be, which POSTHORN_STREAMS bounds (%lld)",
                 (long long)config->streams);
    return false;
}

void stream_start(struct call *call, struct stream *s, stream_ask *ask)
{
    struct streams *all = call->api->streams;

    if (str_eq_text(call->method, "HEAD")) {
        reply_empty(call, 200);
        return;
    }
    if (!take_part(call))
        return;
    s->call = call;
    s->ask = ask;
    s->at_once = true;
    s->heard = happening_of(s->call->app);
    buf_init(&s->out, STREAM_OUT_MAX);
    call->state = s;
    call_wait(call, on_gone, s);
    list_push(&all->all, &s->node);
    if (!timeout_is_set(all->timeout))
        timeout_set(all->timeout, 0);
    call_stream(call, STREAM_TYPE, on_taken);
    buf_add_text(&s->out, "retry: 1000\n\n");
    write_out(s, false);
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool has_gone(struct stream *s, int64_t now)
{
    if (now - s->looked_ms < LOOK_MS)
        return false;
    s->looked_ms = now;
    return call_is_left(s->call);
}

static void look_at(struct stream *s, int64_t now)
{
    if (s->writing) {
        if (now - s->sent_ms > TAKE_MS || has_gone(s, now))
            call_hang_up(s->call);
    } else if (s->call->api->stopping) {
        stream_end(s, "stopping");
    } else if (has_gone(s, now)) {
        stream_end(s, "left");
    } else if (!s->asking && now - s->sent_ms >= BEAT_MS) {
        buf_add_text(&s->out, ":\n\n");
        write_out(s, false);
    }
}

static bool is_due(const struct stream *s, int64_t now)
{
    int64_t since = now - s->asked_ms;

    return !s->writing && (s->at_once || since >= ASK_MS ||
                           (since >= SOON_MS && s->heard != happening_of(s->call->app)));
}

static void ask_next(struct streams *all, int64_t now)
{
    if (all->asking != NULL || clock_mono_us() < all->ask_at_us)
        return;
    LIST_FOREACH(node, &all->all)
    {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        if (!is_due(s, now))
            continue;
        list_remove(&s->node);
        list_push(&all->all, &s->node);
        all->asking = s;
        all->asked_us = clock_mono_us();
        s->asking = true;
        s->at_once = false;
        s->asked_ms = now;
        s->heard = happening_of(s->call->app);
        s->ask(s);
        return;
    }
}

static void on_tick(void *arg)
{
    struct streams *all = arg;
    int64_t now = clock_mono_ms();

    LIST_FOREACH_SAFE(node, &all->all)
    look_at(CONTAINER_OF(node, struct stream, node), now);
    ask_next(all, now);
    if (!list_empty(&all->all))
        timeout_set(all->timeout, TICK_MS);
}

struct streams *streams_create(struct api *api)
{
    struct streams *all = xcalloc(1, sizeof *all);

    all->api = api;
    list_init(&all->all);
    all->timeout = timeout_create(api->loop, on_tick, all);
    return all;
}

void streams_destroy(struct streams *streams)
{
    if (streams == NULL)
        return;
    timeout_destroy(streams->timeout);
    free(streams);
}
