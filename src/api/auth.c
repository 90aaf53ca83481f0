/* From key to tenant. What was looked up is remembered per thread for a few seconds under a hash of
 * key and X-App-Id; the end of a key or an app, or another uid of one, clears it at once (NOTIFY), and the
 * seconds are the bound for when that is missed. */
#include "auth.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "client.h"
#include "core/address.h"
#include "core/uid.h"
#include "input.h"
#include "lookup.h"
#include "rate.h"
#include "reply.h"
#include "result.h"
#include "store/apps.h"
#include "store/keys.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_ROWS   1024 /* a power of two */
#define CACHE_TTL_MS 5000
#define USE_NOTED_MS 60000
#define NO_APP       "No app has this id or uid, or the key is another app's"

struct cached {
    uint8_t hash[SHA256_SIZE];
    int64_t until_ms;   /* monotonic; 0: free */
    int64_t expires_ms; /* wall clock; 0: never */
    int scope;
    bool portal;
    int64_t requests; /* as in struct key */
    struct id key, app;
    int checks; /* of the app */
};

/* Keys whose text has no proof, and that were found once: what they are told apart from guesses by. */
struct found {
    uint8_t hash[SHA256_SIZE];
};

struct auth_cache {
    uint64_t clears; /* what began before one of them is not kept */
    struct cached rows[CACHE_ROWS];
    struct found found[CACHE_ROWS];
};

/* What an authentication needs between its statements; in the request's pool. */
struct auth {
    auth_done *done;
    uint8_t hash[SHA256_SIZE];
    struct str key, app_text;
    struct id key_id;
    struct id key_app;
    bool has_app, portal;
    int scope;
    int64_t requests;
    int checks;      /* of the key's app */
    uint64_t clears; /* when it began */
    int64_t expires_ms;
    bool bound; /* to networks: it is known for this address only */
};

struct auth_cache *auth_cache_create(void)
{
    return xcalloc(1, sizeof(struct auth_cache));
}

void auth_cache_destroy(struct auth_cache *cache)
{
    free(cache);
}

void auth_cache_clear(struct auth_cache *cache)
{
    memset(cache->rows, 0, sizeof cache->rows);
    cache->clears++;
}

static size_t slot_of(const uint8_t hash[SHA256_SIZE])
{
    return (hash[0] | hash[1] << 8) & (CACHE_ROWS - 1);
}

static struct cached *row_of(struct auth_cache *cache, const uint8_t hash[SHA256_SIZE])
{
    return &cache->rows[slot_of(hash)];
}

static bool expired(int64_t expires_ms)
{
    return expires_ms != 0 && expires_ms <= clock_wall_ms();
}

/* Scopes are ordered, but publish does not read. */
static bool covers(int scope, bool portal, const struct route *route)
{
    return (!portal || route->portal) && scope <= SCOPE_ADMIN && scope >= route->scope &&
           !(scope == SCOPE_PUBLISH && route->scope == SCOPE_READ);
}

static void reply_forbidden(struct call *call)
{
    struct buf detail;

    if (call->portal) {
        reply_error(call, ERR_FORBIDDEN,
                    call->route->portal ? "This needs a portal token with the scope manage"
                                        : "A portal token may not do this: it takes a key");
        return;
    }
    buf_init(&detail, 100);
    for (int scope = 0; key_scope_names[scope] != NULL; scope++)
        if (covers(scope, false, call->route))
            buf_printf(&detail, "%s%s", detail.n > 0 ? " or " : "This needs a key with the scope ",
                       key_scope_names[scope]);
    reply_error(call, ERR_FORBIDDEN, buf_text(&detail));
    buf_fini(&detail);
}

/* Whether the key, which is known, may ask for this, and now; false: that has been replied. */
static bool allow(struct call *call)
{
    const struct config *config = &call->api->settings->config;
    struct rate rate = {call->requests >= 0 ? call->requests : config->requests_per_key,
                        config->requests_burst};

    rate.burst = rate.burst > rate.per_second ? rate.burst : rate.per_second;
    if (!rate_allows(call, &rate))
        return false;
    bool covered = covers(call->scope, call->portal, call->route);
    if (!covered)
        reply_forbidden(call);
    return covered;
}

/* What a key is known by that may be used from some networks only. */
static void bind_to_client(const struct call *call, uint8_t hash[SHA256_SIZE])
{
    struct sockaddr_storage address;
    struct str parts[] = {{(const char *)hash, SHA256_SIZE},
                          {(const char *)&address, sizeof address}};
    uint8_t bound[SHA256_SIZE];

    if (!client_address(call, &address))
        address = (struct sockaddr_storage){0};
    crypto_hmac_sha256(STR_LIT("posthorn-auth"), parts, ARRAY_LEN(parts), bound);
    memcpy(hash, bound, SHA256_SIZE);
}

