/* Tables binding JSON objects. The bytes were validated by json_check(); members are walked by json_iter,
 * which sees duplicates. */
#include "base/field.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

#define PATH_MAX_BYTES 200

void fields_problem(struct fields *f, const char *field, const char *message)
{
    fields_problem_at(f, field, NULL, message);
}

void fields_problem_at(struct fields *f, const char *field, const char *pointer,
                       const char *message)
{
    if (f->problem_count == FIELD_PROBLEMS_MAX) {
        f->problems_unsaid++;
        return;
    }
    struct field_problem *p = &f->problems[f->problem_count++];
    p->field = str_dup(f->alloc, str_of(field));
    p->message = str_dup(f->alloc, str_of(message));
    p->pointer = pointer != NULL ? str_dup(f->alloc, str_of(pointer)) : NULL;
}

/* One member being bound. */
struct binding {
    struct fields *fields;
    const struct field *field;
    char path[PATH_MAX_BYTES];
};

PRINTF_LIKE(2, 3)
static bool problem(struct binding *b, const char *format, ...)
{
    char message[160];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fields_problem(b->fields, b->path, message);
    return false;
}

/* Bindings for what is inside `b`: path[3] and path.key. */
static struct binding element_at(const struct binding *b, size_t i)
{
    struct binding e = {b->fields, b->field, ""};
    struct str path = str_cut(str_of(b->path), 110);
    snprintf(e.path, sizeof e.path, "%.*s[%zu]", STR_FMT(path), i);
    return e;
}

static struct binding element_of(const struct binding *b, struct str key)
{
    struct binding e = {b->fields, b->field, ""};
    struct str path = str_cut(str_of(b->path), 110);
    key = str_cut(key, 70);
    snprintf(e.path, sizeof e.path, "%.*s.%.*s", STR_FMT(path), STR_FMT(key));
    return e;
}

static bool wrong_length(struct binding *b, int64_t min, int64_t max, const char *unit)
{
    if (min == 1 && max == 0)
        return problem(b, "must not be empty");
    if (min > 0)
        return problem(b, "must be %lld to %lld %s long", (long long)min, (long long)max, unit);
    return problem(b, "must be at most %lld %s long", (long long)max, unit);
}

static bool wrong_count(struct binding *b, int64_t min, int64_t max)
{
    if (min > 0)
        return problem(b, "must have %lld to %lld entries", (long long)min, (long long)max);
    return problem(b, "must have at most %lld entries", (long long)max);
}

static bool take_str(struct binding *b, struct str text, int64_t min, int64_t max, struct str *out)
{
    if (json_kind(text) != JSON_STRING)
        return problem(b, "must be a string");
    struct str s = json_text(b->fields->alloc, text);
    bool bytes = (b->field->flags & FIELD_BYTES) != 0;
    int64_t n = (int64_t)(bytes ? s.n : str_characters(s));
    if (n < min || (max > 0 && n > max))
        return wrong_length(b, min, max, bytes ? "bytes" : "characters");
    if (memchr(s.p, '\0', s.n) != NULL)
        return problem(b, "must not contain a NUL character (U+0000)");
    *out = s;
    return true;
}

static bool take_i64(struct binding *b, struct str text, int64_t min, int64_t max, int64_t *out)
{
    int64_t n;

    if (json_kind(text) != JSON_NUMBER || !json_integer(text, &n))
        return problem(b, "must be an integer");
    if (n < min || n > max)
        return problem(b, "must be between %lld and %lld", (long long)min, (long long)max);
    *out = n;
    return true;
}

static bool checked(struct binding *b, const char *wrong)
{
    return wrong == NULL || problem(b, "%s", wrong);
}

static bool bind_str(struct binding *b, struct str text, void *out)
{
    struct str s;

    if (!take_str(b, text, b->field->min, b->field->max, &s) ||
        (b->field->check != NULL && !checked(b, b->field->check(s))))
        return false;
    *(struct str *)out = s;
    return true;
}

static bool bind_i64(struct binding *b, struct str text, void *out)
{
    return take_i64(b, text, b->field->min, b->field->max, out);
}

