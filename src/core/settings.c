/* From the texts of the environment to what they mean. */
#include "core/settings.h"

#include "base/err.h"

#include <arpa/inet.h>

static bool is_name_byte(char c)
{
    return str_is_alnum(c) || c == '-' || c == '_';
}

/* Labels with dots between; digits and dots alone must be an IPv4 address. */
static bool is_host(struct str host)
{
    char text[INET_ADDRSTRLEN] = "";
    uint8_t address[4];
    struct str rest = host, label;
    bool name = false;

    while (str_next(&rest, '.', &label)) {
        if (label.n < 1 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++) {
            if (!is_name_byte(label.p[i]))
                return false;
            name = name || label.p[i] > '9' || label.p[i] == '-';
        }
    }
    if (name)
        return true;
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    return inet_pton(AF_INET, text, address) == 1;
}

static bool is_ipv6(struct str host)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint8_t address[16];

    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    return inet_pton(AF_INET6, text, address) == 1;
}

static const char *read_listen(struct settings *s)
{
    const char *listen = s->config.listen, *colon = strrchr(listen, ':');
    int64_t port;

    if (colon == NULL || !str_all_digits(str_of(colon + 1)) ||
        !str_to_i64(str_of(colon + 1), 0, 65535, &port))
        return "is not host:port with a port from 0 to 65535";
    struct str host = {listen, (size_t)(colon - listen)};
    bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    bool good = brackets ? is_ipv6((struct str){host.p + 1, host.n - 2}) : is_host(host);
    return good ? NULL : "is not host:port with an IPv4 address, [an IPv6 address] or a name";
}

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
    {"POSTHORN_LISTEN", read_listen},           {"POSTHORN_ALLOW_NETWORKS", read_networks},
    {"POSTHORN_RETRY_SCHEDULE", read_schedule}, {"POSTHORN_LOG_LEVEL", read_log_level},
    {"POSTHORN_ENCRYPTION_KEY", read_seal_key}, {"POSTHORN_ADMIN_KEY", read_admin_key},
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
