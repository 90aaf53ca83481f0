/* JSON text out, straight into a buffer. */
#include "base/jsonw.h"

#include "base/crypto.h"

#include <inttypes.h>

static void add_quoted(struct buf *b, struct str s)
{
    size_t start = 0;
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s.p + start, i - start);
        start = i + 1;
        if (c >= 0x20)
            buf_printf(b, "\\%c", c);
        else
            buf_printf(b, "\\u%04x", c);
    }
    buf_add(b, s.p + start, s.n - start);
    buf_add_char(b, '"');
}

/* What comes before a value: a comma where one is due, and the key. */
static void lead(struct jsonw *w, const char *key)
{
    if (w->comma)
        buf_add_char(w->buf, ',');
    w->comma = true;
    if (key != NULL) {
        add_quoted(w->buf, str_of(key));
        buf_add_char(w->buf, ':');
    }
}

void jsonw_key(struct jsonw *w, const char *key)
{
    lead(w, key);
    w->comma = false;
}

void jsonw_begin(struct jsonw *w, const char *key, char bracket)
{
    lead(w, key);
    buf_add_char(w->buf, bracket);
    w->comma = false;
}

void jsonw_end(struct jsonw *w, char bracket)
{
    buf_add_char(w->buf, bracket);
    w->comma = true;
}

void jsonw_str(struct jsonw *w, const char *key, struct str value)
{
    lead(w, key);
    add_quoted(w->buf, value);
}

void jsonw_text(struct jsonw *w, const char *key, const char *value)
{
    if (value == NULL)
        jsonw_null(w, key);
    else
        jsonw_str(w, key, str_of(value));
}

void jsonw_i64(struct jsonw *w, const char *key, int64_t value)
{
    lead(w, key);
    buf_printf(w->buf, "%" PRId64, value);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
    lead(w, key);
    buf_add_text(w->buf, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
    lead(w, key);
    buf_add_text(w->buf, "null");
}

void jsonw_id(struct jsonw *w, const char *key, const char *prefix, struct id id)
{
    char text[ID_TEXT_SIZE];
    jsonw_text(w, key, id_text(text, prefix, id));
}

void jsonw_time(struct jsonw *w, const char *key, int64_t wall_ms, enum clock_precision precision)
{
    char text[CLOCK_TEXT_SIZE];
    jsonw_text(w, key, clock_text(text, wall_ms, precision));
}

void jsonw_raw(struct jsonw *w, const char *key, struct str json)
{
    lead(w, key);
    buf_add_str(w->buf, json);
}

void jsonw_bytes(struct jsonw *w, const char *key, struct str bytes)
{
    if (str_is_utf8(bytes)) {
        jsonw_str(w, key, bytes);
        return;
    }
    lead(w, key);
    buf_add_char(w->buf, '"');
    crypto_base64(w->buf, bytes.p, bytes.n);
    buf_add_char(w->buf, '"');
    lead(w, NULL);
    buf_printf(w->buf, "\"%s_encoding\":\"base64\"", key);
}

/* --- what may be missing ---------------------------------------------------------------------- */

void jsonw_str_or_null(struct jsonw *w, const char *key, struct str value)
{
    if (value.p != NULL)
        jsonw_str(w, key, value);
    else
        jsonw_null(w, key);
}

void jsonw_raw_or_null(struct jsonw *w, const char *key, struct str json)
{
    jsonw_raw(w, key, json.p != NULL ? json : STR_LIT("null"));
}

void jsonw_time_or_null(struct jsonw *w, const char *key, int64_t wall_ms,
                        enum clock_precision precision)
{
    if (wall_ms > 0)
        jsonw_time(w, key, wall_ms, precision);
    else
        jsonw_null(w, key);
}

void jsonw_i64_or_null(struct jsonw *w, const char *key, bool there, int64_t value)
{
    if (there)
        jsonw_i64(w, key, value);
    else
        jsonw_null(w, key);
}

void jsonw_id_or_null(struct jsonw *w, const char *key, bool there, const char *prefix,
                      struct id id)
{
    if (there)
        jsonw_id(w, key, prefix, id);
    else
        jsonw_null(w, key);
}

bool jsonw_begin_or_null(struct jsonw *w, const char *key, bool there, char bracket)
{
    if (there)
        jsonw_begin(w, key, bracket);
    else
        jsonw_null(w, key);
    return there;
}
