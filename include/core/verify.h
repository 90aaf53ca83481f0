/* Does the signature of a request fit, and if not, what would? Every usual mistake is tried: in how the secret is used,
 * in the bytes of the body, in what is signed and how. For people whose receiver refuses. */
#ifndef CORE_VERIFY_H
#define CORE_VERIFY_H

#include "core/findings.h"

#define VERIFY_SECRET_MAX 1024

struct verify {
    struct str
        head; /* header lines, as received; a status or request line in front is passed over */
    struct str body;     /* as received */
    struct str secret;   /* at most VERIFY_SECRET_MAX bytes; of Ed25519 the public key will do */
    struct str computed; /* the signature that the receiver came to; n == 0: not known */
    int64_t now_ms;      /* wall clock; 0: the time does not matter */
};

/* Adds what there is to say. The secret and what is made of it are in none of it. */
void verify_run(const struct verify *in, struct findings *out);

#endif