/* False: not from there, and that has been replied. */
static bool may_come(struct call *call, const struct key *key)
{
    struct sockaddr_storage address;
    bool may = key->network_count == 0;

    if (may)
        return true;
    if (client_address(call, &address))
        for (size_t i = 0; !may && i < key->network_count; i++) {
            struct networks one;
            struct str bad;
            may = networks_parse(key->networks[i], &one, &bad) == 0 &&
                  networks_contain(&one, (struct sockaddr *)&address);
        }
    if (!may)
        reply_error(call, ERR_FORBIDDEN,
                    "This key may not be used from this address: see its allowed_networks");
    return may;
}

static void on_used(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    (void)err; /* of no use to anybody who waits; the next lookup notes it */
    (void)rows;
}

/* Once a minute, beside a lookup, of which there is one in some seconds. */
static void note_use(const struct api *api, const struct key *key)
{
    if (clock_wall_ms() - key->used_ms >= USE_NOTED_MS)
        keys_use(api->db, key->id, on_used, NULL);
}

/* Unless it may have changed since it was read. */
static void keep(const struct call *call, const struct auth *auth)
{
    struct auth_cache *cache = call->api->auth;
    struct cached *row = row_of(cache, auth->hash);

    if (auth->clears != cache->clears)
        return;
    *row = (struct cached){
        .until_ms = clock_mono_ms() + CACHE_TTL_MS,
        .expires_ms = auth->expires_ms,
        .scope = call->scope,
        .portal = call->portal,
        .requests = call->requests,
        .key = call->key,
        .app = call->app,
        .checks = call->checks,
    };
    memcpy(row->hash, auth->hash, sizeof row->hash);
}

/* The tenant is known. */
static void finish(struct call *call, struct id app, int checks)
{
    struct auth *auth = call->state;

    if (auth->bound)
        bind_to_client(call, auth->hash);
    call->app = app;
    call->checks = checks;
    keep(call, auth);
    call->state = NULL;
    auth->done(call);
}

static void on_app(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct auth *auth = call->state;
    struct app app = {0};

    if (!result_ok(call, err))
        return;
    if (db_count(rows) > 0)
        app_read(rows, 0, &app);
    if (db_count(rows) == 0 || (auth->has_app && !id_eq(app.id, auth->key_app)))
        reply_error(call, ERR_NOT_FOUND, NO_APP);
    else
        finish(call, app.id, app.checks);
}

/* The tenant: the key's own, or for an admin key that of X-App-Id. Naming one's own app is fine. */
static void find_app(struct call *call)
{
    struct auth *auth = call->state;
    struct db *db = call->api->db;
    struct str text = auth->app_text;
    struct id id;

    call->scope = auth->scope;
    call->portal = auth->portal;
    call->key = auth->key_id;
    call->requests = auth->requests;
    if (!allow(call))
        return;
    if (text.p == NULL && auth->has_app)
        finish(call, auth->key_app, auth->checks);
    else if (text.p != NULL && id_parse(text, ID_APP, &id))
        call->op = apps_get(db, id, on_app, call);
    else if (text.p != NULL && !uid_is_possible(text))
        reply_error(call, ERR_NOT_FOUND, NO_APP);
    else
        call->op = apps_find(db, text.p != NULL ? text : STR_LIT("default"), on_app, call);
}

static void on_key(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct auth *auth = call->state;
    uint8_t hash[SHA256_SIZE];
    struct key key;

    lookup_end(call);
    if (!result_ok(call, err))
        return;
    crypto_sha256(auth->key, hash);
    bool known = db_count(rows) > 0;
    if (known)
        keys_read(rows, 0, &key);
    if (!known || !crypto_equal(key.hash, (struct str){(const char *)hash, sizeof hash}) ||
        expired(key.expires_ms)) {
        reply_error(call, ERR_UNAUTHORIZED, NULL);
        return;
    }
    memcpy(call->api->auth->found[slot_of(hash)].hash, hash, sizeof hash);
    auth->key_id = key.id;
    auth->scope = key.scope;
    auth->portal = key.portal;
    auth->has_app = key.has_app;
    auth->key_app = key.app;
    auth->checks = key.checks;
    auth->expires_ms = key.expires_ms;
    auth->requests = key.requests;
    auth->bound = key.network_count > 0;
    if (!may_come(call, &key))
        return;
    note_use(call->api, &key);
    find_app(call);
}

