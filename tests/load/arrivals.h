/* What a receiver has seen of a run: which of its events, at which of its hooks, how often, and how old they were.
 * Events say by themselves which they are: `"run":R,"number":N,"at":MICROSECONDS` (post.c). */
#ifndef LOAD_ARRIVALS_H
#define LOAD_ARRIVALS_H

#include "net.h"

struct arrivals {
    long run, events,
        hooks;            /* `events` 0: nothing is known of what will come, and all of it counts */
    long fail_percent;    /* of the events, whose first request is refused */
    unsigned char *marks; /* of each hook's each event */
    size_t count, arrived, duplicates, strays, refused;
    int64_t first_us, last_us;
    struct samples samples;
};

/* Forgets what it has seen, and expects `events` numbers of this run at each of `hooks` hooks. */
void arrivals_reset(struct arrivals *a, long run, long events, long hooks, long fail_percent);

/* A request for a hook. Answers whether it is taken; if not, it is to be refused. */
int arrivals_take(struct arrivals *a, long hook, const char *body, size_t n);

/* As JSON: what came and what did not, its first gaps as [hook, first number, how many]; with `latency` how old the
 * events were, which sorts the samples. */
int arrivals_json(struct arrivals *a, int latency, char *out, size_t size);

#endif
