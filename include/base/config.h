/* The options: environment variables, one table, read once into a struct that does not change
 * after. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/defs.h"

#include <stdio.h>

struct config {
    const char *database_url, *redis_url, *listen, *admin_key, *encryption_key, *allow_networks,
        *log_level, *cors_origins, *retry_schedule;
    /* Of the panels, by their own names (core/dropin.h). */
    const char *webhook_address, *webhook_secret, *discord_url, *webhook_enabled, *webhook_url,
        *webhook_secret_header;
    int64_t notifications_interval;
    int64_t api_threads, worker_threads, worker_in_flight, retention_days;
};

/* Reads the environment; strings point into it. On ERR_INVALID, `*name` is the variable and `why`
 * says what is wrong with it. */
int config_load(struct config *config, const char **name, const char **why) MUST_CHECK;

/* NAME=value lines with what is in force, secrets masked. */
void config_print(const struct config *config, FILE *out);

#endif
