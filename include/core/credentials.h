/* What a webhook's requests prove themselves with to its receiver (`auth`): the header Authorization. */
#ifndef CORE_CREDENTIALS_H
#define CORE_CREDENTIALS_H

#include "base/buf.h"
#include "base/field.h"
#include "base/jsonw.h"

#define CREDENTIALS_JSON_MAX 12288 /* bytes of their JSON, as we write it or a client does */

enum credentials_type {
    CREDENTIALS_BASIC,  /* RFC 7617 */
    CREDENTIALS_BEARER, /* RFC 6750 */
    CREDENTIALS_OAUTH2, /* RFC 6749 §4.4: a token that is asked for (core/grant.h) */
};

struct credentials {
    int type; /* enum credentials_type */
    struct str username, password;
    struct str token;
    struct str token_url, client_id, client_secret, scope; /* of the last n == 0: none */
};

/* Reads what a client gave, an object. Problems as in fields_bind(), with paths below "auth."; texts live in f->alloc. */
int credentials_bind(struct fields *f, struct str json, struct credentials *out) MUST_CHECK;

/* The same of what credentials_write() wrote, for which a scratch has room; ERR_INVALID alone. */
int credentials_read(struct allocator alloc, struct str json, struct credentials *out) MUST_CHECK;

/* What is wrong with a token to be sent; NULL: nothing. */
const char *credentials_check_token(struct str token);

/* Writes them as an object; `masked`: of what is secret *** , and of URLs what mask_url() leaves. */
void credentials_write(struct jsonw *w, const char *key, const struct credentials *credentials,
                       bool masked);

/* Appends the header line, with CRLF; nothing for CREDENTIALS_OAUTH2. */
void credentials_add_line(const struct credentials *credentials, struct buf *head);

/* The same of "user:password", for Basic (RFC 7617 §2). */
void credentials_add_pair(struct str pair, struct buf *head);

/* The same of a token that somebody gave. */
void credentials_add_token(struct str token, struct buf *head);

#endif
