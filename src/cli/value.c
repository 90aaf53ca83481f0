/* Values in the API's answers. */
#include "value.h"

static struct str member(struct str object, struct str name)
{
    struct json_iter it;
    struct str key, value;

    if (object.n == 0 || json_kind(object) != JSON_OBJECT)
        return STR_NONE;
    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &value))
        if (key.n == name.n + 2 && memcmp(key.p + 1, name.p, name.n) == 0)
            return value;
    return STR_NONE;
}

struct str value_get(struct str object, const char *path)
{
    struct str rest = str_of(path), name;

    while (str_next(&rest, '.', &name))
        object = member(object, name);
    return object;
}

/* A lone surrogate, or a NUL, stays as it is written. */
static void add_string(struct buf *out, struct str literal)
{
    if (json_unquote(out, literal) != 0)
        buf_add(out, literal.p + 1, literal.n - 2);
}

bool value_text(struct buf *out, struct str object, const char *path)
{
    struct str value = value_get(object, path);
    bool is_text = value.n > 0 && json_kind(value) == JSON_STRING;

    if (is_text)
        add_string(out, value);
    return is_text;
}

bool value_is(struct str object, const char *path, const char *text)
{
    struct str value = value_get(object, path);
    size_t n = strlen(text);

    return value.p != NULL && value.n == n + 2 && value.p[0] == '"' &&
           memcmp(value.p + 1, text, n) == 0;
}

int64_t value_number(struct str object, const char *path, int64_t standard)
{
    struct str value = value_get(object, path);
    int64_t number;

    return value.n > 0 && json_kind(value) == JSON_NUMBER && json_integer(value, &number)
               ? number
               : standard;
}

static bool is_plain_list(struct str list)
{
    struct json_iter it;
    struct str key, value;

    json_iter_init(&it, list);
    while (json_iter_next(&it, &key, &value))
        if (json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY)
            return false;
    return true;
}

static void show_scalar(struct buf *out, struct str value)
{
    enum json_kind kind = value.n > 0 ? json_kind(value) : JSON_NULL;

    if (kind == JSON_NULL)
        buf_add_char(out, '-');
    else if (kind == JSON_BOOL)
        buf_add_text(out, value.p[0] == 't' ? "yes" : "no");
    else if (kind == JSON_STRING)
        add_string(out, value);
    else
        buf_add_str(out, value);
}

void value_show(struct buf *out, struct str value)
{
    struct json_iter it;
    struct str key, element;
    size_t before = out->n;

    if (value.n == 0 || json_kind(value) != JSON_ARRAY || !is_plain_list(value)) {
        show_scalar(out, value);
        return;
    }
    json_iter_init(&it, value);
    while (json_iter_next(&it, &key, &element)) {
        if (out->n > before)
            buf_add_text(out, ", ");
        show_scalar(out, element);
    }
    if (out->n == before)
        buf_add_char(out, '-');
}
