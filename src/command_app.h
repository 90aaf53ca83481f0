/* The app that an argument of a command names, by its id or its uid. */
#ifndef COMMAND_APP_H
#define COMMAND_APP_H

#include "command_run.h"

/* Looks for it: `cb` gets what command_app_read() takes. */
void command_app_find(struct command_run *run, const char *app, db_cb *cb);

/* Its id; false: there is nothing more to do, as with command_failed(), or there is no such app, which is said as well. */
bool command_app_read(struct command_run *run, const char *app, int err, const struct db_rows *rows,
                      struct id *id);

/* Says that there is none, and ends the command. */
void command_app_missing(struct command_run *run, const char *app);

#endif
