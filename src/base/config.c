/* The table of options. README.md and deploy/sample.env list the same names; a test holds them
 * equal. */
#include "base/config.h"

#include "base/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum option_kind { OPTION_TEXT, OPTION_SECRET, OPTION_URL, OPTION_NUMBER };

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *standard; /* NULL: there is none, the option is required */
    int64_t min, max;     /* values, or bytes of a text; of an empty one nothing is asked */
    const char *must;     /* be; of a number its range says it */
};

#define AT(member) offsetof(struct config, member)
#define LISTENING                                                                                \
    "host:port, where the host is a name, an IPv4 address or an [IPv6 address] and the port is " \
    "from 0 to 65535"

static const struct option options[] = {
    {"POSTHORN_DATABASE_URL", OPTION_URL, AT(database_url), NULL, 1, 2000,
     "a PostgreSQL URL such as postgresql://user:password@host/database, with %40 for an @ and %2F for a "
     "/ in the password"},
    {"POSTHORN_REDIS_URL", OPTION_URL, AT(redis_url), NULL, 1, 2000,
     "redis://[user:password@]host[:port][/db], unix:///path[?db=N], or, with up to 8 Sentinels, "
     "redis+sentinel://[user:password@]host[:port][,host[:port]...]/name[/db]; rediss:// and rediss+sentinel:// likewise "
     "for TLS"},
    {"POSTHORN_SENTINEL_PASSWORD", OPTION_SECRET, AT(sentinel_password), "", 1, 500,
     "at most 500 bytes"},
    {"POSTHORN_LISTEN", OPTION_TEXT, AT(listen), "127.0.0.1:8080", 1, 300, LISTENING},
    {"POSTHORN_METRICS_LISTEN", OPTION_TEXT, AT(metrics_listen), "", 1, 300, LISTENING},
    {"POSTHORN_ADMIN_KEY", OPTION_SECRET, AT(admin_key), "", 24, 200,
     "24 to 200 visible ASCII characters"},
    {"POSTHORN_ENCRYPTION_KEY", OPTION_SECRET, AT(encryption_key), NULL, 44, 44,
     "base64 of 32 bytes (openssl rand -base64 32 makes one)"},
    {"POSTHORN_ENCRYPTION_KEY_PREVIOUS", OPTION_SECRET, AT(other_encryption_keys), "", 44, 400,
     "a comma-separated list of up to 7 keys such as POSTHORN_ENCRYPTION_KEY"},
    {"POSTHORN_ALLOW_NETWORKS", OPTION_TEXT, AT(allow_networks), "", 1, 2000,
     "a comma-separated list of up to 64 networks such as 10.0.0.0/8 or fd00::/8, with no bit set "
     "after the prefix"},
    {"POSTHORN_ALLOW_PORTS", OPTION_TEXT, AT(allow_ports), "", 1, 1000,
     "a comma-separated list of up to 64 ports and ranges of them, such as 443 or 8000-8999"},
    {"POSTHORN_CA_FILE", OPTION_TEXT, AT(ca_file), "", 1, 2000,
     "the path of a file that can be read and has certificates in PEM"},
    {"POSTHORN_EGRESS_PROXY", OPTION_URL, AT(egress_proxy), "", 1, 1000,
     "http://[user:password@]host:port, with %40 for an @ in the password"},
    {"POSTHORN_TRUSTED_PROXIES", OPTION_TEXT, AT(trusted_proxies), "", 1, 2000,
     "a comma-separated list of up to 64 networks such as 10.0.0.0/8 or fd00::/8, with no bit set "
     "after the prefix"},
    {"POSTHORN_API_THREADS", OPTION_NUMBER, AT(api_threads), "1", 1, 64, NULL},
    {"POSTHORN_WORKER_THREADS", OPTION_NUMBER, AT(worker_threads), "1", 1, 64, NULL},
    {"POSTHORN_WORKER_IN_FLIGHT", OPTION_NUMBER, AT(worker_in_flight), "4096", 1, 10000, NULL},
    {"POSTHORN_WORKER_MIB", OPTION_NUMBER, AT(worker_mib), "256", 16, 1048576, NULL},
    {"POSTHORN_DNS_LOOKUPS", OPTION_NUMBER, AT(dns_lookups), "256", 1, 10000, NULL},
    {"POSTHORN_DNS_LOOKUPS_PER_APP", OPTION_NUMBER, AT(dns_lookups_per_app), "32", 1, 10000, NULL},
    {"POSTHORN_TESTS_PER_APP", OPTION_NUMBER, AT(tests_per_app), "20", 1, 1000, NULL},
    {"POSTHORN_CONNECTIONS_PER_ADDRESS", OPTION_NUMBER, AT(connections_per_address), "2048", 0,
     4096, NULL},
    {"POSTHORN_REQUESTS_PER_KEY", OPTION_NUMBER, AT(requests_per_key), "0", 0, 1000000, NULL},
    {"POSTHORN_REQUESTS_BURST", OPTION_NUMBER, AT(requests_burst), "1000", 1, 1000000, NULL},
    {"POSTHORN_LISTS_PER_APP", OPTION_NUMBER, AT(lists_per_app), "16", 1, 1000, NULL},
    {"POSTHORN_STREAMS", OPTION_NUMBER, AT(streams), "100", 1, 1000, NULL},
    {"POSTHORN_STREAMS_PER_APP", OPTION_NUMBER, AT(streams_per_app), "10", 1, 1000, NULL},
    {"POSTHORN_WEBHOOKS_PER_APP", OPTION_NUMBER, AT(webhooks_per_app), "10000", 1, 100000, NULL},
    {"POSTHORN_SOURCES_PER_APP", OPTION_NUMBER, AT(sources_per_app), "1000", 1, 100000, NULL},
    {"POSTHORN_EVENT_TYPES_PER_APP", OPTION_NUMBER, AT(event_types_per_app), "1000", 1, 100000,
     NULL},
    {"POSTHORN_KEY_LOOKUPS", OPTION_NUMBER, AT(key_lookups), "512", 1, 10000, NULL},
    {"POSTHORN_BODIES_MIB", OPTION_NUMBER, AT(bodies_mib), "64", 1, 65536, NULL},
    {"POSTHORN_ANSWERS_MIB", OPTION_NUMBER, AT(answers_mib), "64", 1, 65536, NULL},
    {"POSTHORN_RETENTION_DAYS", OPTION_NUMBER, AT(retention_days), "30", 1, 3650, NULL},
    {"POSTHORN_AUDIT_DAYS", OPTION_NUMBER, AT(audit_days), "90", 1, 3650, NULL},
    {"POSTHORN_AUDIT_ROWS_PER_APP", OPTION_NUMBER, AT(audit_rows_per_app), "100000", 1000, 10000000,
     NULL},
    {"POSTHORN_STATS_DAYS", OPTION_NUMBER, AT(stats_days), "7", 2, 30, NULL},
    {"POSTHORN_DISABLE_AFTER_DAYS", OPTION_NUMBER, AT(disable_after_days), "5", 0, 3650, NULL},
    {"POSTHORN_DISABLE_AFTER_FAILURES", OPTION_NUMBER, AT(disable_after_failures), "20", 0, 1000000,
     NULL},
    {"POSTHORN_LOG_LEVEL", OPTION_TEXT, AT(log_level), "info", 1, 10, "error, warn, info or debug"},
    {"POSTHORN_CORS_ORIGINS", OPTION_TEXT, AT(cors_origins), "", 1, 2000,
     "* or a comma-separated list of origins as browsers send them, such as "
     "https://app.example.com or http://localhost:3000"},
    {"POSTHORN_RETRY_SCHEDULE", OPTION_TEXT, AT(retry_schedule), "60,300,1800,3600,21600", 1, 200,
     "a comma-separated list of up to 20 numbers of seconds, each from 1 to 604800"},
    {"WEBHOOK_ADDRESS", OPTION_SECRET, AT(webhook_address), "", 1, 16000,
     "a comma-separated list of URLs"},
    {"WEBHOOK_SECRET", OPTION_SECRET, AT(webhook_secret), "", 1, 256,
     "at most 256 printable ASCII characters"},
    {"JOB_SEND_NOTIFICATIONS_INTERVAL", OPTION_NUMBER, AT(notifications_interval), "30", 0, 3600,
     NULL},
    {"DISCORD_WEBHOOK_URL", OPTION_SECRET, AT(discord_url), "", 1, 2000, "one URL"},
    {"WEBHOOK_ENABLED", OPTION_TEXT, AT(webhook_enabled), "", 1, 10, "true or false"},
    {"WEBHOOK_URL", OPTION_SECRET, AT(webhook_url), "", 1, 16000, "a comma-separated list of URLs"},
    {"WEBHOOK_SECRET_HEADER", OPTION_SECRET, AT(webhook_secret_header), "", 1, 256,
     "at most 256 printable ASCII characters"},
};

