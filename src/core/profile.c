/* The table of profiles. */
#include "core/profile.h"

#include "profile/profile_internal.h"

const char *const json_form_names[] = {"js", "python", "python-compact", "verbatim", NULL};
const char *const json_bigint_names[] = {"string", "reject", "verbatim", NULL};

const struct profile *const profiles[] = {&profile_default, NULL};

#define AT(member) offsetof(struct profile_options, member)

static const struct field fields[] = {
    {"json", FIELD_ENUM, AT(json), FIELD_NULLABLE, .names = json_form_names},
    {"bigint", FIELD_ENUM, AT(bigint), FIELD_NULLABLE, .names = json_bigint_names},
};

int profile_options_bind(struct fields *f, const struct profile *profile, struct str json,
                         struct profile_options *options)
{
    *options = profile->standard;
    if (str_eq(json, STR_LIT("{}"))) /* nearly always */
        return 0;
    return fields_bind(f, fields, ARRAY_LEN(fields), json, "profile_options.", options);
}

const struct profile *profile_find(struct str name)
{
    for (const struct profile *const *p = profiles; *p != NULL; p++)
        if (str_eq_text(name, (*p)->name))
            return *p;
    return NULL;
}
