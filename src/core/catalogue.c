/* Finding a catalogue. */
#include "core/catalogue.h"

#include <string.h>

const struct catalogue *catalogue_find(const char *name)
{
    for (const struct catalogue *c = catalogues; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}