static const char **text_at(const struct config *config, const struct option *option)
{
    return (const char **)((uintptr_t)config + option->offset);
}

static int64_t *number_at(const struct config *config, const struct option *option)
{
    return (int64_t *)((uintptr_t)config + option->offset);
}

static const struct option *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (str_eq_text(name, options[i].name))
            return &options[i];
    return NULL;
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static void refuse_number(const struct option *option, const char *value, struct faults *faults)
{
    char text[LOG_QUOTE_SIZE];
    faults_add(faults, str_of(option->name),
               "must be a number from %" PRId64 " to %" PRId64 ", but is %s", option->min,
               option->max, log_quote(text, value));
}

static void refuse_length(const struct option *option, size_t n, struct faults *faults)
{
    if ((int64_t)n > option->max)
        faults_add(faults, str_of(option->name), "must have at most %" PRId64 " bytes, but has %zu",
                   option->max, n);
    else
        faults_add(faults, str_of(option->name), "must be %s", option->must);
}

void config_refuse(const struct config *config, const char *name, struct str piece,
                   struct faults *faults)
{
    const struct option *option = find(str_of(name));
    char text[LOG_QUOTE_SIZE], copy[200];

    assert(option != NULL && option->must != NULL);
    if (option->kind != OPTION_TEXT) {
        faults_add(faults, str_of(name), "must be %s", option->must);
        return;
    }
    const char *verb = piece.p != NULL ? "wrong at" : "but is";
    if (piece.p == NULL)
        piece = str_of(*text_at(config, option));
    snprintf(copy, sizeof copy, "%.*s", STR_FMT(piece));
    faults_add(faults, str_of(name), "must be %s, %s %s", option->must, verb,
               log_quote(text, copy));
}

