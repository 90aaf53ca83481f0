/* Findings, for people and programs. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "command.h"
#include "core/findings.h"

/* A line each, and below what to do; with --json an object. STATUS_NOT_SO if one of them is a failure. */
int report_print(const struct cli *cli, const struct findings *findings);

#endif
