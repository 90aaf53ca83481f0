/* The secret of a webhook, for commands that need it here. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "base/buf.h"
#include "command.h"

#define SECRET_FLAGS                                                                            \
    {"secret", "SECRET",                                                                        \
     "the webhook's secret; others on this machine can see it here (else POSTHORN_SECRET)",     \
     FLAG_TEXT, FLAG_OWN},                                                                      \
    {                                                                                           \
        "secret-file", "FILE", "where it is; a line feed at the end does not count", FLAG_TEXT, \
            FLAG_OWN                                                                            \
    }

/* Appends it; nothing, where none was given. False: it cannot be read or is too long, which was said. */
bool secret_read(struct buf *out, const struct cli *cli) MUST_CHECK;

#endif
