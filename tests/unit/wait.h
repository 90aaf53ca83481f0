/* Waiting on a loop. */
#ifndef TESTS_WAIT_H
#define TESTS_WAIT_H

#include "base/clock.h"
#include "io/loop_uv.h"

#include <unistd.h>

/* Runs the loop until `condition`, at most `ms`. */
#define WAIT(loop, condition, ms)                                   \
    do {                                                            \
        int64_t wait_end = clock_mono_ms() + (ms);                  \
        while (!(condition) && clock_mono_ms() < wait_end)          \
            if (uv_run(loop_uv(loop), UV_RUN_NOWAIT), !(condition)) \
                usleep(200);                                        \
    } while (0)

#endif
