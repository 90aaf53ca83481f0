/* Allocation that aborts: there is no sensible way on without memory, and a path per malloc that is
 * never tested is worse than a restart. */
#include "base/defs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void out_of_memory(void)
{
    fputs("posthorn: out of memory\n", stderr);
    abort();
}

static void *or_abort(void *p)
{
    if (p == NULL)
        out_of_memory();
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    return or_abort(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
    assert(size > 0);
    return or_abort(realloc(ptr, size));
}

char *xstrdup(const char *text)
{
    return or_abort(strdup(text));
}

static void *scratch_alloc(void *pool, size_t size)
{
    struct scratch *scratch = pool;
    size_t rounded = (size + 15) / 16 * 16;

    assert(rounded >= size && rounded <= sizeof scratch->bytes - scratch->used);
    void *p = scratch->bytes + scratch->used;
    scratch->used += rounded;
    return p;
}

struct allocator scratch_allocator(struct scratch *scratch)
{
    scratch->used = 0;
    return (struct allocator){scratch_alloc, scratch};
}
