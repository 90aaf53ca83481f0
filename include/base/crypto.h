/* The cryptography that Posthorn uses, over OpenSSL. Nothing here fails but decoding and
 * crypto_open(): a failure inside OpenSSL is out of memory or a broken build, and aborts. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/buf.h"

#include <sys/types.h>

#define SHA256_SIZE            32
#define SHA512_SIZE            64
#define ED25519_SIZE           32 /* a private key, which is a seed, and a public key (RFC 8032) */
#define ED25519_SIGNATURE_SIZE 64
#define SEAL_KEY_SIZE          32
#define CRYPTO_SEAL_SIZE       28 /* what crypto_seal() adds: nonce, tag */

/* Frees what this thread keeps for speed; the last call before it ends. */
void crypto_thread_end(void);

void crypto_random(void *out, size_t n);

void crypto_sha256(struct str data, uint8_t out[SHA256_SIZE]);

/* HMAC-SHA256 (RFC 2104) over the parts one after another. */
void crypto_hmac_sha256(struct str key, const struct str *parts, size_t count,
                        uint8_t out[SHA256_SIZE]);

/* HMAC-SHA512, likewise. */
void crypto_hmac_sha512(struct str key, const struct str *parts, size_t count,
                        uint8_t out[SHA512_SIZE]);

/* Ed25519 (RFC 8032 §5.1). */
void crypto_ed25519_public(const uint8_t seed[ED25519_SIZE], uint8_t out[ED25519_SIZE]);
void crypto_ed25519_sign(const uint8_t seed[ED25519_SIZE], struct str message,
                         uint8_t out[ED25519_SIGNATURE_SIZE]);

bool crypto_ed25519_verify(const uint8_t public[ED25519_SIZE], struct str message,
                           const uint8_t signature[ED25519_SIGNATURE_SIZE]);

/* In time that depends on the lengths only. */
bool crypto_equal(struct str a, struct str b);

/* Forgets `n` bytes for good. */
void crypto_wipe(void *p, size_t n);

/* The same for all that a buffer has, which is then freed. */
void crypto_forget(struct buf *buf);

/* Appends lower-case hex; base64 of RFC 4648 §4 with padding; of §5 (URL) without. */
void crypto_hex(struct buf *out, const void *p, size_t n);
void crypto_base64(struct buf *out, const void *p, size_t n);
void crypto_base64url(struct buf *out, const void *p, size_t n);

/* Decodes strict base64 of §4 with padding; the number of bytes, or -1 if it is malformed or longer
 * than `max`. */
ssize_t crypto_base64_decode(struct str text, uint8_t *out, size_t max);

/* Secrets at rest: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D). `bound` is
 * authenticated with the text, so that a sealed value cannot be moved to another row. Format: nonce,
 * text, tag. */
void crypto_seal(struct buf *out, const uint8_t key[SEAL_KEY_SIZE], struct str bound,
                 struct str text);

/* Appends the opened text to `out`; ERR_INVALID if it was altered, sealed with another key, or
 * bound to something else. */
int crypto_open(struct buf *out, const uint8_t key[SEAL_KEY_SIZE], struct str bound,
                struct str sealed) MUST_CHECK;

#endif
