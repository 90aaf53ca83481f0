/* Event types of systems that Posthorn stands in for, to be loaded into an app's catalogue: src/core/catalogue/. A schema
 * is of what a product posts as `data`, of which the example is one; what a vendor leaves open it leaves open. */
#ifndef CORE_CATALOGUE_H
#define CORE_CATALOGUE_H

#include "base/defs.h"

#define CATALOGUE_TYPES_MAX 100

struct catalogue_type {
    const char *name, *description, *schema, *example; /* the last two are JSON */
};

struct catalogue {
    const char *name;
    const struct catalogue_type *types;
    size_t count; /* at most CATALOGUE_TYPES_MAX */
};

extern const struct catalogue catalogues[]; /* ends with one without a name */

/* NULL: there is none of that name. */
const struct catalogue *catalogue_find(const char *name);

#endif
