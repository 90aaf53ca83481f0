/* The audit log: what can be done, and by whom. The numbers are those of the columns: what there is keeps its own. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "base/str.h"

enum audit_action {
    AUDIT_WEBHOOK_CREATE,
    AUDIT_WEBHOOK_UPDATE,
    AUDIT_WEBHOOK_PAUSE,
    AUDIT_WEBHOOK_RESUME,
    AUDIT_WEBHOOK_DISABLE,
    AUDIT_WEBHOOK_ROTATE,
    AUDIT_WEBHOOK_DELETE,
    AUDIT_WEBHOOK_RESEAL,
    AUDIT_EVENT_ERASE,
    AUDIT_DELIVERY_RETRY,
    AUDIT_DELIVERY_CANCEL,
    AUDIT_JOB_REPLAY,
    AUDIT_JOB_RETRY,
    AUDIT_JOB_BACKFILL,
    AUDIT_JOB_ERASE,
    AUDIT_JOB_CANCEL,
    AUDIT_EVENT_TYPE_CREATE,
    AUDIT_EVENT_TYPE_UPDATE,
    AUDIT_EVENT_TYPE_DELETE,
    AUDIT_APP_CREATE,
    AUDIT_APP_UPDATE,
    AUDIT_APP_DELETE,
    AUDIT_KEY_CREATE,
    AUDIT_KEY_UPDATE,
    AUDIT_KEY_REVOKE,
    AUDIT_SOURCE_CREATE,
    AUDIT_SOURCE_UPDATE,
    AUDIT_SOURCE_ROTATE,
    AUDIT_SOURCE_DELETE,
    AUDIT_SOURCE_RESEAL,
    AUDIT_PORTAL_CREATE,
    AUDIT_ISSUE_UPDATE,
};
extern const char *const audit_action_names[]; /* "webhook.create" …; ends with NULL */

enum audit_actor {
    AUDIT_BY_KEY,       /* of the app itself */
    AUDIT_BY_ADMIN_KEY, /* that of the options too, which has no id */
    AUDIT_BY_COMMAND,   /* the command line */
    AUDIT_BY_SETTINGS,  /* drop-in settings, when the service starts */
};
extern const char *const audit_actor_names[]; /* ends with NULL */

/* The kinds of what is changed, and the prefixes of their ids; of those that are known by a name, NULL. */
struct audit_resource {
    const char *type, *prefix;
};
extern const struct audit_resource audit_resources[]; /* ends with a type of NULL */

/* The kind that an action is about, which its name begins with; NULL: no release of ours has that number. */
const struct audit_resource *audit_resource_of(int64_t action);

#endif
