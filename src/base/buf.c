/* The growing buffer: doubles until its ceiling. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    free(buf->p);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->overflow = false;
}

void buf_trim(struct buf *buf)
{
    if (buf->cap <= buf->n + 1)
        return;
    buf->cap = buf->n + 1;
    buf->p = xrealloc(buf->p, buf->cap);
}

/* Capacity for `n` more and a NUL. */
static bool reserve(struct buf *buf, size_t n)
{
    if (buf->overflow || n > buf->max - buf->n) {
        buf->overflow = true;
        return false;
    }
    size_t need = buf->n + n + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap < 64 ? 64 : buf->cap * 2;
        cap = cap > need ? cap : need;
        buf->cap = cap <= buf->max ? cap : buf->max + 1;
        buf->p = xrealloc(buf->p, buf->cap);
    }
    return true;
}

char *buf_room(struct buf *buf, size_t n)
{
    return reserve(buf, n) ? buf->p + buf->n : NULL;
}

void buf_added(struct buf *buf, size_t n)
{
    assert(buf->n + n < buf->cap);
    buf->n += n;
}

void buf_grow_and_add(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0 || !reserve(buf, n))
        return;
    memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    assert(n >= 0);
    if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->p + buf->n, (size_t)n + 1, format, again);
        buf->n += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

const char *buf_text(struct buf *buf)
{
    if (buf->cap == 0)
        return "";
    buf->p[buf->n] = '\0';
    return buf->p;
}
