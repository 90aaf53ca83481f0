/* Copies that end where their memory ends, so that a sanitizer sees a read beyond. */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include "base/str.h"

#include <stdlib.h>

/* free() the result's p. */
static inline struct str exact_copy(struct str s)
{
    char *copy = malloc(s.n);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return (struct str){copy, s.n};
}

static inline void exact_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

#endif
