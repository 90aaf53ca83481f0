/* The names of the audit log. */
#include "core/audit.h"

#include "base/id.h"

const char *const audit_action_names[] = {
    [AUDIT_WEBHOOK_CREATE] = "webhook.create",
    [AUDIT_WEBHOOK_UPDATE] = "webhook.update",
    [AUDIT_WEBHOOK_PAUSE] = "webhook.pause",
    [AUDIT_WEBHOOK_RESUME] = "webhook.resume",
    [AUDIT_WEBHOOK_DISABLE] = "webhook.disable",
    [AUDIT_WEBHOOK_ROTATE] = "webhook.rotate",
    [AUDIT_WEBHOOK_DELETE] = "webhook.delete",
    [AUDIT_WEBHOOK_RESEAL] = "webhook.reseal",
    [AUDIT_EVENT_ERASE] = "event.erase",
    [AUDIT_DELIVERY_RETRY] = "delivery.retry",
    [AUDIT_DELIVERY_CANCEL] = "delivery.cancel",
    [AUDIT_JOB_REPLAY] = "job.replay",
    [AUDIT_JOB_RETRY] = "job.retry",
    [AUDIT_JOB_BACKFILL] = "job.backfill",
    [AUDIT_JOB_ERASE] = "job.erase",
    [AUDIT_JOB_CANCEL] = "job.cancel",
    [AUDIT_EVENT_TYPE_CREATE] = "event_type.create",
    [AUDIT_EVENT_TYPE_UPDATE] = "event_type.update",
    [AUDIT_EVENT_TYPE_DELETE] = "event_type.delete",
    [AUDIT_APP_CREATE] = "app.create",
    [AUDIT_APP_UPDATE] = "app.update",
    [AUDIT_APP_DELETE] = "app.delete",
    [AUDIT_KEY_CREATE] = "key.create",
    [AUDIT_KEY_UPDATE] = "key.update",
    [AUDIT_KEY_REVOKE] = "key.revoke",
    [AUDIT_SOURCE_CREATE] = "source.create",
    [AUDIT_SOURCE_UPDATE] = "source.update",
    [AUDIT_SOURCE_ROTATE] = "source.rotate",
    [AUDIT_SOURCE_DELETE] = "source.delete",
    [AUDIT_SOURCE_RESEAL] = "source.reseal",
    [AUDIT_PORTAL_CREATE] = "key.create_portal",
    [AUDIT_ISSUE_UPDATE] = "issue.update",
    NULL,
};

const char *const audit_actor_names[] = {
    [AUDIT_BY_KEY] = "key",
    [AUDIT_BY_ADMIN_KEY] = "admin_key",
    [AUDIT_BY_COMMAND] = "command_line",
    [AUDIT_BY_SETTINGS] = "settings",
    NULL,
};

const struct audit_resource audit_resources[] = {
    {"webhook", ID_WEBHOOK}, {"event", ID_EVENT}, {"delivery", ID_DELIVERY}, {"job", ID_JOB},
    {"event_type", NULL},    {"app", ID_APP},     {"key", ID_KEY},           {"source", ID_SOURCE},
    {"issue", ID_ISSUE},     {NULL, NULL},
};

const struct audit_resource *audit_resource_of(int64_t action)
{
    struct str type, rest = str_of(str_name(audit_action_names, action));

    if (!str_next(&rest, '.', &type))
        return NULL;
    for (const struct audit_resource *r = audit_resources; r->type != NULL; r++)
        if (str_eq_text(type, r->type))
            return r;
    return NULL;
}
