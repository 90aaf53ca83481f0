/* For people, the time on this machine's clock; for programs, an object on a line. */
#include "listen_line.h"

#include "base/jsonw.h"
#include "show.h"

#include <stdio.h>
#include <time.h>

#define LINE_MAX_BYTES 4096

static void write_json(struct buf *out, const struct listen_line *l)
{
    struct jsonw w = jsonw_on(out);

    jsonw_begin(&w, NULL, '{');
    jsonw_str(&w, "delivery_id", l->delivery);
    jsonw_str(&w, "event_id", l->event);
    jsonw_str(&w, "event_type", l->type);
    jsonw_i64(&w, "attempt", l->attempt);
    jsonw_i64_or_null(&w, "response_code", l->code > 0, l->code);
    jsonw_i64(&w, "response_time_ms", l->ms);
    jsonw_text(&w, "error", l->error);
    jsonw_end(&w, '}');
}

static void write_text(struct buf *out, const struct listen_line *l)
{
    time_t now = time(NULL);
    struct tm tm;
    char clock[16];

    localtime_r(&now, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    buf_printf(out, "%s  %-24.*s  ", clock, STR_FMT(l->type));
    if (l->code > 0)
        buf_printf(out, "%lld  %5lld ms  ", (long long)l->code, (long long)l->ms);
    else
        buf_printf(out, "---  %5lld ms  ", (long long)l->ms);
    buf_add_str(out, l->delivery);
    if (l->attempt > 1)
        buf_printf(out, "  attempt %lld", (long long)l->attempt);
    if (l->why != NULL)
        buf_printf(out, "  %s", l->why);
}

void listen_line_show(const struct listen_line *line, bool json)
{
    struct buf text, clean;

    buf_init(&text, LINE_MAX_BYTES);
    buf_init(&clean, (size_t)LINE_MAX_BYTES * 6);
    if (json)
        write_json(&text, line);
    else
        write_text(&text, line);
    show_clean(&clean, buf_str(&text), false);
    buf_add_char(&clean, '\n');
    show_print(buf_str(&clean));
    fflush(stdout);
    buf_fini(&text);
    buf_fini(&clean);
}
