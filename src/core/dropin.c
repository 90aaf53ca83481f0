/* From the panels' variables to webhooks. */
#include "core/dropin.h"

#include "core/profile.h"
#include "core/signature.h"

#include <stdio.h>

static const char *const marzban_events[] = {
    "user_created",
    "user_updated",
    "user_deleted",
    "user_limited",
    "user_expired",
    "user_enabled",
    "user_disabled",
    "data_usage_reset",
    "data_reset_by_next",
    "subscription_revoked",
    "reached_usage_percent",
    "reached_days_left",
    NULL,
};

static const char *const remnawave_events[] = {
    "user.*", "user_hwid_devices.*", "node.*", "service.*", "errors.*",
    "crm.*",  "torrent_blocker.*",   NULL,
};

static const struct schedule marzban_schedule = {{180, 180, 180}, 3};
static const struct schedule remnawave_schedule = {{5, 5, 5}, 3};

/* Adds a webhook for each URL of a comma list. */
static void add_all(struct dropins *d, struct str list, const struct dropin *like,
                    struct faults *faults)
{
    struct str piece;
    int number = 0;

    while (str_next(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (piece.n == 0) /* a comma at the end */
            continue;
        if (d->count == DROPINS_MAX) {
            faults_add(faults, str_of(like->variable),
                       "has too many URLs: all drop-in variables together may have %d",
                       DROPINS_MAX);
            return;
        }
        struct dropin *next = &d->at[d->count++];
        *next = *like;
        next->url = piece;
        next->number = ++number;
    }
}

static void check_secret(const struct config *c, const char *name, struct str secret,
                         struct faults *faults)
{
    if (secret.n > 0 && secret_check_printable(secret) != NULL)
        config_refuse(c, name, (struct str){0}, faults);
}

static void read_marzban(const struct config *c, struct dropins *d, struct faults *faults)
{
    struct dropin webhook = {.system = "marzban",
                             .catalogue = "marzban",
                             .variable = "WEBHOOK_ADDRESS",
                             .profile = "marzban",
                             .secret = str_of(c->webhook_secret),
                             .events = marzban_events,
                             .schedule = marzban_schedule,
                             .batch_max = PROFILE_BATCH_MAX};

    check_secret(c, "WEBHOOK_SECRET", webhook.secret, faults);
    webhook.batch_seconds = c->notifications_interval;
    snprintf(webhook.options, sizeof webhook.options, "{\"batch_seconds\":%d}",
             (int)c->notifications_interval);
    add_all(d, str_of(c->webhook_address), &webhook, faults);
}

static void read_discord(const struct config *c, struct dropins *d, struct faults *faults)
{
    struct dropin webhook = {.system = "discord",
                             .catalogue = "marzban",
                             .variable = "DISCORD_WEBHOOK_URL",
                             .profile = "discord",
                             .options = "{}",
                             .events = marzban_events,
                             .schedule = marzban_schedule,
                             .batch_max = 1};

    if (strchr(c->discord_url, ',') != NULL)
        config_refuse(c, webhook.variable, (struct str){0}, faults);
    else
        add_all(d, str_of(c->discord_url), &webhook, faults);
}

static void read_remnawave(const struct config *c, struct dropins *d, struct faults *faults)
{
    struct dropin webhook = {.system = "remnawave",
                             .catalogue = "remnawave",
                             .variable = "WEBHOOK_URL",
                             .profile = "remnawave",
                             .options = "{}",
                             .secret = str_of(c->webhook_secret_header),
                             .events = remnawave_events,
                             .schedule = remnawave_schedule,
                             .batch_max = 1};
    static const char secret_name[] = "WEBHOOK_SECRET_HEADER";
    bool enabled = strcmp(c->webhook_enabled, "true") == 0;

    if (!enabled && c->webhook_enabled[0] != '\0' && strcmp(c->webhook_enabled, "false") != 0)
        config_refuse(c, "WEBHOOK_ENABLED", (struct str){0}, faults);
    if (!enabled)
        return;
    check_secret(c, secret_name, webhook.secret, faults);
    if (webhook.secret.n == 0 && !faults_name(faults, secret_name))
        faults_add(faults, str_of(secret_name),
                   "must be set when WEBHOOK_ENABLED is true: it is the key of the signature");
    if (c->webhook_url[0] == '\0' && !faults_name(faults, webhook.variable))
        faults_add(faults, str_of(webhook.variable), "must be set when WEBHOOK_ENABLED is true");
    add_all(d, str_of(c->webhook_url), &webhook, faults);
}

typedef void read_system(const struct config *c, struct dropins *d, struct faults *faults);

static read_system *const systems[] = {read_marzban, read_discord, read_remnawave};

void dropins_read(const struct config *config, struct dropins *dropins, struct faults *faults)
{
    dropins->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(systems); i++)
        systems[i](config, dropins, faults);
}
