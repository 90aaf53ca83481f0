/* From a key to a tenant and a scope. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "call.h"
#include "core/key.h"

/* Known keys, for a few seconds, so that a busy client costs no statement a request. */
struct auth_cache *auth_cache_create(void);
void auth_cache_destroy(struct auth_cache *cache); /* NULL is fine */
void auth_cache_clear(struct auth_cache *cache); /* a key or an app changed or is gone, or may be */

/* What the value of an Authorization header says of itself. KEY_NONE: whatever it asks for is refused. The admin key
 * is proven, and so is a key without a check that was found since the start. `*key` is its
 * id if it is proven and not the admin key, else nil. */
enum key_proof auth_proof(const struct api *api, struct str authorization, struct id *key);

typedef void auth_done(struct call *call);

/* Sets call->scope and call->app. True: they were known, and are set. False: `done` is called when they
 * are; or the call is refused: it is answered with 401, 403, 404 or 503. */
bool auth_start(struct call *call, auth_done *done) MUST_CHECK;

#endif
