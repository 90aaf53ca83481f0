/* Which events a stream has had, of those behind a place before which nothing can come any more. Pure: times and
 * transactions are arguments. */
#ifndef API_SEEN_H
#define API_SEEN_H

#include "base/id.h"

#define SEEN_MAX     8192
#define SEEN_MOMENTS 32

struct seen {
    struct id sure; /* everything up to it was had, or never will be */
    struct id *ids; /* had, behind it, in order */
    size_t count, cap;
    struct {
        int64_t at_ms, next;
    } moments[SEEN_MOMENTS]; /* when a transaction was the next; the latest last */
    size_t moment_count;
};

void seen_init(struct seen *seen, struct id sure);
void seen_fini(struct seen *seen);

bool seen_has(const struct seen *seen, struct id id);
bool seen_is_full(const struct seen *seen);
void seen_add(struct seen *seen, struct id id); /* one that it has not; it is not full */

/* When transactions below `oldest` had ended, and those that begin to write later are not below `next`. */
struct moment {
    int64_t now_ms, oldest, next;
};

/* Moves the place on, but not beyond `unseen`, the first that is there and was not had; NULL: there is none. */
void seen_pass(struct seen *seen, const struct moment *moment, const struct id *unseen);

#endif
