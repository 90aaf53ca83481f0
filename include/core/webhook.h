/* A webhook's settings and their rules. */
#ifndef CORE_WEBHOOK_H
#define CORE_WEBHOOK_H

#include "base/buf.h"
#include "base/id.h"

struct settings;

/* The numbers of the columns; see core/delivery.h. */
#define WEBHOOK_ACTIVE_NUMBER    0
#define WEBHOOK_PAUSED_NUMBER    1
#define WEBHOOK_DISABLED_NUMBER  2
#define WEBHOOK_LISTENING_NUMBER 3
#define DISABLED_NOT_NUMBER      0
#define DISABLED_BY_API_NUMBER   1
#define DISABLED_GONE_NUMBER     2
#define DISABLED_FAILING_NUMBER  3
#define ORDERING_NONE_NUMBER     0
#define ORDERING_WEBHOOK_NUMBER  1

enum webhook_status {
    WEBHOOK_ACTIVE = WEBHOOK_ACTIVE_NUMBER,
    WEBHOOK_PAUSED = WEBHOOK_PAUSED_NUMBER,
    WEBHOOK_DISABLED = WEBHOOK_DISABLED_NUMBER,
    WEBHOOK_LISTENING =
        WEBHOOK_LISTENING_NUMBER, /* it has no URL: what it is sent is held until a listener comes */
};
extern const char *const webhook_status_names[]; /* ends with NULL */

/* What is disabled by the API gets no new deliveries; what the service disabled holds them. */
enum webhook_disabled_reason {
    DISABLED_NOT = DISABLED_NOT_NUMBER,
    DISABLED_BY_API = DISABLED_BY_API_NUMBER,
    DISABLED_GONE = DISABLED_GONE_NUMBER,       /* a receiver answered 410 */
    DISABLED_FAILING = DISABLED_FAILING_NUMBER, /* nothing else but failures for days */
};
extern const char
    *const webhook_disabled_reasons[]; /* ends with NULL; of DISABLED_NOT none is told */

/* What of a webhook is sent one after the other: what events ask for by their key, or everything. */
enum webhook_ordering {
    ORDERING_NONE = ORDERING_NONE_NUMBER,
    ORDERING_WEBHOOK = ORDERING_WEBHOOK_NUMBER,
};
extern const char *const webhook_ordering_names[]; /* ends with NULL */

/* Instead of a URL: nobody is called, a client listens. Such a webhook is listening or disabled, and no other is. */
#define WEBHOOK_LISTEN_URL "listen:"
bool webhook_listens(struct str url);

#define WEBHOOK_URL_MAX          2048
#define WEBHOOK_EVENTS_MAX       100
#define WEBHOOK_DESCRIPTION_MAX  1000
#define WEBHOOK_HEADERS_MAX      20
#define WEBHOOK_HEADER_NAME_MAX  64
#define WEBHOOK_HEADER_VALUE_MAX 1024
#define WEBHOOK_HEADERS_JSON_MAX 65536 /* bytes of all, sealed */
#define WEBHOOK_TIMEOUT_MS_MIN   1000
#define WEBHOOK_TIMEOUT_MS_MAX   30000
#define WEBHOOK_TIMEOUT_MS       10000
#define WEBHOOK_RATE_MAX         10000
#define WEBHOOK_CONCURRENCY_MAX  1024
#define WEBHOOK_CONCURRENCY      32
#define WEBHOOK_OVERLAP_SECONDS  86400
#define WEBHOOK_OVERLAP_MAX      604800
#define WEBHOOK_DELAY_MAX        604800 /* until a new secret signs */
#define METADATA_MAX             50
#define METADATA_KEY_MAX         64
#define METADATA_VALUE_MAX       500

/* Scheme, host and port of a URL that was accepted: in it there are no credentials, and no two spellings of one. */
struct str webhook_origin(struct str url);

/* NULL, or what is wrong with a secret value that a client gives: it is ***, as answers have it in its place. */
const char *webhook_mask_check(struct str value);

/* NULL if a customer may set this header, else what is wrong: the name must be an RFC 9110 token
 * that is not ours to set, the value visible ASCII, space and tab. */
const char *webhook_header_check(struct str name, struct str value);

/* The same for a header of a profile that people put together: those that our own profiles set are
 * free there. */
const char *webhook_profile_header_check(struct str name, struct str value);

/* Where a webhook has something sealed. */
enum webhook_column {
    WEBHOOK_SECRET, /* the one before too: a rotation moves it as it is */
    WEBHOOK_HEADERS,
    WEBHOOK_OPTIONS,      /* core/webhook_options.h */
    WEBHOOK_OPTIONS_HERE, /* likewise */
    WEBHOOK_AUTH,         /* core/credentials.h */
    WEBHOOK_TLS,          /* core/tls_settings.h */
};

/* Seals and opens what is a webhook's secret: bound to its id and column, so that it is of no use in another's row, nor
 * in another place of its own. webhook_open() appends; ERR_INVALID: sealed with another key, or altered. */
void webhook_seal(const struct settings *settings, enum webhook_column column, struct id id,
                  struct str text, struct buf *out);
int webhook_open(const struct settings *settings, enum webhook_column column, struct id id,
                 struct str sealed, struct buf *out) MUST_CHECK;

/* The same, bound to an origin too. */
void webhook_seal_at(const struct settings *settings, enum webhook_column column, struct id id,
                     struct str origin, struct str text, struct buf *out);
int webhook_open_at(const struct settings *settings, enum webhook_column column, struct id id,
                    struct str origin, struct str sealed, struct buf *out) MUST_CHECK;

#endif
