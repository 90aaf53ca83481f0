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
