/* What --help says. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "command.h"

#include <stdio.h>

/* "posthorn webhooks list [FLAGS]", what it does, its flags, an example, the exit codes. */
void usage_print(const struct command *command, FILE *out);

/* The commands whose names begin with `word`; NULL: all. A line each. */
void usage_print_list(const struct commands *const *table, const char *word, FILE *out);

/* Whether `command` is one word, or its first is `word`. */
bool usage_is_of(const struct command *command, const char *word);

/* The exit codes, a line each. */
extern const char usage_exit_codes[];

#endif
