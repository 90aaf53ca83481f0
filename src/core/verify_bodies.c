/* What becomes of bodies on their way to who verifies them. */
#include "verify_internal.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { SORTED = 1, SLASHES = 2, HTML = 4, SPACED = 8 };

/* How JSON is laid out. */
struct layout {
    int form;   /* enum json_form, of strings and numbers */
    int indent; /* 0: one line */
    unsigned flags;
};

struct writer {
    struct buf *out;
    const struct layout *layout;
};

static void add_text(const struct writer *w, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '/' && (w->layout->flags & SLASHES) != 0)
            buf_add_char(w->out, '\\');
        if ((w->layout->flags & HTML) != 0 && (c == '<' || c == '>' || c == '&'))
            buf_printf(w->out, "\\u%04x", (unsigned)c);
        else
            buf_add_char(w->out, c);
    }
}

static void new_line(const struct writer *w, int depth)
{
    if (w->layout->indent == 0)
        return;
    buf_add_char(w->out, '\n');
    for (int i = 0; i < depth * w->layout->indent; i++)
        buf_add_char(w->out, ' ');
}

struct member {
    struct str key, value;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int order = memcmp(x->key.p, y->key.p, n);

    return order != 0 ? order : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static void write_value(const struct writer *w, struct str value, int depth);

static void write_members(const struct writer *w, const struct member *members, size_t count,
                          int depth)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_text(w->out, (w->layout->flags & SPACED) != 0 ? ", " : ",");
        new_line(w, depth + 1);
        if (members[i].key.n > 0) {
            add_text(w, members[i].key);
            bool space = w->layout->indent > 0 || (w->layout->flags & SPACED) != 0;
            buf_add_text(w->out, space ? ": " : ":");
        }
        write_value(w, members[i].value, depth + 1);
    }
    if (count > 0)
        new_line(w, depth);
}

static void write_value(const struct writer *w, struct str value, int depth)
{
    enum json_kind kind = json_kind(value);
    struct json_iter it;
    struct member member, *members;
    size_t count = 0, room = 8;

    if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
        add_text(w, value);
        return;
    }
    members = xcalloc(room, sizeof *members);
    json_iter_init(&it, value);
    while (json_iter_next(&it, &member.key, &member.value)) {
        if (count == room)
            members = xrealloc(members, (room *= 2) * sizeof *members);
        members[count++] = member;
    }
    if (kind == JSON_OBJECT && (w->layout->flags & SORTED) != 0)
        qsort(members, count, sizeof *members, by_key);
    buf_add_char(w->out, kind == JSON_OBJECT ? '{' : '[');
    write_members(w, members, count, depth);
    buf_add_char(w->out, kind == JSON_OBJECT ? '}' : ']');
    free(members);
}

static bool is_json(struct str body)
{
    struct json_error error;
    return json_check(body, JSON_DEPTH_MAX, &error) == 0;
}

static bool lay_out(struct str body, const struct layout *layout, struct buf *out)
{
    struct buf plain;
    bool ok = false;

    if (!is_json(body))
        return false;
    buf_init(&plain, out->max);
    if (json_write_form(&plain, body, (enum json_form)layout->form, JSON_BIGINT_VERBATIM) == 0 &&
        !plain.overflow) {
        struct writer w = {out, layout};
        write_value(&w, buf_str(&plain), 0);
        ok = true;
    }
    buf_fini(&plain);
    return ok;
}

/* --- others than layouts ---------------------------------------------------------------------- */

typedef bool change(struct str body, struct buf *out);

static bool as_it_is(struct str body, struct buf *out)
{
    buf_add_str(out, body);
    return true;
}

static bool with_feed(struct str body, struct buf *out)
{
    buf_add_str(out, body);
    buf_add_char(out, '\n');
    return true;
}

static bool without_feed(struct str body, struct buf *out)
{
    while (body.n > 0 && (body.p[body.n - 1] == '\n' || body.p[body.n - 1] == '\r'))
        body.n--;
    buf_add_str(out, body);
    return true;
}

static bool with_returns(struct str body, struct buf *out)
{
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] == '\n' && (i == 0 || body.p[i - 1] != '\r'))
            buf_add_char(out, '\r');
        buf_add_char(out, body.p[i]);
    }
    return true;
}

static bool without_returns(struct str body, struct buf *out)
{
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] != '\r' || i + 1 == body.n || body.p[i + 1] != '\n')
            buf_add_char(out, body.p[i]);
    return true;
}

static bool without_mark(struct str body, struct buf *out)
{
    if (!str_starts(body, STR_LIT("\xef\xbb\xbf")))
        return false;
    buf_add(out, body.p + 3, body.n - 3);
    return true;
}

/* Bytes of UTF-8 that were read as Latin-1 and written as UTF-8. */
static bool twice_encoded(struct str body, struct buf *out)
{
    for (size_t i = 0; i < body.n; i++) {
        unsigned char c = (unsigned char)body.p[i];
        if (c >= 0x80 && (c & 0xfe) != 0xc2)
            return false;
        if (c >= 0x80 && ++i < body.n)
            c = (unsigned char)((c & 3) << 6 | ((unsigned char)body.p[i] & 0x3f));
        buf_add_char(out, (char)c);
    }
    return true;
}

