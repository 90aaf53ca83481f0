/* Tokens are random: they are keys as ids are. */
#include "tokens.h"

#include "base/crypto.h"

static struct id key_of(int64_t token)
{
    struct id key = {{0}};
    memcpy(key.b, &token, sizeof token);
    return key;
}

static uintptr_t count_of(const struct tokens *tokens, int64_t token)
{
    return (uintptr_t)idmap_get(&tokens->counts, key_of(token));
}

#define DOUBT ((uintptr_t)1 << 32) /* beside the count */

void tokens_fini(struct tokens *tokens)
{
    idmap_fini(&tokens->counts);
}

int64_t tokens_new(void)
{
    int64_t token;
    crypto_random(&token, sizeof token);
    return token;
}

void tokens_take(struct tokens *tokens, int64_t token)
{
    idmap_set(&tokens->counts, key_of(token), (void *)(count_of(tokens, token) + 1));
}

void tokens_give_back(struct tokens *tokens, int64_t token)
{
    uintptr_t count = count_of(tokens, token);

    if (count == 0)
        return; /* forgotten */
    count--;
    idmap_set(&tokens->counts, key_of(token), count == DOUBT ? NULL : (void *)count);
    if (count == 0 && tokens->ended_count < TOKENS_ENDED_MAX)
        tokens->ended[tokens->ended_count++] = token;
}

bool tokens_have(const struct tokens *tokens, int64_t token)
{
    return count_of(tokens, token) > 0;
}

void tokens_doubt(struct tokens *tokens, int64_t token)
{
    idmap_set(&tokens->counts, key_of(token), (void *)(count_of(tokens, token) | DOUBT));
}

void tokens_forget(struct tokens *tokens, int64_t token)
{
    idmap_set(&tokens->counts, key_of(token), NULL);
}

void tokens_forget_all(struct tokens *tokens)
{
    idmap_fini(&tokens->counts);
    tokens->ended_count = 0;
}