static bool bind_enum(struct binding *b, struct str text, void *out)
{
    struct str name;
    char list[120] = "";
    if (!take_str(b, text, 0, 0, &name))
        return false;
    for (int i = 0; b->field->names[i] != NULL; i++) {
        if (str_eq_text(name, b->field->names[i])) {
            *(int *)out = i;
            return true;
        }
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "", b->field->names[i]);
    }
    return problem(b, "must be one of: %s", list);
}

static bool bind_time(struct binding *b, struct str text, void *out)
{
    struct str s;
    int64_t ms;

    if (!take_str(b, text, 0, 0, &s) || (!clock_parse(s, &ms) && !problem(b, CLOCK_PARSE_RULE)))
        return false;
    *(int64_t *)out = ms;
    return true;
}

/* The number of elements, if it is one that the field allows. */
static bool count_elements(struct binding *b, struct str text, enum json_kind kind, size_t *n)
{
    struct json_iter it;
    struct str key, value;

    *n = 0;
    if (json_kind(text) != kind)
        return problem(b, kind == JSON_ARRAY ? "must be an array" : "must be an object");
    json_iter_init(&it, text);
    while (json_iter_next(&it, &key, &value))
        ++*n;
    if ((int64_t)*n < b->field->min || (int64_t)*n > b->field->max)
        return wrong_count(b, b->field->min, b->field->max);
    return true;
}

static bool bind_strs(struct binding *b, struct str text, void *out)
{
    struct field_strs list = {0};
    struct json_iter it;
    struct str key, value;
    size_t n;
    bool good = true;

    if (!count_elements(b, text, JSON_ARRAY, &n))
        return false;
    list.at = b->fields->alloc.alloc(b->fields->alloc.pool, (n + 1) * sizeof *list.at);
    json_iter_init(&it, text);
    for (size_t i = 0; json_iter_next(&it, &key, &value); i++) {
        struct binding e = element_at(b, i);
        struct str *item = &list.at[list.n];
        bool fine = take_str(&e, value, 0, b->field->item_max, item) &&
                    (b->field->check == NULL || checked(&e, b->field->check(*item)));
        for (size_t j = 0; fine && j < list.n; j++)
            if (str_eq(list.at[j], *item))
                fine = problem(&e, "repeats an earlier entry");
        list.n += fine ? 1 : 0;
        good = good && fine;
    }
    if (good)
        *(struct field_strs *)out = list;
    return good;
}

static bool bind_i64s(struct binding *b, struct str text, void *out)
{
    struct field_i64s list = {0};
    struct json_iter it;
    struct str key, value;
    bool good = true;
    size_t n;

    if (!count_elements(b, text, JSON_ARRAY, &n))
        return false;
    list.at = b->fields->alloc.alloc(b->fields->alloc.pool, (n + 1) * sizeof *list.at);
    list.n = n;
    json_iter_init(&it, text);
    for (size_t i = 0; json_iter_next(&it, &key, &value); i++) {
        struct binding e = element_at(b, i);
        good = take_i64(&e, value, b->field->item_min, b->field->item_max, &list.at[i]) && good;
    }
    if (good)
        *(struct field_i64s *)out = list;
    return good;
}

static bool take_key(struct binding *b, struct str text, struct str *key)
{
    int64_t max = b->field->key_max;
    return take_str(b, text, 0, 0, key) &&
           ((key->n > 0 && (int64_t)str_characters(*key) <= max) ||
            problem(b, "must have names of 1 to %lld characters", (long long)max));
}

static bool bind_pair(struct binding *b, struct field_map *map, struct str key, struct str value)
{
    struct field_pair *pair = &map->at[map->n];
    if (!take_key(b, key, &pair->key))
        return false;
    struct binding e = element_of(b, pair->key);
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->at[i].key, pair->key))
            return problem(&e, "is given twice");
    if (!take_str(&e, value, 0, b->field->item_max, &pair->value) ||
        (b->field->check_pair != NULL &&
         !checked(&e, b->field->check_pair(pair->key, pair->value))))
        return false;
    map->n++;
    return true;
}

static bool bind_map(struct binding *b, struct str text, void *out)
{
    struct field_map map = {0};
    struct json_iter it;
    struct str key, value;
    size_t n;
    bool good = true;

    if (!count_elements(b, text, JSON_OBJECT, &n))
        return false;
    map.at = b->fields->alloc.alloc(b->fields->alloc.pool, (n + 1) * sizeof *map.at);
    json_iter_init(&it, text);
    while (json_iter_next(&it, &key, &value))
        good = bind_pair(b, &map, key, value) && good;
    if (good)
        *(struct field_map *)out = map;
    return good;
}

