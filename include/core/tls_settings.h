/* What a webhook's connections are made with (`tls`): whom they trust, and the certificate that they show. PEM that was
 * judged when it was given (io/pem.h). */
#ifndef CORE_TLS_SETTINGS_H
#define CORE_TLS_SETTINGS_H

#include "base/buf.h"
#include "base/field.h"
#include "base/id.h"
#include "base/jsonw.h"

#define TLS_SETTINGS_JSON_MAX 131072 /* bytes of their JSON, as we write it or a client does */

struct tls_settings {
    struct str ca;               /* instead of those that all trust; n == 0: those */
    struct str certificate, key; /* both, or none */
    struct id
        mark; /* the same for the same settings; of those that were read by tls_settings_read() */
};

/* Reads what a client gave, an object: its members, and how long they are. Problems as in fields_bind(), with paths below
 * "tls."; texts live in f->alloc. */
int tls_settings_bind(struct fields *f, struct str json, struct tls_settings *out) MUST_CHECK;

/* Reads what tls_settings_write() wrote; the texts are put into `text`, which is empty. */
int tls_settings_read(struct str json, struct buf *text, struct tls_settings *out) MUST_CHECK;

/* Writes them as an object; `masked`: of the key ***. */
void tls_settings_write(struct jsonw *w, const char *key, const struct tls_settings *settings,
                        bool masked);

#endif
