/* JSON re-written as JavaScript or Python would: one pass that writes while it reads, and another over
 * what it wrote if there were objects with duplicate keys or array-index keys out of order
 * (json_members.c). */
#include "json_members.h"

/* How a language writes. */
struct style {
    struct str comma, colon;
    enum json_plain plain; /* what of a string is copied as it is */
    bool index_first;      /* array-index keys come first, ascending */
};

static const struct style styles[] = {
    [JSON_FORM_JS] = {{",", 1}, {":", 1}, JSON_PLAIN_UTF8, true},
    [JSON_FORM_PYTHON] = {{", ", 2}, {": ", 2}, JSON_PLAIN_ASCII, false},
    [JSON_FORM_PYTHON_COMPACT] = {{",", 1}, {":", 1}, JSON_PLAIN_ASCII, false},
};

struct writer {
    struct buf *out;
    const char *p, *end;
    const struct style *style;
    enum json_form form;
    enum json_bigint bigint;
    int depth;
    struct members members;
};

static int write_value(struct writer *w);

/* Strings. */

static size_t unit_escape(char out[6], uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'u';
    for (int i = 5; i >= 2; i--, unit >>= 4)
        out[i] = hex[unit & 15];
    return 6;
}

static size_t pair_escape(char out[12], uint32_t code)
{
    size_t n = unit_escape(out, 0xd800 + ((code - 0x10000) >> 10));
    return n + unit_escape(out + n, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/* One character that was escaped or needs to be. */
static void write_code(struct writer *w, uint32_t code)
{
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    char text[12];
    size_t n;
    const char *found = code > 0 && code < 0x80 ? strchr(special, (char)code) : NULL;
    bool ascii = w->style->plain == JSON_PLAIN_ASCII;

    if (found != NULL) {
        text[0] = '\\';
        text[1] = letters[found - special];
        n = 2;
    } else if (code >= 0x20 && (ascii ? code <= 0x7e : !json_is_surrogate(code))) {
        n = json_utf8(text, code);
    } else {
        n = code >= 0x10000 ? pair_escape(text, code) : unit_escape(text, code);
    }
    buf_add(w->out, text, n);
}

/* Copies runs that stay as they are, quotes included. */
static void write_string(struct writer *w)
{
    const char *run = w->p, *p = run + 1;
    for (;;) {
        while (json_plain[(unsigned char)*p] & w->style->plain)
            p++;
        if (*p == '"')
            break;
        buf_add(w->out, run, (size_t)(p - run));
        write_code(w, json_next_code(&p, w->end));
        run = p;
    }
    p++;
    buf_add(w->out, run, (size_t)(p - run));
    w->p = p;
}

static void skip_space(struct writer *w)
{
    w->p = json_skip_space(w->p, w->end);
}

/* At the ceiling of `out` offsets stop meaning anything, so whoever relies on them leaves. */
static int write_member(struct writer *w)
{
    struct buf *out = w->out;
    size_t start = out->n;

    write_string(w);
    if (out->overflow)
        return ERR_TOO_LARGE;
    size_t index = members_add(&w->members, start, w->style->index_first);
    skip_space(w);
    w->p++;
    buf_add_str(out, w->style->colon);
    int rc = write_value(w);
    if (rc < 0)
        return rc;
    members_end(&w->members, index);
    return out->overflow ? ERR_TOO_LARGE : 0;
}

static int write_object(struct writer *w)
{
    w->p++;
    buf_add_char(w->out, '{');
    struct object object = members_open(&w->members);
    skip_space(w);
    while (*w->p != '}') {
        if (*w->p == ',') {
            w->p++;
            skip_space(w);
            buf_add_str(w->out, w->style->comma);
        }
        int rc = write_member(w);
        if (rc < 0)
            return rc;
    }
    w->p++;
    members_close(&w->members, &object);
    buf_add_char(w->out, '}');
    return 0;
}

static int write_array(struct writer *w)
{
    w->p++;
    buf_add_char(w->out, '[');
    skip_space(w);
    while (*w->p != ']') {
        if (*w->p == ',') {
            w->p++;
            buf_add_str(w->out, w->style->comma);
        }
        int rc = write_value(w);
        if (rc < 0)
            return rc;
    }
    w->p++;
    buf_add_char(w->out, ']');
    return 0;
}

static int write_container(struct writer *w)
{
    assert(w->depth < JSON_DEPTH_MAX);
    w->depth++;
    int rc = *w->p == '{' ? write_object(w) : write_array(w);
    w->depth--;
    return rc;
}

static int write_scalar(struct writer *w)
{
    const char *p = w->p;
    w->p = json_scalar_end(p, w->end);
    struct str literal = {p, (size_t)(w->p - p)};
    if (*p == '-' || str_is_digit(*p))
        return json_write_number(w->out, literal, w->form, w->bigint);
    buf_add_str(w->out, literal);
    return 0;
}

/* A value and the whitespace on both sides of it. */
static int write_value(struct writer *w)
{
    int rc = 0;
    skip_space(w);
    if (*w->p == '{' || *w->p == '[')
        rc = write_container(w);
    else if (*w->p == '"')
        write_string(w);
    else
        rc = write_scalar(w);
    skip_space(w);
    return rc;
}

int json_write_form(struct buf *out, struct str text, enum json_form form, enum json_bigint bigint)
{
    if (form == JSON_FORM_VERBATIM) {
        buf_add_str(out, text);
        return 0;
    }
    assert(text.n > 0 && text.n <= UINT32_MAX);
    struct writer w;
    w.out = out;
    w.p = text.p;
    w.end = text.p + text.n;
    w.style = &styles[form];
    w.form = form;
    w.bigint = bigint;
    w.depth = 0;
    members_init(&w.members, out);

    size_t before = out->n;
    int rc = write_value(&w);
    if (rc == 0)
        members_arrange(&w.members, before, w.style->comma);
    members_fini(&w.members);
    if (rc == ERR_TOO_LARGE)
        return 0;
    if (rc < 0)
        out->n = before;
    return rc;
}
