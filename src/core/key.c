/* API keys: the id in the key's text finds the row, the hash proves the rest. What follows the id is base64url of
 * 32 random bytes and, since keys have one, of an 8 byte check: an HMAC of id and random bytes. Whoever has not the
 * encryption key makes up one that fits once in 2^64 tries, so guesses are known without asking anybody. The two
 * kinds are told apart by their length. */
#include "core/key.h"

#define KEY_PREFIX       "ph"
#define TOKEN_PREFIX     "in" /* as long */
#define PORTAL_PREFIX    "pt" /* as long */
#define KEY_SECRET_BYTES 32
#define KEY_CHECK_BYTES  8
#define HEAD_CHARS       (sizeof KEY_PREFIX - 1 + 1 + 26)
#define OLD_CHARS        43 /* base64url of the random bytes alone */
#define NEW_CHARS        54 /* of those and the check */

const char *const key_scope_names[] = {"read", "publish", "write", "admin", NULL};

void key_check_secret(const uint8_t seal_key[SEAL_KEY_SIZE], uint8_t secret[SHA256_SIZE])
{
    struct str part = STR_LIT("posthorn key check");
    crypto_hmac_sha256((struct str){(const char *)seal_key, SEAL_KEY_SIZE}, &part, 1, secret);
}

/* A token is no key of its id, nor a key a token, of either kind. */
static void check_of(const uint8_t secret[SHA256_SIZE], const char *prefix, struct id id,
                     const uint8_t *random, uint8_t check[SHA256_SIZE])
{
    bool is_key = strcmp(prefix, KEY_PREFIX) == 0;
    struct str parts[] = {{(const char *)id.b, sizeof id.b},
                          {(const char *)random, KEY_SECRET_BYTES},
                          str_of(prefix)};
    crypto_hmac_sha256((struct str){(const char *)secret, SHA256_SIZE}, parts,
                       ARRAY_LEN(parts) - is_key, check);
}

static void make(const uint8_t check_secret[SHA256_SIZE], const char *prefix, struct id id,
                 struct buf *text, uint8_t hash[SHA256_SIZE])
{
    char head[ID_TEXT_SIZE];
    uint8_t secret[KEY_SECRET_BYTES + KEY_CHECK_BYTES], check[SHA256_SIZE];

    crypto_random(secret, KEY_SECRET_BYTES);
    check_of(check_secret, prefix, id, secret, check);
    memcpy(secret + KEY_SECRET_BYTES, check, KEY_CHECK_BYTES);
    buf_printf(text, "%s_", id_text(head, prefix, id));
    crypto_base64url(text, secret, sizeof secret);
    crypto_wipe(secret, sizeof secret);
    crypto_sha256(buf_str(text), hash);
}

/* Base64url of all of `out`, or false. */
static bool decode(struct str text, uint8_t *out, size_t size)
{
    char plain[NEW_CHARS + 3];

    assert(text.n < sizeof plain - 2);
    memset(plain, '=', sizeof plain);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+' || c == '/' || c == '=')
            return false;
        plain[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    struct str padded = {plain, (text.n + 3) / 4 * 4};
    bool fits = crypto_base64_decode(padded, out, size) == (ssize_t)size;
    crypto_wipe(plain, sizeof plain);
    return fits;
}

static enum key_proof parse(const uint8_t check_secret[SHA256_SIZE], const char *prefix,
                            struct str text, struct id *id)
{
    uint8_t secret[KEY_SECRET_BYTES + KEY_CHECK_BYTES], check[SHA256_SIZE];
    size_t n = text.n - HEAD_CHARS - 1;

    if (text.n <= HEAD_CHARS + 1 || (n != OLD_CHARS && n != NEW_CHARS) ||
        text.p[HEAD_CHARS] != '_' || !id_parse((struct str){text.p, HEAD_CHARS}, prefix, id))
        return KEY_NONE;
    size_t size = n == NEW_CHARS ? sizeof secret : KEY_SECRET_BYTES;
    if (!decode((struct str){text.p + HEAD_CHARS + 1, n}, secret, size))
        return KEY_NONE;
    check_of(check_secret, prefix, *id, secret, check);
    bool proven =
        n == NEW_CHARS &&
        crypto_equal((struct str){(const char *)secret + KEY_SECRET_BYTES, KEY_CHECK_BYTES},
                     (struct str){(const char *)check, KEY_CHECK_BYTES});
    crypto_wipe(secret, sizeof secret);
    return proven ? KEY_PROVEN : KEY_UNPROVEN;
}

void key_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
              uint8_t hash[SHA256_SIZE])
{
    make(check_secret, KEY_PREFIX, id, text, hash);
}

enum key_proof key_parse(const uint8_t check_secret[SHA256_SIZE], struct str text, struct id *id)
{
    size_t n = sizeof PORTAL_PREFIX - 1;
    bool portal = text.n > n && memcmp(text.p, PORTAL_PREFIX, n) == 0;
    return parse(check_secret, portal ? PORTAL_PREFIX : KEY_PREFIX, text, id);
}

void portal_token_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
                       uint8_t hash[SHA256_SIZE])
{
    make(check_secret, PORTAL_PREFIX, id, text, hash);
}

void token_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
                uint8_t hash[SHA256_SIZE])
{
    make(check_secret, TOKEN_PREFIX, id, text, hash);
}

enum key_proof token_parse(const uint8_t check_secret[SHA256_SIZE], struct str text, struct id *id)
{
    return parse(check_secret, TOKEN_PREFIX, text, id);
}
