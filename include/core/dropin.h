/* Drop-in settings: the variables that Marzban and Remnawave read, understood as they understand
 * them, and the webhooks that follow from them.
 *
 * Sources: Marzban, README "Webhook" and config.py (WEBHOOK_ADDRESS, WEBHOOK_SECRET,
 * JOB_SEND_NOTIFICATIONS_INTERVAL, DISCORD_WEBHOOK_URL; a failure is retried three times, 180 s
 * apart); Remnawave, .env.sample and its validation (WEBHOOK_ENABLED, WEBHOOK_URL,
 * WEBHOOK_SECRET_HEADER; three times, 5 s apart). */
#ifndef CORE_DROPIN_H
#define CORE_DROPIN_H

#include "base/config.h"
#include "core/backoff.h"

#define DROPINS_MAX         64
#define DROPIN_OPTIONS_SIZE 64

/* One webhook that the settings ask for. */
struct dropin {
    const char *system;    /* "marzban", "remnawave": with the URL its identity */
    const char *variable;  /* that names the URL */
    int number;            /* of the URL in it, from 1 */
    struct str url;        /* as written, trimmed */
    const char *catalogue; /* of its event types (core/catalogue.h) */
    const char *profile;
    char options[DROPIN_OPTIONS_SIZE]; /* JSON */
    struct str secret;                 /* n == 0: none */
    const char *const *events;         /* patterns; ends with NULL */
    struct schedule schedule;
    int64_t batch_seconds, batch_max; /* as the options say */
};

struct dropins {
    struct dropin at[DROPINS_MAX];
    size_t count;
};

/* Texts point into `config`. What is wrong is added to `faults`; that the URLs are URLs, and may be
 * sent to, is the caller's to check. */
void dropins_read(const struct config *config, struct dropins *dropins, struct faults *faults);

#endif