static bool from_base64(struct str body, struct buf *out)
{
    char *room = body.n > 0 ? buf_room(out, body.n) : NULL;
    ssize_t n = room != NULL ? crypto_base64_decode(body, (uint8_t *)room, body.n) : -1;

    if (n > 0)
        buf_added(out, (size_t)n);
    return n > 0;
}

static bool from_string(struct str body, struct buf *out)
{
    return is_json(body) && json_kind(body) == JSON_STRING && json_unquote(out, body) == 0;
}

static bool nothing(struct str body, struct buf *out)
{
    (void)out;
    return body.n > 0;
}

static bool member_data(struct str body, struct buf *out)
{
    struct json_iter it;
    struct str key, value;

    if (!is_json(body) || json_kind(body) != JSON_OBJECT)
        return false;
    json_iter_init(&it, body);
    while (json_iter_next(&it, &key, &value))
        if (str_eq(key, STR_LIT("\"data\"")))
            buf_add_str(out, value);
    return out->n > 0;
}

static bool first_of_array(struct str body, struct buf *out)
{
    struct json_iter it;
    struct str key, value;

    if (!is_json(body) || json_kind(body) != JSON_ARRAY)
        return false;
    json_iter_init(&it, body);
    if (json_iter_next(&it, &key, &value))
        buf_add_str(out, value);
    return out->n > 0;
}

#define RAW \
    "verify the bytes as they came, before anything parses them, and not what was parsed and written again"

static const struct row {
    struct body_form form;
    change *change; /* NULL: the layout */
    struct layout layout;
} rows[] = {
    {{"", ""}, as_it_is, {0}},
    {{"the body ends with a line feed",
      "the line feed is part of what was signed: do not strip it"},
     with_feed,
     {0}},
    {{"the line break at the body's end is left out",
      "something added it, an editor or echo: verify the bytes as they came"},
     without_feed,
     {0}},
    {{"line breaks are CRLF", "something made LF of them: read the body as bytes, not as text"},
     with_returns,
     {0}},
    {{"line breaks are LF", "something made CRLF of them: read the body as bytes, not as text"},
     without_returns,
     {0}},
    {{"the body is compact JSON as JSON.stringify writes it", RAW}, NULL, {JSON_FORM_JS, 0, 0}},
    {{"the body is JSON as Python's json.dumps() writes it",
      RAW "; or let the webhook send this form: profile_options.json \"python\""},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 0, SPACED}},
    {{"the body is JSON as json.dumps(…, separators=(',', ':')) writes it",
      RAW "; or let the webhook send this form: profile_options.json \"python-compact\""},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 0, 0}},
    {{"the body is JSON as json.dumps(…, ensure_ascii=False) writes it", RAW},
     NULL,
     {JSON_FORM_JS, 0, SPACED}},
    {{"the body is JSON with an indent of 2", RAW}, NULL, {JSON_FORM_JS, 2, 0}},
    {{"the body is JSON with an indent of 4", RAW}, NULL, {JSON_FORM_JS, 4, 0}},
    {{"the body is JSON with an indent of 2 and \\u escapes", RAW},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 2, 0}},
    {{"the body is JSON with an indent of 4 and \\u escapes", RAW},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 4, 0}},
    {{"the body is compact JSON with sorted keys", RAW}, NULL, {JSON_FORM_JS, 0, SORTED}},
    {{"the body is JSON with sorted keys as json.dumps(…, sort_keys=True) writes it", RAW},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 0, SORTED | SPACED}},
    {{"the body is JSON as PHP's json_encode() writes it, with \\/ and \\u escapes", RAW},
     NULL,
     {JSON_FORM_PYTHON_COMPACT, 0, SLASHES}},
    {{"the body is compact JSON with escaped slashes", RAW}, NULL, {JSON_FORM_JS, 0, SLASHES}},
    {{"the body is JSON as Go's json.Marshal() writes a map, with sorted keys and \\u003c for <",
      RAW},
     NULL,
     {JSON_FORM_JS, 0, SORTED | HTML}},
    {{"the body is without its byte order mark",
      "something added the mark: read the body as bytes"},
     without_mark,
     {0}},
    {{"the body is read as UTF-8 once and not twice",
      "something read the bytes as Latin-1 and wrote them as UTF-8: read the body as bytes"},
     twice_encoded,
     {0}},
    {{"the body is decoded from base64 first",
      "a gateway encodes bodies (isBase64Encoded): decode before you verify"},
     from_base64,
     {0}},
    {{"the body is the text of the JSON string that was given",
      "the body was made a JSON string once more: verify the bytes as they came"},
     from_string,
     {0}},
    {{"the body is empty",
      "the body was read before it was verified, or never: verify the bytes as they came"},
     nothing,
     {0}},
    {{"only the member `data` is signed", "the whole body is signed, not a part of it"},
     member_data,
     {0}},
    {{"only the first element of the array is signed",
      "the whole body is signed, not a part of it; a webhook sends objects with profile_options.envelope \"object\""},
     first_of_array,
     {0}},
};

_Static_assert(ARRAY_LEN(rows) <= BODY_FORMS_MAX, "struct forms has room for all");

const struct body_form *body_form(size_t form)
{
    return form < ARRAY_LEN(rows) ? &rows[form].form : NULL;
}

bool body_form_make(size_t form, struct str body, struct buf *out)
{
    const struct row *row = &rows[form];
    bool made = row->change != NULL ? row->change(body, out) : lay_out(body, &row->layout, out);

    return made && !out->overflow;
}
