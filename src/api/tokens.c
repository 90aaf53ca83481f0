/* Sources that were found. */
#include "tokens.h"

#include "base/cache.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "rate.h"
#include "reply.h"
#include "result.h"

#include <stdlib.h>

#define KEPT_BYTES_MAX ((size_t)4 << 20)
#define KEPT_MS        5000
#define GUESSES        64 /* the part of the lookups that guesses have is one in so many */
#define NO_SOURCE                                                                                    \
    "No source has this URL: it was deleted, its URL was replaced, or some of it is missing at the " \
    "sender"

struct known {
    struct token_cache *cache;
    struct cache_entry kept;
    struct list node; /* of all that are kept */
    int64_t until_ms; /* monotonic */
    struct source source;
    char bytes[]; /* its texts */
};

struct token_cache {
    struct cache cache;
    struct idmap by_id;
    struct list all;
    uint64_t clears; /* what was asked for before one of them is not kept */
};

/* In the request's pool. */
struct search {
    token_done *done;
    uint8_t hash[SHA256_SIZE];
    uint64_t clears;
};

static void on_no_room(struct cache_entry *entry)
{
    struct known *known = CONTAINER_OF(entry, struct known, kept);

    idmap_set(&known->cache->by_id, known->source.id, NULL);
    list_remove(&known->node);
    free(known);
}

static void forget(struct known *known)
{
    cache_take(&known->cache->cache, &known->kept);
    on_no_room(&known->kept);
}

struct token_cache *token_cache_create(void)
{
    struct token_cache *c = xcalloc(1, sizeof *c);

    cache_init(&c->cache, KEPT_BYTES_MAX, on_no_room);
    list_init(&c->all);
    return c;
}

void token_cache_destroy(struct token_cache *c)
{
    if (c == NULL)
        return;
    cache_fini(&c->cache);
    idmap_fini(&c->by_id);
    free(c);
}

void token_cache_clear(struct token_cache *c)
{
    c->clears++;
    LIST_FOREACH_SAFE(node, &c->all)
    {
        forget(CONTAINER_OF(node, struct known, node));
    }
}

/* NULL: it has to be asked for. */
static const struct source *find(struct token_cache *c, struct id id)
{
    struct known *known = idmap_get(&c->by_id, id);

    if (known == NULL)
        return NULL;
    if (known->until_ms <= clock_mono_ms()) {
        forget(known);
        return NULL;
    }
    cache_use(&known->kept);
    return &known->source;
}

static void keep(struct token_cache *c, const struct source *source)
{
    struct known *before = idmap_get(&c->by_id, source->id);
    struct source copy = *source;
    struct str *const texts[] = {&copy.name,          &copy.kind, &copy.options, &copy.prefix,
                                 &copy.sealed_secret, &copy.hash, &copy.previous};
    size_t n = 0;

    if (before != NULL)
        forget(before);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        n += texts[i]->n;
    struct known *known = xcalloc(1, sizeof *known + n);
    char *at = known->bytes;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->p == NULL)
            continue;
        memcpy(at, texts[i]->p, texts[i]->n);
        texts[i]->p = at;
        at += texts[i]->n;
    }
    known->cache = c;
    known->source = copy;
    known->until_ms = clock_mono_ms() + KEPT_MS;
    list_init(&known->node);
    idmap_set(&c->by_id, copy.id, known);
    list_push(&c->all, &known->node);
    cache_add(&c->cache, &known->kept, copy.app, sizeof *known + n);
}

/* --- what a token's own text says -------------------------------------------------------------- */

static enum key_proof proof_of(const struct api *api, struct str token, struct id *id)
{
    const struct settings *settings = api->settings;
    enum key_proof proof = token_parse(settings->key_checks[0], token, id);

    for (size_t i = 1; proof == KEY_UNPROVEN && i < settings->seal_keys.count; i++)
        proof = token_parse(settings->key_checks[i], token, id);
    return proof;
}

enum key_proof token_proof(const struct api *api, struct str target, struct id *source)
{
    static const struct str starts[] = {STR_LIT("/ingest/"), STR_LIT("/v1/ingest/")};
    struct str token = STR_NONE;

    *source = NOBODY;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (str_starts(target, starts[i]))
            token = (struct str){target.p + starts[i].n, target.n - starts[i].n};
    const char *query = token.n > 0 ? memchr(token.p, '?', token.n) : NULL;
    if (query != NULL)
        token.n = (size_t)(query - token.p);
    enum key_proof proof = proof_of(api, token, source);
    if (proof != KEY_PROVEN)
        *source = NOBODY;
    return proof;
}

/* --- the way ---------------------------------------------------------------------------------- */

static bool is_its(const struct source *source, const uint8_t hash[SHA256_SIZE])
{
    struct str given = {(const char *)hash, SHA256_SIZE};

    return crypto_equal(source->hash, given) ||
           (source->previous_until_ms > clock_wall_ms() && crypto_equal(source->previous, given));
}

static void finish(struct call *call, const struct source *source)
{
    const struct search *search = call->state;
    const struct config *config = &call->api->settings->config;
    struct rate rate = {config->requests_per_key, config->requests_burst};

    if (!is_its(source, search->hash)) {
        reply_error(call, ERR_NOT_FOUND, NO_SOURCE);
        return;
    }
    call->key = source->id;
    call->requests = -1;
    call->app = source->app;
    call->checks = source->checks;
    rate.burst = rate.burst > rate.per_second ? rate.burst : rate.per_second;
    if (rate_allows(call, &rate))
        search->done(call, source);
}

static void on_source(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct search *search = call->state;
    struct token_cache *c = call->api->tokens;
    struct source source;

    call_let_go(call, HOLD_LOOKUP);
    call_let_go(call, HOLD_GUESS);
    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_NOT_FOUND, NO_SOURCE);
        return;
    }
    sources_read(rows, 0, &source);
    if (search->clears == c->clears && is_its(&source, search->hash))
        keep(c, &source);
    finish(call, &source);
}

/* A guess has little room, and room of its own, so that no number of them is in the way of tokens that were made. */
static void look_up(struct call *call, struct id id, enum key_proof proof)
{
    int64_t max = call->api->settings->config.key_lookups;

    if (proof == KEY_UNPROVEN
            ? call_hold(call, HOLD_GUESS, NOBODY, 1, (max + GUESSES - 1) / GUESSES)
            : call_hold(call, HOLD_LOOKUP, id, 1, max)) {
        call->op = sources_find(call->api->db, id, on_source, call);
        return;
    }
    metric_add(METRIC_KEY_LOOKUPS_MET, 1);
    reply_errorf(call, ERR_BUSY,
                 "Too many keys are being looked up, which POSTHORN_KEY_LOOKUPS bounds (%lld)",
                 (long long)max);
}

void token_start(struct call *call, token_done *done)
{
    struct search *search = call->state = call_alloc(call, sizeof *search);
    struct token_cache *c = call->api->tokens;
    struct id id;

    search->done = done;
    search->clears = c->clears;
    enum key_proof proof = proof_of(call->api, call->params[0], &id);
    if (proof == KEY_NONE) {
        reply_error(call, ERR_NOT_FOUND, NO_SOURCE);
        return;
    }
    crypto_sha256(call->params[0], search->hash);
    const struct source *source = find(c, id);
    if (source != NULL)
        finish(call, source);
    else
        look_up(call, id, proof);
}
