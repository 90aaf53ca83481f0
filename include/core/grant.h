/* Asking for an access token with a client's own credentials (RFC 6749 §4.4): what is sent to its token endpoint, and
 * what the answer says. */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include "base/buf.h"
#include "base/id.h"
#include "core/credentials.h"

#define GRANT_TOKEN_MAX 8192

/* A request for a token; url.n == 0: none is needed. */
struct grant {
    struct buf url, head, body;
    struct id mark; /* the same for the same request */
};

void grant_init(struct grant *grant);
void grant_fini(struct grant *grant); /* nothing of it is left, and again is harmless */

/* Fills one that is empty. */
void grant_make(struct grant *grant, const struct credentials *credentials);

/* How long a token is used before another one is asked for, of those whose answer does not say; and at most. */
#define GRANT_LIFE_MS     300000
#define GRANT_LIFE_MAX_MS 86400000

/* Reads an answer, whole or not: appends the token, and says how long it may be kept, which is less than it is valid; 0:
 * for this once. ERR_INVALID: it has no token of the type Bearer, or one that cannot be sent. */
int grant_read(struct str text, struct buf *token, int64_t *keep_ms) MUST_CHECK;

/* Why there is none, in words: of the answer no more than its status and the error of RFC 6749 §5.2. */
void grant_describe(char *out, size_t size, int status, struct str text);

#endif
