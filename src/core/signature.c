/* Secrets, and signatures in the shapes that receivers verify. */
#include "core/signature.h"

#include "base/crypto.h"
#include "base/err.h"

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

const char *secret_check_printable(struct str secret)
{
    if (secret.n < 1 || secret.n > SECRET_MAX)
        return "must be 1 to 256 bytes long";
    for (size_t i = 0; i < secret.n; i++)
        if (secret.p[i] < 0x20 || secret.p[i] > 0x7e)
            return "may contain only printable ASCII characters";
    if (secret.p[0] == ' ' || secret.p[secret.n - 1] == ' ')
        return "may not begin or end with a space, which a header cannot carry";
    return NULL;
}

const char *secret_check(struct str secret)
{
    uint8_t key[SECRET_KEY_MAX];
    const char *wrong = secret_check_printable(secret);

    if (wrong != NULL || !str_starts(secret, STR_LIT(SECRET_PREFIX)))
        return wrong;
    ssize_t n = decode(secret, key);
    crypto_wipe(key, sizeof key);
    return n < 0 ? "must have base64 of 24 to 64 bytes after whsec_" : NULL;
}

const char *const secret_type_names[] = {"hmac", "ed25519", NULL};

const char *secret_prefix(int type)
{
    return type == SECRET_ED25519 ? SECRET_PRIVATE_PREFIX : SECRET_PREFIX;
}

const char *secret_prefix_of(struct str secret)
{
    if (secret_is_private_key(secret))
        return SECRET_PRIVATE_PREFIX;
    return secret_is_standard(secret) ? SECRET_PREFIX : "";
}

void secret_generate(struct buf *out, const char *prefix)
{
    uint8_t key[GENERATED_BYTES];
    crypto_random(key, sizeof key);
    buf_add_text(out, prefix);
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

/* The seed of a whsk_ secret; false if it is not one, or if the public key beside it is another's.
 */
static bool decode_private(struct str secret, uint8_t seed[ED25519_SIZE])
{
    struct str prefix = STR_LIT(SECRET_PRIVATE_PREFIX);
    uint8_t key[2 * ED25519_SIZE], public[ED25519_SIZE];

    if (!str_starts(secret, prefix))
        return false;
    struct str text = {secret.p + prefix.n, secret.n - prefix.n};
    ssize_t n = crypto_base64_decode(text, key, sizeof key);
    bool good = n == ED25519_SIZE;
    if (n == (ssize_t)sizeof key) {
        crypto_ed25519_public(key, public);
        good = memcmp(public, key + ED25519_SIZE, ED25519_SIZE) == 0;
    }
    if (good)
        memcpy(seed, key, ED25519_SIZE);
    crypto_wipe(key, sizeof key);
    return good;
}

bool secret_is_private_key(struct str secret)
{
    uint8_t seed[ED25519_SIZE];
    bool good = decode_private(secret, seed);

    crypto_wipe(seed, sizeof seed);
    return good;
}

const char *secret_check_signing(struct str secret)
{
    if (str_starts(secret, STR_LIT(SECRET_PRIVATE_PREFIX)))
        return secret_is_private_key(secret)
                   ? NULL
                   : "must have base64 of an Ed25519 private key after whsk_";
    if (!str_starts(secret, STR_LIT(SECRET_PREFIX)))
        return "must begin with whsec_ or whsk_ in this profile";
    return secret_check(secret);
}

int secret_public_key(struct buf *out, struct str secret)
{
    uint8_t seed[ED25519_SIZE], public[ED25519_SIZE];

    if (!decode_private(secret, seed))
        return ERR_INVALID;
    crypto_ed25519_public(seed, public);
    crypto_wipe(seed, sizeof seed);
    buf_add_text(out, SECRET_PUBLIC_PREFIX);
    crypto_base64(out, public, sizeof public);
    return 0;
}

void signature_asymmetric(struct buf *out, struct str secret, struct str id, struct str timestamp,
                          struct str body)
{
    uint8_t seed[ED25519_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct buf message; /* Ed25519 signs in one go */
    bool good = decode_private(secret, seed);

    assert(good);
    buf_init(&message, id.n + timestamp.n + body.n + 2);
    buf_add_str(&message, id);
    buf_add_char(&message, '.');
    buf_add_str(&message, timestamp);
    buf_add_char(&message, '.');
    buf_add_str(&message, body);
    crypto_ed25519_sign(seed, buf_str(&message), signature);
    crypto_wipe(seed, sizeof seed);
    buf_fini(&message);
    buf_add_text(out, "v1a,");
    crypto_base64(out, signature, sizeof signature);
}
