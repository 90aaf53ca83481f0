/* Which events a webhook wants: exact types, `prefix.*`, and `*`. */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include "base/str.h"

#define EVENT_TYPE_MAX     128
#define FILTER_PATTERN_MAX (EVENT_TYPE_MAX + 2)

/* NULL if `type` is 1 to 128 of A–Z a–z 0–9 _ . - , else what is wrong. */
const char *event_type_check(struct str type);

/* NULL if `pattern` is an event type, or one followed by ".*", or "*", else what is wrong. */
const char *filter_check(struct str pattern);

/* Walks the patterns that match `type`: itself, "a.b.*" and "a.*" for "a.b.c", and "*". */
struct filter_iter {
    struct str type;
    size_t next; /* where to look for the next dot */
    int step;
    char text[FILTER_PATTERN_MAX];
};

void filter_iter_init(struct filter_iter *it, struct str type);
bool filter_iter_next(struct filter_iter *it, struct str *pattern); /* valid until the next call */

#endif
