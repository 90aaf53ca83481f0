/* Reading a filter. A plan is made of arrays: [operator, where it stands in the filter, …]; of `all`, `any` and `not` there
 * follow their parts, of a condition the path, as the text of an array of PostgreSQL's, and the value to compare with. */
#include "core/conditions.h"

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"

#define NUMBER_MAX  1000 /* bytes of a number, and the size of its exponent: PostgreSQL holds more */
#define POINTER_MAX 1024
#define KIND(kind)  (1U << (kind))
#define TEXT_SOUND \
    "has \\u0000 or half of a surrogate pair, which is in no data that can be compared: leave it out"
#define NUMBER_SOUND "must have an exponent from -1000 to 1000, and no more than 1,000 digits"

enum member_role { ROLE_LIST, ROLE_PART, ROLE_PATH, ROLE_OPERATOR };

enum { ALL, ANY, NOT, PATH, EQ, NE, IN, GT, GTE, LT, LTE, EXISTS, PREFIX, MEMBERS };

/* `kinds`: of the value, 0: any. */
static const struct member {
    const char *name;
    enum member_role role;
    unsigned kinds;
    const char *wrong;
} members[MEMBERS] = {
#define ORDER_KINDS KIND(JSON_NUMBER) | KIND(JSON_STRING), "must be a number or a string"
    [ALL] = {"all", ROLE_LIST, KIND(JSON_ARRAY), "must be an array of conditions"},
    [ANY] = {"any", ROLE_LIST, KIND(JSON_ARRAY), "must be an array of conditions"},
    [NOT] = {"not", ROLE_PART, 0, NULL},
    [PATH] = {"path", ROLE_PATH, KIND(JSON_STRING), "must be a JSON Pointer such as /user/plan"},
    [EQ] = {"eq", ROLE_OPERATOR, 0, NULL},
    [NE] = {"ne", ROLE_OPERATOR, 0, NULL},
    [IN] = {"in", ROLE_OPERATOR, KIND(JSON_ARRAY), "must be an array of values"},
    [GT] = {"gt", ROLE_OPERATOR, ORDER_KINDS},
    [GTE] = {"gte", ROLE_OPERATOR, ORDER_KINDS},
    [LT] = {"lt", ROLE_OPERATOR, ORDER_KINDS},
    [LTE] = {"lte", ROLE_OPERATOR, ORDER_KINDS},
    [EXISTS] = {"exists", ROLE_OPERATOR, KIND(JSON_BOOL), "must be true or false"},
    [PREFIX] = {"prefix", ROLE_OPERATOR, KIND(JSON_STRING), "must be a string"},
};

#define MEMBER_UNKNOWN                                                                            \
    "is not known: a condition has path and one or more of eq, ne, in, gt, gte, lt, lte, exists " \
    "and prefix; others are all, any and not"
#define NODE_KIND "must be an object, such as {\"path\": \"/user/plan\", \"eq\": \"pro\"}"

struct reading {
    struct jsonw w;
    struct conditions_fault *fault;
    int count, depth;
};

/* An object of a filter, by its members. */
struct node {
    struct json_step step[MEMBERS]; /* to each */
    struct str value[MEMBERS];      /* p == NULL: it has none */
    size_t operators, groups;       /* how many it has; the second with all, any or not */
};

void conditions_fault_fini(struct conditions_fault *fault)
{
    buf_fini(&fault->pointer);
}

/* False, for who says it. */
static bool wrong(struct reading *r, const struct json_step *at, const char *message)
{
    json_pointer(&r->fault->pointer, at);
    r->fault->message = message;
    return false;
}

