/* The validator and the forms. What is accepted must be written as JSON that is accepted again, and writing that once
 * more must change nothing. */
#include "fuzz.h"

#include "base/json.h"

enum { MAX_FORM = 1 << 24 };

static bool is_accepted(struct str text)
{
    struct json_error error = {SIZE_MAX, NULL};
    if (json_check(text, JSON_DEPTH_MAX, &error) == 0)
        return true;
    require(error.offset <= text.n && error.message != NULL);
    return false;
}

static void walk(struct str text)
{
    struct json_iter it;
    struct str key, value;
    struct buf out;
    enum json_kind kind = json_kind(text);

    if (kind != JSON_OBJECT && kind != JSON_ARRAY)
        return;
    buf_init(&out, MAX_FORM);
    json_iter_init(&it, text);
    while (json_iter_next(&it, &key, &value)) {
        require(is_accepted(value) && (key.n > 0) == (kind == JSON_OBJECT));
        if (key.n > 0 && json_unquote(&out, key) == 0)
            require(str_is_utf8(buf_str(&out)));
        buf_clear(&out);
    }
    buf_fini(&out);
}

static void try_form(struct str text, enum json_form form, enum json_bigint bigint)
{
    struct buf once, twice;
    buf_init(&once, MAX_FORM);
    buf_init(&twice, MAX_FORM);
    if (json_write_form(&once, text, form, bigint) == 0) {
        require(!once.overflow && is_accepted(buf_str(&once)));
        require(json_write_form(&twice, buf_str(&once), form, bigint) == 0);
        require(str_eq(buf_str(&once), buf_str(&twice)));
    } else {
        require(once.n == 0);
    }
    buf_fini(&once);
    buf_fini(&twice);
}

/* A ceiling anywhere: the bytes must stay below it, whatever was being written. */
static void try_ceiling(struct str text, enum json_form form)
{
    struct buf out;
    buf_init(&out, text.n * 2 / 3);
    if (json_write_form(&out, text, form, JSON_BIGINT_STRING) == 0)
        require(out.n <= text.n * 2 / 3);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    if (!is_accepted(text))
        return 0;
    walk(text);
    for (int bigint = JSON_BIGINT_STRING; bigint <= JSON_BIGINT_VERBATIM; bigint++)
        try_form(text, JSON_FORM_JS, (enum json_bigint)bigint);
    for (int form = JSON_FORM_JS; form <= JSON_FORM_VERBATIM; form++) {
        try_form(text, (enum json_form)form, JSON_BIGINT_STRING);
        try_ceiling(text, (enum json_form)form);
    }
    return 0;
}
