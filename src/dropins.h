/* The webhooks of the drop-in settings, kept in the ledger. */
#ifndef DROPINS_H
#define DROPINS_H

#include "core/dropin.h"
#include "core/settings.h"

/* Creates, changes and retires them until the ledger has what `dropins` says: all or nothing, one
 * process at a time. False: it could not, and stderr says why. Blocks. */
bool dropins_apply(const struct settings *settings, const struct dropins *dropins) MUST_CHECK;

#endif
