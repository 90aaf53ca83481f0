/* API keys: the id in the key's text finds the row, the hash proves the rest. */
#include "core/key.h"

#define KEY_PREFIX       "ph"
#define KEY_SECRET_BYTES 32

const char *const key_scope_names[] = {"read", "publish", "write", "admin", NULL};

void key_make(struct id id, struct buf *text, uint8_t hash[SHA256_SIZE])
{
    char prefix[ID_TEXT_SIZE];
    uint8_t secret[KEY_SECRET_BYTES];

    crypto_random(secret, sizeof secret);
    buf_printf(text, "%s_", id_text(prefix, KEY_PREFIX, id));
    crypto_base64url(text, secret, sizeof secret);
    crypto_wipe(secret, sizeof secret);
    crypto_sha256(buf_str(text), hash);
}

bool key_parse(struct str text, struct id *id)
{
    size_t head = sizeof KEY_PREFIX - 1 + 1 + 26;
    return text.n > head + 1 && text.n <= KEY_TEXT_MAX && text.p[head] == '_' &&
           id_parse((struct str){text.p, head}, KEY_PREFIX, id);
}
