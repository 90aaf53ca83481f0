/* OpenSSL, behind functions that do not fail. */
#include "base/crypto.h"

#include "base/err.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define NONCE_SIZE 12
#define TAG_SIZE   16

_Static_assert(CRYPTO_SEAL_SIZE == NONCE_SIZE + TAG_SIZE, "the format of crypto_seal()");

/* OpenSSL's 1 for success. What it is asked here can fail for lack of memory, and of randomness. */
static void must(int result)
{
    if (result == 1)
        return;
    fputs("posthorn: OpenSSL failed\n", stderr);
    abort();
}

void crypto_random(void *out, size_t n)
{
    must(RAND_bytes(out, (int)n));
}

/* Fetched once per thread: a fetch by name for every digest costs more than the digest. */
static _Thread_local EVP_MD *sha256;
static _Thread_local EVP_MAC_CTX *hmac, *hmac_long;
static _Thread_local EVP_CIPHER *aes;
static _Thread_local EVP_CIPHER_CTX *gcm;

void crypto_thread_end(void)
{
    EVP_MD_free(sha256);
    EVP_MAC_CTX_free(hmac);
    EVP_MAC_CTX_free(hmac_long);
    EVP_CIPHER_free(aes);
    EVP_CIPHER_CTX_free(gcm);
    sha256 = NULL;
    hmac = hmac_long = NULL;
    aes = NULL;
    gcm = NULL;
}

/* The first that is asked of OpenSSL: without its own tables, for lack of memory, it would look into them all the same. */
static EVP_MD *sha256_method(void)
{
    if (sha256 == NULL) {
        must(OSSL_LIB_CTX_get0_global_default() != NULL);
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    must(sha256 != NULL);
    return sha256;
}

void crypto_sha256(struct str data, uint8_t out[SHA256_SIZE])
{
    must(EVP_Digest(data.p, data.n, out, NULL, sha256_method(), NULL));
}

static EVP_MAC_CTX *hmac_context(EVP_MAC_CTX **context, const char *digest)
{
    if (*context == NULL) {
        char name[8];
        snprintf(name, sizeof name, "%s", digest); /* before OpenSSL measures it */
        OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
                               OSSL_PARAM_construct_end()};
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        *context = EVP_MAC_CTX_new(mac);
        EVP_MAC_free(mac);
        must(*context != NULL && EVP_MAC_CTX_set_params(*context, params));
    }
    return *context;
}

static void hmac_parts(EVP_MAC_CTX *context, struct str key, const struct str *parts, size_t count,
                       uint8_t *out, size_t size)
{
    size_t n;

    /* No pointer would mean the key of the call before. */
    must(EVP_MAC_init(context, (const unsigned char *)(key.n > 0 ? key.p : ""), key.n, NULL));
    for (size_t i = 0; i < count; i++)
        must(EVP_MAC_update(context, (const unsigned char *)parts[i].p, parts[i].n));
    must(EVP_MAC_final(context, out, &n, size));
    assert(n == size);
}

void crypto_hmac_sha256(struct str key, const struct str *parts, size_t count,
                        uint8_t out[SHA256_SIZE])
{
    hmac_parts(hmac_context(&hmac, "SHA256"), key, parts, count, out, SHA256_SIZE);
}

void crypto_hmac_sha512(struct str key, const struct str *parts, size_t count,
                        uint8_t out[SHA512_SIZE])
{
    hmac_parts(hmac_context(&hmac_long, "SHA512"), key, parts, count, out, SHA512_SIZE);
}

static EVP_PKEY *ed25519_key(const uint8_t seed[ED25519_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SIZE);
    must(key != NULL);
    return key;
}

void crypto_ed25519_public(const uint8_t seed[ED25519_SIZE], uint8_t out[ED25519_SIZE])
{
    EVP_PKEY *key = ed25519_key(seed);
    size_t n = ED25519_SIZE;

    must(EVP_PKEY_get_raw_public_key(key, out, &n));
    EVP_PKEY_free(key);
}

void crypto_ed25519_sign(const uint8_t seed[ED25519_SIZE], struct str message,
                         uint8_t out[ED25519_SIGNATURE_SIZE])
{
    EVP_PKEY *key = ed25519_key(seed);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t n = ED25519_SIGNATURE_SIZE;

    must(context != NULL);
    must(EVP_DigestSignInit(context, NULL, NULL, NULL, key));
    must(EVP_DigestSign(context, out, &n, (const unsigned char *)message.p, message.n));
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

bool crypto_ed25519_verify(const uint8_t public[ED25519_SIZE], struct str message,
                           const uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, ED25519_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(key != NULL && context != NULL);
    must(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key));
    int fits = EVP_DigestVerify(context, signature, ED25519_SIGNATURE_SIZE,
                                (const unsigned char *)message.p, message.n);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return fits == 1;
}

