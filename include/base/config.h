/* The options: environment variables, one table, read once into a struct that does not change
 * after. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/fault.h"

struct config {
    const char *database_url, *redis_url, *sentinel_password, *listen, *metrics_listen, *admin_key,
        *encryption_key, *other_encryption_keys, *allow_networks, *allow_ports, *ca_file,
        *egress_proxy, *trusted_proxies, *log_level, *cors_origins, *retry_schedule;
    /* Of the panels, by their own names (core/dropin.h). */
    const char *webhook_address, *webhook_secret, *discord_url, *webhook_enabled, *webhook_url,
        *webhook_secret_header;
    int64_t notifications_interval;
    int64_t api_threads, worker_threads, worker_in_flight, worker_mib, retention_days;
    int64_t dns_lookups, dns_lookups_per_app; /* at once, of a worker thread */
    int64_t connections_per_address;          /* 0: no bound of its own */
    int64_t tests_per_app, lists_per_app, webhooks_per_app, sources_per_app, event_types_per_app,
        streams, streams_per_app;
    int64_t requests_per_key, requests_burst; /* a second, 0: no bound; at once */
    int64_t audit_days, audit_rows_per_app;
    int64_t key_lookups, bodies_mib, answers_mib;
    int64_t stats_days;
    int64_t disable_after_days, disable_after_failures; /* 0: never */
};

/* Reads the environment; texts point into it. What is missing, too long, no number, or spelt wrong is
 * added to `faults`; that option then has its default, or is empty. */
void config_load(struct config *config, struct faults *faults);

/* Says that the option must be what its row in the table says, and what it is unless that may be a
 * secret. `piece` is the part at fault, or has p == NULL. */
void config_refuse(const struct config *config, const char *name, struct str piece,
                   struct faults *faults);

/* NAME=value lines with what is in force, secrets masked. */
void config_print(const struct config *config, FILE *out);

#endif
