/* When the next attempt is due. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include "base/str.h"

#define SCHEDULE_STEPS_MAX   20
#define SCHEDULE_SECONDS_MAX 604800
#define RETRY_AFTER_MAX_MS   86400000 /* a receiver may ask for a day at most */

/* Seconds from the end of an attempt to the next one; with n steps there are n + 1 attempts. */
struct schedule {
    int32_t seconds[SCHEDULE_STEPS_MAX];
    size_t count;
};

/* "60,300,1800"; the empty text is one attempt and no more. ERR_INVALID: not 0 to 20 numbers from 1
 * to 604800. */
int schedule_parse(struct str text, struct schedule *schedule) MUST_CHECK;

/* The delay after the failure of attempt `step` (0: the first), or -1: there is none after it. */
int64_t schedule_delay_ms(const struct schedule *schedule, int step);

/* Retry-After (RFC 9110 §10.2.3), seconds or a date, as a delay from `now_ms`; -1 if it is neither.
 * In [0, RETRY_AFTER_MAX_MS]. */
int64_t retry_after_ms(struct str value, int64_t now_ms);

#endif
