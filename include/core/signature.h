/* Secrets and signatures. */
#ifndef CORE_SIGNATURE_H
#define CORE_SIGNATURE_H

#include "base/buf.h"

#define SECRET_MAX            256
#define SECRET_PREFIX         "whsec_"
#define SECRET_PRIVATE_PREFIX "whsk_"
#define SECRET_PUBLIC_PREFIX  "whpk_"
#define SECRET_KEY_MIN        24 /* bytes behind the prefix, by Standard Webhooks */
#define SECRET_KEY_MAX        64

/* NULL if `secret` is 1 to 256 printable ASCII bytes and, with the prefix whsec_, base64 of 24 to
 * 64 bytes; else what is wrong. */
const char *secret_check(struct str secret);

/* NULL if `secret` is 1 to 256 printable ASCII bytes with no space at their ends: what the panels take, whatever its prefix. */
const char *secret_check_printable(struct str secret);

/* NULL if `secret` is whsec_ as above, or whsk_ and base64 of an Ed25519 private key: its 32 bytes,
 * or those and the 32 of the public key. */
const char *secret_check_signing(struct str secret);

/* Kinds of secrets to be made: for HMAC, and for Ed25519; see secret_prefix(). */
enum secret_type { SECRET_HMAC, SECRET_ED25519 };
extern const char *const secret_type_names[]; /* ends with NULL */

/* With which a secret of that type begins. */
const char *secret_prefix(int type);

/* With which another secret of the same kind begins: "" where this one has no prefix that means anything. */
const char *secret_prefix_of(struct str secret);

/* `prefix`, one of the above or none, and base64 of 32 random bytes. */
void secret_generate(struct buf *out, const char *prefix);

/* True for a whsec_ secret: what Standard Webhooks can be signed with. */
bool secret_is_standard(struct str secret);

/* Appends `prefix` and the lower-case hex of HMAC-SHA256(secret, body). The key is the secret's
 * whole string. */
void signature_hex(struct buf *out, const char *prefix, struct str secret, struct str body);

/* Appends "v1," and base64 of HMAC-SHA256(decoded secret, "id.timestamp.body"); the secret must be
 * standard.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
void signature_standard(struct buf *out, struct str secret, struct str id, struct str timestamp,
                        struct str body);

/* True for a whsk_ secret. */
bool secret_is_private_key(struct str secret);

/* Appends whpk_ and base64 of the public key of a whsk_ secret; ERR_INVALID for any other. */
int secret_public_key(struct buf *out, struct str secret) MUST_CHECK;

/* Appends "v1a," and base64 of the Ed25519 signature over "id.timestamp.body"; the secret must be a
 * whsk_ one. */
void signature_asymmetric(struct buf *out, struct str secret, struct str id, struct str timestamp,
                          struct str body);

#endif
