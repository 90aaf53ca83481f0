/* JSON as bytes: the validator of RFC 8259, and walking what it accepted. */
#include "base/json.h"

#include "json_internal.h"

enum {
    CHECK = JSON_PLAIN_CHECK,
    UTF8 = JSON_PLAIN_UTF8,
    ASCII = JSON_PLAIN_ASCII,
};

const uint8_t json_plain[256] = {
    [' ' ... '!'] = CHECK | UTF8 | ASCII,
    ['#' ... '['] = CHECK | UTF8 | ASCII,
    [']' ... '~'] = CHECK | UTF8 | ASCII,
    [0x7f] = CHECK | UTF8,
    [0x80 ... 0xff] = UTF8,
};

/* Validation. Every function leaves `p` behind what it took, or at the byte that is wrong. */

struct checker {
    const char *p, *end;
    int depth_left;
    const char *message;
};

static bool check_value(struct checker *c);

static bool fail(struct checker *c, const char *message)
{
    c->message = c->p == c->end ? "the text ends too early" : message;
    return false;
}

static bool at(const struct checker *c, char byte)
{
    return c->p < c->end && *c->p == byte;
}

static bool take(struct checker *c, char byte)
{
    bool there = at(c, byte);
    c->p += there ? 1 : 0;
    return there;
}

static void skip_space(struct checker *c)
{
    c->p = json_skip_space(c->p, c->end);
}

static bool check_escape(struct checker *c)
{
    c->p++;
    if (!take(c, 'u')) {
        static const char known[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
        if (c->p == c->end || memchr(known, *c->p, sizeof known) == NULL)
            return fail(c, "unknown escape");
        c->p++;
        return true;
    }
    for (int i = 0; i < 4; i++, c->p++)
        if (c->p == c->end || str_hex(*c->p) < 0)
            return fail(c, "\\u needs four hex digits");
    return true;
}

static bool check_utf8(struct checker *c)
{
    unsigned char lead = (unsigned char)*c->p;
    size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if ((size_t)(c->end - c->p) < n || !str_is_utf8((struct str){c->p, n}))
        return fail(c, "not UTF-8");
    c->p += n;
    return true;
}

#define BYTES(n) (UINT64_C(0x0101010101010101) * (n))

/* Whether of eight bytes none is a control, a quote, a backslash or beyond ASCII: the others are JSON_PLAIN_CHECK, or
 * DEL. A byte's high bit comes up where the byte is what is subtracted, or where a lower one's has: that one is found
 * anyway. */
static bool eight_plain(const char *p)
{
    uint64_t v, quote, backslash;

    memcpy(&v, p, sizeof v);
    quote = v ^ BYTES('"');
    backslash = v ^ BYTES('\\');
    return ((v | (v - BYTES(0x20)) | (quote - BYTES(1)) | (backslash - BYTES(1))) & BYTES(0x80)) ==
           0;
}

static bool check_string(struct checker *c)
{
    if (!take(c, '"'))
        return fail(c, "expected a string");
    for (;;) {
        const char *p = c->p;
        while (c->end - p >= 8 && eight_plain(p))
            p += 8;
        while (p < c->end && json_plain[(unsigned char)*p] & JSON_PLAIN_CHECK)
            p++;
        c->p = p;
        if (take(c, '"'))
            return true;
        if (p == c->end || (unsigned char)*p < 0x20)
            return fail(c, "control characters must be escaped");
        if (*p == '\\' ? !check_escape(c) : !check_utf8(c))
            return false;
    }
}

static bool check_digits(struct checker *c)
{
    struct str rest = {c->p, (size_t)(c->end - c->p)};
    bool any = str_take_digits(&rest).n > 0;

    c->p = rest.p;
    return any || fail(c, "expected a digit");
}

static bool check_number(struct checker *c)
{
    take(c, '-');
    if (!take(c, '0') && !check_digits(c))
        return false;
    if (take(c, '.') && !check_digits(c))
        return false;
    if (!take(c, 'e') && !take(c, 'E'))
        return true;
    if (!take(c, '-'))
        take(c, '+');
    return check_digits(c);
}

static bool check_word(struct checker *c, struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!take(c, word.p[i]))
            return fail(c, "expected a value");
    return true;
}

static bool check_array(struct checker *c)
{
    c->p++;
    skip_space(c);
    if (take(c, ']'))
        return true;
    do {
        if (!check_value(c))
            return false;
    } while (take(c, ','));
    return take(c, ']') || fail(c, "expected a comma or a closing bracket");
}

static bool check_object(struct checker *c)
{
    c->p++;
    skip_space(c);
    if (take(c, '}'))
        return true;
    do {
        skip_space(c);
        if (!check_string(c))
            return false;
        skip_space(c);
        if (!take(c, ':'))
            return fail(c, "expected a colon");
        if (!check_value(c))
            return false;
    } while (take(c, ','));
    return take(c, '}') || fail(c, "expected a comma or a closing brace");
}

static bool check_container(struct checker *c)
{
    if (c->depth_left == 0)
        return fail(c, "nested too deeply");
    c->depth_left--;
    bool ok = *c->p == '{' ? check_object(c) : check_array(c);
    c->depth_left++;
    return ok;
}

static bool check_bare_value(struct checker *c)
{
    if (c->p == c->end)
        return fail(c, "expected a value");
    switch (*c->p) {
    case '{':
    case '[':
        return check_container(c);
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, STR_LIT("true"));
    case 'f':
        return check_word(c, STR_LIT("false"));
    case 'n':
        return check_word(c, STR_LIT("null"));
    case '-':
    case '0' ... '9':
        return check_number(c);
    default:
        return fail(c, "expected a value");
    }
}

