/* A place that one live worker of this machine and database holds, and its successor takes over: the
 * kernel frees it the moment its holder is dead. */
#ifndef WORKER_SLOT_H
#define WORKER_SLOT_H

#include "base/defs.h"

struct slot {
    int fd;
    int64_t owner; /* what leases are marked with */
};

/* ERR_INTERNAL, and a line in the log, when there is none. */
int slot_open(struct slot *slot, const char *database_url) MUST_CHECK;
void slot_close(struct slot *slot);

#endif
