/* A command's work on the ledger: a loop of its own and one connection, from `start` until the
 * command says that it is done.
 *
 *     static void on_apps(void *arg, int err, const struct db_rows *rows)
 *     {
 *         struct command_run *run = arg;
 *         if (command_failed(run, err))
 *             return;
 *         … print what is in `rows`, and what run->arg asked for …
 *         command_end(run, 0);
 *     }
 *
 *     static void start(struct command_run *run)
 *     {
 *         apps_list(run->db, id_last(), 50, on_apps, run);
 *     }
 *
 *     return command_run(settings, start, &mine);
 *
 * Only statements in store_command_stmts are prepared there. Statements may be started one from
 * another's callback or several at once: they run, and call back, in the order of their starts. */
#ifndef COMMAND_RUN_H
#define COMMAND_RUN_H

#include "core/settings.h"
#include "io/db.h"

struct command_run {
    struct db *db; /* opened once: a transaction or a lock lasts for the whole run */
    const struct settings *settings;
    void *arg; /* the command's own */

    struct loop *loop;
    bool ended;
    int status;
};

typedef void command_start(struct command_run *run);

/* Returns the exit status that command_end() was given. When the database does not answer within
 * five seconds, or not to the statements, that is 1, and stderr says so. Blocks. */
int command_run(const struct settings *settings, command_start *start, void *arg) MUST_CHECK;

/* The command is done. What is under way calls back once more, with ERR_UNAVAILABLE; start nothing
 * after this. A second call has no effect. */
void command_end(struct command_run *run, int status);

/* Says on stderr why it cannot be done ("posthorn: …") and ends with 1. */
void command_fail(struct command_run *run, const char *format, ...) PRINTF_LIKE(2, 3);

/* The first line of a callback: true when there is nothing more to do in it, since the statement
 * failed, which was said and ends the command, or the command has ended. */
bool command_failed(struct command_run *run, int err);

#endif
