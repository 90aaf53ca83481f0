/* Which events a webhook wants by their data: its `filter`, conditions on values that JSON Pointers lead to, and how they
 * go together. It is read here once, when it is written, and becomes a plan, in which PostgreSQL asks it: filter_refusal()
 * in migrations/. */
#ifndef CORE_CONDITIONS_H
#define CORE_CONDITIONS_H

#include "base/buf.h"

#define CONDITIONS_JSON_MAX  4096               /* bytes of a filter */
#define CONDITIONS_MAX       100                /* in one; each value of an `in` counts as one */
#define CONDITIONS_DEPTH_MAX 8                  /* of `all`, `any` and `not` within each other */
#define CONDITIONS_PLAN_MAX  ((size_t)64 << 10) /* bytes of its plan, or the filter is refused */

/* What is wrong with one. */
struct conditions_fault {
    struct buf pointer; /* to where; conditions_fault_fini() it */
    const char *message;
};

/* Appends the plan of the filter `json`, which json_check() accepted. How many conditions it has; ERR_INVALID, and
 * `*fault` has why. */
int conditions_plan(struct str json, struct buf *plan, struct conditions_fault *fault) MUST_CHECK;
void conditions_fault_fini(struct conditions_fault *fault);

#endif
