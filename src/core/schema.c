/* Reading schemas: a table of keywords, one pass over the text for the definitions' names, and one for all else. */
#include "schema_internal.h"

#include <stdlib.h>

#define FAULT_POINTER_MAX 1024

/* For names without escapes: of a definition, which takes five characters, with up to twelve before it. */
#define NAMES_ROOM(text_n) (4 * (text_n))

struct reader {
    struct schema *schema;
    struct schema_fault *fault;
};

/* --- names ------------------------------------------------------------------------------------ */

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int found = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return found != 0 ? found : (a.n > b.n) - (a.n < b.n);
}

static int compare_names(const void *a, const void *b)
{
    return compare(((const struct schema_name *)a)->text, ((const struct schema_name *)b)->text);
}

const struct schema_name *schema_names_find(const struct schema_names *names, struct str text)
{
    struct schema_name wanted = {.text = text};
    return names->n == 0 ? NULL
                         : bsearch(&wanted, names->at, names->n, sizeof *names->at, compare_names);
}

static struct schema_name *add_name(struct schema_names *names)
{
    if ((names->n & (names->n - 1)) == 0) /* a power of two, or none */
        names->at = xrealloc(names->at, (names->n > 0 ? 2 * names->n : 1) * sizeof *names->at);
    names->at[names->n] = (struct schema_name){.node = NO_NODE};
    return &names->at[names->n++];
}

/* `prefix` and what the key stands for, in the schema's room for that, which is as large as what has all keys in it
 * can make it. False: it has half a surrogate pair, or a NUL. */
static bool set_text(struct schema *s, struct schema_name *name, const char *prefix,
                     struct str quoted)
{
    struct buf text;

    buf_init(&text, strlen(prefix) + quoted.n);
    buf_add_text(&text, prefix);
    bool good = json_unquote(&text, quoted) == 0;
    assert(s->names_n + text.n <= NAMES_ROOM(s->text_n));
    name->text = (struct str){s->names + s->names_n, text.n};
    name->quoted = quoted;
    if (text.n > 0)
        memcpy(s->names + s->names_n, text.p, text.n);
    s->names_n += text.n;
    buf_fini(&text);
    return good;
}

/* In order, what is required beside what is described; false: two are described. */
static bool arrange(struct schema_names *names)
{
    size_t n = 0;

    if (names->n > 1)
        qsort(names->at, names->n, sizeof *names->at, compare_names);
    for (size_t i = 0; i < names->n; i++) {
        struct schema_name *last = n > 0 ? &names->at[n - 1] : NULL;
        const struct schema_name *next = &names->at[i];
        if (last == NULL || !str_eq(last->text, next->text)) {
            names->at[n++] = *next;
            continue;
        }
        if (last->node != NO_NODE && next->node != NO_NODE)
            return false;
        last->node = last->node != NO_NODE ? last->node : next->node;
        last->required = last->required || next->required;
    }
    names->n = n;
    return true;
}

/* --- one function a kind of keyword ----------------------------------------------------------- */

/* What is wrong first is told. */
static bool refuse(struct reader *r, const struct json_step *at, const char *message)
{
    if (r->fault->message != NULL)
        return false;
    r->fault->message = message;
    json_pointer(&r->fault->pointer, at);
    return false;
}

/* Reads `value` into the node's member; false: refused. */
typedef bool take(struct reader *r, struct schema_node *node, void *member, struct str value,
                  const struct json_step *at);

static bool read_node(struct reader *r, struct str json, const struct json_step *at, int *number);

static bool take_words(struct reader *r, struct schema_node *node, void *member, struct str value,
                       const struct json_step *at)
{
    (void)r;
    (void)node;
    (void)member;
    (void)value;
    (void)at;
    return true;
}

static bool take_at_top(struct reader *r, struct schema_node *node, void *member, struct str value,
                        const struct json_step *at)
{
    (void)node;
    (void)member;
    (void)value;
    return at->up == NULL || refuse(r, at, "may stand only at the top of the schema");
}

static const struct {
    const char *name;
    unsigned kinds;
} kinds[] = {
    {"null", KIND(JSON_NULL)},     {"boolean", KIND(JSON_BOOL)}, {"number", KIND(JSON_NUMBER)},
    {"string", KIND(JSON_STRING)}, {"array", KIND(JSON_ARRAY)},  {"object", KIND(JSON_OBJECT)},
    {"integer", KIND_WHOLE},
};

static bool add_kind(struct reader *r, struct schema_node *node, struct str value,
                     const struct json_step *at)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds) && json_kind(value) == JSON_STRING; i++)
        if (str_eq_text((struct str){value.p + 1, value.n - 2}, kinds[i].name)) {
            node->kinds |= kinds[i].kinds;
            return true;
        }
    return refuse(
        r, at,
        "must be null, boolean, number, integer, string, array or object, or an array of these");
}

