/* What every target has: libFuzzer's entry, and the way to say that something does not hold. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(holds)                                                                \
    do {                                                                              \
        if (!(holds)) {                                                               \
            fprintf(stderr, "%s:%d does not hold: %s\n", __FILE__, __LINE__, #holds); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

/* A copy with a NUL after it; the caller's to free. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = xcalloc(1, size + 1);
    if (size > 0)
        memcpy(text, data, size);
    return text;
}

#endif
