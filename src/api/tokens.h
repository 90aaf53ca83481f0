/* From the token in a source's URL to the source. Tokens' text has a check, so that who guesses costs nobody anything; what
 * was looked up is remembered per thread for some seconds, within a budget of which apps have shares, and forgotten at
 * once when a source, a key or an app changes (NOTIFY). */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include "call.h"
#include "core/key.h"
#include "store/sources.h"

struct token_cache *token_cache_create(void);
void token_cache_destroy(struct token_cache *cache); /* NULL is fine */
void token_cache_clear(struct token_cache *cache);

/* What the target of a request says of itself if it is that of a source's URL, and else KEY_NONE. `*source` is its id if
 * it is proven, else nil. */
enum key_proof token_proof(const struct api *api, struct str target, struct id *source);

/* The source, whose app is the call's from now on; it is the callee's until it returns. */
typedef void token_done(struct call *call, const struct source *source);

/* `done` gets the source whose token the path's first parameter is, now or later; or the call is answered with 404, 429 or
 * 503. */
void token_start(struct call *call, token_done *done);

#endif
