/* The table of profiles, and their options. */
#include "core/profile.h"

#include "base/err.h"
#include "profile/profile_internal.h"

const char *const json_form_names[] = {"js", "python", "python-compact", "verbatim", NULL};
const char *const json_bigint_names[] = {"string", "reject", "verbatim", NULL};
const char *const profile_envelope_names[] = {"object", "array", NULL};
const char *const profile_auth_names[] = {"hmac", "plain", "none", NULL};

/* One list: the symbol and the name. History has their numbers (core/body.h): new ones come last. */
#define PROFILES(X)                           \
    X(default, "default")                     \
    X(standard_webhooks, "standard-webhooks") \
    X(marzban, "marzban")                     \
    X(marzban_docs, "marzban-docs")           \
    X(remnawave, "remnawave")                 \
    X(remnawave_flask, "remnawave-flask")     \
    X(authon, "authon")                       \
    X(discord, "discord")                     \
    X(slack, "slack")                         \
    X(custom, "custom")

#define POINTER(symbol, name) &profile_##symbol,
#define NAME(symbol, name)    name,

const struct profile *const profiles[] = {PROFILES(POINTER) NULL};
const char *const profile_names[] = {PROFILES(NAME) NULL};

/* Whether the option's bit is among those that were given. */
static bool was_given(uint32_t present, const struct profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->option_count; i++)
        if (strcmp(profile->options[i].name, name) == 0)
            return (present >> i & 1) != 0;
    return false;
}

static int read_options(struct fields *f, const struct profile *profile, struct str json,
                        struct profile_options *options)
{
    static const char needs_array[] =
        "works only with the envelope `array`: choose that, or leave it out";

    if (!json_is_object(json)) {
        fields_problem(f, "profile_options", "must be a JSON object");
        return ERR_BAD_REQUEST;
    }
    uint32_t present;
    int err = fields_bind_member(f, profile->options, profile->option_count, json,
                                 "profile_options.", options, &present);

    if (options->transform.p != NULL) {
        struct str text = {str_dup(f->alloc, options->transform), options->transform.n};
        options->transform = text;
        if (err == 0)
            err = transform_check(f, text, profile == &profile_slack);
    }

    if (err == ERR_BAD_REQUEST || options->envelope == ENVELOPE_ARRAY)
        return err;
    if (options->batch_seconds > 0 && was_given(present, profile, "batch_seconds")) {
        fields_problem(f, "profile_options.batch_seconds", needs_array);
        err = ERR_INVALID;
    }
    if (options->batch_max > 1 && was_given(present, profile, "batch_max")) {
        fields_problem(f, "profile_options.batch_max", needs_array);
        err = ERR_INVALID;
    }
    return err;
}

int profile_options_bind(struct fields *f, const struct profile *profile, struct str json,
                         struct profile_options *options)
{
    int err = 0;

    *options = profile->standard;
    if (!str_eq(json, STR_LIT("{}"))) /* nearly always it is */
        err = read_options(f, profile, json, options);
    if (options->envelope == ENVELOPE_OBJECT) {
        options->batch_seconds = 0;
        options->batch_max = 1;
    }
    return err;
}

static void write_map(struct jsonw *w, const char *key, const struct field_map *map)
{
    jsonw_begin(w, key, '{');
    for (size_t i = 0; i < map->n; i++)
        jsonw_str(w, map->at[i].key.p, map->at[i].value);
    jsonw_end(w, '}');
}

void profile_option_write(struct jsonw *w, const char *key, const struct field *option,
                          const void *at)
{
    switch (option->kind) {
    case FIELD_ENUM:
        jsonw_text(w, key, option->names[*(const int *)at]);
        break;
    case FIELD_BOOL:
        jsonw_bool(w, key, *(const bool *)at);
        break;
    case FIELD_I64:
        jsonw_i64(w, key, *(const int64_t *)at);
        break;
    case FIELD_STR:
        jsonw_str(w, key, *(const struct str *)at);
        break;
    case FIELD_RAW:
        jsonw_raw(w, key, *(const struct str *)at);
        break;
    case FIELD_MAP:
        write_map(w, key, at);
        break;
    default:
        assert(!"no option is of this kind");
    }
}

/* Options of arrays say nothing where nobody asked for one, and there is no standard transform. */
static bool is_said(const struct profile *profile, const struct profile_options *options,
                    const struct field *field)
{
    if (field->offset == OPTION_AT(transform))
        return options->transform.p != NULL;
    return options->envelope == ENVELOPE_ARRAY || profile->standard.envelope == ENVELOPE_ARRAY ||
           (field->offset != OPTION_AT(envelope) && field->offset != OPTION_AT(batch_seconds) &&
            field->offset != OPTION_AT(batch_max));
}

void profile_options_write(struct jsonw *w, const struct profile *profile,
                           const struct profile_options *options)
{
    jsonw_begin(w, "profile_options", '{');
    for (size_t i = 0; i < profile->option_count; i++)
        if (is_said(profile, options, &profile->options[i]))
            profile_option_write(w, profile->options[i].name, &profile->options[i],
                                 (const char *)options + profile->options[i].offset);
    jsonw_end(w, '}');
}

bool profile_sends_secret(const struct profile *profile, const struct profile_options *options)
{
    return profile->sends_secret != NULL ? profile->sends_secret(options)
                                         : options->auth == AUTH_PLAIN;
}

const struct profile_variant profile_json_variants[] = {
    {JSON_FORM_JS, -1, -1},
    {JSON_FORM_PYTHON, -1, -1},
    {JSON_FORM_PYTHON_COMPACT, -1, -1},
};

const struct profile *profile_find(struct str name)
{
    for (const struct profile *const *p = profiles; *p != NULL; p++)
        if (str_eq_text(name, (*p)->name))
            return *p;
    return NULL;
}

const struct profile *profile_detect(struct str host, struct str path)
{
    const char *query = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;

    if (query != NULL)
        path.n = (size_t)(query - path.p);
    if (slack_owns(host, path) || discord_takes_slack(host, path))
        return &profile_slack;
    return discord_owns(host, path) ? &profile_discord : NULL;
}

int profile_write_body(const struct profile *profile, const struct profile_input *in, size_t count,
                       struct buf *body)
{
    int taken = profile->write_body(in, count, body);
    return body->overflow ? ERR_INVALID : taken;
}
