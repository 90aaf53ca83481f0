/* Managed webhooks: those that the drop-in settings ask for, kept in the app `default`. They are
 * created, updated and retired with the settings; the API shows them and does not change them. */
#ifndef STORE_MANAGED_H
#define STORE_MANAGED_H

#include "core/dropin.h"
#include "core/settings.h"

struct dbsync;

/* Makes the ledger match, in one transaction, one process at a time. */
int managed_sync(struct dbsync *db, const struct settings *settings,
                 const struct dropins *dropins) MUST_CHECK;

#endif
