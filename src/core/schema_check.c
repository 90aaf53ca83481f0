/* Holding data against a schema. Every look at a value is a step, and more for one that is long, since walking over it
 * takes that time; who has none left gives up. */
#include "schema_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_BYTES  32  /* that a walk goes over in the time of a step, about */
#define FAULT_BYTES 512 /* that it goes over while a fault is put into words */
#define KEY_MAX     65536
#define TEXT_SIZE   256
#define SHOWN_MAX   40 /* of a number in words */

void schema_check_init(struct schema_check *c)
{
    c->nested = 0;
    c->silent = false;
    buf_init(&c->key, KEY_MAX);
}

void schema_check_fini(struct schema_check *c)
{
    buf_fini(&c->key);
}

static bool spend(struct schema_check *c, size_t bytes)
{
    c->steps -= 1 + (int64_t)(bytes / STEP_BYTES);
    return c->steps >= 0;
}

/* False, for who says it. */
static bool wrong(struct schema_check *c, const struct json_step *at, const char *message)
{
    if (!c->silent && spend(c, FAULT_BYTES))
        c->fault(c->arg, at, message);
    return false;
}

static bool fits(struct schema_check *c, const struct schema *s, int number, struct str value,
                 const struct json_step *at);

/* --- equality --------------------------------------------------------------------------------- */

static bool same(struct schema_check *c, struct str a, struct str b);

static bool same_arrays(struct schema_check *c, struct str a, struct str b)
{
    struct json_iter x, y;
    struct str key, one, other;
    bool more, more_there, equal = true;

    json_iter_init(&x, a);
    json_iter_init(&y, b);
    do {
        more = json_iter_next(&x, &key, &one);
        more_there = json_iter_next(&y, &key, &other);
        equal = more == more_there && (!more || same(c, one, other));
    } while (equal && more);
    return equal;
}

/* Has `object` the member? */
static bool has_member(struct schema_check *c, struct str object, struct str wanted,
                       struct str value)
{
    struct json_iter it;
    struct str key, one;

    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &one) && spend(c, key.n + one.n))
        if (json_same_string(key, wanted))
            return same(c, one, value);
    return false;
}

/* All of a's members, and no more. */
static bool same_objects(struct schema_check *c, struct str a, struct str b)
{
    struct json_iter it;
    struct str key, one;
    size_t here = 0, there = 0;

    json_iter_init(&it, b);
    while (json_iter_next(&it, &key, &one))
        there++;
    json_iter_init(&it, a);
    for (; json_iter_next(&it, &key, &one); here++)
        if (!has_member(c, b, key, one))
            return false;
    return here == there;
}

static bool same(struct schema_check *c, struct str a, struct str b)
{
    enum json_kind kind = json_kind(a);

    if (!spend(c, a.n + b.n) || kind != json_kind(b))
        return false;
    switch (kind) {
    case JSON_NUMBER:
        return json_compare_numbers(a, b) == 0;
    case JSON_STRING:
        return json_same_string(a, b);
    case JSON_ARRAY:
        return same_arrays(c, a, b);
    case JSON_OBJECT:
        return same_objects(c, a, b);
    default:
        return str_eq(a, b);
    }
}

/* --- one function a kind of rule -------------------------------------------------------------- */

static bool is_of_kind(const struct schema_node *node, struct str value)
{
    enum json_kind kind = json_kind(value);

    return node->kinds == 0 || (node->kinds >> kind & 1) != 0 ||
           (node->nullable && kind == JSON_NULL) ||
           (kind == JSON_NUMBER && (node->kinds & KIND_WHOLE) != 0 && json_is_whole(value));
}

