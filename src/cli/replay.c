/* posthorn replay: a job is begun, and its progress shown until it has ended. */
#include "body.h"
#include "client.h"
#include "route.h"
#include "rows.h"
#include "show.h"
#include "value.h"

#include <stdio.h>
#include <unistd.h>

#define LOOK_FIRST_MS  200
#define LOOK_MAX_MS    3000
#define BAR            30
#define ID_MAX         256
#define PATH_MAX_BYTES 1024

static const struct route start = {.method = "POST", .path = "/webhooks/{}/replay"};

/* One line, drawn over the one before. */
static void draw(int64_t done, int64_t matched)
{
    static const char full[] = "##############################",
                      none[] = "..............................";
    int64_t at = matched > 0 ? (done < matched ? done : matched) : 1;
    int n = (int)(at * BAR / (matched > 0 ? matched : 1));

    fprintf(stderr, "\r[%.*s%.*s] %lld of %lld ", n, full, BAR - n, none, (long long)done,
            (long long)matched);
    fflush(stderr);
}

static bool has_ended(struct str job)
{
    return !value_is(job, "status", "waiting") && !value_is(job, "status", "running");
}

static int leave(const char *id)
{
    show_note(
        "The replay goes on: posthorn jobs get %s shows how far it is, posthorn jobs cancel %s ends it.",
        id, id);
    return STATUS_INTERRUPTED;
}

/* Asks for the job until it has ended; `job` is then the last answer. */
static int watch(struct cli *cli, const char *id, struct str *job)
{
    struct buf path;
    bool bar = isatty(STDERR_FILENO) && cli_flag(cli, "json") == NULL;
    int64_t pause_ms = LOOK_FIRST_MS;
    int status = STATUS_DONE;

    buf_init(&path, PATH_MAX_BYTES);
    buf_add_text(&path, "/jobs/");
    path_add(&path, str_of(id));
    client_watch_signals(cli->client);
    while (status == STATUS_DONE) {
        status = client_call(
            cli->client, &(struct client_request){.method = "GET", .path = buf_str(&path)}, job);
        if (status != STATUS_DONE)
            break;
        if (bar)
            draw(value_number(*job, "done", 0), value_number(*job, "matched", 0));
        if (has_ended(*job))
            break;
        pause_ms = pause_ms * 3 / 2 < LOOK_MAX_MS ? pause_ms * 3 / 2 : LOOK_MAX_MS;
        client_pause(cli->client, pause_ms);
    }
    buf_fini(&path);
    if (bar)
        fputc('\n', stderr);
    return status;
}

static int show_job(const struct cli *cli, struct str job)
{
    if (cli_flag(cli, "json") != NULL)
        show_json(job);
    else
        record_print(job);
    return value_is(job, "status", "cancelled") || value_is(job, "status", "failed") ? STATUS_NOT_SO
                                                                                     : STATUS_DONE;
}

static int replay_run(struct cli *cli)
{
    struct str job;
    struct buf id;
    int status = route_ask(cli, &start, &job);

    if (status != STATUS_DONE)
        return status;
    buf_init(&id, ID_MAX);
    if (value_text(&id, job, "id") && cli_flag(cli, "no-wait") == NULL)
        status = watch(cli, buf_text(&id), &job);
    if (status == STATUS_DONE)
        status = show_job(cli, job);
    else if (status == STATUS_INTERRUPTED)
        status = leave(buf_text(&id));
    buf_fini(&id);
    return status;
}

static const struct flag flags[] = {
    {"since", "TIME", "of events from then on, 2026-01-02T03:04:05Z", FLAG_TEXT, FLAG_MEMBER},
    {"until", "TIME", "of events before then", FLAG_TEXT, FLAG_MEMBER},
    {"status", "STATUS", "failed, cancelled, delivered or held (failed)", FLAG_TEXT, FLAG_MEMBER},
    {"event-type", "TYPE", "only those of this type", FLAG_TEXT, FLAG_MEMBER},
    {"error-code", "CODE", "only those that failed so last", FLAG_TEXT, FLAG_MEMBER},
    {"response-code", "N", "only those last answered so", FLAG_NUMBER, FLAG_MEMBER},
    {"dry-run", NULL, "only count them", FLAG_SWITCH, FLAG_MEMBER},
    {"no-wait", NULL, "do not wait for its end", FLAG_SWITCH, FLAG_OWN},
};

static const struct command rows[] = {
    {.name = "replay",
     .arguments = "WEBHOOK",
     .summary = "Sends again what a webhook did not get, and shows how far it is",
     .details =
         "Ctrl-C leaves it to itself, and says how to go on watching it and how to end it (exit 130).\n",
     .example =
         "posthorn replay wh_01jz0q4v7k4e5t8q2m9r6x0c1a --since 2026-01-02T00:00:00Z --dry-run",
     FLAGS(flags),
     .run = replay_run},
};

const struct commands replay_commands = {rows, ARRAY_LEN(rows)};
