/* The one judge of webhooks' URLs, of those that the API is given and of those in the options. */
#ifndef API_WEBHOOK_URL_H
#define API_WEBHOOK_URL_H

#include "core/settings.h"
#include "io/url.h"

/* May `text` be the URL of a webhook? ERR_INVALID: it is no URL that a request can be sent to, or its port
 * is not allowed; ERR_FORBIDDEN: it names an address that is neither public nor opened, or a host that
 * cannot lead to one that is. `*why` then says so after "url": "must start with …"; else it is NULL. */
int webhook_url_check(struct str text, const struct settings *settings, struct url *url,
                      const char **why) MUST_CHECK;

#endif
