/* Sources that were found. */
#include "tokens.h"

#include "base/clock.h"
#include "base/memo.h"
#include "lookup.h"
#include "rate.h"
#include "reply.h"
#include "result.h"

#include <stdlib.h>

#define KEPT_BYTES_MAX ((size_t)4 << 20)
#define NO_SOURCE                                                                                    \
    "No source has this URL: it was deleted, its URL was replaced, or some of it is missing at the " \
    "sender"

struct known {
    struct memo_entry memo;
    struct source source;
    char bytes[]; /* its texts */
};

struct token_cache {
    struct memo memo;
};

/* In the request's pool. */
struct search {
    token_done *done;
    uint8_t hash[SHA256_SIZE];
    uint64_t changes; /* when it began */
};

static void destroy(struct memo_entry *entry)
{
    free(CONTAINER_OF(entry, struct known, memo));
}

struct token_cache *token_cache_create(void)
{
    struct token_cache *c = xcalloc(1, sizeof *c);

    memo_init(&c->memo, KEPT_BYTES_MAX, destroy);
    return c;
}

void token_cache_destroy(struct token_cache *c)
{
    if (c == NULL)
        return;
    memo_fini(&c->memo);
    free(c);
}

void token_cache_clear(struct token_cache *c)
{
    memo_forget(&c->memo, NULL);
}

static void keep(struct token_cache *c, const struct source *source)
{
    struct source copy = *source;
    struct str *const texts[] = {&copy.name,          &copy.kind, &copy.options, &copy.prefix,
                                 &copy.sealed_secret, &copy.hash, &copy.previous};
    size_t n = 0;

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
    known->source = copy;
    memo_keep(&c->memo, &known->memo, copy.id, copy.app, sizeof *known + n);
}

/* --- what a token's own text says -------------------------------------------------------------- */

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
    enum key_proof proof = lookup_proof(api, token_parse, token, source);
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

    lookup_end(call);
    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_NOT_FOUND, NO_SOURCE);
        return;
    }
    sources_read(rows, 0, &source);
    if (search->changes == c->memo.changes && is_its(&source, search->hash))
        keep(c, &source);
    finish(call, &source);
}

void token_start(struct call *call, token_done *done)
{
    struct search *search = call->state = call_alloc(call, sizeof *search);
    struct memo *memo = &call->api->tokens->memo;
    struct id id;

    search->done = done;
    search->changes = memo->changes;
    enum key_proof proof = lookup_proof(call->api, token_parse, call->params[0], &id);
    if (proof == KEY_NONE) {
        reply_error(call, ERR_NOT_FOUND, NO_SOURCE);
        return;
    }
    crypto_sha256(call->params[0], search->hash);
    struct memo_entry *entry = memo_find(memo, id);
    if (entry != NULL)
        finish(call, &CONTAINER_OF(entry, struct known, memo)->source);
    else
        lookup_start(call, id, proof, sources_find, on_source);
}
