/* JSON re-written as JavaScript or Python would: one pass that writes while it reads. Members are
 * remembered by where they came to lie in the output, and moved only in an object that turns out to
 * have duplicate keys or array-index keys out of order. */
#include "json_internal.h"

#include <stdlib.h>

enum {
    SMALL_STACK = 48,      /* open members that need no heap */
    SMALL_OBJECT = 16,     /* members that are compared each with each */
    NO_INDEX = UINT32_MAX, /* the rank of a key that is no array index; indices end one below */
};

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

/* Where a member lies in the output. Written keys are equal when, and only when, their decoded
 * values are: each character has one spelling. */
struct member {
    size_t start, end; /* key and value */
    size_t key_n;
    uint32_t rank;  /* its array index, or NO_INDEX */
    uint32_t place; /* among the members of its object, by first appearance of the key */
};

/* `members` is a stack of the members of all open objects. It is no longer than the text allows,
 * where each takes four bytes or more. */
struct writer {
    struct buf *out;
    const char *p, *end;
    const struct style *style;
    enum json_form form;
    enum json_bigint bigint;
    int depth;
    struct member *members;
    size_t count, cap;
    struct member small[SMALL_STACK];
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

/* Members. */

/* The array index that the key is, canonical decimal below 2^32 - 1, or NO_INDEX. */
static uint32_t key_rank(const char *quoted, size_t n)
{
    struct str key = {quoted + 1, n - 2};
    int64_t index;

    if (key.n == 0 || !str_is_digit(key.p[0]) || (key.p[0] == '0' && key.n > 1) ||
        !str_to_i64(key, 0, NO_INDEX - 1, &index))
        return NO_INDEX;
    return (uint32_t)index;
}

static struct member *push_member(struct writer *w)
{
    if (w->count == w->cap) {
        w->cap *= 2;
        bool first = w->members == w->small;
        w->members = xrealloc(first ? NULL : w->members, w->cap * sizeof *w->members);
        if (first)
            memcpy(w->members, w->small, sizeof w->small);
    }
    return &w->members[w->count++];
}

static int compare_keys(const void *left, const void *right, void *text)
{
    const struct member *a = left, *b = right;
    const char *bytes = text;
    size_t n = a->key_n < b->key_n ? a->key_n : b->key_n;
    int order = memcmp(bytes + a->start, bytes + b->start, n);
    if (order != 0)
        return order;
    if (a->key_n != b->key_n)
        return a->key_n < b->key_n ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static int compare_places(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static bool same_key(const struct writer *w, const struct member *a, const struct member *b)
{
    const char *text = w->out->p;
    return a->key_n == b->key_n && memcmp(text + a->start, text + b->start, a->key_n) == 0;
}

static void sort_by_key(struct writer *w, struct member *m, size_t n)
{
    qsort_r(m, n, sizeof *m, compare_keys, w->out->p);
}

/* Compares each with each in small objects, or sorts `m` by key. */
static bool has_duplicate(struct writer *w, struct member *m, size_t n)
{
    bool small = n <= SMALL_OBJECT;
    if (!small)
        sort_by_key(w, m, n);
    for (size_t i = 1; i < n; i++)
        for (size_t j = small ? 0 : i - 1; j < i; j++)
            if (same_key(w, &m[i], &m[j]))
                return true;
    return false;
}

/* Leaves one member of each key, with the place of the first and the value of the last; how many
 * are left. `m` is sorted by key. */
static size_t collapse(struct writer *w, struct member *m, size_t n)
{
    size_t kept = 0;
    for (size_t i = 1; i < n; i++) {
        uint32_t place = m[kept].place;
        if (!same_key(w, &m[kept], &m[i]))
            place = m[++kept].place = m[i].place;
        m[kept] = m[i];
        m[kept].place = place;
    }
    return kept + 1;
}

/* Writes the members again, from `begin`, in the order that they now have. */
static void rewrite(struct writer *w, size_t begin, const struct member *m, size_t n)
{
    struct buf copy;
    buf_init(&copy, w->out->n - begin);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_str(&copy, w->style->comma);
        buf_add(&copy, w->out->p + m[i].start, m[i].end - m[i].start);
    }
    assert(!copy.overflow);
    w->out->n = begin;
    buf_add_str(w->out, buf_str(&copy));
    buf_fini(&copy);
}

/* Puts the members from `base` on, written from `begin` on, into the order and number that the
 * language has them in. */
static void arrange(struct writer *w, size_t begin, size_t base)
{
    struct member *m = w->members + base;
    size_t n = w->count - base;
    bool ordered = true;

    for (size_t i = 1; i < n; i++)
        ordered &= m[i - 1].rank <= m[i].rank;
    if (!has_duplicate(w, m, n) && ordered)
        return;
    sort_by_key(w, m, n);
    n = collapse(w, m, n);
    qsort(m, n, sizeof *m, compare_places);
    rewrite(w, begin, m, n);
}

static void skip_space(struct writer *w)
{
    w->p = json_skip_space(w->p, w->end);
}

/* At the ceiling of `out` offsets stop meaning anything, so whoever relies on them leaves. */
static int write_member(struct writer *w, size_t base)
{
    struct buf *out = w->out;
    size_t index = w->count, start = out->n;

    write_string(w);
    if (out->overflow)
        return ERR_TOO_LARGE;
    size_t key_n = out->n - start;
    uint32_t rank = w->style->index_first ? key_rank(out->p + start, key_n) : NO_INDEX;
    *push_member(w) = (struct member){start, start, key_n, rank, (uint32_t)(index - base)};
    skip_space(w);
    w->p++;
    buf_add_str(out, w->style->colon);
    int rc = write_value(w);
    if (rc < 0)
        return rc;
    w->members[index].end = out->n;
    return out->overflow ? ERR_TOO_LARGE : 0;
}

static int write_object(struct writer *w)
{
    size_t base = w->count;
    w->p++;
    buf_add_char(w->out, '{');
    size_t begin = w->out->n;
    skip_space(w);
    while (*w->p != '}') {
        if (*w->p == ',') {
            w->p++;
            skip_space(w);
            buf_add_str(w->out, w->style->comma);
        }
        int rc = write_member(w, base);
        if (rc < 0)
            return rc;
    }
    w->p++;
    if (w->count - base > 1)
        arrange(w, begin, base);
    w->count = base;
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
    w.members = w.small;
    w.count = 0;
    w.cap = SMALL_STACK;

    size_t before = out->n;
    int rc = write_value(&w);
    if (w.members != w.small)
        free(w.members);
    if (rc == ERR_TOO_LARGE)
        return 0;
    if (rc < 0)
        out->n = before;
    return rc;
}
