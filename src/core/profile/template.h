/* Texts with references in them: {{/json/pointer}} into an event's data, {{type}}, {{id}} or {{created_at}}; what follows a |
 * stands for a value that is not there, null or empty: {{/user/name|somebody}}. */
#ifndef CORE_PROFILE_TEMPLATE_H
#define CORE_PROFILE_TEMPLATE_H

#include "base/str.h"

struct template_fault {
    size_t offset; /* of the brace or the name that is wrong, in bytes */
    const char *message;
};

/* How many references `text` has, or -1: `*fault` says why it is no template. With `links`, what stands between < and >
 * means something to its reader: a value may stand there behind http:// or https:// only. */
int template_check(struct str text, bool links, struct template_fault *fault);

struct template_part {
    struct str text;     /* as it is; or, with n == 0, a reference: */
    struct str name;     /* a JSON Pointer, or type, id, created_at */
    struct str fallback; /* n == 0: none */
};

/* Takes the next part off `*rest`, of a text that passed its check; false at the end. */
bool template_next(struct str *rest, struct template_part *part);

#endif
