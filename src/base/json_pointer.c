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
