/* What a client says of a webhook, on its way from JSON to its row. */
#ifndef API_WEBHOOK_FORM_H
#define API_WEBHOOK_FORM_H

#include "call.h"
#include "store/webhooks.h"

/* What a client may say of a webhook. */
struct webhook_input {
    struct str url, uid, secret, description, options, auth, tls, filter;
    struct field_strs events;
    struct field_map headers, metadata;
    struct field_i64s schedule;
    int64_t timeout_ms, rate_limit, concurrency;
    int profile, ordering, status, secret_type;
};

/* Indices into the tables below. */
enum {
    IN_URL,
    IN_EVENTS,
    IN_UID,
    IN_DESCRIPTION,
    IN_PROFILE,
    IN_OPTIONS,
    IN_HEADERS,
    IN_SCHEDULE,
    IN_TIMEOUT,
    IN_RATE,
    IN_CONCURRENCY,
    IN_ORDERING,
    IN_METADATA,
    IN_AUTH,
    IN_TLS,
    IN_FILTER,
    IN_SECRET,
    IN_SECRET_TYPE,
    IN_STATUS,
    IN_COUNT,

    /* What people try. */
    NO_ENABLED = IN_COUNT,
    NO_ACTIVE,
    NO_TYPES,
    IN_AND_NOT,
};

/* A new webhook is active. */
extern const struct field webhook_create_fields[IN_AND_NOT], webhook_update_fields[IN_AND_NOT];

/* Of a row that another release wrote. */
#define WEBHOOK_STRANGE "this webhook's profile is not one of this release: set another"

/* What follows adds what is wrong to the problems in call->fields, which input_is_fine() replies. */

/* Puts what `input` gives into `webhook`, whose texts then live in the request's pool, checks it,
 * and seals the headers. */
void webhook_apply(struct call *call, const struct webhook_input *input, struct webhook *webhook);

/* How its events are put together, by its options. */
struct profile_options;
void webhook_gather(struct webhook *webhook, const struct profile_options *options);

/* An updated webhook's row: what waits for it goes by what it says now. */
void webhook_tell_limits(const struct call *call, const struct db_rows *rows);

/* The settings of a webhook that says nothing. */
void webhook_defaults(const struct call *call, struct webhook *webhook);

/* May a webhook of this profile have the secret? */
void webhook_check_secret(struct call *call, const char *field, const struct webhook *webhook,
                          struct str secret);

/* The prefix of a secret that is made for it; NULL: it may have none of that type, or a secret was given too. */
const char *webhook_prefix(struct call *call, const struct webhook *webhook, bool given, int type);

/* A secret given or (p == NULL) made with the prefix, into `out`, and its sealed form, into the request's pool. */
struct str webhook_secret(struct call *call, struct id id, struct str secret, const char *prefix,
                          struct buf *out);

/* A client that may change a webhook must not learn by that what was shown once, or never: what goes to its receiver
 * as it is goes to another origin, or begins to go, only if the same request gives it anew. A problem is, too, a secret
 * that is given without need. */
void webhook_keep_secrets(struct call *call, const struct webhook *before,
                          const struct webhook *after);

/* May the API change it? False: it is a managed one, and 409 has been replied. */
bool webhook_settable(struct call *call, const struct webhook *webhook) MUST_CHECK;

/* Of result_uid_taken(). */
#define WEBHOOK_UID_TAKEN "is that of another webhook of this app"

/* How webhooks_insert() ended. False: there is none, and that has been replied: 429, if the app has as many as it may
 * have. */
bool webhook_was_created(struct call *call, int err, const struct db_rows *rows) MUST_CHECK;

/* A statement left the webhook of the path alone: replies why, 404 or, for a managed one, 409. */
void webhook_reply_untouched(struct call *call);

#endif