static bool fits_kind(struct schema_check *c, const struct schema *s,
                      const struct schema_node *node, struct str value, const struct json_step *at)
{
    static const struct {
        unsigned kind;
        const char *text;
    } words[] = {
        {KIND(JSON_STRING), "a string"}, {KIND(JSON_NUMBER), "a number"},
        {KIND_WHOLE, "an integer"},      {KIND(JSON_BOOL), "true or false"},
        {KIND(JSON_ARRAY), "an array"},  {KIND(JSON_OBJECT), "an object"},
        {KIND(JSON_NULL), "null"},
    };
    struct buf text;

    (void)s;
    if (is_of_kind(node, value))
        return true;
    if (c->silent)
        return false;
    buf_init(&text, TEXT_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if ((node->kinds & words[i].kind) != 0)
            buf_printf(&text, "%s%s", text.n > 0 ? ", or " : "must be ", words[i].text);
    wrong(c, at, buf_text(&text));
    buf_fini(&text);
    return false;
}

static bool fits_choices(struct schema_check *c, const struct schema *s,
                         const struct schema_node *node, struct str value,
                         const struct json_step *at)
{
    struct json_iter it;
    struct str key, one;
    bool found = node->choices.p == NULL;

    (void)s;
    if (node->constant.p != NULL && !same(c, node->constant, value))
        return wrong(c, at, "must be what `const` of the schema says");
    if (found)
        return true;
    json_iter_init(&it, node->choices);
    while (!found && json_iter_next(&it, &key, &one))
        found = same(c, one, value);
    return found || wrong(c, at, "must be one of those that `enum` of the schema lists");
}

static bool fits_number(struct schema_check *c, const struct schema *s,
                        const struct schema_node *node, struct str value,
                        const struct json_step *at)
{
    static const struct {
        int sign;   /* of the comparison with the limit, that is wrong */
        bool equal; /* is equality wrong too? */
        const char *text;
    } limits[NUMBER_LIMITS] = {{-1, false, "must be at least"},
                               {-1, true, "must be more than"},
                               {1, false, "must be at most"},
                               {1, true, "must be less than"}};
    char text[TEXT_SIZE];
    bool good = true;

    (void)s;
    for (size_t i = 0; i < NUMBER_LIMITS && json_kind(value) == JSON_NUMBER; i++) {
        struct str limit = node->numbers[i];
        if (limit.p == NULL)
            continue;
        if (!spend(c, value.n + limit.n))
            return false;
        int found = json_compare_numbers(value, limit);
        if (found != limits[i].sign && (found != 0 || !limits[i].equal))
            continue;
        struct str shown = str_cut(limit, SHOWN_MAX);
        snprintf(text, sizeof text, "%s %.*s", limits[i].text, STR_FMT(shown));
        good = wrong(c, at, text);
    }
    return good;
}

enum { CHARACTERS, ITEMS, PROPERTIES };

static bool fits_count(struct schema_check *c, const struct schema_node *node, int what,
                       int64_t count, const struct json_step *at)
{
    static const char *const units[COUNT_LIMITS] = {"characters", "entries", "properties"};
    int64_t least = node->least[what], most = node->most[what];
    char text[TEXT_SIZE];

    if ((least < 0 || count >= least) && (most < 0 || count <= most))
        return true;
    bool few = least >= 0 && count < least;
    snprintf(text, sizeof text, "must have at %s %lld %s", few ? "least" : "most",
             (long long)(few ? least : most), units[what]);
    return wrong(c, at, text);
}

static bool is_counted(const struct schema_node *node, int what)
{
    return node->least[what] >= 0 || node->most[what] >= 0;
}

static bool fits_string(struct schema_check *c, const struct schema *s,
                        const struct schema_node *node, struct str value,
                        const struct json_step *at)
{
    (void)s;
    return json_kind(value) != JSON_STRING || !is_counted(node, CHARACTERS) ||
           fits_count(c, node, CHARACTERS, (int64_t)json_characters(value), at);
}

/* Who hears of faults wants all of them; who does not, the first. */
static bool goes_on(const struct schema_check *c, bool good)
{
    return (good || !c->silent) && c->steps >= 0;
}

static bool fits_array(struct schema_check *c, const struct schema *s,
                       const struct schema_node *node, struct str value, const struct json_step *at)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;
    bool good = true;

    if (json_kind(value) != JSON_ARRAY || (node->items == NO_NODE && !is_counted(node, ITEMS)))
        return true;
    json_iter_init(&it, value);
    for (; goes_on(c, good) && json_iter_next(&it, &step.key, &one); step.index++)
        if (node->items != NO_NODE && !fits(c, s, node->items, one, &step))
            good = false;
    return good ? fits_count(c, node, ITEMS, (int64_t)step.index, at) : false;
}

/* The property's rules; NULL: the schema has no such name. */
static const struct schema_name *property_of(struct schema_check *c, const struct schema_node *node,
                                             struct str quoted)
{
    struct str name = {quoted.p + 1, quoted.n - 2};

    if (memchr(quoted.p, '\\', quoted.n) != NULL) {
        buf_clear(&c->key);
        if (json_unquote(&c->key, quoted) < 0)
            return NULL;
        name = buf_str(&c->key);
    }
    return schema_names_find(&node->properties, name);
}

static bool fits_property(struct schema_check *c, const struct schema *s,
                          const struct schema_node *node, const struct schema_name *name,
                          struct str value, const struct json_step *at)
{
    int number = name != NULL && name->node != NO_NODE ? name->node : node->additional;

