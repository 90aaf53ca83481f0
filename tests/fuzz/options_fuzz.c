/* The options: whatever the environment says is a fault with a text or a value that can be used, and what is printed
 * shows no secret. A line of the input is a value, in the order of the names. */
#include "fuzz.h"

#include "core/settings.h"
#include "io/db.h"
#include "io/redis.h"

static const char *const names[] = {
    "POSTHORN_LISTEN",
    "POSTHORN_ALLOW_NETWORKS",
    "POSTHORN_RETRY_SCHEDULE",
    "POSTHORN_CORS_ORIGINS",
    "POSTHORN_REDIS_URL",
    "POSTHORN_DATABASE_URL",
    "POSTHORN_API_THREADS",
    "POSTHORN_LOG_LEVEL",
    "WEBHOOK_ADDRESS",
    "DISCORD_WEBHOOK_URL",
    "WEBHOOK_URL",
    "WEBHOOK_ENABLED",
    "POSTHORN_ADMIN_KEY",
    "POSTHORN_ENCRYPTION_KEY",
    "WEBHOOK_SECRET",
};

static void set_options(char *text)
{
    size_t i = 0;
    for (char *line; i < ARRAY_LEN(names) && (line = strsep(&text, "\n")) != NULL; i++)
        setenv(names[i], line, 1);
    for (; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
}

static void check_print(const struct config *config)
{
    char *shown = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&shown, &size);

    config_print(config, out);
    fclose(out);
    require(config->admin_key == NULL || strlen(config->admin_key) < 24 ||
            strstr(shown, config->admin_key) == NULL);
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings settings;
    static struct faults faults;
    char *text = fuzz_text(data, size);

    memset(&settings, 0, sizeof settings);
    memset(&faults, 0, sizeof faults);
    set_options(text);
    settings_load(&settings, &faults);
    for (size_t i = 0; i < faults.count; i++)
        require(faults.at[i].name.n > 0 && faults.at[i].text[0] != '\0');
    (void)!db_check_url(settings.config.database_url);
    (void)!redis_check_url(settings.config.redis_url);
    if (faults.count == 0) {
        require(settings.listen.host[0] != '\0' && settings.schedule.count > 0);
        check_print(&settings.config);
    }
    free(text);
    return 0;
}