static int member_of(struct str key)
{
    for (int i = 0; i < MEMBERS; i++)
        if (str_eq_text((struct str){key.p + 1, key.n - 2}, members[i].name))
            return i;
    return MEMBERS;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_text(struct str quoted)
{
    struct buf text;

    buf_init(&text, quoted.n);
    bool sound = json_unquote(&text, quoted) == 0;
    buf_fini(&text);
    return sound;
}

static bool is_number_in_range(struct str literal)
{
    size_t digits = 0;

    if (literal.n > NUMBER_MAX)
        return false;
    while (digits < literal.n && literal.p[digits] != 'e' && literal.p[digits] != 'E')
        digits++;
    if (digits == literal.n)
        return true;
    int64_t exponent = 0;
    for (size_t at = digits + 1; at < literal.n && exponent <= NUMBER_MAX; at++)
        if (literal.p[at] != '+' && literal.p[at] != '-')
            exponent = 10 * exponent + (literal.p[at] - '0');
    return exponent <= NUMBER_MAX;
}

/* What jsonb cannot hold equals nothing. */
static bool check_value(struct reading *r, const struct json_step *at, struct str value)
{
    struct json_step step = {.up = at};
    struct json_iter it;
    struct str inner;
    enum json_kind kind = json_kind(value);

    if (kind == JSON_STRING && !is_text(value))
        return wrong(r, at, TEXT_SOUND);
    if (kind == JSON_NUMBER && !is_number_in_range(value))
        return wrong(r, at, NUMBER_SOUND);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return true;
    json_iter_init(&it, value);
    for (; json_iter_next(&it, &step.key, &inner); step.index++) {
        if (step.key.n > 0 && !is_text(step.key))
            return wrong(r, &step, TEXT_SOUND);
        if (!check_value(r, &step, inner))
            return false;
    }
    return true;
}

static int length_of(struct str array)
{
    struct json_iter it;
    struct str key, value;
    int n = 0;

    json_iter_init(&it, array);
    while (json_iter_next(&it, &key, &value))
        n++;
    return n;
}

/* --- paths ------------------------------------------------------------------------------------ */

/* Its names, each in quotes. */
static void add_names(struct buf *out, struct str path)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '/') {
            buf_add_text(out, i > 0 ? "\",\"" : "\"");
            continue;
        }
        if (c == '~')
            c = path.p[++i] == '0' ? '~' : '/';
        if (c == '"' || c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, c);
    }
    buf_add_text(out, path.n > 0 ? "\"}" : "}");
}

/* Appends the names of a path as PostgreSQL's text. */
static bool read_path(struct reading *r, const struct node *n, struct buf *names)
{
    struct buf path;

    buf_init(&path, CONDITIONS_JSON_MAX);
    bool sound = json_unquote(&path, n->value[PATH]) == 0;
    bool pointer = json_is_pointer(buf_str(&path));
    add_names(names, sound && pointer ? buf_str(&path) : STR_LIT(""));
    buf_fini(&path);
    if (!sound)
        return wrong(r, &n->step[PATH], TEXT_SOUND);
    return pointer || wrong(r, &n->step[PATH],
                            "must be a JSON Pointer: empty, or names that each follow a /, in "
                            "which ~1 stands for / and ~0 for ~");
}

/* --- nodes ------------------------------------------------------------------------------------ */

static bool read_node(struct reading *r, const struct json_step *at, struct str json);

static bool read_member(struct reading *r, struct node *n, const struct json_step *step,
                        struct str value)
{
    int i = member_of(step->key);

    if (i == MEMBERS)
        return wrong(r, step, MEMBER_UNKNOWN);
    if (n->value[i].p != NULL)
        return wrong(r, step, "is there twice: leave one out");
    if (members[i].kinds != 0 && (members[i].kinds & KIND(json_kind(value))) == 0)
        return wrong(r, step, members[i].wrong);
    n->step[i] = *step;
    n->value[i] = value;
    n->operators += members[i].role == ROLE_OPERATOR;
    n->groups += members[i].role == ROLE_LIST || members[i].role == ROLE_PART;
    return true;
}

/* Either one of all, any and not, or a path and what is asked of it. */
static bool is_whole(struct reading *r, const struct json_step *at, const struct node *n)
{
    bool path = n->value[PATH].p != NULL;

    if (n->groups == 1 && n->operators == 0 && !path)
        return true;
    if (n->groups > 0)
        return wrong(r, at, "must have all, any or not alone: put each into an object of its own");
    if (!path)
        return wrong(r, at, "must have a path, or one of all, any and not");
    return n->operators > 0 ||
           wrong(r, at, "must have one of eq, ne, in, gt, gte, lt, lte, exists and prefix");
}

