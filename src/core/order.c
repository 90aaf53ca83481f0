/* Numbers for keys, by HMAC-SHA256 under a fixed key: a hash that nobody can aim at. */
#include "core/order.h"

#include "base/crypto.h"

int64_t order_number(struct str key)
{
    uint8_t digest[SHA256_SIZE];
    int64_t number = 0;

    crypto_hmac_sha256(STR_LIT("posthorn-order"), &key, 1, digest);
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | (digest[i] & (i == 0 ? 0x7f : 0xff));
    return number != LANE_OF_WEBHOOK_NUMBER ? number : 1;
}

const char *order_key_check(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] < 0x20 || key.p[i] == 0x7f)
            return "must not contain control characters";
    return NULL;
}
