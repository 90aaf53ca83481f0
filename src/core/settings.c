/* From the texts of the environment to what they mean. */
#include "core/settings.h"

#include "base/host.h"
#include "core/key.h"

#include <stdio.h>

/* Every reader answers whether the option is what it must be, and may set `*piece` to the part of it
 * that is not. */

/* Labels of machines, unlike other names, do not begin or end with a hyphen (RFC 1123 §2.1). */
static bool has_hyphen_at_an_end(struct str name)
{
    struct str label;
    while (str_next(&name, '.', &label))
        if (label.p[0] == '-' || label.p[label.n - 1] == '-')
            return true;
    return false;
}

static bool read_listening(const char *text, struct listening *to)
{
    struct host host;

    to->text = text;
    if (!host_parse(str_of(text), &host) || host.port.p == NULL || has_hyphen_at_an_end(host.name))
        return false;
    snprintf(to->host, sizeof to->host, "%.*s", STR_FMT(host.name));
    snprintf(to->port, sizeof to->port, "%d", host.number);
    return true;
}

static bool read_listen(struct settings *s, struct str *piece)
{
    (void)piece;
    return read_listening(s->config.listen, &s->listen);
}

static bool read_metrics_listen(struct settings *s, struct str *piece)
{
    (void)piece;
    return read_listening(s->config.metrics_listen, &s->metrics_listen) ||
           s->config.metrics_listen[0] == '\0';
}

static bool read_networks(struct settings *s, struct str *piece)
{
    return networks_parse(str_of(s->config.allow_networks), &s->networks, piece) == 0;
}

static bool read_ports(struct settings *s, struct str *piece)
{
    return ports_parse(str_of(s->config.allow_ports), &s->ports, piece) == 0;
}

static bool read_egress_proxy(struct settings *s, struct str *piece)
{
    (void)piece;
    return proxy_parse(str_of(s->config.egress_proxy), &s->egress_proxy) ||
           s->config.egress_proxy[0] == '\0';
}

static bool read_proxies(struct settings *s, struct str *piece)
{
    return networks_parse(str_of(s->config.trusted_proxies), &s->proxies, piece) == 0;
}

static bool read_schedule(struct settings *s, struct str *piece)
{
    (void)piece;
    return schedule_parse(str_of(s->config.retry_schedule), &s->schedule) == 0;
}

static bool read_log_level(struct settings *s, struct str *piece)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    (void)piece;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(s->config.log_level, names[i]) == 0) {
            s->log_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool add_key(struct settings *s, struct str base64)
{
    size_t i = s->seal_keys.count;

    if (!seal_keys_add(&s->seal_keys, base64))
        return false;
    key_check_secret(s->seal_keys.at[i].bytes, s->key_checks[i]);
    return true;
}

static bool read_seal_key(struct settings *s, struct str *piece)
{
    (void)piece;
    s->seal_keys.count = 0;
    return add_key(s, str_of(s->config.encryption_key));
}

/* Behind the one that seals. */
static bool read_other_keys(struct settings *s, struct str *piece)
{
    struct str list = str_of(s->config.other_encryption_keys);

    while (str_next(&list, ',', piece))
        if (!add_key(s, str_trim(*piece)))
            return false;
    return true;
}

static bool read_admin_key(struct settings *s, struct str *piece)
{
    (void)piece;
    for (const char *p = s->config.admin_key; *p != '\0'; p++)
        if (*p <= 0x20 || *p > 0x7e)
            return false;
    crypto_sha256(str_of(s->config.admin_key), s->admin_key_hash);
    return true;
}

/* --- origins (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin) ------------------ */

/* RFC 3986 §3.1, in lower case. */
static bool is_scheme(struct str s)
{
    static const char marks[] = {'+', '-', '.'};

    for (size_t i = 0; i < s.n; i++) {
        bool letter = s.p[i] >= 'a' && s.p[i] <= 'z';
        bool other = str_is_digit(s.p[i]) || memchr(marks, s.p[i], sizeof marks) != NULL;
        if (!letter && (i == 0 || !other))
            return false;
    }
    return s.n > 0;
}

static bool has_upper_case(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            return true;
    return false;
}

/* One that is spelt as no browser spells it would never match. */
static bool is_origin(struct str origin)
{
    static const char mark[] = "://";
    const char *at = memmem(origin.p, origin.n, mark, strlen(mark));
    struct host host;

    if (at == NULL)
        return false;
    struct str scheme = {origin.p, (size_t)(at - origin.p)};
    struct str rest = {at + strlen(mark), origin.n - scheme.n - strlen(mark)};
    if (!is_scheme(scheme) || has_upper_case(rest) || !host_parse(rest, &host))
        return false;
    int standard = str_eq_text(scheme, "https") ? 443 : str_eq_text(scheme, "http") ? 80 : 0;
    return host.port.p == NULL || (host.port.p[0] != '0' && host.number != standard);
}

static bool read_origins(struct settings *s, struct str *piece)
{
    struct str list = str_of(s->config.cors_origins);

    while (str_next(&list, ',', piece)) {
        *piece = str_trim(*piece);
        if (!str_eq_text(*piece, "*") && !is_origin(*piece))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------- */

struct reader {
    const char *name;
    bool (*read)(struct settings *s, struct str *piece);
};

static const struct reader readers[] = {
    {"POSTHORN_LISTEN", read_listen},
    {"POSTHORN_METRICS_LISTEN", read_metrics_listen},
    {"POSTHORN_ALLOW_NETWORKS", read_networks},
    {"POSTHORN_ALLOW_PORTS", read_ports},
    {"POSTHORN_EGRESS_PROXY", read_egress_proxy},
    {"POSTHORN_RETRY_SCHEDULE", read_schedule},
    {"POSTHORN_LOG_LEVEL", read_log_level},
    {"POSTHORN_ENCRYPTION_KEY", read_seal_key},
    {"POSTHORN_ENCRYPTION_KEY_PREVIOUS", read_other_keys},
    {"POSTHORN_ADMIN_KEY", read_admin_key},
    {"POSTHORN_CORS_ORIGINS", read_origins},
    {"POSTHORN_TRUSTED_PROXIES", read_proxies},
};

void settings_load(struct settings *settings, struct faults *faults)
{
    config_load(&settings->config, faults);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        struct str piece = {0};
        if (!faults_name(faults, readers[i].name) && !readers[i].read(settings, &piece))
            config_refuse(&settings->config, readers[i].name, piece, faults);
    }
    dropins_read(&settings->config, &settings->dropins, faults);
}
