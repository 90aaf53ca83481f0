/* How many requests a key may make: a token bucket for each, of all threads of the process, in a bounded number of places.
 * Nothing is locked, and nothing is allocated for a request. */
#ifndef API_RATES_H
#define API_RATES_H

#include "base/id.h"

struct rate {
    int64_t per_second; /* 0: as many as it likes */
    int64_t burst;      /* at once, when it has not asked for a while; at least `per_second` */
};

struct rates;
struct rates *rates_create(void);
void rates_destroy(struct rates *rates); /* NULL is fine */

struct rate_left {
    int64_t requests; /* now */
    int64_t
        seconds; /* rounded up: until there are `burst` of them again; or, if there are none, until there is one */
};

/* One more request of `key`, whose rate is not 0; false: not yet. A key that was idle until its bucket was full again is
 * forgotten; if more keys are busy than there are places, one of them begins anew. `now_us` is monotonic. */
bool rates_take(struct rates *rates, struct id key, const struct rate *rate, int64_t now_us,
                struct rate_left *left) MUST_CHECK;

/* Whether `key` has asked too often by the rate that it had last; it does not count as asking. */
bool rates_over(struct rates *rates, struct id key, int64_t now_us);

#endif