static bool take_type(struct reader *r, struct schema_node *node, void *member, struct str value,
                      const struct json_step *at)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;

    (void)member;
    if (json_kind(value) != JSON_ARRAY)
        return add_kind(r, node, value, at);
    json_iter_init(&it, value);
    for (; json_iter_next(&it, &step.key, &one); step.index++)
        if (!add_kind(r, node, one, &step))
            return false;
    return node->kinds != 0 || refuse(r, at, "must have at least one entry");
}

static bool take_bool(struct reader *r, struct schema_node *node, void *member, struct str value,
                      const struct json_step *at)
{
    (void)node;
    *(bool *)member = value.p[0] == 't';
    return json_kind(value) == JSON_BOOL || refuse(r, at, "must be true or false");
}

static bool take_value(struct reader *r, struct schema_node *node, void *member, struct str value,
                       const struct json_step *at)
{
    (void)r;
    (void)node;
    (void)at;
    *(struct str *)member = value;
    return true;
}

static bool take_choices(struct reader *r, struct schema_node *node, void *member, struct str value,
                         const struct json_step *at)
{
    return json_kind(value) == JSON_ARRAY ? take_value(r, node, member, value, at)
                                          : refuse(r, at, "must be an array");
}

static bool take_number(struct reader *r, struct schema_node *node, void *member, struct str value,
                        const struct json_step *at)
{
    return json_kind(value) == JSON_NUMBER ? take_value(r, node, member, value, at)
                                           : refuse(r, at, "must be a number");
}

static bool take_count(struct reader *r, struct schema_node *node, void *member, struct str value,
                       const struct json_step *at)
{
    (void)node;
    return (json_kind(value) == JSON_NUMBER && json_integer(value, member) &&
            *(const int64_t *)member >= 0) ||
           refuse(r, at, "must be an integer of 0 or more");
}

static bool take_schema(struct reader *r, struct schema_node *node, void *member, struct str value,
                        const struct json_step *at)
{
    (void)node;
    return read_node(r, value, at, member);
}

static size_t length_of(struct str array)
{
    struct json_iter it;
    struct str key, value;
    size_t n = 0;

    json_iter_init(&it, array);
    while (json_iter_next(&it, &key, &value))
        n++;
    return n;
}

static bool take_schemas(struct reader *r, struct schema_node *node, void *member, struct str value,
                         const struct json_step *at)
{
    struct schema_nodes *nodes = member;
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;

    (void)node;
    if (json_kind(value) != JSON_ARRAY || length_of(value) == 0)
        return refuse(r, at, "must be an array with at least one schema");
    nodes->at = xcalloc(length_of(value), sizeof *nodes->at);
    json_iter_init(&it, value);
    for (; json_iter_next(&it, &step.key, &one); step.index++)
        if (!read_node(r, one, &step, &nodes->at[nodes->n++]))
            return false;
    return true;
}

static bool take_properties(struct reader *r, struct schema_node *node, void *member,
                            struct str value, const struct json_step *at)
{
    struct schema_names *names = member;
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;

    (void)node;
    if (json_kind(value) != JSON_OBJECT)
        return refuse(r, at, "must be an object");
    json_iter_init(&it, value);
    while (json_iter_next(&it, &step.key, &one)) {
        struct schema_name *name = add_name(names);
        int number;
        if (!set_text(r->schema, name, "", step.key))
            return refuse(r, &step, "has a name that is no text");
        if (!read_node(r, one, &step, &number))
            return false;
        names->at[names->n - 1].node = number;
    }
    return true;
}

static bool take_required(struct reader *r, struct schema_node *node, void *member,
                          struct str value, const struct json_step *at)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str one;

    if (json_kind(value) != JSON_ARRAY)
        return refuse(r, at, "must be an array of names");
    json_iter_init(&it, value);
    for (; json_iter_next(&it, &step.key, &one); step.index++) {
        if (json_kind(one) != JSON_STRING)
            return refuse(r, &step, "must be a name");
        struct schema_name *name = add_name(member);
        name->required = true;
        if (!set_text(r->schema, name, "", one))
            return refuse(r, &step, "is a name that is no text");
    }
    (void)node;
    return true;
}

