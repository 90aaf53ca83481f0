/* The JSON of what attempts came to. */
#ifndef API_STATS_VIEW_H
#define API_STATS_VIEW_H

#include "base/jsonw.h"

struct stats {
    int64_t attempts, succeeded, exhausted, p50_us, p95_us, retried;
};

/* Members of the object that is open. */
void stats_write(struct jsonw *w, const struct stats *stats);

#endif
