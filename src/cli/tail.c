/* posthorn tail: an app's events, as they are accepted. */
#include "base/jsonw.h"
#include "follow.h"
#include "rows.h"
#include "show.h"
#include "value.h"

#include <stdio.h>
#include <time.h>

#define LINE_MAX_BYTES 4096
#define PATH_BYTES     8192
#define RECENT         512 /* those that may come again are not shown again */

struct tail {
    struct cli *cli;
    char recent[RECENT][ID_TEXT_SIZE];
    size_t next;
};

static bool is_again(struct tail *t, struct str data)
{
    struct buf id;

    buf_init(&id, ID_TEXT_SIZE);
    value_text(&id, data, "id");
    for (size_t i = 0; i < RECENT; i++)
        if (id.n == 0 || str_eq_text(buf_str(&id), t->recent[i])) {
            buf_fini(&id);
            return true;
        }
    snprintf(t->recent[t->next++ % RECENT], ID_TEXT_SIZE, "%.*s", STR_FMT(id));
    buf_fini(&id);
    return false;
}

static void show_line(struct str data)
{
    struct buf text, clean;
    time_t now = time(NULL);
    struct tm tm;
    char clock[16];
    size_t width = show_columns();

    buf_init(&text, LINE_MAX_BYTES);
    buf_init(&clean, (size_t)LINE_MAX_BYTES * 6);
    localtime_r(&now, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    buf_printf(&text, "%s  ", clock);
    value_text(&text, data, "id");
    buf_add_text(&text, "  ");
    value_text(&text, data, "type");
    buf_add_text(&text, "  ");
    struct str shown = value_get(data, "data");
    buf_add_str(&text, str_cut(shown, LINE_MAX_BYTES / 2));
    show_clean(&clean, buf_str(&text), false);
    struct str line = buf_str(&clean);
    show_print(width > 0 ? show_cut(line, width) : line);
    show_print(STR_LIT("\n"));
    buf_fini(&text);
    buf_fini(&clean);
}

static void on_event(void *arg, struct str name, struct str data)
{
    struct tail *t = arg;

    if (!str_eq_text(name, "event") || is_again(t, data))
        return;
    if (cli_flag(t->cli, "json") != NULL)
        show_json(data);
    else
        show_line(data);
    fflush(stdout);
}

static int run(struct cli *cli)
{
    static struct tail tail;
    const char *types = cli_flag(cli, "events");
    struct buf path;

    tail.cli = cli;
    buf_init(&path, PATH_BYTES);
    buf_add_text(&path, "/stream");
    if (types != NULL)
        path_query(&path, "types", str_of(types));
    client_watch_signals(cli->client);
    int status = follow(cli->client, buf_str(&path), on_event, &tail);
    buf_fini(&path);
    return status;
}

static const struct flag flags[] = {
    {"events", "LIST", "which, with commas between: user.*,order.paid (all)", FLAG_TEXT, FLAG_OWN},
};

static const struct command rows[] = {
    {.name = "tail",
     .arguments = "",
     .summary = "Shows events as they are accepted",
     .details =
         "It comes back by itself when the connection breaks, and shows what came meanwhile. With --json each\n"
         "event is a line of JSON. Ends with 0 on Ctrl-C.\n",
     .example = "posthorn tail --events 'order.*' --json",
     FLAGS(flags),
     .run = run},
};

const struct commands tail_commands = {rows, ARRAY_LEN(rows)};