/* --- names that are no options ---------------------------------------------------------------- */

/* Levenshtein's distance, by one row of the table; `b` is in upper case, which `a` need not be. */
static size_t distance(struct str a, struct str b)
{
    size_t row[64];

    assert(b.n < ARRAY_LEN(row));
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = corner + (toupper((unsigned char)a.p[i - 1]) != b.p[j - 1]);
            size_t one_more = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < one_more ? change : one_more;
        }
    }
    return row[b.n];
}

static const char *nearest(struct str name)
{
    const char *best = options[0].name;
    for (size_t i = 1; i < ARRAY_LEN(options); i++)
        if (distance(name, str_of(options[i].name)) < distance(name, str_of(best)))
            best = options[i].name;
    return best;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

/* Kubernetes and Docker tell a container of a service "posthorn" or "posthorn-api" by
 * POSTHORN_PORT=tcp://…, POSTHORN_PORT_8080_TCP_ADDR, POSTHORN_API_SERVICE_HOST and the like.
 * POSTHORN_BIN is of the tests, and some are of the commands that ask the API (src/cli/). */
static bool is_of_others(const char *name, const char *value)
{
    static const char *const names[] = {"POSTHORN_BIN", "POSTHORN_URL", "POSTHORN_KEY",
                                        "POSTHORN_APP", "POSTHORN_PROFILE"};
    const char *port = strstr(name, "_PORT_");

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;

    if (port != NULL && str_is_digit(port[6]))
        return true;
    if (ends_with(name, "_PORT") && strstr(value, "://") != NULL)
        return true;
    return strstr(name, "_SERVICE_HOST") != NULL || strstr(name, "_SERVICE_PORT") != NULL;
}

static void check_name(const char *variable, struct faults *faults)
{
    char name[128];
    const char *value = strchr(variable, '=');

    if (value == NULL || !str_starts(str_of(variable), STR_LIT("POSTHORN_")))
        return;
    struct str key = {variable, (size_t)(value - variable)};
    if (find(key) != NULL)
        return;
    snprintf(name, sizeof name, "%.*s", STR_FMT(key));
    if (!is_of_others(name, value + 1))
        faults_add(faults, key, "is not an option; the nearest is %s", nearest(key));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void load_number(struct config *config, const struct option *option, const char *value,
                        struct faults *faults)
{
    int64_t *out = number_at(config, option);

    if (str_to_i64(str_of(value), option->min, option->max, out))
        return;
    refuse_number(option, value, faults);
    bool good = str_to_i64(str_of(option->standard), option->min, option->max, out);
    assert(good);
}

static void load_text(struct config *config, const struct option *option, const char *value,
                      struct faults *faults)
{
    size_t n = strlen(value);
    bool fits = n == 0 || ((int64_t)n >= option->min && (int64_t)n <= option->max);

    *text_at(config, option) = fits ? value : "";
    if (!fits)
        refuse_length(option, n, faults);
}

static void load(struct config *config, const struct option *option, struct faults *faults)
{
    const char *value = getenv(option->name);

    if (value == NULL || value[0] == '\0')
        value = option->standard;
    if (value == NULL) {
        *text_at(config, option) = "";
        faults_add(faults, str_of(option->name), "must be set: %s", option->must);
    } else if (option->kind == OPTION_NUMBER) {
        load_number(config, option, value, faults);
    } else {
        load_text(config, option, value, faults);
    }
}

void config_load(struct config *config, struct faults *faults)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        load(config, &options[i], faults);
    for (char **variable = environ; *variable != NULL; variable++)
        check_name(*variable, faults);
}

/* --- showing ---------------------------------------------------------------------------------- */

/* What stands between the scheme and the host is masked; one with a password as a parameter (also
 * sslpassword) is not shown at all. */
static void print_url(FILE *out, const char *url)
{
    const char *start = strstr(url, "://"), *at = strrchr(url, '@');
    if (strstr(url, "password") != NULL)
        fputs("***", out);
    else if (start != NULL && at != NULL && at > start)
        fprintf(out, "%.*s://***%s", (int)(start - url), url, at);
    else
        fputs(url, out);
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *option = &options[i];
        fprintf(out, "%s=", option->name);
        if (option->kind == OPTION_NUMBER)
            fprintf(out, "%" PRId64, *number_at(config, option));
        else if (option->kind == OPTION_URL)
            print_url(out, *text_at(config, option));
        else if (option->kind == OPTION_SECRET)
            fputs((*text_at(config, option))[0] != '\0' ? "***" : "", out);
        else
            fputs(*text_at(config, option), out);
        fputc('\n', out);
    }
}