static void begin_part(struct reading *r, int member, const struct json_step *at)
{
    struct buf pointer;

    buf_init(&pointer, POINTER_MAX);
    json_pointer(&pointer, at);
    jsonw_begin(&r->w, NULL, '[');
    jsonw_text(&r->w, NULL, members[member].name);
    jsonw_str(&r->w, NULL, buf_str(&pointer));
    buf_fini(&pointer);
}

static bool read_group(struct reading *r, const struct node *n, int member)
{
    struct json_step step = {.up = &n->step[member]};
    struct json_iter it;
    struct str part;
    bool good = true;

    begin_part(r, member, &n->step[member]);
    if (members[member].role == ROLE_PART) {
        good = read_node(r, &n->step[member], n->value[member]);
    } else {
        json_iter_init(&it, n->value[member]);
        for (; good && json_iter_next(&it, &step.key, &part); step.index++)
            good = read_node(r, &step, part);
        if (good && step.index == 0)
            good = wrong(r, &n->step[member], "must have at least one condition");
    }
    jsonw_end(&r->w, ']');
    return good;
}

static bool read_operator(struct reading *r, const struct node *n, int member, struct str names)
{
    r->count += member == IN ? length_of(n->value[member]) : 1;
    if (r->count > CONDITIONS_MAX)
        return wrong(r, &n->step[member],
                     "makes more than " TEXT_OF(CONDITIONS_MAX) " conditions, each value of `in` "
                                                                "counted as one");
    begin_part(r, member, &n->step[member]);
    jsonw_str(&r->w, NULL, names);
    jsonw_raw(&r->w, NULL, n->value[member]);
    jsonw_end(&r->w, ']');
    return check_value(r, &n->step[member], n->value[member]);
}

/* Several of one path hold together. */
static bool read_operators(struct reading *r, const struct json_step *at, const struct node *n)
{
    struct buf names;

    buf_init(&names, (size_t)4 * CONDITIONS_JSON_MAX);
    bool good = read_path(r, n, &names);
    if (n->operators > 1)
        begin_part(r, ALL, at);
    for (int i = 0; good && i < MEMBERS; i++)
        if (members[i].role == ROLE_OPERATOR && n->value[i].p != NULL)
            good = read_operator(r, n, i, buf_str(&names));
    if (n->operators > 1)
        jsonw_end(&r->w, ']');
    buf_fini(&names);
    return good;
}

static bool read_parts(struct reading *r, const struct json_step *at, const struct node *n)
{
    for (int i = 0; i < MEMBERS; i++)
        if (n->value[i].p != NULL && members[i].role <= ROLE_PART)
            return read_group(r, n, i);
    return read_operators(r, at, n);
}

static bool read_node(struct reading *r, const struct json_step *at, struct str json)
{
    struct json_step step = {.up = at};
    struct node n = {0};
    struct json_iter it;
    struct str value;
    bool good = true;

    if (json_kind(json) != JSON_OBJECT)
        return wrong(r, at, NODE_KIND);
    if (r->depth > CONDITIONS_DEPTH_MAX)
        return wrong(r, at,
                     "is nested too deep: " TEXT_OF(CONDITIONS_DEPTH_MAX) " of all, any and not "
                                                                          "may be in each other");
    json_iter_init(&it, json);
    while (good && json_iter_next(&it, &step.key, &value))
        good = read_member(r, &n, &step, value);
    r->depth++;
    good = good && is_whole(r, at, &n) && read_parts(r, at, &n);
    r->depth--;
    return good;
}

/* A path is there again with each operator, and its names are longer than they were. */
static bool fits_a_plan(struct reading *r)
{
    return !r->w.buf->overflow ||
           wrong(r, NULL,
                 "has paths that are too long for all that is asked of them: make them shorter");
}

int conditions_plan(struct str json, struct buf *plan, struct conditions_fault *fault)
{
    struct reading r = {.w = jsonw_on(plan), .fault = fault};

    buf_init(&fault->pointer, (size_t)2 * CONDITIONS_JSON_MAX);
    fault->message = NULL;
    if (!read_node(&r, NULL, json) || !fits_a_plan(&r))
        return ERR_INVALID;
    return r.count;
}
