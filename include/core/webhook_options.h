/* A webhook's profile options as the ledger keeps them. Those of a profile that people put credentials into are sealed:
 * the text is {"sealed": base64}, and everybody else's is as it was given. */
#ifndef CORE_WEBHOOK_OPTIONS_H
#define CORE_WEBHOOK_OPTIONS_H

#include "core/profile.h"

struct settings;

/* Appends the text to keep of `json`, options that are good. */
void webhook_options_seal(const struct settings *settings, const struct profile *profile,
                          struct id webhook, struct str json, struct buf *out);

/* The same for a test that tries other options: whatever the profile, it opens only while the webhook's URL has the
 * origin that it has now. */
void webhook_options_seal_here(const struct settings *settings, struct id webhook, struct str url,
                               struct str json, struct buf *out);

/* Appends the options as they were given. ERR_INVALID: sealed with another key, or for another origin. */
int webhook_options_open(const struct settings *settings, struct id webhook, struct str url,
                         struct str kept, struct buf *out) MUST_CHECK;

/* Nothing would be gained by keeping them anew. */
bool webhook_options_are_new(const struct settings *settings, const struct profile *profile,
                             struct str kept);

/* profile_options_bind() of what is kept. ERR_INTERNAL: it cannot be opened, and no problem was added. */
int webhook_options_bind(const struct settings *settings, struct fields *f,
                         const struct profile *profile, struct id webhook, struct str url,
                         struct str kept, struct profile_options *options) MUST_CHECK;

#endif
