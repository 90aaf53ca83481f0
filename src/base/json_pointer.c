/* Where a value is in a text: JSON Pointer, RFC 6901. */
#include "json_internal.h"

/* A key that is no text that PostgreSQL can hold stays as it was written. */
static void add_key(struct buf *out, struct str quoted)
{
    struct buf key;

    buf_init(&key, quoted.n);
    if (json_unquote(&key, quoted) < 0)
        buf_add(&key, quoted.p + 1, quoted.n - 2);
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            buf_add_text(out, "~0");
        else if (key.p[i] == '/')
            buf_add_text(out, "~1");
        else
            buf_add_char(out, key.p[i]);
    }
    buf_fini(&key);
}

void json_pointer(struct buf *out, const struct json_step *at)
{
    if (at == NULL)
        return;
    json_pointer(out, at->up);
    buf_add_char(out, '/');
    if (at->key.n > 0)
        add_key(out, at->key);
    else
        buf_printf(out, "%zu", at->index);
}

bool json_is_pointer(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '~' && (i + 1 == text.n || (text.p[i + 1] != '0' && text.p[i + 1] != '1')))
            return false;
    return text.n == 0 || text.p[0] == '/';
}

/* Is this key what `name` of a pointer stands for? */
static bool is_named(struct str quoted, struct str name)
{
    struct buf pointer;

    buf_init(&pointer, 3 * quoted.n);
    add_key(&pointer, quoted);
    bool same = str_eq(buf_str(&pointer), name);
    buf_fini(&pointer);
    return same;
}

/* Keys are longer than what they stand for, and names too: most differ in length or at once. */
static bool may_be_named(struct str quoted, struct str name)
{
    struct str key = {quoted.p + 1, quoted.n - 2};

    return memchr(key.p, '\\', key.n) != NULL || memchr(name.p, '~', name.n) != NULL
               ? is_named(quoted, name)
               : str_eq(key, name);
}

static struct str member_at(struct str object, struct str name)
{
    struct str found = STR_NONE, key, value;
    struct json_iter it;

    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &value))
        if (may_be_named(key, name))
            found = value;
    return found;
}

static struct str element_at(struct str array, struct str name)
{
    struct str key, value;
    struct json_iter it;
    int64_t index;

    if (!str_all_digits(name) || (name.n > 1 && name.p[0] == '0') || !json_integer(name, &index))
        return STR_NONE;
    json_iter_init(&it, array);
    while (json_iter_next(&it, &key, &value))
        if (index-- == 0)
            return value;
    return STR_NONE;
}

struct str json_at(struct str text, struct str pointer)
{
    size_t left = SIZE_MAX;
    return json_at_within(text, pointer, &left);
}

/* Each name is looked for in all that is left of the text. */
static bool spend(size_t *left, size_t bytes)
{
    bool enough = bytes <= *left;
    *left = enough ? *left - bytes : 0;
    return enough;
}

struct str json_at_within(struct str text, struct str pointer, size_t *left)
{
    struct str name;

    if (pointer.n > 0 && pointer.p[0] != '/')
        return STR_NONE;
    while (text.p != NULL && pointer.n > 0) {
        pointer = (struct str){pointer.p + 1, pointer.n - 1};
        const char *end = memchr(pointer.p, '/', pointer.n);
        name = (struct str){pointer.p, end != NULL ? (size_t)(end - pointer.p) : pointer.n};
        pointer = (struct str){pointer.p + name.n, pointer.n - name.n};
        enum json_kind kind = json_kind(text);
        if (!spend(left, text.n))
            return STR_NONE;
        text = kind == JSON_OBJECT  ? member_at(text, name)
               : kind == JSON_ARRAY ? element_at(text, name)
                                    : STR_NONE;
    }
    return text;
}

/* What json_write_form() is looked after with. */
struct search {
    enum json_form form;
    enum json_bigint bigint;
    struct buf *pointer;
};

static bool is_writable(const struct search *s, struct str literal)
{
    struct buf out;

    buf_init(&out, literal.n + 64);
    bool writable = json_write_number(&out, literal, s->form, s->bigint) == 0;
    buf_fini(&out);
    return writable;
}

static bool find(const struct search *s, const struct json_step *at, struct str value)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str element;
    enum json_kind kind = json_kind(value);

    if (kind == JSON_NUMBER && !is_writable(s, value)) {
        json_pointer(s->pointer, at);
        return true;
    }
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return false;
    json_iter_init(&it, value);
    for (; json_iter_next(&it, &step.key, &element); step.index++)
        if (find(s, &step, element))
            return true;
    return false;
}

bool json_find_unwritable(struct buf *pointer, struct str text, enum json_form form,
                          enum json_bigint bigint)
{
    struct search search = {form, bigint, pointer};
    return form != JSON_FORM_VERBATIM && find(&search, NULL, text);
}
