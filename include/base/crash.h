/* Points at which a test ends, stops or fails the program: at every boundary to the outside, each named by what is done
 * there and when. A build without -Dcrash_points=true has none of them.
 *
 *   CRASH_POINT=work_claim.sent:3:stop   what happens when a thread comes there for the third time: kill, which it is if
 *                                        nothing is said, stop (as by SIGSTOP), or fail, where it may fail
 *   CRASH_POINTS=FILE                    each point that is come to is written there once, a line each, those that may
 *                                        fail with a mark: "work_claim.sent ?" */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#include <stdbool.h>

#ifndef POSTHORN_CRASH_POINTS

#define CRASH_POINT(of, when)       ((void)(of))
#define CRASH_POINT_FAILS(of, when) ((void)(of), false)

#else

/* Whether it is to fail here; false where it `may_fail` not. `of` and `when` are copied. */
bool crash_point(const char *of, const char *when, bool may_fail);

#define CRASH_POINT(of, when)       ((void)crash_point(of, when, false))
#define CRASH_POINT_FAILS(of, when) crash_point(of, when, true)

#endif

#endif
