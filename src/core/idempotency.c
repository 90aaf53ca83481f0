/* Hashes for idempotency: HMAC-SHA256 under a fixed key hashes parts without gluing them together
 * first. */
#include "core/idempotency.h"

#include "base/crypto.h"

struct id idempotency_hash(const struct str *parts, size_t count)
{
    uint8_t digest[SHA256_SIZE];
    struct id id;

    crypto_hmac_sha256(STR_LIT("posthorn-request"), parts, count, digest);
    memcpy(id.b, digest, sizeof id.b);
    return id;
}

struct id idempotency_id(struct id app, enum idempotency_kind kind, struct str key, size_t index)
{
    char letter = (char)kind;
    struct str parts[] = {{(const char *)app.b, sizeof app.b},
                          {&letter, 1},
                          {(const char *)&index, sizeof index},
                          key};
    return idempotency_hash(parts, ARRAY_LEN(parts));
}
