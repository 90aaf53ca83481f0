/* What core/settings leaves to those who have the parsers: the URLs, and the file of certificates. */
#include "options.h"

#include "api/webhook_url.h"
#include "base/err.h"
#include "io/db.h"
#include "io/pem.h"
#include "io/redis.h"

static void check_servers(const struct config *config, struct faults *faults)
{
    const struct {
        const char *name, *url;
        int (*check)(const char *url);
    } servers[] = {
        {"POSTHORN_DATABASE_URL", config->database_url, db_check_url},
        {"POSTHORN_REDIS_URL", config->redis_url, redis_check_url},
    };

    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        if (!faults_name(faults, servers[i].name) && servers[i].check(servers[i].url) < 0)
            config_refuse(config, servers[i].name, (struct str){0}, faults);
}

/* One of the same system, before it in the list, has the same URL. */
static bool is_double(const struct dropins *dropins, const struct dropin *dropin)
{
    for (const struct dropin *d = dropins->at; d < dropin; d++)
        if (strcmp(d->system, dropin->system) == 0 && str_eq(d->url, dropin->url))
            return true;
    return false;
}

static void check_dropin(const struct settings *settings, struct dropin *d, struct faults *faults)
{
    static struct url url;
    const char *why, *hint = "";

    int err = webhook_url_check(d->url, settings, &url, &why);
    if (err == 0) {
        d->url = str_of(xstrdup(url.text)); /* for the process's life */
        if (is_double(&settings->dropins, d))
            why = "repeats an earlier one";
    }
    if (err == ERR_FORBIDDEN) {
        if (faults_name(faults, "POSTHORN_ALLOW_NETWORKS"))
            return; /* it might be open */
        hint = " (POSTHORN_ALLOW_NETWORKS can allow it)";
    }
    if (why != NULL)
        faults_add(faults, str_of(d->variable), "URL %d %s%s", d->number, why, hint);
}

static void check_ca_file(const struct config *config, struct faults *faults)
{
    static const char name[] = "POSTHORN_CA_FILE";

    if (config->ca_file[0] != '\0' && !faults_name(faults, name) &&
        !pem_file_is_good(config->ca_file))
        config_refuse(config, name, (struct str){0}, faults);
}

int options_load(struct settings *settings, struct faults *faults)
{
    settings_load(settings, faults);
    check_servers(&settings->config, faults);
    check_ca_file(&settings->config, faults);
    for (size_t i = 0; i < settings->dropins.count; i++)
        check_dropin(settings, &settings->dropins.at[i], faults);
    return faults->count == 0 ? 0 : ERR_INVALID;
}
