/* The rows of the table, a file each. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "command.h"

extern const struct commands send_commands;
extern const struct commands replay_commands;
extern const struct commands trace_commands;
extern const struct commands webhook_commands;
extern const struct commands history_commands;
extern const struct commands source_commands;
extern const struct commands tenant_commands;
extern const struct commands completion_commands;
extern const struct commands manual_commands;
extern const struct commands listen_commands;
extern const struct commands tail_commands;
extern const struct commands verify_commands;
extern const struct commands doctor_commands;

#endif
