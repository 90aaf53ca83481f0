/* Syntax is io/url's to judge, addresses and names core/address's, ports core/port's. */
#include "api/webhook_url.h"

#include "base/err.h"

int webhook_url_check(struct str text, const struct settings *settings, struct url *url,
                      const char **why)
{
    int err = url_parse(text, url, why);
    const struct networks *opened = &settings->networks;

    if (err < 0)
        return err;
    if (!port_allowed(&settings->ports, url->port)) {
        *why = "has a port that webhooks may not have (POSTHORN_ALLOW_PORTS)";
        return ERR_INVALID;
    }
    bool allowed = url->literal ? address_allowed(opened, (struct sockaddr *)&url->address)
                                : address_name_allowed(opened, str_of(url->host));
    if (allowed)
        return 0;
    *why =
        url->literal ? "names an address that is not public" : "has a host name that is not public";
    return ERR_FORBIDDEN;
}
