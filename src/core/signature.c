/* HMAC signatures in the two shapes that receivers verify. */
#include "core/signature.h"

#include "base/crypto.h"

#define GENERATED_BYTES 32

/* The key bytes of a standard secret; -1 if it is not one. */
static ssize_t decode(struct str secret, uint8_t key[SECRET_KEY_MAX])
{
    struct str prefix = STR_LIT(SECRET_PREFIX);
    if (!str_starts(secret, prefix))
        return -1;
    struct str text = {secret.p + prefix.n, secret.n - prefix.n};
    ssize_t n = crypto_base64_decode(text, key, SECRET_KEY_MAX);
    return n >= SECRET_KEY_MIN ? n : -1;
}

const char *secret_check(struct str secret)
{
    uint8_t key[SECRET_KEY_MAX];

    if (secret.n < 1 || secret.n > SECRET_MAX)
        return "must be 1 to 256 bytes long";
    for (size_t i = 0; i < secret.n; i++)
        if (secret.p[i] < 0x20 || secret.p[i] > 0x7e)
            return "must be printable ASCII";
    if (!str_starts(secret, STR_LIT(SECRET_PREFIX)))
        return NULL;
    ssize_t n = decode(secret, key);
    crypto_wipe(key, sizeof key);
    return n < 0 ? "must be base64 of 24 to 64 bytes after whsec_" : NULL;
}

void secret_generate(struct buf *out)
{
    uint8_t key[GENERATED_BYTES];
    crypto_random(key, sizeof key);
    buf_add_text(out, SECRET_PREFIX);
    crypto_base64(out, key, sizeof key);
    crypto_wipe(key, sizeof key);
}

bool secret_is_standard(struct str secret)
{
    uint8_t key[SECRET_KEY_MAX];
    ssize_t n = decode(secret, key);
    crypto_wipe(key, sizeof key);
    return n >= 0;
}

void signature_hex(struct buf *out, const char *prefix, struct str secret, struct str body)
{
    uint8_t mac[SHA256_SIZE];
    crypto_hmac_sha256(secret, &body, 1, mac);
    buf_add_text(out, prefix);
    crypto_hex(out, mac, sizeof mac);
}

void signature_standard(struct buf *out, struct str secret, struct str id, struct str timestamp,
                        struct str body)
{
    uint8_t key[SECRET_KEY_MAX], mac[SHA256_SIZE];
    ssize_t n = decode(secret, key);
    struct str parts[] = {id, STR_LIT("."), timestamp, STR_LIT("."), body};

    assert(n > 0);
    crypto_hmac_sha256((struct str){(const char *)key, (size_t)n}, parts, ARRAY_LEN(parts), mac);
    buf_add_text(out, "v1,");
    crypto_base64(out, mac, sizeof mac);
    crypto_wipe(key, sizeof key);
}
