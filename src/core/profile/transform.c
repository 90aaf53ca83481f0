/* The option `transform` of Discord and Slack: what a message says, by templates. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "template.h"

#include <stdio.h>

#define REFERENCES_MAX 32 /* each may take a walk over the data */
#define COLOURS_MAX    25
#define PATH_SIZE      128

static const char path_of[] = "profile_options.transform.";

/* --- what a client writes --------------------------------------------------------------------- */

/* "#RRGGBB", or -1. */
static int read_rgb(struct str text)
{
    int rgb = 0;

    if (text.n != 7 || text.p[0] != '#')
        return -1;
    for (size_t i = 1; i < text.n; i++) {
        int digit = str_hex(text.p[i]);
        if (digit < 0)
            return -1;
        rgb = rgb * 16 + digit;
    }
    return rgb;
}

static const char *check_rgb(struct str text)
{
    return read_rgb(text) >= 0 ? NULL : "must be a colour such as #57f287";
}

static const char *check_colour(struct str key, struct str text)
{
    (void)key;
    return check_rgb(text);
}

static const char *check_path(struct str text)
{
    return text.n > 0 && json_is_pointer(text) ? NULL : "must be a JSON Pointer such as /status";
}

struct colour_input {
    struct str path;
    struct field_map map;
};

static const struct field colour_fields[] = {
    {"path", FIELD_STR, offsetof(struct colour_input, path), FIELD_REQUIRED, .min = 1,
     .check = check_path, .about = "Where the value is in the event's data, such as /status."},
    {"map", FIELD_MAP, offsetof(struct colour_input, map), FIELD_REQUIRED, .max = COLOURS_MAX,
     .key_max = 256, .item_max = 7, .check_pair = check_colour,
     .about = "A value, and its colour such as #57f287."},
};

struct field_input {
    struct str name, value;
    bool in_line;
};

static const struct field field_fields[] = {
    {"name", FIELD_STR, offsetof(struct field_input, name), FIELD_REQUIRED, .min = 1},
    {"value", FIELD_STR, offsetof(struct field_input, value), FIELD_REQUIRED, .min = 1},
    {"inline", FIELD_BOOL, offsetof(struct field_input, in_line), 0,
     .about = "Discord puts it beside others unless told not to."},
};

struct transform_input {
    struct str text, title, description, colour, colour_by, fields;
};

const struct field transform_members[TRANSFORM_MEMBERS] = {
    {"text", FIELD_STR, offsetof(struct transform_input, text), 0,
     .about = "Beside Discord's embed; Slack's summary in notifications."},
    {"title", FIELD_STR, offsetof(struct transform_input, title), 0,
     .about = "The event's type if nothing is said."},
    {"description", FIELD_STR, offsetof(struct transform_input, description), 0,
     .about = "The text below the title."},
    {"color", FIELD_STR, offsetof(struct transform_input, colour), 0, .check = check_rgb,
     .about = "Such as #57f287; by the event's type if nothing is said."},
    {"color_by", FIELD_RAW, offsetof(struct transform_input, colour_by), 0,
     .kinds = FIELD_KIND(JSON_OBJECT), .inside = colour_fields,
     .inside_count = ARRAY_LEN(colour_fields), .about = "A colour by a value of the data."},
    {"fields", FIELD_RAW, offsetof(struct transform_input, fields), 0,
     .kinds = FIELD_KIND(JSON_ARRAY), .item_max = TRANSFORM_FIELDS_MAX, .inside = field_fields,
     .inside_count = ARRAY_LEN(field_fields), .about = "Names and values, one beside another."},
};

struct checking {
    struct fields *f;
    bool links;
    int references;
};

static void check_template(struct checking *c, const char *path, const char *name, struct str text)
{
    char field[PATH_SIZE], message[256];
    struct template_fault fault;
    int references = template_check(text, c->links, &fault);

    snprintf(field, sizeof field, "%s%s", path, name);
    if (references < 0) {
        snprintf(message, sizeof message, "is no template: at byte %zu, %s", fault.offset,
                 fault.message);
        fields_problem(c->f, field, message);
        return;
    }
    c->references += references;
    if (c->references > REFERENCES_MAX && c->references - references <= REFERENCES_MAX)
        fields_problem(c->f, field,
                       "makes more than " TEXT_OF(REFERENCES_MAX) " references in all: leave some "
                                                                  "out");
}

static void check_colours(struct checking *c, struct str json)
{
    struct colour_input in = {0};
    uint32_t present;

    if (json.p == NULL)
        return;
    int err = fields_bind_member(c->f, colour_fields, ARRAY_LEN(colour_fields), json,
                                 "profile_options.transform.color_by.", &in, &present);
    (void)err; /* it adds problems */
}

static void check_fields(struct checking *c, struct str json)
{
    char path[PATH_SIZE];
    struct str key, value;
    struct json_iter it;
    uint32_t present;
    int i = 0;

    if (json.p == NULL)
        return;
    json_iter_init(&it, json);
    for (; json_iter_next(&it, &key, &value); i++) {
        struct field_input in = {0};
        snprintf(path, sizeof path, "%sfields[%d].", path_of, i);
        if (i < TRANSFORM_FIELDS_MAX &&
            fields_bind_member(c->f, field_fields, ARRAY_LEN(field_fields), value, path, &in,
                               &present) == 0) {
            check_template(c, path, "name", in.name);
            check_template(c, path, "value", in.value);
        }
    }
    if (i > TRANSFORM_FIELDS_MAX)
        fields_problem(c->f, "profile_options.transform.fields",
                       "must have at most " TEXT_OF(TRANSFORM_FIELDS_MAX) " entries");
}

