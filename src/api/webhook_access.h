/* How a webhook's requests prove themselves to its receiver, and what its connections are made with: the members `headers`,
 * `auth` and `tls`. */
#ifndef API_WEBHOOK_ACCESS_H
#define API_WEBHOOK_ACCESS_H

#include "call.h"
#include "core/profile.h"
#include "store/webhooks.h"

/* Seal what the client gave as the webhook's. What is wrong becomes a problem of call->fields, of which what was bound
 * before stays. */
void webhook_apply_headers(struct call *call, const struct field_map *given,
                           struct webhook *webhook);
void webhook_apply_auth(struct call *call, struct str given, struct webhook *webhook);
void webhook_apply_tls(struct call *call, struct str given, struct webhook *webhook);

/* There is one header Authorization: a problem, if `auth` and the webhook's headers, or those of its options, both make
 * it. */
void webhook_check_auth(struct call *call, const struct webhook *webhook,
                        const struct profile_options *options);

/* Has the webhook a certificate to show? */
bool webhook_has_certificate(const struct settings *settings, const struct webhook *webhook);

/* Writes the members `auth` and `tls`, masked. */
void webhook_write_access(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook);

#endif
