/* Binds a JSON object to a struct by a table: which members there are, of which type, within which
 * bounds. Everything that is wrong is collected with the member's path, so that a client learns it
 * all at once. Unknown and duplicate members are wrong. Lengths of strings are characters, as JSON Schema counts
 * them: a string of `max` has at most four times as many bytes.
 *
 *     static const struct field fields[] = {
 *         {"url", FIELD_STR, offsetof(struct input, url), FIELD_REQUIRED, .max = 2048},
 *         {"timeout_ms", FIELD_I64, offsetof(struct input, timeout_ms), 0, .min = 1000, .max =
 * 30000},
 *     };
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/str.h"

enum field_kind {
    FIELD_STR,  /* struct str; min and max are characters */
    FIELD_I64,  /* int64_t; min and max are values; 7.0 is 7 */
    FIELD_ENUM, /* int: index into `names` */
    FIELD_TIME, /* int64_t: milliseconds of the Unix epoch */
    FIELD_STRS, /* struct field_strs; min and max are counts, item_max the characters of each */
    FIELD_I64S, /* struct field_i64s; min and max are counts, item_min and item_max values */
    FIELD_MAP,  /* struct field_map, string to string; min and max are counts, key_max and item_max
                   characters */
    FIELD_RAW, /* struct str: the JSON text; `kinds` says which kinds of value are fine; max is bytes */
    FIELD_BOOL, /* bool */
    FIELD_NONE, /* no field, but a name that people try: `instead` tells them what they are looking for */
};

enum {
    FIELD_REQUIRED = 1,
    FIELD_NULLABLE = 2,
    FIELD_BYTES = 4, /* a string's min and max are bytes: what is ASCII but for comments */
};

/* Bits for field.kinds. */
#define FIELD_KIND(kind) (1U << (kind))
#define FIELD_ANY        0xffU

struct field_strs {
    struct str *at;
    size_t n;
};

struct field_i64s {
    int64_t *at;
    size_t n;
};

struct field_pair {
    struct str key, value;
};

struct field_map {
    struct field_pair *at;
    size_t n;
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    unsigned flags;
    int64_t min, max;
    int64_t item_min, item_max, key_max;
    unsigned kinds;
    const char *const *names; /* ends with NULL */
    const char *instead;

    /* What is wrong with the string (FIELD_STR), with one of several (FIELD_STRS), with a pair
     * (FIELD_MAP: key, value); NULL: nothing. */
    const char *(*check)(struct str value);
    const char *(*check_pair)(struct str key, struct str value);

    /* Binding asks for none of these. What it is for, for people; and of FIELD_RAW that is bound by a table later, what
     * its object has, or each object of its array, of which there are `item_max`. */
    const char *about;
    const struct field *inside;
    size_t inside_count;
};

#define FIELD_PROBLEMS_MAX 16

struct field_problem {
    const char *field; /* a path: "url", "events[2]", "headers.X-Token" */
    const char *message;
    const char *pointer; /* to the value in the body, where the path ends before it; else NULL */
};

struct fields {
    struct allocator alloc; /* what was bound, and the problems, live there */
    uint32_t present;       /* bit i: table[i] was given and is not null */
    uint32_t nulls;         /* bit i: it was given as null */
    uint32_t wrong;         /* bit i: it is present, and not bound: there are problems */
    struct field_problem problems[FIELD_PROBLEMS_MAX];
    size_t problem_count, problems_unsaid;
};

static inline bool field_given(const struct fields *f, int index)
{
    return ((f->present | f->nulls) >> index & 1) != 0;
}

/* It was bound. */
static inline bool field_has(const struct fields *f, int index)
{
    return ((f->present & ~f->wrong) >> index & 1) != 0;
}

static inline bool field_wrong(const struct fields *f, int index)
{
    return (f->wrong >> index & 1) != 0;
}

static inline bool field_null(const struct fields *f, int index)
{
    return (f->nulls >> index & 1) != 0;
}

/* Binds `object`, text that json_check() accepted, to `out`, which the caller has filled with
 * defaults: what is wrong leaves them. ERR_INVALID when there are problems; ERR_BAD_REQUEST when it is no object. `path` comes before the names in problems: "" or
 * "events[3]." */
int fields_bind(struct fields *f, const struct field *table, size_t count, struct str object,
                const char *path, void *out) MUST_CHECK;

/* The same of a member of that object, in a call that comes after it: what `f` has of the object around stays.
 * `present`: as in fields, of `table`. */
int fields_bind_member(struct fields *f, const struct field *table, size_t count, struct str object,
                       const char *path, void *out, uint32_t *present) MUST_CHECK;

/* Adds one; what does not fit any more is counted. Both texts are copied. */
void fields_problem(struct fields *f, const char *field, const char *message);

/* The same, of a value within the field: `pointer` is its JSON Pointer, from the body on. */
void fields_problem_at(struct fields *f, const char *field, const char *pointer,
                       const char *message);

#endif