/* To the whole, node 0, or to a definition, for now by its place among them; see settle_refs(). */
static bool take_ref(struct reader *r, struct schema_node *node, void *member, struct str value,
                     const struct json_step *at)
{
    const struct schema_names *definitions = &r->schema->definitions;
    struct buf text;

    (void)node;
    buf_init(&text, value.n);
    bool good = json_kind(value) == JSON_STRING && json_unquote(&text, value) == 0;
    const struct schema_name *found =
        good && str_starts(buf_str(&text), STR_LIT("#/"))
            ? schema_names_find(definitions, (struct str){text.p + 2, text.n - 2})
            : NULL;
    good = found != NULL || (good && str_eq_text(buf_str(&text), "#"));
    *(int *)member = found != NULL ? (int)(found - definitions->at) + 1 : 0;
    buf_fini(&text);
    return good || refuse(r, at, "must be # or #/$defs/NAME, of a schema that is there");
}

#define TO(member) offsetof(struct schema_node, member)

static const struct keyword {
    const char *name;
    take *take;
    size_t offset;
} keywords[] = {
    {"type", take_type, 0},
    {"nullable", take_bool, TO(nullable)},
    {"const", take_value, TO(constant)},
    {"enum", take_choices, TO(choices)},
    {"minimum", take_number, TO(numbers[0])},
    {"exclusiveMinimum", take_number, TO(numbers[1])},
    {"maximum", take_number, TO(numbers[2])},
    {"exclusiveMaximum", take_number, TO(numbers[3])},
    {"minLength", take_count, TO(least[0])},
    {"maxLength", take_count, TO(most[0])},
    {"minItems", take_count, TO(least[1])},
    {"maxItems", take_count, TO(most[1])},
    {"minProperties", take_count, TO(least[2])},
    {"maxProperties", take_count, TO(most[2])},
    {"properties", take_properties, TO(properties)},
    {"required", take_required, TO(properties)},
    {"additionalProperties", take_schema, TO(additional)},
    {"items", take_schema, TO(items)},
    {"allOf", take_schemas, TO(all)},
    {"anyOf", take_schemas, TO(any)},
    {"oneOf", take_schemas, TO(one)},
    {"not", take_schema, TO(no)},
    {"$ref", take_ref, TO(ref)},
    {"$defs", take_at_top, 0},
    {"definitions", take_at_top, 0},
    {"$id", take_at_top, 0},
    {"$schema", take_at_top, 0},
    {"$comment", take_words, 0},
    {"title", take_words, 0},
    {"description", take_words, 0},
    {"default", take_words, 0},
    {"example", take_words, 0},
    {"examples", take_words, 0},
    {"deprecated", take_words, 0},
    {"readOnly", take_words, 0},
    {"writeOnly", take_words, 0},
    {"format", take_words, 0},
    {"contentEncoding", take_words, 0},
    {"contentMediaType", take_words, 0},
};

static bool take_keyword(struct reader *r, struct schema_node *node, uint64_t *seen,
                         struct str value, const struct json_step *at)
{
    struct str name = {at->key.p + 1, at->key.n - 2};

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct keyword *k = &keywords[i];
        if (!str_eq_text(name, k->name))
            continue;
        if ((*seen >> i & 1) != 0)
            return refuse(r, at, "is given twice");
        *seen |= 1ULL << i;
        return k->take(r, node, (char *)node + k->offset, value, at);
    }
    return str_starts(name, STR_LIT("x-")) ||
           refuse(r, at, "is no keyword that is checked here: leave it out, or say it otherwise");
}

/* --- nodes ------------------------------------------------------------------------------------ */

static bool read_object(struct reader *r, struct schema_node *node, struct str json,
                        const struct json_step *at)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str value;
    uint64_t seen = 0;

    _Static_assert(ARRAY_LEN(keywords) <= 64, "each has a bit");
    json_iter_init(&it, json);
    while (json_iter_next(&it, &step.key, &value))
        if (!take_keyword(r, node, &seen, value, &step))
            return false;
    if (!arrange(&node->properties))
        return refuse(r, at, "describes a property twice");
    for (size_t i = 0; i < node->properties.n; i++)
        node->required += node->properties.at[i].required;
    return true;
}

/* Nodes move while those within are read: one is put in its place when it is whole. */
static bool read_node(struct reader *r, struct str json, const struct json_step *at, int *number)
{
    struct schema *s = r->schema;
    struct schema_node node = {.additional = NO_NODE,
                               .items = NO_NODE,
                               .no = NO_NODE,
                               .ref = NO_NODE,
                               .least = {-1, -1, -1},
                               .most = {-1, -1, -1}};
    enum json_kind kind = json_kind(json);
    size_t place = s->count;

    if (s->count == SCHEMA_PARTS_MAX)
        return refuse(r, at, "is one schema too many: one may have 2000 within it");
    if (s->count == s->room) {
        s->room = s->room > 0 ? 2 * s->room : 8;
        s->nodes = xrealloc(s->nodes, s->room * sizeof *s->nodes);
    }
    s->nodes[s->count++] = node;
    *number = (int)place;
    bool good =
        kind == JSON_OBJECT
            ? read_object(r, &node, json, at)
            : kind == JSON_BOOL || refuse(r, at, "must be a schema: an object, true or false");
    node.never = kind == JSON_BOOL && json.p[0] == 'f';
    s->nodes[place] = node;
    return good;
}

