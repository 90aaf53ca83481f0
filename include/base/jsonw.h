/* Writes JSON text into a buffer. Commas take care of themselves; the caller pairs begin and end.
 *
 *     struct jsonw w = jsonw_on(&buf);
 *     jsonw_begin(&w, NULL, '{');
 *     jsonw_text(&w, "id", id);
 *     jsonw_end(&w, '}');
 *
 * `key` is NULL for the top value and inside arrays. Strings are written as UTF-8 with what RFC
 * 8259 requires escaped; bytes that are not UTF-8 must not reach them (see jsonw_bytes()). */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"

struct jsonw {
    struct buf *buf;
    bool comma;
};

static inline struct jsonw jsonw_on(struct buf *buf)
{
    return (struct jsonw){buf, false};
}

void jsonw_begin(struct jsonw *w, const char *key, char bracket);
void jsonw_end(struct jsonw *w, char bracket);

void jsonw_str(struct jsonw *w, const char *key, struct str value);
void jsonw_text(struct jsonw *w, const char *key, const char *value); /* NULL: null */
void jsonw_i64(struct jsonw *w, const char *key, int64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_null(struct jsonw *w, const char *key);
void jsonw_id(struct jsonw *w, const char *key, const char *prefix, struct id id);
void jsonw_time(struct jsonw *w, const char *key, int64_t wall_ms, enum clock_precision precision);

/* What may be missing: the value, or null. Missing is a slice with p == NULL, a time of 0, or what the
 * caller says. jsonw_begin_or_null(): true when the object or array was begun, and is to be ended. */
void jsonw_str_or_null(struct jsonw *w, const char *key, struct str value);
void jsonw_raw_or_null(struct jsonw *w, const char *key, struct str json);
void jsonw_time_or_null(struct jsonw *w, const char *key, int64_t wall_ms,
                        enum clock_precision precision);
void jsonw_i64_or_null(struct jsonw *w, const char *key, bool there, int64_t value);
void jsonw_id_or_null(struct jsonw *w, const char *key, bool there, const char *prefix,
                      struct id id);
bool jsonw_begin_or_null(struct jsonw *w, const char *key, bool there, char bracket);

/* The key alone; the value follows, with no key of its own. */
void jsonw_key(struct jsonw *w, const char *key);

/* JSON text as it is; it must be valid. */
void jsonw_raw(struct jsonw *w, const char *key, struct str json);

/* Foreign bytes: `key` with the text and, where the bytes are not UTF-8, their base64
 * and a second member `<key>_encoding`: "base64". */
void jsonw_bytes(struct jsonw *w, const char *key, struct str bytes);

#endif