    if (number == NO_NODE)
        return true;
    if (number == node->additional && s->nodes[number].never)
        return wrong(c, at, "is no property that the schema has");
    return fits(c, s, number, value, at);
}

/* `seen`: by the place of the name. */
static bool has_required(struct schema_check *c, const struct schema_node *node, const bool *seen,
                         const struct json_step *at)
{
    bool good = true;

    for (size_t i = 0; i < node->properties.n && goes_on(c, good); i++) {
        const struct schema_name *name = &node->properties.at[i];
        struct json_step step = {.up = at, .key = name->quoted};
        if (name->required && !seen[i] && spend(c, name->quoted.n))
            good = wrong(c, &step, "is required");
    }
    return good;
}

static bool fits_object(struct schema_check *c, const struct schema *s,
                        const struct schema_node *node, struct str value,
                        const struct json_step *at)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;
    bool good = true;
    int64_t count = 0;

    if (json_kind(value) != JSON_OBJECT)
        return true;
    spend(c, node->properties.n);
    bool *seen = xcalloc(node->properties.n, sizeof *seen);
    json_iter_init(&it, value);
    for (; goes_on(c, good) && json_iter_next(&it, &step.key, &one); count++) {
        const struct schema_name *name = property_of(c, node, step.key);
        if (name != NULL)
            seen[name - node->properties.at] = true;
        if (!fits_property(c, s, node, name, one, &step))
            good = false;
    }
    if (goes_on(c, good) && !has_required(c, node, seen, at))
        good = false;
    free(seen);
    return good ? fits_count(c, node, PROPERTIES, count, at) : false;
}

/* --- schemas of schemas ----------------------------------------------------------------------- */

static bool fits_silently(struct schema_check *c, const struct schema *s, int number,
                          struct str value)
{
    bool before = c->silent;

    c->silent = true;
    bool good = fits(c, s, number, value, NULL);
    c->silent = before;
    return good;
}

/* How many of them it fits, up to `enough`. */
static int count_fitting(struct schema_check *c, const struct schema *s,
                         const struct schema_nodes *nodes, struct str value, int enough)
{
    int count = 0;

    for (size_t i = 0; i < nodes->n && count < enough; i++)
        count += fits_silently(c, s, nodes->at[i], value);
    return count;
}

static bool fits_several(struct schema_check *c, const struct schema *s,
                         const struct schema_node *node, struct str value,
                         const struct json_step *at)
{
    bool good = node->ref == NO_NODE || fits(c, s, node->ref, value, at);

    for (size_t i = 0; i < node->all.n && goes_on(c, good); i++)
        if (!fits(c, s, node->all.at[i], value, at))
            good = false;
    if (node->any.n > 0 && count_fitting(c, s, &node->any, value, 1) == 0)
        good = wrong(c, at, "fits none of the schemas in `anyOf`");
    if (node->one.n > 0 && count_fitting(c, s, &node->one, value, 2) != 1)
        good = wrong(c, at, "must fit exactly one of the schemas in `oneOf`");
    if (node->no != NO_NODE && fits_silently(c, s, node->no, value))
        good = wrong(c, at, "fits the schema in `not`");
    return good;
}

typedef bool rule(struct schema_check *c, const struct schema *s, const struct schema_node *node,
                  struct str value, const struct json_step *at);

static rule *const rules[] = {fits_choices, fits_number, fits_string,
                              fits_array,   fits_object, fits_several};

static bool fits_rules(struct schema_check *c, const struct schema *s,
                       const struct schema_node *node, struct str value, const struct json_step *at)
{
    bool good = fits_kind(c, s, node, value, at);

    /* Of another kind, the rest says nothing more. */
    for (size_t i = 0; good && i < ARRAY_LEN(rules) && goes_on(c, good); i++)
        good = rules[i](c, s, node, value, at);
    return good && c->steps >= 0;
}

static bool fits(struct schema_check *c, const struct schema *s, int number, struct str value,
                 const struct json_step *at)
{
    const struct schema_node *node = &s->nodes[number];

    if (!spend(c, value.n))
        return false;
    if (node->never)
        return wrong(c, at, "is not wanted: the schema says false");
    if (node->nullable && json_kind(value) == JSON_NULL)
        return true;
    if (c->nested == SCHEMA_NESTED_MAX) {
        c->steps = -1;
        return false;
    }
    c->nested++;
    bool good = fits_rules(c, s, node, value, at);
    c->nested--;
    return good;
}

bool schema_fits(const struct schema *schema, struct schema_check *check, struct str data,
                 const struct json_step *at)
{
    return fits(check, schema, 0, data, at);
}
