/* What the service itself sees of a webhook. */
#ifndef CLI_DOCTOR_WEBHOOK_H
#define CLI_DOCTOR_WEBHOOK_H

#include "command.h"
#include "core/findings.h"

/* Has the service send a test, and appends the webhook's URL, which may be masked. STATUS_DONE, or what the command ends
 * with, which was said. */
int doctor_webhook(const struct cli *cli, const char *id, struct findings *out,
                   struct buf *url) MUST_CHECK;

#endif
