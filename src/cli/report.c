/* Findings on stdout. */
#include "report.h"

#include "base/jsonw.h"
#include "show.h"

#include <stdio.h>

#define REPORT_MAX ((size_t)1 << 20)

/* Text of others, which need not be UTF-8. */
static void add_member(struct jsonw *w, const char *key, const char *text)
{
    struct buf clean;

    buf_init(&clean, REPORT_MAX);
    show_clean(&clean, str_of(text), false);
    jsonw_str(w, key, buf_str(&clean));
    buf_fini(&clean);
}

static void print_json(const struct findings *findings, bool ok)
{
    struct buf out;

    buf_init(&out, REPORT_MAX);
    struct jsonw w = jsonw_on(&out);
    jsonw_begin(&w, NULL, '{');
    jsonw_bool(&w, "ok", ok);
    jsonw_begin(&w, "findings", '[');
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];
        jsonw_begin(&w, NULL, '{');
        jsonw_text(&w, "level", finding_level_names[f->level]);
        add_member(&w, "about", f->about);
        add_member(&w, "seen", f->seen);
        if (f->advice[0] != '\0')
            add_member(&w, "advice", f->advice);
        else
            jsonw_null(&w, "advice");
        jsonw_end(&w, '}');
    }
    jsonw_end(&w, ']');
    jsonw_end(&w, '}');
    show_json(buf_str(&out));
    buf_fini(&out);
}

static void print_lines(const struct findings *findings)
{
    struct buf out;

    buf_init(&out, REPORT_MAX);
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];
        buf_printf(&out, "%-4s  %s: %s\n", finding_level_names[f->level], f->about, f->seen);
        if (f->advice[0] != '\0')
            buf_printf(&out, "      %s\n", f->advice);
    }
    show_print(buf_str(&out));
    buf_fini(&out);
}

int report_print(const struct cli *cli, const struct findings *findings)
{
    bool ok = findings_worst(findings) != FINDING_FAIL;

    if (cli_flag(cli, "json") != NULL)
        print_json(findings, ok);
    else
        print_lines(findings);
    return ok ? STATUS_DONE : STATUS_NOT_SO;
}
