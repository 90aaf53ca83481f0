/* From the panels' variables to webhooks. */
#include "core/dropin.h"

#include "base/err.h"
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

/* Adds a webhook for each address of a comma list; NULL, or what is wrong with it. */
static const char *add_all(struct dropins *d, struct str list, const struct dropin *like)
{
    struct str piece;
    while (str_next(&list, ',', &piece)) {
        struct dropin *next = &d->at[d->count];
        piece = str_trim(piece);
        if (piece.n == 0) /* a comma at the end */
            continue;
        if (!str_starts(piece, STR_LIT("http://")) && !str_starts(piece, STR_LIT("https://")))
            return "must be a comma list of addresses that start with http:// or https://";
        for (size_t i = 0; i < d->count; i++)
            if (str_eq(d->at[i].url, piece) && strcmp(d->at[i].system, like->system) == 0)
                return "has an address twice";
        if (d->count == DROPINS_MAX)
            return "has too many addresses";
        *next = *like;
        next->url = piece;
        d->count++;
    }
    return NULL;
}

static const char *check_secret(const char *secret)
{
    for (const char *p = secret; *p != '\0'; p++)
        if (*p < 0x20 || *p > 0x7e)
            return "may contain only printable ASCII";
    return strlen(secret) > SECRET_MAX ? "is longer than 256 bytes" : NULL;
}

static const char *read_marzban(const struct config *c, struct dropins *d, const char **name)
{
    struct dropin webhook = {.system = "marzban",
                             .variable = "WEBHOOK_ADDRESS",
                             .profile = "marzban",
                             .secret = str_of(c->webhook_secret),
                             .events = marzban_events,
                             .schedule = marzban_schedule};

    *name = "WEBHOOK_SECRET";
    const char *why = check_secret(c->webhook_secret);
    if (why != NULL)
        return why;
    webhook.batch_seconds = c->notifications_interval;
    snprintf(webhook.options, sizeof webhook.options, "{\"batch_seconds\":%d}",
             (int)c->notifications_interval);
    *name = webhook.variable;
    return add_all(d, str_of(c->webhook_address), &webhook);
}

static const char *read_discord(const struct config *c, struct dropins *d, const char **name)
{
    struct dropin webhook = {.system = "discord",
                             .variable = "DISCORD_WEBHOOK_URL",
                             .profile = "discord",
                             .options = "{}",
                             .events = marzban_events,
                             .schedule = marzban_schedule};

    *name = webhook.variable;
    if (strchr(c->discord_url, ',') != NULL)
        return "must be one address";
    return add_all(d, str_of(c->discord_url), &webhook);
}

static const char *read_remnawave(const struct config *c, struct dropins *d, const char **name)
{
    struct dropin webhook = {.system = "remnawave",
                             .variable = "WEBHOOK_URL",
                             .profile = "remnawave",
                             .options = "{}",
                             .secret = str_of(c->webhook_secret_header),
                             .events = remnawave_events,
                             .schedule = remnawave_schedule};
    bool enabled = strcmp(c->webhook_enabled, "true") == 0;

    *name = "WEBHOOK_ENABLED";
    if (!enabled && c->webhook_enabled[0] != '\0' && strcmp(c->webhook_enabled, "false") != 0)
        return "must be true or false";
    if (!enabled)
        return NULL;
    *name = "WEBHOOK_SECRET_HEADER";
    if (webhook.secret.n == 0)
        return "is required when WEBHOOK_ENABLED is true: it is the key of the signature";
    const char *why = check_secret(c->webhook_secret_header);
    if (why != NULL)
        return why;
    *name = webhook.variable;
    if (c->webhook_url[0] == '\0')
        return "is required when WEBHOOK_ENABLED is true";
    return add_all(d, str_of(c->webhook_url), &webhook);
}

typedef const char *read_system(const struct config *c, struct dropins *d, const char **name);

static read_system *const systems[] = {read_marzban, read_discord, read_remnawave};

int dropins_read(const struct config *config, struct dropins *dropins, const char **name,
                 const char **why)
{
    dropins->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
        *why = systems[i](config, dropins, name);
        if (*why != NULL)
            return ERR_INVALID;
    }
    return 0;
}
