/* The rows of the table, a file each. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "command.h"

extern const struct commands webhook_commands;

#endif