int transform_check(struct fields *f, struct str json, bool links)
{
    struct checking c = {.f = f, .links = links};
    struct transform_input in = {0};
    size_t before = f->problem_count + f->problems_unsaid;
    uint32_t present;

    if (fields_bind_member(f, transform_members, TRANSFORM_MEMBERS, json, path_of, &in, &present) ==
        0) {
        check_template(&c, path_of, "text", in.text);
        check_template(&c, path_of, "title", in.title);
        check_template(&c, path_of, "description", in.description);
        check_colours(&c, in.colour_by);
        check_fields(&c, in.fields);
    }
    return f->problem_count + f->problems_unsaid > before ? ERR_INVALID : 0;
}

/* --- what a receiver reads -------------------------------------------------------------------- */

struct str transform_at(struct str json, const char *pointer)
{
    return json.p != NULL ? json_at(json, str_of(pointer)) : STR_NONE;
}

/* The author's own words, with what they mean to the service. */
static size_t as_it_is(struct buf *out, const char **p, const char *end)
{
    return chat_copy(out, p, end);
}

static bool is_nothing(struct str json)
{
    return json.p == NULL || json_kind(json) == JSON_NULL || str_eq(json, STR_LIT("\"\""));
}

/* Writing a value takes a few times as long as to go over it. */
static struct str found_at(struct transform *t, struct str pointer)
{
    struct str value = json_at_within(t->in->data, pointer, &t->left);
    size_t weight = 4 * value.n;

    if (value.p == NULL || weight > t->left)
        return STR_NONE;
    t->left -= weight;
    return value;
}

/* Appends what a reference stands for; false: nothing does. */
static bool add_value(struct buf *out, struct transform *t, struct str name)
{
    const struct profile_input *in = t->in;
    char text[CLOCK_TEXT_SIZE > ID_TEXT_SIZE ? CLOCK_TEXT_SIZE : ID_TEXT_SIZE];

    if (str_eq_text(name, "type")) {
        buf_add_str(out, in->type);
    } else if (str_eq_text(name, "id")) {
        buf_add_text(out, id_text(text, in->test ? ID_TEST_EVENT : ID_EVENT, in->event));
    } else if (str_eq_text(name, "created_at")) {
        buf_add_text(out, clock_text(text, id_time_ms(in->event), CLOCK_SECONDS));
    } else {
        struct str value = found_at(t, name);
        if (is_nothing(value))
            return false;
        chat_value(out, value);
    }
    return true;
}

static size_t add_part(struct buf *out, const struct template_part *part, struct transform *t,
                       chat_escape *escape, size_t limit)
{
    struct buf value;

    if (part->text.n > 0)
        return chat_add(out, part->text, as_it_is, limit);
    buf_init(&value, MESSAGE_BODY_MAX);
    bool there = add_value(&value, t, part->name);
    size_t units =
        chat_add(out, there ? buf_str(&value) : part->fallback, there ? escape : as_it_is, limit);
    buf_fini(&value);
    return units;
}

size_t transform_add(struct buf *out, struct str quoted, struct transform *t, chat_escape *escape,
                     size_t limit)
{
    struct template_part part;
    struct buf text;
    size_t units = 0, start = out->n;

    buf_init(&text, PROFILE_OPTIONS_MAX);
    if (quoted.p != NULL && json_unquote(&text, quoted) == 0) {
        struct str rest = buf_str(&text);
        while (units < limit && template_next(&rest, &part))
            units += add_part(out, &part, t, escape, limit - units);
    }
    if (chat_drop_blank(out, start))
        units = 0;
    buf_fini(&text);
    return units;
}

/* The colour of a literal; -1: there is none. */
static int rgb_of(struct str quoted)
{
    return quoted.p != NULL ? read_rgb((struct str){quoted.p + 1, quoted.n - 2}) : -1;
}

/* The colour of the value at `path`, by the text that it would be shown as; -1: there is none. */
static int mapped_colour(struct transform *t, struct str by)
{
    struct str key, rgb_text, value = STR_NONE;
    struct buf pointer, text, name;
    struct json_iter it;
    int rgb = -1;

    buf_init(&pointer, PROFILE_OPTIONS_MAX);
    buf_init(&name, PROFILE_OPTIONS_MAX);
    buf_init(&text, MESSAGE_BODY_MAX);
    if (json_unquote(&pointer, transform_at(by, "/path")) == 0)
        value = found_at(t, buf_str(&pointer));
    if (value.p != NULL)
        chat_value(&text, value);
    json_iter_init(&it, transform_at(by, "/map"));
    while (value.p != NULL && json_iter_next(&it, &key, &rgb_text)) {
        buf_clear(&name);
        if (json_unquote(&name, key) == 0 && str_eq(buf_str(&name), buf_str(&text)))
            rgb = rgb_of(rgb_text);
    }
    buf_fini(&text);
    buf_fini(&name);
    buf_fini(&pointer);
    return rgb;
}

int transform_colour(struct transform *t)
{
    const struct profile_input *in = t->in;
    struct str by = transform_at(in->options.transform, "/color_by");
    int rgb = by.p != NULL ? mapped_colour(t, by) : -1;

    if (rgb < 0)
        rgb = rgb_of(transform_at(in->options.transform, "/color"));
    return rgb >= 0 ? rgb : chat_colour(in->type);
}
