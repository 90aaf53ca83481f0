/* GET /profiles: what webhooks may have as `profile`, and as `profile_options` with each. */
#include "core/profile.h"

#include "reply.h"
#include "resources.h"

static void write_profile(struct jsonw *w, const struct profile *profile)
{
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "name", profile->name);
    jsonw_text(w, "description", profile->about);
    jsonw_text(w, "signed", profile->signs);
    profile_schema_write(w, "options", profile);
    jsonw_end(w, '}');
}

void handle_profiles_list(struct call *call)
{
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "profiles", '[');
    for (const struct profile *const *p = profiles; *p != NULL; p++)
        write_profile(w, *p);
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}
