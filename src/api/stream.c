/* GET /stream: an app's events as they are stored. What follows what: a look at the ids behind the place up to which
 * everything was had (seen.h), then the events of those that are new. The id of what is sent is that place, so who comes
 * back with it misses nothing, and may get again what came after. */
#include "base/clock.h"
#include "base/json.h"
#include "core/filter.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "seen.h"
#include "store/event_streams.h"
#include "streams.h"

#define NEXT_MAX     256
#define PATTERNS_MAX 20
#define BEGINS_MS    5000 /* behind now: what is stored late */

struct following {
    struct stream stream; /* the call's state */
    struct seen seen;
    struct str patterns[PATTERNS_MAX];
    size_t pattern_count;
    struct id told;  /* the place that the client knows */
    int64_t from_ms; /* what is older, and there at the first look, was there before */
    bool begun;      /* that look was had */

    struct moment moment; /* of the look under way */
    struct id next[NEXT_MAX];
    size_t next_count;
    bool left; /* `first_left` is the first that is there behind those */
    struct id first_left;
};

static struct following *of(struct call *call)
{
    return CONTAINER_OF(call->state, struct following, stream);
}

static void forget(void *arg)
{
    struct following *g = arg;
    seen_fini(&g->seen);
}

/* --- what goes out ---------------------------------------------------------------------------- */

static void add_place(struct following *g)
{
    char text[ID_TEXT_SIZE];

    buf_printf(&g->stream.out, "id: %s\n", id_text(text, ID_EVENT, g->seen.sure));
    g->told = g->seen.sure;
}

/* JSON from `start` on: its line feeds stand between its parts. */
static void on_one_line(struct buf *out, size_t start)
{
    for (size_t i = start; i < out->n; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
}

/* False: there is no room behind what is in `out`. */
static bool add(struct following *g, const struct streamed_event *e)
{
    struct buf *out = &g->stream.out;
    size_t start = out->n;

    if (e->wanted) {
        add_place(g);
        buf_add_text(out, "event: event\ndata: ");
        size_t data = out->n;
        struct jsonw w = jsonw_on(out);
        jsonw_begin(&w, NULL, '{');
        jsonw_id(&w, "id", ID_EVENT, e->id);
        jsonw_str(&w, "type", e->type);
        jsonw_time(&w, "created_at", id_time_ms(e->id), CLOCK_MILLIS);
        jsonw_raw(&w, "data", e->data);
        jsonw_end(&w, '}');
        on_one_line(out, data);
        buf_add_text(out, "\n\n");
    }
    if (!out->overflow)
        return true;
    out->n = start;
    out->overflow = false;
    return false;
}

/* When all that was sent is behind the place, the client is told so: it will not get it again. */
static void add_end(struct following *g)
{
    if (g->stream.out.n > 0 || g->seen.count > 0 || id_eq(g->told, g->seen.sure) ||
        id_time_ms(g->seen.sure) - id_time_ms(g->told) < BEGINS_MS)
        return;
    add_place(g);
    buf_add_char(&g->stream.out, '\n');
}

/* --- what is asked for ------------------------------------------------------------------------ */

static void finish(struct following *g, bool more)
{
    seen_pass(&g->seen, &g->moment, g->left ? &g->first_left : NULL);
    add_end(g);
    if (!stream_asked(&g->stream, more))
        stream_end(&g->stream, "busy"); /* what was to be sent was counted as had */
}

static void on_events(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct following *g = of(call);
    struct streamed_event e;
    int n = 0;

    call->op = NULL;
    if (err == 0) {
        for (; n < db_count(rows); n++) {
            event_streams_read(rows, n, &e);
            if (!add(g, &e))
                break;
            seen_add(&g->seen, e.id);
        }
    }
    if ((size_t)n < g->next_count) {
        g->left = true;
        g->first_left = g->next[n];
    }
    finish(g, n > 0 && g->left);
}

static void take_id(struct following *g, struct id id)
{
    if (g->left || seen_has(&g->seen, id))
        return;
    if (!g->begun && id_time_ms(id) < g->from_ms && !seen_is_full(&g->seen)) {
        seen_add(&g->seen, id); /* it was there before */
    } else if (g->next_count < NEXT_MAX && g->seen.count + g->next_count < SEEN_MAX) {
        g->next[g->next_count++] = id;
    } else {
        g->left = true;
        g->first_left = id;
    }
}

static void take_look(struct following *g, const struct event_look *look)
{
    struct db_array ids = look->ids;
    struct str element;
    struct id id = {{0}};
    size_t n = 0;

    g->moment = (struct moment){look->now_ms, look->oldest, look->next};
    g->next_count = 0;
    g->left = false;
    for (; db_array_next(&ids, &element); n++) {
        memcpy(id.b, element.p, sizeof id.b);
        take_id(g, id);
    }
    g->begun = true;
    if (n > SEEN_MAX && !g->left) {
        g->left = true;
        g->first_left = id;
    }
}

static void on_look(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct following *g = of(call);
    struct event_look look = {0};

    call->op = NULL;
    if (err < 0) {
        if (!stream_asked(&g->stream, false))
            stream_end(&g->stream, "busy");
        return;
    }
    if (db_count(rows) > 0)
        event_streams_read_look(rows, &look);
    if (db_count(rows) == 0 || !look.allowed) {
        stream_end(&g->stream, "key");
        return;
    }
    take_look(g, &look);
    if (g->next_count == 0)
        finish(g, false);
    else
        call->op = event_streams_get(call->api->reads, call->app, g->next, g->next_count,
                                     g->patterns, g->pattern_count, on_events, call);
}

static void ask(struct stream *s)
{
    struct call *call = s->call;
    const struct following *g = of(call);
    const struct listener_key by = {
        .app = call->app, .key = call->key, .scope = call->route->scope};

    call->op = event_streams_look(call->api->reads, &by, g->seen.sure, SEEN_MAX + 1, on_look, call);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void read_types(struct call *call, struct following *g)
{
    struct str rest = input_value(call, "types"), pattern;

    if (rest.p == NULL)
        rest = STR_LIT("*");
    while (str_next(&rest, ',', &pattern)) {
        const char *wrong = filter_check(pattern);
        if (wrong == NULL && g->pattern_count == PATTERNS_MAX)
            wrong = "may be 20 at most";
        if (wrong != NULL) {
            fields_problem(&call->fields, "types", wrong);
            return;
        }
        g->patterns[g->pattern_count++] = pattern;
    }
}

void handle_stream(struct call *call)
{
    struct following *g = call_alloc(call, sizeof *g);
    struct str last;
    struct id place = id_floor(clock_wall_ms() - BEGINS_MS);

    if (!input_header(call, "Last-Event-ID", &last))
        return;
    read_types(call, g);
    if (last.n > 0 && !id_parse(last, ID_EVENT, &place))
        fields_problem(&call->fields, "Last-Event-ID",
                       "must be the id that an event of the stream had");
    if (!input_is_fine(call))
        return;
    g->from_ms = last.n > 0 ? 0 : clock_wall_ms();
    g->told = place;
    seen_init(&g->seen, place);
    call_at_end(call, forget, g);
    stream_start(call, &g->stream, ask);
}
