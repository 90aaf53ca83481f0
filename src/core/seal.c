/* Which key, which form. */
#include "core/seal.h"

#include "base/err.h"

#define VERSION_ONCE 1
#define VERSION      2
#define HEAD_SIZE    (1 + SEAL_KEY_ID_SIZE)
#define BOUND_MAX    4096

bool seal_keys_add(struct seal_keys *keys, struct str base64)
{
    uint8_t hash[SHA256_SIZE];

    if (keys->count == SEAL_KEYS_MAX)
        return false;
    struct seal_key *key = &keys->at[keys->count];
    if (crypto_base64_decode(base64, key->bytes, SEAL_KEY_SIZE) != SEAL_KEY_SIZE)
        return false;
    crypto_sha256((struct str){(const char *)key->bytes, SEAL_KEY_SIZE}, hash);
    memcpy(key->id, hash, SEAL_KEY_ID_SIZE);
    keys->count++;
    return true;
}

/* What is authenticated: version and key, so that neither can be exchanged, and the place. */
static void place_of(struct buf *out, struct str head, struct str bound)
{
    buf_init(out, BOUND_MAX);
    buf_add_str(out, head);
    buf_add_str(out, bound);
    assert(out->n == head.n + bound.n);
}

static struct str head_of(const struct seal_key *key, char head[HEAD_SIZE])
{
    head[0] = VERSION;
    memcpy(head + 1, key->id, SEAL_KEY_ID_SIZE);
    return (struct str){head, HEAD_SIZE};
}

void seal_close(const struct seal_keys *keys, struct str bound, struct str text, struct buf *out)
{
    char bytes[HEAD_SIZE];
    struct str head = head_of(&keys->at[0], bytes);
    struct buf place;

    place_of(&place, head, bound);
    buf_add_str(out, head);
    crypto_seal(out, keys->at[0].bytes, buf_str(&place), text);
    buf_fini(&place);
}

static int open_once(const struct seal_keys *keys, struct str bound, struct str sealed,
                     struct buf *out)
{
    for (size_t i = 0; i < keys->count; i++)
        if (crypto_open(out, keys->at[i].bytes, bound, sealed) == 0)
            return 0;
    return ERR_INVALID;
}

/* Two keys may have the same four bytes. */
static int open_now(const struct seal_keys *keys, struct str bound, struct str sealed,
                    struct buf *out)
{
    struct str head = {sealed.p, HEAD_SIZE};
    struct str rest = {sealed.p + HEAD_SIZE, sealed.n - HEAD_SIZE};
    struct buf place;
    int err = ERR_INVALID;

    place_of(&place, head, bound);
    for (size_t i = 0; err < 0 && i < keys->count; i++)
        if (memcmp(keys->at[i].id, head.p + 1, SEAL_KEY_ID_SIZE) == 0)
            err = crypto_open(out, keys->at[i].bytes, buf_str(&place), rest);
    buf_fini(&place);
    return err;
}

int seal_open(const struct seal_keys *keys, struct str bound, struct str bound_once,
              struct str sealed, struct buf *out)
{
    if (sealed.n > HEAD_SIZE && sealed.p[0] == VERSION)
        return open_now(keys, bound, sealed, out);
    if (sealed.n > 1 && sealed.p[0] == VERSION_ONCE)
        return open_once(keys, bound_once, (struct str){sealed.p + 1, sealed.n - 1}, out);
    return ERR_INVALID;
}

bool seal_is_new(const struct seal_keys *keys, struct str sealed)
{
    char bytes[HEAD_SIZE];
    return str_starts(sealed, head_of(&keys->at[0], bytes));
}
