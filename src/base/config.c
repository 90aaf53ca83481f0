/* The table of options. README.md and deploy/sample.env list the same names; a test holds them
 * equal. */
#include "base/config.h"

#include "base/err.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdlib.h>

enum option_kind { OPTION_TEXT, OPTION_SECRET, OPTION_URL, OPTION_NUMBER };

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *standard; /* NULL: there is none, the option is required */
    int64_t min, max;     /* values, or bytes of a text; of an empty one nothing is asked */
};

#define AT(member) offsetof(struct config, member)

static const struct option options[] = {
    {"POSTHORN_DATABASE_URL", OPTION_URL, AT(database_url), NULL, 1, 2000},
    {"POSTHORN_REDIS_URL", OPTION_URL, AT(redis_url), NULL, 1, 2000},
    {"POSTHORN_LISTEN", OPTION_TEXT, AT(listen), "127.0.0.1:8080", 1, 100},
    {"POSTHORN_ADMIN_KEY", OPTION_SECRET, AT(admin_key), "", 24, 200},
    {"POSTHORN_ENCRYPTION_KEY", OPTION_SECRET, AT(encryption_key), NULL, 44, 44},
    {"POSTHORN_ALLOW_NETWORKS", OPTION_TEXT, AT(allow_networks), "", 1, 2000},
    {"POSTHORN_API_THREADS", OPTION_NUMBER, AT(api_threads), "1", 1, 64},
    {"POSTHORN_WORKER_THREADS", OPTION_NUMBER, AT(worker_threads), "1", 1, 64},
    {"POSTHORN_WORKER_IN_FLIGHT", OPTION_NUMBER, AT(worker_in_flight), "512", 1, 10000},
    {"POSTHORN_RETENTION_DAYS", OPTION_NUMBER, AT(retention_days), "30", 1, 3650},
    {"POSTHORN_LOG_LEVEL", OPTION_TEXT, AT(log_level), "info", 1, 10},
    {"POSTHORN_CORS_ORIGINS", OPTION_TEXT, AT(cors_origins), "", 1, 2000},
    {"POSTHORN_RETRY_SCHEDULE", OPTION_TEXT, AT(retry_schedule), "60,300,1800,3600,21600", 1, 200},
};

static const char **text_at(const struct config *config, const struct option *option)
{
    return (const char **)((uintptr_t)config + option->offset);
}

static int64_t *number_at(const struct config *config, const struct option *option)
{
    return (int64_t *)((uintptr_t)config + option->offset);
}

static const char *load(struct config *config, const struct option *option)
{
    const char *value = getenv(option->name);
    if (value == NULL || value[0] == '\0')
        value = option->standard;
    if (value == NULL)
        return "is required";
    if (option->kind == OPTION_NUMBER)
        return str_to_i64(str_of(value), option->min, option->max, number_at(config, option))
                   ? NULL
                   : "is not a number in its range";
    size_t n = strlen(value);
    *text_at(config, option) = value;
    if (n > 0 && (int64_t)n < option->min)
        return "is too short";
    return (int64_t)n > option->max ? "is too long" : NULL;
}

int config_load(struct config *config, const char **name, const char **why)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        *name = options[i].name;
        *why = load(config, &options[i]);
        if (*why != NULL)
            return ERR_INVALID;
    }
    return 0;
}

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