/* A value and the whitespace on both sides of it. */
static bool check_value(struct checker *c)
{
    skip_space(c);
    if (!check_bare_value(c))
        return false;
    skip_space(c);
    return true;
}

int json_check(struct str text, int max_depth, struct json_error *error)
{
    assert(max_depth >= 0 && max_depth <= JSON_DEPTH_MAX);
    struct checker c = {text.p, text.p + text.n, max_depth, NULL};

    if (check_value(&c) && (c.p == c.end || fail(&c, "expected nothing after the value")))
        return 0;
    *error = (struct json_error){(size_t)(c.p - text.p), c.message};
    return ERR_BAD_JSON;
}

/* Walking. */

/* The place after the string whose opening quote is at `p`: most are long, and of quotes there are few. One is escaped by
 * a backslash that is not itself. */
static const char *string_end(const char *p, const char *end)
{
    const char *begin = p + 1, *quote, *slash;

    for (;; begin = quote + 1) {
        quote = memchr(begin, '"', (size_t)(end - begin));
        assert(quote != NULL);
        for (slash = quote; slash > begin && slash[-1] == '\\';)
            slash--;
        if ((quote - slash) % 2 == 0)
            return quote + 1;
    }
}

const char *json_scalar_end(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != ']' && *p != '}' && *p > ' ')
        p++;
    return p;
}

static const char *value_end(const char *p, const char *end)
{
    int depth = 0;
    do {
        assert(p < end);
        if (*p == '"') {
            p = string_end(p, end);
            continue;
        }
        if (depth == 0 && *p != '{' && *p != '[')
            return json_scalar_end(p, end);
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    } while (depth > 0);
    return p;
}

bool json_is_object(struct str text)
{
    struct json_error error;
    return json_check(text, JSON_DEPTH_MAX, &error) == 0 && json_kind(text) == JSON_OBJECT;
}

enum json_kind json_kind(struct str text)
{
    const char *p = json_skip_space(text.p, text.p + text.n);
    assert(p < text.p + text.n);
    switch (*p) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

void json_iter_init(struct json_iter *it, struct str container)
{
    const char *end = container.p + container.n;
    const char *p = json_skip_space(container.p, end);
    assert(p < end && (*p == '{' || *p == '['));
    *it = (struct json_iter){json_skip_space(p + 1, end), end, *p == '{'};
}

bool json_iter_next(struct json_iter *it, struct str *key, struct str *value)
{
    const char *p = it->p;
    assert(p < it->end);
    if (*p == '}' || *p == ']')
        return false;
    *key = (struct str){p, 0};
    if (it->object) {
        key->n = (size_t)(string_end(p, it->end) - p);
        p = json_skip_space(p + key->n, it->end) + 1;
        p = json_skip_space(p, it->end);
    }
    const char *after = value_end(p, it->end);
    *value = (struct str){p, (size_t)(after - p)};
    p = json_skip_space(after, it->end);
    it->p = *p == ',' ? json_skip_space(p + 1, it->end) : p;
    return true;
}

/* Strings. */

static uint32_t hex4(const char *p)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)str_hex(p[i]);
    return unit;
}

/* What stands behind "\u", with the second half of a surrogate pair if that follows. */
static uint32_t take_unicode_escape(const char **p, const char *end)
{
    uint32_t unit = hex4(*p);
    *p += 4;
    if (unit < 0xd800 || unit > 0xdbff || end - *p < 6 || memcmp(*p, "\\u", 2) != 0)
        return unit;
    uint32_t low = hex4(*p + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return unit;
    *p += 6;
    return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

static uint32_t take_escape(const char **p, const char *end)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = (*p)[1];
    *p += 2;
    if (letter == 'u')
        return take_unicode_escape(p, end);
    const char *found = strchr(letters, letter);
    assert(found != NULL);
    return (uint32_t)meanings[found - letters];
}

uint32_t json_next_code(const char **p, const char *end)
{
    if (**p == '\\')
        return take_escape(p, end);
    uint32_t lead = (unsigned char)*(*p)++;
    if (lead < 0x80)
        return lead;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t code = lead & (0x3fU >> more);
    while (more-- > 0)
        code = code << 6 | ((unsigned char)*(*p)++ & 0x3f);
    return code;
}

size_t json_utf8(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00U >> n) | code);
    return n;
}

struct str json_text(struct allocator a, struct str quoted)
{
    assert(quoted.n >= 2 && quoted.p[0] == '"');
    const char *p = quoted.p + 1, *end = quoted.p + quoted.n - 1;
    char *text = a.alloc(a.pool, quoted.n); /* an escape is longer than what it stands for */
    size_t n = 0;

    while (p < end) {
        if (*p != '\\') {
            text[n++] = *p++;
            continue;
        }
        uint32_t code = take_escape(&p, end);
        n += json_utf8(text + n, json_is_surrogate(code) ? 0xfffd : code);
    }
    text[n] = '\0';
    return (struct str){text, n};
}

int json_unquote(struct buf *out, struct str quoted)
{
    assert(quoted.n >= 2 && quoted.p[0] == '"');
    const char *p = quoted.p + 1, *end = quoted.p + quoted.n - 1;
    size_t before = out->n;

    while (p < end) {
        const char *run = p;
        while (p < end && *p != '\\')
            p++;
        buf_add(out, run, (size_t)(p - run));
        if (p == end)
            break;
        uint32_t code = take_escape(&p, end);
        if (code == 0 || json_is_surrogate(code)) {
            out->n = before;
            return ERR_INVALID;
        }
        char utf8[4];
        buf_add(out, utf8, json_utf8(utf8, code));
    }
    return 0;
}
