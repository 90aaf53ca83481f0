/* A growing byte buffer with a ceiling set at birth.
 *
 * Going over the ceiling drops that addition and every later one and sets `overflow`: append freely
 * and check once. Memory is freed by buf_fini(). The bytes are followed by a NUL that is not
 * counted once buf_text() was called. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflow;
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);

/* Gives back what was reserved for more than there is. */
void buf_trim(struct buf *buf);

/* buf_add(), by the long way. */
void buf_grow_and_add(struct buf *buf, const void *bytes, size_t n);

/* Here, since what is written is often a byte or two, a million times. */
static inline void buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0 || n >= buf->cap - buf->n || buf->overflow) {
        buf_grow_and_add(buf, bytes, n);
        return;
    }
    memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
}

static inline void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

static inline void buf_add_str(struct buf *buf, struct str s)
{
    buf_add(buf, s.p, s.n);
}

void buf_add_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* Room for `n` more bytes to be written by the caller, or NULL at the ceiling. Follow with
 * buf_added(). */
char *buf_room(struct buf *buf, size_t n);
void buf_added(struct buf *buf, size_t n);

/* The content as a NUL-terminated string; valid until the next change. */
const char *buf_text(struct buf *buf);

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->p, buf->n};
}

#endif
