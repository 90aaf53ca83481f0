/* The subcommands that have a file of their own. Each returns the process's exit status. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "core/settings.h"

int command_serve(const struct settings *settings, int argc, char **argv);
int command_key(const struct settings *settings, int argc, char **argv);
int command_rekey(const struct settings *settings, int argc, char **argv);
int command_catalogue(const struct settings *settings, int argc, char **argv);
int command_trace(const struct settings *settings, int argc, char **argv);

#endif