bool crypto_equal(struct str a, struct str b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

void crypto_forget(struct buf *buf)
{
    crypto_wipe(buf->p, buf->n);
    buf_fini(buf);
}

void crypto_hex(struct buf *out, const void *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *bytes = p;
    char *room = buf_room(out, n * 2);
    if (room == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        room[2 * i] = hex[bytes[i] >> 4];
        room[2 * i + 1] = hex[bytes[i] & 15];
    }
    buf_added(out, n * 2);
}

void crypto_base64(struct buf *out, const void *p, size_t n)
{
    size_t size = (n + 2) / 3 * 4;
    char *room = buf_room(out, size);
    if (room == NULL)
        return;
    EVP_EncodeBlock((unsigned char *)room, p, (int)n);
    buf_added(out, size);
}

void crypto_base64url(struct buf *out, const void *p, size_t n)
{
    size_t start = out->n;
    crypto_base64(out, p, n);
    for (size_t i = start; i < out->n; i++) {
        if (out->p[i] == '=') {
            out->n = i;
            break;
        }
        if (out->p[i] == '+')
            out->p[i] = '-';
        else if (out->p[i] == '/')
            out->p[i] = '_';
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t crypto_base64_decode(struct str text, uint8_t *out, size_t max)
{
    size_t padding = 0, n = 0;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    if (text.n % 4 != 0 || text.n / 4 * 3 - padding > max)
        return -1;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n - padding; i++) {
        int digit = base64_digit(text.p[i]);
        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0)
            out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    /* Bits that carry nothing must be 0, or one secret has several spellings. */
    uint32_t unused = padding == 1 ? bits & 3 : padding == 2 ? bits & 15 : 0;
    return unused == 0 ? (ssize_t)n : -1;
}

static EVP_CIPHER_CTX *gcm_context(void)
{
    if (gcm == NULL) {
        aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
        gcm = EVP_CIPHER_CTX_new();
        must(aes != NULL && gcm != NULL);
    }
    return gcm;
}

void crypto_seal(struct buf *out, const uint8_t key[SEAL_KEY_SIZE], struct str bound,
                 struct str text)
{
    uint8_t nonce[NONCE_SIZE], *room = (uint8_t *)buf_room(out, text.n + CRYPTO_SEAL_SIZE);
    int n;
    if (room == NULL)
        return;
    crypto_random(nonce, sizeof nonce);
    EVP_CIPHER_CTX *context = gcm_context();
    must(EVP_EncryptInit_ex(context, aes, NULL, key, nonce));
    must(EVP_EncryptUpdate(context, NULL, &n, (const uint8_t *)bound.p, (int)bound.n));
    memcpy(room, nonce, NONCE_SIZE);
    uint8_t *body = room + NONCE_SIZE;
    must(EVP_EncryptUpdate(context, body, &n, (const uint8_t *)text.p, (int)text.n));
    must(EVP_EncryptFinal_ex(context, body + n, &n));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + text.n));
    buf_added(out, text.n + CRYPTO_SEAL_SIZE);
}

int crypto_open(struct buf *out, const uint8_t key[SEAL_KEY_SIZE], struct str bound,
                struct str sealed)
{
    const uint8_t *p = (const uint8_t *)sealed.p;
    int n, last;
    if (sealed.n < CRYPTO_SEAL_SIZE)
        return ERR_INVALID;
    size_t size = sealed.n - CRYPTO_SEAL_SIZE;
    const uint8_t *body = p + NONCE_SIZE;
    uint8_t tag[TAG_SIZE], *room = (uint8_t *)buf_room(out, size);
    if (room == NULL)
        return ERR_INVALID;
    memcpy(tag, body + size, TAG_SIZE);
    EVP_CIPHER_CTX *context = gcm_context();
    must(EVP_DecryptInit_ex(context, aes, NULL, key, p));
    must(EVP_DecryptUpdate(context, NULL, &n, (const uint8_t *)bound.p, (int)bound.n));
    must(EVP_DecryptUpdate(context, room, &n, body, (int)size));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag));
    bool intact = EVP_DecryptFinal_ex(context, room + n, &last) == 1;
    if (!intact) {
        crypto_wipe(room, size);
        return ERR_INVALID;
    }
    buf_added(out, size);
    return 0;
}
