/* posthorn trace DELIVERY|EVENT: what the ledger knows of it, for who has the database. */
#include "command_run.h"
#include "commands.h"
#include "timeline.h"

#include <stdio.h>

#define ROWS_MAX  1000
#define BYTES_MAX ((size_t)1 << 20)

static const char usage[] = "usage: posthorn trace DELIVERY|EVENT\n";

struct tracing {
    const char *text;
    struct id id;
    bool whole; /* a delivery, with its attempts */

    struct buf attempts, out;
};

/* They are asked for first, so that nothing needs to be kept but their lines. */
static void on_attempts(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct tracing *tracing = run->arg;
    struct attempt_row attempt;

    if (command_failed(run, err))
        return;
    for (int i = 0; i < db_count(rows); i++) {
        attempts_read(rows, i, &attempt);
        timeline_attempt(&tracing->attempts, &attempt);
    }
}

static void show_delivery(struct tracing *tracing, const struct trace *trace)
{
    timeline_delivery(&tracing->out, trace, false);
    buf_add_str(&tracing->out, buf_str(&tracing->attempts));
    timeline_now(&tracing->out, trace);
}

static void show_event(struct tracing *tracing, const struct db_rows *rows)
{
    struct trace trace;
    int count = db_count(rows);

    traces_read(rows, 0, &trace);
    if (!trace.sent) {
        buf_add_text(&tracing->out, "No webhook wanted it: there is no delivery.\n");
        return;
    }
    for (int i = 0; i < count; i++) {
        traces_read(rows, i, &trace);
        timeline_delivery(&tracing->out, &trace, true);
    }
    if (count == ROWS_MAX)
        buf_printf(&tracing->out, "These are the first %d.\n", count);
    buf_add_text(&tracing->out, "To see the attempts of one: posthorn trace DELIVERY\n");
}

static void on_found(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct tracing *tracing = run->arg;
    struct trace trace;

    if (err == 0 && db_count(rows) == 0)
        command_fail(run, "no %s has the id %s, or its history has expired",
                     tracing->whole ? "delivery" : "event", tracing->text);
    if (command_failed(run, err))
        return;
    traces_read(rows, 0, &trace);
    timeline_event(&tracing->out, &trace);
    if (tracing->whole)
        show_delivery(tracing, &trace);
    else
        show_event(tracing, rows);
    fputs(buf_text(&tracing->out), stdout);
    command_end(run, 0);
}

static void start(struct command_run *run)
{
    const struct tracing *tracing = run->arg;

    if (tracing->whole)
        traces_attempts(run->db, tracing->id, ROWS_MAX, on_attempts, run);
    traces_find(run->db, tracing->id, ROWS_MAX, on_found, run);
}

static bool is_event(struct str text, struct id *id)
{
    return id_parse(text, ID_EVENT, id) || id_parse(text, ID_TEST_EVENT, id);
}

int command_trace(const struct settings *settings, int argc, char **argv)
{
    struct tracing tracing = {.text = argc == 2 ? argv[1] : ""};

    tracing.whole = id_parse(str_of(tracing.text), ID_DELIVERY, &tracing.id);
    if (!tracing.whole && !is_event(str_of(tracing.text), &tracing.id)) {
        fputs(usage, stderr);
        return 2;
    }
    buf_init(&tracing.attempts, BYTES_MAX);
    buf_init(&tracing.out, 2 * BYTES_MAX);
    int status = command_run(settings, start, &tracing);
    buf_fini(&tracing.attempts);
    buf_fini(&tracing.out);
    return status;
}
