/* Waiting on a loop. */
#ifndef TESTS_WAIT_H
#define TESTS_WAIT_H

#include "base/clock.h"
#include "io/loop_uv.h"

#include <unistd.h>

/* ThreadSanitizer makes everything slower: times in which something must happen are so many times as long. */
#ifdef __SANITIZE_THREAD__
#define SLOWER 8
#else
#define SLOWER 1
#endif

/* Runs the loop until `condition`, at most `ms`. */
#define WAIT(loop, condition, ms)                                   \
    do {                                                            \
        int64_t wait_end = clock_mono_ms() + (ms);                  \
        while (!(condition) && clock_mono_ms() < wait_end)          \
            if (uv_run(loop_uv(loop), UV_RUN_NOWAIT), !(condition)) \
                usleep(200);                                        \
    } while (0)

#endif
