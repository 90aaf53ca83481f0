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
};

struct credentials {
    int type; /* enum credentials_type */
    struct str username, password;
    struct str token;
};

/* Reads what a client gave, an object. Problems as in fields_bind(), with paths below "auth."; texts live in f->alloc. */
int credentials_bind(struct fields *f, struct str json, struct credentials *out) MUST_CHECK;

/* The same of what credentials_write() wrote, for which a scratch has room; ERR_INVALID alone. */
int credentials_read(struct allocator alloc, struct str json, struct credentials *out) MUST_CHECK;

/* Writes them as an object; `masked`: the type, and *** for all the rest. */
void credentials_write(struct jsonw *w, const char *key, const struct credentials *credentials,
                       bool masked);

/* Appends the header line, with CRLF. */
void credentials_add_line(const struct credentials *credentials, struct buf *head);

#endif