static bool bind_raw(struct binding *b, struct str text, void *out)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    enum json_kind kind = json_kind(text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (b->field->kinds == FIELD_KIND(i) && kind != i)
            return problem(b, "must be %s", names[i]);
    if ((b->field->kinds & FIELD_KIND(kind)) == 0)
        return problem(b, "must not be %s", names[kind]);
    if (b->field->max > 0 && (int64_t)text.n > b->field->max)
        return wrong_length(b, 0, b->field->max, "bytes");
    *(struct str *)out = text;
    return true;
}

static bool bind_bool(struct binding *b, struct str text, void *out)
{
    if (json_kind(text) != JSON_BOOL)
        return problem(b, "must be true or false");
    *(bool *)out = text.p[0] == 't';
    return true;
}

static bool bind_none(struct binding *b, struct str text, void *out)
{
    (void)text;
    (void)out;
    return problem(b, "%s", b->field->instead);
}

typedef bool bind_kind(struct binding *b, struct str text, void *out);

static bind_kind *const binders[] = {
    [FIELD_STR] = bind_str,   [FIELD_I64] = bind_i64,   [FIELD_ENUM] = bind_enum,
    [FIELD_TIME] = bind_time, [FIELD_STRS] = bind_strs, [FIELD_I64S] = bind_i64s,
    [FIELD_MAP] = bind_map,   [FIELD_RAW] = bind_raw,   [FIELD_BOOL] = bind_bool,
    [FIELD_NONE] = bind_none,
};

static int find(const struct field *table, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_text(name, table[i].name))
            return (int)i;
    return -1;
}

static void bind_member(struct fields *f, const struct field *table, size_t count, struct str key,
                        struct str value, const char *path, void *out)
{
    struct str name = json_text(f->alloc, key);
    struct binding b = {.fields = f};
    int i = find(table, count, name);

    struct str shown = str_cut(name, 100);
    snprintf(b.path, sizeof b.path, "%.60s%.*s", path, STR_FMT(shown));
    if (i < 0) {
        problem(&b, "is not a known field: check its spelling");
        return;
    }
    b.field = &table[i];
    if (field_given(f, i)) {
        problem(&b, "is given twice");
    } else if (json_kind(value) == JSON_NULL && (table[i].flags & FIELD_NULLABLE) != 0) {
        f->nulls |= 1U << i;
    } else {
        f->present |= 1U << i;
        if (!binders[table[i].kind](&b, value, (char *)out + table[i].offset))
            f->wrong |= 1U << i;
    }
}

/* Names the value itself: its path without the dot that leads to members. */
static void not_an_object(struct fields *f, const char *path)
{
    struct str self = str_of(path);
    if (self.n > 0 && self.p[self.n - 1] == '.')
        self.n--;
    fields_problem(f, str_dup(f->alloc, self), "must be a JSON object");
}

int fields_bind(struct fields *f, const struct field *table, size_t count, struct str object,
                const char *path, void *out)
{
    struct json_iter it;
    struct str key, value;
    size_t before = f->problem_count + f->problems_unsaid;

    assert(count <= 32);
    f->present = f->nulls = f->wrong = 0;
    if (json_kind(object) != JSON_OBJECT) {
        not_an_object(f, path);
        return ERR_BAD_REQUEST;
    }
    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &value))
        bind_member(f, table, count, key, value, path, out);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].flags & FIELD_REQUIRED) == 0 || field_given(f, (int)i))
            continue;
        struct binding b = {.fields = f};
        snprintf(b.path, sizeof b.path, "%.60s%.100s", path, table[i].name);
        problem(&b, "is required");
    }
    return f->problem_count + f->problems_unsaid > before ? ERR_INVALID : 0;
}

int fields_bind_member(struct fields *f, const struct field *table, size_t count, struct str object,
                       const char *path, void *out, uint32_t *present)
{
    uint32_t around = f->present, nulls = f->nulls, wrong = f->wrong;
    int err = fields_bind(f, table, count, object, path, out);

    *present = f->present;
    f->present = around;
    f->nulls = nulls;
    f->wrong = wrong;
    return err;
}
