/* From the texts of the environment to what they mean. */
#include "core/settings.h"

#include "base/err.h"

static const char *read_networks(struct settings *s)
{
    struct str bad;
    return networks_parse(str_of(s->config.allow_networks), &s->networks, &bad) < 0
               ? "is not a comma list of networks like 127.0.0.0/8"
               : NULL;
}

static const char *read_schedule(struct settings *s)
{
    return schedule_parse(str_of(s->config.retry_schedule), &s->schedule) < 0
               ? "is not 1 to 20 seconds from 1 to 604800, with commas between"
               : NULL;
}

static const char *read_log_level(struct settings *s)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(s->config.log_level, names[i]) == 0) {
            s->log_level = (enum log_level)i;
            return NULL;
        }
    }
    return "is not one of: error, warn, info, debug";
}

static const char *read_seal_key(struct settings *s)
{
    ssize_t n = crypto_base64_decode(str_of(s->config.encryption_key), s->seal_key, SEAL_KEY_SIZE);
    return n == SEAL_KEY_SIZE ? NULL : "is not base64 of 32 bytes (try: openssl rand -base64 32)";
}

static const char *read_admin_key(struct settings *s)
{
    for (const char *p = s->config.admin_key; *p != '\0'; p++)
        if (*p <= 0x20 || *p > 0x7e)
            return "may contain only visible ASCII";
    crypto_sha256(str_of(s->config.admin_key), s->admin_key_hash);
    return NULL;
}

struct reader {
    const char *name;
    const char *(*read)(struct settings *s);
};

static const struct reader readers[] = {
    {"POSTHORN_ALLOW_NETWORKS", read_networks}, {"POSTHORN_RETRY_SCHEDULE", read_schedule},
    {"POSTHORN_LOG_LEVEL", read_log_level},     {"POSTHORN_ENCRYPTION_KEY", read_seal_key},
    {"POSTHORN_ADMIN_KEY", read_admin_key},
};

int settings_load(struct settings *settings, const char **name, const char **why)
{
    int err = config_load(&settings->config, name, why);
    for (size_t i = 0; i < ARRAY_LEN(readers) && err == 0; i++) {
        *name = readers[i].name;
        *why = readers[i].read(settings);
        err = *why != NULL ? ERR_INVALID : 0;
    }
    return err;
}