static bool is_admin_key(const struct settings *settings, struct str key)
{
    uint8_t hash[SHA256_SIZE];
    if (settings->config.admin_key[0] == '\0')
        return false;
    crypto_sha256(key, hash);
    return crypto_equal((struct str){(const char *)hash, sizeof hash},
                        (struct str){(const char *)settings->admin_key_hash, SHA256_SIZE});
}

/* n == 0: none. */
static struct str key_in(struct str header)
{
    struct str scheme = STR_LIT("Bearer ");

    if (header.n > scheme.n && str_eq_nocase((struct str){header.p, scheme.n}, scheme))
        return str_trim((struct str){header.p + scheme.n, header.n - scheme.n});
    return STR_NONE;
}

/* The key; false: there is none, and that has been replied. */
static bool bearer(struct call *call, struct str *key)
{
    struct str header;

    if (!input_header(call, "Authorization", &header))
        return false;
    *key = key_in(header);
    if (header.p == NULL)
        reply_error(call, ERR_UNAUTHORIZED,
                    "No key was sent: send one in the header Authorization: Bearer KEY");
    else if (key->n == 0)
        reply_error(call, ERR_UNAUTHORIZED,
                    "The header Authorization is not of the form Authorization: Bearer KEY");
    return key->n > 0;
}

/* Which app an admin key means: p == NULL, `default`. An empty name is no way to say that. */
static bool read_app(struct call *call, struct str *text)
{
    if (!input_header(call, "X-App-Id", text))
        return false;
    if (text->p != NULL && text->n == 0) {
        reply_error(call, ERR_BAD_REQUEST,
                    "The header X-App-Id is empty: name an app, or leave it out");
        return false;
    }
    if (call->route->shape == SHAPE_AUTHON)
        *text = call->params[0];
    return true;
}

static bool known(struct call *call, const uint8_t hash[SHA256_SIZE])
{
    const struct cached *row = row_of(call->api->auth, hash);
    if (row->until_ms <= clock_mono_ms() || memcmp(row->hash, hash, SHA256_SIZE) != 0 ||
        expired(row->expires_ms))
        return false;
    call->scope = row->scope;
    call->portal = row->portal;
    call->app = row->app;
    call->key = row->key;
    call->requests = row->requests;
    call->checks = row->checks;
    return true;
}

/* --- what a key's own text says ---------------------------------------------------------------- */

static bool was_found(const struct auth_cache *cache, struct str key)
{
    uint8_t hash[SHA256_SIZE];
    crypto_sha256(key, hash);
    return memcmp(cache->found[slot_of(hash)].hash, hash, sizeof hash) == 0;
}

static enum key_proof proof_of(const struct api *api, struct str key, struct id *id)
{
    enum key_proof proof = lookup_proof(api, key_parse, key, id);
    return proof == KEY_UNPROVEN && was_found(api->auth, key) ? KEY_PROVEN : proof;
}

enum key_proof auth_proof(const struct api *api, struct str authorization, struct id *key)
{
    struct str text = key_in(authorization);

    *key = NOBODY;
    if (text.n > 0 && is_admin_key(api->settings, text))
        return KEY_PROVEN;
    enum key_proof proof = proof_of(api, text, key);
    if (proof != KEY_PROVEN)
        *key = NOBODY;
    return proof;
}

bool auth_start(struct call *call, auth_done *done)
{
    struct auth *auth = call_alloc(call, sizeof *auth);
    uint8_t bound[SHA256_SIZE];
    struct id id;

    if (!read_app(call, &auth->app_text) || !bearer(call, &auth->key))
        return false;
    auth->done = done;
    auth->clears = call->api->auth->clears;
    struct str parts[] = {auth->key, {"", 1}, auth->app_text};
    crypto_hmac_sha256(STR_LIT("posthorn-auth"), parts, ARRAY_LEN(parts), auth->hash);
    if (known(call, auth->hash))
        return allow(call);
    memcpy(bound, auth->hash, sizeof bound);
    bind_to_client(call, bound);
    if (known(call, bound))
        return allow(call);
    call->state = auth;
    if (is_admin_key(call->api->settings, auth->key)) {
        auth->scope = SCOPE_ADMIN;
        auth->requests = -1;
        find_app(call);
        return false;
    }
    enum key_proof proof = proof_of(call->api, auth->key, &id);
    if (proof == KEY_NONE)
        reply_error(call, ERR_UNAUTHORIZED, NULL);
    else
        lookup_start(call, id, proof, keys_get, on_key);
    return false;
}
