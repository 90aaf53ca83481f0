/* The seal on what the ledger keeps and nobody may read in it. A sealed value names the key that it was sealed with, and
 * is bound to where it stands: in another place it does not open.
 *
 *     0x02, the first four bytes of the key's SHA-256, what crypto_seal() makes
 *
 * Bound are these five bytes too. What releases before this one sealed (0x01, what crypto_seal() makes) is bound less
 * closely; it is opened still, and sealed anew by `posthorn rekey`. */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "base/buf.h"
#include "base/crypto.h"

#define SEAL_KEYS_MAX    8
#define SEAL_KEY_ID_SIZE 4
#define SEAL_OVERHEAD    (1 + SEAL_KEY_ID_SIZE + CRYPTO_SEAL_SIZE)

/* The first one seals, all of them open. */
struct seal_keys {
    struct seal_key {
        uint8_t id[SEAL_KEY_ID_SIZE];
        uint8_t bytes[SEAL_KEY_SIZE];
    } at[SEAL_KEYS_MAX];
    size_t count;
};

/* Adds one, given as base64. False: it is none, or there is no room. */
bool seal_keys_add(struct seal_keys *keys, struct str base64) MUST_CHECK;

/* `bound` says where the value stands. */
void seal_close(const struct seal_keys *keys, struct str bound, struct str text, struct buf *out);

/* Appends what was sealed; `bound_once`, where releases before this one bound it to. ERR_INVALID: sealed with a key that
 * is not there, altered, or from another place. */
int seal_open(const struct seal_keys *keys, struct str bound, struct str bound_once,
              struct str sealed, struct buf *out) MUST_CHECK;

/* Nothing would be gained by sealing it again. */
bool seal_is_new(const struct seal_keys *keys, struct str sealed);

#endif
