/* The loop of a command. */
#include "command_run.h"

#include "base/err.h"
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>

#define PATIENCE_MS 5000
#define QUEUE_MAX   1000

static void on_stop(void *arg)
{
    struct command_run *run = arg;
    db_destroy(run->db);
}

int command_run(const struct settings *settings, command_start *start, void *arg)
{
    struct command_run run = {.settings = settings, .arg = arg};

    run.loop = loop_create(on_stop, &run);
    run.db = db_create(run.loop, &(struct db_config){.url = settings->config.database_url,
                                                     .session = store_command_session,
                                                     .stmts = store_command_stmts,
                                                     .connections = 1,
                                                     .queue_max = QUEUE_MAX,
                                                     .patience_ms = PATIENCE_MS,
                                                     .once = true});
    start(&run);
    loop_run(run.loop);
    loop_destroy(run.loop);
    return run.status;
}

void command_end(struct command_run *run, int status)
{
    if (run->ended)
        return;
    run->ended = true;
    run->status = status;
    loop_stop(run->loop);
}

void command_fail(struct command_run *run, const char *format, ...)
{
    va_list args;

    if (run->ended)
        return;
    va_start(args, format);
    fputs("posthorn: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    command_end(run, 1);
}

bool command_failed(struct command_run *run, int err)
{
    if (err == ERR_UNAVAILABLE)
        command_fail(run, "the database cannot be used (POSTHORN_DATABASE_URL)");
    else if (err == ERR_TIMEOUT)
        command_fail(run, "the database did not answer in time");
    else if (err == ERR_LOCKED)
        command_fail(run, "another session holds a lock that the command needs; try again");
    else if (err < 0)
        command_fail(run, "the database refused the command's statement");
    return run->ended;
}
