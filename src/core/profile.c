/* The table of profiles. */
#include "core/profile.h"

#include "profile/profile_internal.h"

const char *const json_form_names[] = {"js", "python", "python-compact", "verbatim", NULL};
const char *const json_bigint_names[] = {"string", "reject", "verbatim", NULL};

const struct profile *const profiles[] = {&profile_default, NULL};

const struct profile *profile_find(struct str name)
{
    for (const struct profile *const *p = profiles; *p != NULL; p++)
        if (str_eq_text(name, (*p)->name))
            return *p;
    return NULL;
}
