/* Small things every file may use: attributes, array length, literals, container_of, allocation that aborts.
 *
 * Out of memory is not an error to handle: the x-functions print and abort (src/README.md). */
#ifndef BASE_DEFS_H
#define BASE_DEFS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg)           __attribute__((format(printf, fmt, arg)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define TEXT_OF_TOKENS(tokens)          #tokens
#define TEXT_OF(macro)                  TEXT_OF_TOKENS(macro) /* what it expands to, as a literal */
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Says so and aborts: for what a library says that fails for nothing else. */
_Noreturn void out_of_memory(void);

/* Zeroed memory, never NULL. Abort when there is none or when count * size overflows. */
void *xcalloc(size_t count, size_t size);

/* Like realloc, never NULL. `size` must not be 0. */
void *xrealloc(void *ptr, size_t size);

/* A copy of the NUL-terminated `text`; free() it. */
char *xstrdup(const char *text);

/* Memory that somebody else frees all at once: a request's pool, one attempt's arena. */
struct allocator {
    void *(*alloc)(void *pool, size_t size); /* never NULL; not zeroed */
    void *pool;
};

/* A small one on the stack, for what is bound and used at once. It aborts when it is full: what
 * goes in has a bound. */
struct scratch {
    size_t used;
    _Alignas(16) char bytes[16384];
};

struct allocator scratch_allocator(struct scratch *scratch);

#endif
