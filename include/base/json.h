/* JSON as bytes: validation, walking, and re-writing in the form that a receiver's language
 * reproduces. Own code, because json-c accepts what is not JSON, keeps the last of duplicate keys
 * and rounds big integers; and because what we sign must be exact.
 *
 * Everything but json_check() takes text that json_check() accepted. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

/* The deepest nesting that any of this deals with. */
#define JSON_DEPTH_MAX 64

struct json_error {
    size_t offset;       /* of the byte that is wrong */
    const char *message; /* static text, for people */
};

/* RFC 8259, strictly: one value, no BOM, valid UTF-8 (RFC 3629), at most `max_depth` nested
 * containers (itself at most JSON_DEPTH_MAX). ERR_BAD_JSON and `*error` otherwise. Lone surrogate
 * escapes are accepted: they are within the grammar (§8.2). */
int json_check(struct str text, int max_depth, struct json_error *error) MUST_CHECK;

/* An object and nothing else, by the same rules: for what was checked when it was stored, and may be
 * something else when it is read. */
bool json_is_object(struct str text);

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* The kind of the value that `text` is. */
enum json_kind json_kind(struct str text);

/* Walks the members of an object or the elements of an array, in order, without descending. */
struct json_iter {
    const char *p, *end;
    bool object;
};

void json_iter_init(struct json_iter *it, struct str container);

/* False at the end. `*key` is the key's literal with its quotes (for an array: empty); `*value` is
 * the value without the whitespace around it. Both point into the container. */
bool json_iter_next(struct json_iter *it, struct str *key, struct str *value);

/* The string that the literal `quoted` stands for, as UTF-8 with a NUL behind it. It may have NULs in
 * it; a lone surrogate is U+FFFD. */
struct str json_text(struct allocator a, struct str quoted);

/* Appends the string that the literal `quoted` stands for, as UTF-8. ERR_INVALID when that has a
 * lone surrogate or a NUL, which no column of PostgreSQL's text can hold. */
int json_unquote(struct buf *out, struct str quoted) MUST_CHECK;

/* Which language's serialiser gives back these very bytes. */
enum json_form {
    JSON_FORM_JS,             /* JSON.stringify(JSON.parse(x)) */
    JSON_FORM_PYTHON,         /* json.dumps(json.loads(x)) */
    JSON_FORM_PYTHON_COMPACT, /* json.dumps(json.loads(x), separators=(',', ':')) */
    JSON_FORM_VERBATIM,       /* x */
};

/* What form js does with an integer that a double cannot hold digit for digit. */
enum json_bigint {
    JSON_BIGINT_STRING,   /* "9007199254740993", as superjson does */
    JSON_BIGINT_REJECT,   /* ERR_INVALID */
    JSON_BIGINT_VERBATIM, /* 9007199254740993: the exact bytes can be verified, re-serialised not */
};

/* Appends `text` in `form`. Duplicate keys collapse: first position, last value. Js puts
 * array-index keys first, ascending. ERR_INVALID: a big integer under JSON_BIGINT_REJECT, or for
 * the Python forms an integer of more than 4,300 digits, which Python refuses, or a number that
 * overflows a double (Python would print Infinity, which is not JSON); `out` is then as before, and
 * a value counts even if a later duplicate replaces it. At the ceiling of `out`: 0, and
 * out->overflow as with every addition. */
int json_write_form(struct buf *out, struct str text, enum json_form form,
                    enum json_bigint bigint) MUST_CHECK;

/* A step from a container to what is in it. Who descends links them, each on its own stack. */
struct json_step {
    const struct json_step *up; /* NULL: from the text as a whole */
    struct str key;             /* with its quotes; n == 0: of an array */
    size_t index;               /* of the element */
};

/* Appends the JSON Pointer (RFC 6901) to where `at` leads; of the text as a whole, NULL, it is empty. */
void json_pointer(struct buf *out, const struct json_step *at);

/* RFC 6901: empty, or names that each follow a /, in which ~ comes as ~0 and ~1 only. */
bool json_is_pointer(struct str text);

/* The value in `text` that a pointer leads to, or p == NULL: there is none, or it is no pointer. Of members of one name the
 * last counts. Each step takes a walk over what it stands in. */
struct str json_at(struct str text, struct str pointer);

/* The same, while `*left` lasts, of which each name takes as many bytes as it is looked for in. */
struct str json_at_within(struct str text, struct str pointer, size_t *left);

/* Appends the pointer to the first value because of which json_write_form() answers ERR_INVALID; false: there is none. */
bool json_find_unwritable(struct buf *pointer, struct str text, enum json_form form,
                          enum json_bigint bigint);

/* A number that JSON Schema calls an integer: 700, 700.0 and 7e2 are the same. False: it is none, or no int64_t, or a
 * fraction of more than 15 digits. */
bool json_integer(struct str literal, int64_t *out) MUST_CHECK;

/* Less than, equal to or greater than 0, as the number `a` is beside `b`: exactly, whatever their size. */
int json_compare_numbers(struct str a, struct str b);

/* A number without a fraction, of any size: 700, 700.0 and 7e2 are. */
bool json_is_whole(struct str literal);

/* Two strings that stand for the same text. */
bool json_same_string(struct str a, struct str b);

/* The characters of a string, as JSON Schema counts them; half a surrogate pair is one. */
size_t json_characters(struct str quoted);

#endif
