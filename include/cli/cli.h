/* The client of the API, in the same program: commands for who has its URL and a key, and neither its database nor its
 * options. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

/* Whether `name` is the first word of such a command. */
bool cli_has(const char *name);

/* Runs `argv[1]` and what follows it; returns the process's exit status. */
int cli_main(int argc, char **argv);

/* A line for each, for people. */
void cli_print_commands(FILE *out);

#endif