/* --- definitions ------------------------------------------------------------------------------ */

/* What is read of each of them, with its step; false ends it. */
typedef bool each_definition(struct reader *r, struct str value, const char *prefix,
                             const struct json_step *at);

static bool walk_definitions(struct reader *r, struct str json, each_definition *each)
{
    static const char *const prefixes[] = {"$defs/", "definitions/"};
    struct json_iter outer, inner;
    struct json_step top = {0}, step = {.up = &top};
    struct str value, one;

    json_iter_init(&outer, json);
    while (json_iter_next(&outer, &top.key, &value))
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
            if (top.key.n != strlen(prefixes[i]) + 1 ||
                memcmp(top.key.p + 1, prefixes[i], top.key.n - 2) != 0)
                continue;
            if (json_kind(value) != JSON_OBJECT)
                return refuse(r, &top, "must be an object");
            json_iter_init(&inner, value);
            while (json_iter_next(&inner, &step.key, &one))
                if (!each(r, one, prefixes[i], &step))
                    return false;
        }
    return true;
}

static bool name_definition(struct reader *r, struct str value, const char *prefix,
                            const struct json_step *at)
{
    struct schema *s = r->schema;

    (void)value;
    if (s->definitions.n == SCHEMA_PARTS_MAX)
        return refuse(r, at, "is one schema too many: one may have 2000 within it");
    return set_text(s, add_name(&s->definitions), prefix, at->key) ||
           refuse(r, at, "has a name that is no text");
}

static bool read_definition(struct reader *r, struct str value, const char *prefix,
                            const struct json_step *at)
{
    struct schema_names *definitions = &r->schema->definitions;
    struct buf text;

    buf_init(&text, strlen(prefix) + at->key.n);
    buf_add_text(&text, prefix);
    bool good = json_unquote(&text, at->key) == 0;
    const struct schema_name *found = schema_names_find(definitions, buf_str(&text));
    buf_fini(&text);
    assert(good && found != NULL);
    struct schema_name *name = &definitions->at[found - definitions->at];
    if (name->node != NO_NODE)
        return refuse(r, at, "is given twice");
    return read_node(r, value, at, &name->node);
}

/* From places among the definitions to nodes. */
static void settle_refs(struct schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->nodes[i].ref > 0)
            s->nodes[i].ref = s->definitions.at[s->nodes[i].ref - 1].node;
}

static bool read_all(struct reader *r, struct str json)
{
    bool object = json_kind(json) == JSON_OBJECT;
    int top;

    if (object && !walk_definitions(r, json, name_definition))
        return false;
    arrange(&r->schema->definitions);
    if (!read_node(r, json, NULL, &top) || (object && !walk_definitions(r, json, read_definition)))
        return false;
    settle_refs(r->schema);
    return true;
}

struct schema *schema_create(struct str json, struct schema_fault *fault)
{
    struct schema *s = xcalloc(1, sizeof *s);
    struct reader reader = {s, fault};

    buf_init(&fault->pointer, FAULT_POINTER_MAX);
    fault->message = NULL;
    s->text_n = json.n;
    s->text = xcalloc(json.n + 1, 1);
    memcpy(s->text, json.p, json.n);
    s->names = xcalloc(NAMES_ROOM(json.n), 1);
    if (read_all(&reader, (struct str){s->text, json.n}))
        return s;
    schema_destroy(s);
    return NULL;
}

void schema_fault_fini(struct schema_fault *fault)
{
    buf_fini(&fault->pointer);
}

void schema_destroy(struct schema *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        struct schema_node *node = &s->nodes[i];
        free(node->properties.at);
        free(node->all.at);
        free(node->any.at);
        free(node->one.at);
    }
    free(s->definitions.at);
    free(s->nodes);
    free(s->names);
    free(s->text);
    free(s);
}

size_t schema_weight(const struct schema *s)
{
    size_t names = s->definitions.n;

    for (size_t i = 0; i < s->count; i++)
        names += s->nodes[i].properties.n;
    return sizeof *s + s->text_n + NAMES_ROOM(s->text_n) + s->room * sizeof *s->nodes +
           2 * names * sizeof(struct schema_name);
}
