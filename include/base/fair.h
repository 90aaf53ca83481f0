/* Room that apps share which do not trust each other: none has more than three times what it leaves, so that who takes
 * all that there is still leaves some. */
#ifndef BASE_FAIR_H
#define BASE_FAIR_H

#include "base/defs.h"

/* Of `max`, `taken` are taken, `own` of these by who wants so many `more`. */
static inline bool fair_fits(size_t max, size_t taken, size_t own, size_t more)
{
    return taken + more <= max && own + more <= 3 * (max - taken - more);
}

#endif
