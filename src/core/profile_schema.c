/* The options of profiles as JSON Schema, of the tables that they are bound by. */
#include "core/profile.h"
#include "profile/profile_internal.h"

static void write_object(struct jsonw *w, const char *key, const struct field *table, size_t count,
                         const char *about, const struct profile_options *standard);

/* A bound of 0 is none, but for values. */
static void write_bounds(struct jsonw *w, const struct field *f, const char *least,
                         const char *most)
{
    bool of_value = f->kind == FIELD_I64;

    if (of_value || f->min > 0)
        jsonw_i64(w, least, f->min);
    if (of_value || f->max > 0)
        jsonw_i64(w, most, f->max);
}

static void write_names(struct jsonw *w, const char *const *names)
{
    jsonw_begin(w, "enum", '[');
    for (; *names != NULL; names++)
        jsonw_text(w, NULL, *names);
    jsonw_end(w, ']');
}

static void write_map(struct jsonw *w, const struct field *f)
{
    write_bounds(w, f, "minProperties", "maxProperties");
    jsonw_begin(w, "additionalProperties", '{');
    jsonw_text(w, "type", "string");
    jsonw_i64(w, "maxLength", f->item_max);
    jsonw_end(w, '}');
}

static const char *type_of(const struct field *f)
{
    switch (f->kind) {
    case FIELD_STR:
    case FIELD_ENUM:
        return "string";
    case FIELD_I64:
        return "integer";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_MAP:
        return "object";
    case FIELD_RAW:
        assert(f->kinds == FIELD_KIND(JSON_ARRAY));
        return "array";
    default:
        assert(!"no option is of this kind");
        return NULL;
    }
}

static void write_rest(struct jsonw *w, const struct field *f)
{
    if (f->kind == FIELD_STR)
        write_bounds(w, f, "minLength", "maxLength");
    else if (f->kind == FIELD_I64)
        write_bounds(w, f, "minimum", "maximum");
    else if (f->kind == FIELD_ENUM)
        write_names(w, f->names);
    else if (f->kind == FIELD_MAP)
        write_map(w, f);
    else if (f->kind == FIELD_RAW) {
        jsonw_i64(w, "maxItems", f->item_max);
        write_object(w, "items", f->inside, f->inside_count, NULL, NULL);
    }
}

/* `standard`, NULL: what it is if nothing is said is no option's. */
static void write_field(struct jsonw *w, const struct field *f,
                        const struct profile_options *standard)
{
    if (f->kind == FIELD_RAW && f->kinds == FIELD_KIND(JSON_OBJECT)) {
        write_object(w, f->name, f->inside, f->inside_count, f->about, NULL);
        return;
    }
    jsonw_begin(w, f->name, '{');
    jsonw_text(w, "type", type_of(f));
    if (f->about != NULL)
        jsonw_text(w, "description", f->about);
    write_rest(w, f);
    if (standard != NULL)
        profile_option_write(w, "default", f, (const char *)standard + f->offset);
    jsonw_end(w, '}');
}

static void write_required(struct jsonw *w, const struct field *table, size_t count)
{
    jsonw_begin(w, "required", '[');
    for (size_t i = 0; i < count; i++)
        if (table[i].flags & FIELD_REQUIRED)
            jsonw_text(w, NULL, table[i].name);
    jsonw_end(w, ']');
}

static void write_object(struct jsonw *w, const char *key, const struct field *table, size_t count,
                         const char *about, const struct profile_options *standard)
{
    jsonw_begin(w, key, '{');
    jsonw_text(w, "type", "object");
    if (about != NULL)
        jsonw_text(w, "description", about);
    jsonw_begin(w, "properties", '{');
    for (size_t i = 0; i < count; i++)
        write_field(w, &table[i], standard);
    jsonw_end(w, '}');
    write_required(w, table, count);
    jsonw_bool(w, "additionalProperties", false);
    jsonw_end(w, '}');
}

void profile_schema_write(struct jsonw *w, const char *key, const struct profile *profile)
{
    write_object(w, key, profile->options, profile->option_count, NULL, &profile->standard);
}
