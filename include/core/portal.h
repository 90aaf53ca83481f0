/* What a portal may be: who may embed its page, and how that looks. */
#ifndef CORE_PORTAL_H
#define CORE_PORTAL_H

#include "base/field.h"
#include "base/jsonw.h"

#define PORTAL_ORIGINS_MAX 8
#define PORTAL_ORIGIN_MAX  200
#define PORTAL_NAME_MAX    100
#define PORTAL_LOGO_MAX    1000
#define PORTAL_BRAND_MAX   4000 /* bytes of JSON */
#define PORTAL_SECONDS     3600
#define PORTAL_SECONDS_MIN 60
#define PORTAL_SECONDS_MAX 604800
#define PORTALS_PER_APP    1000 /* tokens that have not ended */

extern const char *const portal_scope_names[]; /* ends with NULL */
int portal_scope(int name);                    /* enum key_scope of one of them */
const char *portal_scope_name(int scope);      /* the other way */

/* What is wrong, or NULL: "https://host" or "https://host:port" as browsers write it, in small letters, and http for
 * localhost and 127.0.0.1. What passes may stand in a header. */
const char *portal_check_origin(struct str origin);

struct portal_brand {
    struct str name, logo, color, color_dark; /* p == NULL: none */
};

/* Binds what stands in the member `brand`; problems go to `f`. */
void portal_bind(struct fields *f, struct str json, struct portal_brand *brand);
void portal_write(struct jsonw *w, const struct portal_brand *brand);

/* The origin that a logo is of; n == 0: there is none. */
struct str portal_origin_of(struct str url);

#endif
