/* One entry a webhook: it asks while somebody waits, and has a token when it does not. What fails is not kept: the next
 * delivery that is due asks again, and how many those are is the gate's to say. */
#include "grants.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "core/delivery.h"

#include <stdio.h>
#include <stdlib.h>

struct grant_entry {
    struct cache_entry idle; /* while it does not ask */
    struct grants *grants;
    struct id app, webhook;
    struct grant grant;
    struct fetch *fetch; /* NULL: it has a token */
    struct list waits;
    struct buf token;
    int64_t until_ms; /* monotonic */
};

struct grant_wait {
    struct list node;
    struct grant_entry *entry;
    grant_cb *cb;
    void *arg;
};

/* One that another has taken the place of is in the map no more. */
static void forget(struct grant_entry *e)
{
    struct grants *g = e->grants;

    assert(list_empty(&e->waits));
    fetch_cancel(e->fetch);
    if (idmap_get(&g->by_webhook, e->webhook) == e)
        idmap_set(&g->by_webhook, e->webhook, NULL);
    cache_take(&g->idle, &e->idle);
    grant_fini(&e->grant);
    crypto_forget(&e->token);
    free(e);
}

static void on_no_room(struct cache_entry *entry)
{
    forget(CONTAINER_OF(entry, struct grant_entry, idle));
}

void grants_init(struct grants *g, struct fetcher *fetcher)
{
    *g = (struct grants){.fetcher = fetcher};
    cache_init(&g->idle, GRANTS_BYTES_MAX, on_no_room);
}

void grants_fini(struct grants *g)
{
    cache_fini(&g->idle);
    assert(g->by_webhook.count == 0);
    idmap_fini(&g->by_webhook);
}

/* The one that is kept or asked for. With another grant than that the webhook was changed since. */
static struct grant_entry *find(struct grants *g, const struct grant *grant, struct id webhook)
{
    struct grant_entry *e = idmap_get(&g->by_webhook, webhook);
    return e != NULL && id_eq(e->grant.mark, grant->mark) ? e : NULL;
}

struct str grants_find(struct grants *g, const struct grant *grant, struct id webhook)
{
    struct grant_entry *e = find(g, grant, webhook);

    if (e == NULL || e->fetch != NULL)
        return STR_NONE;
    if (e->until_ms <= clock_mono_ms()) {
        forget(e);
        return STR_NONE;
    }
    cache_use(&e->idle);
    return buf_str(&e->token);
}

void grants_drop(struct grants *g, struct id webhook, struct str token)
{
    struct grant_entry *e = idmap_get(&g->by_webhook, webhook);

    if (e != NULL && e->fetch == NULL && str_eq(buf_str(&e->token), token))
        forget(e);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Of an address that is not public no more is said than of a receiver's. */
static void explain(const struct grant_entry *e, const struct fetch_result *r,
                    struct grant_result *result)
{
    char id[ID_TEXT_SIZE], error[LOG_QUOTE_SIZE];

    if (r->outcome == FETCH_ANSWERED) {
        grant_describe(result->error, sizeof result->error, r->status, r->body);
    } else if (r->outcome == FETCH_FORBIDDEN) {
        log_bounded(LOG_LEVEL_INFO, "address_forbidden", "webhook=%s error=%s",
                    id_text(id, ID_WEBHOOK, e->webhook), log_quote(error, r->error));
        snprintf(result->error, sizeof result->error,
                 "the token endpoint: the URL leads to an address that is not public");
    } else {
        snprintf(result->error, sizeof result->error, "the token endpoint: %s", r->error);
    }
}

static bool take_token(struct grant_entry *e, const struct fetch_result *r)
{
    int64_t keep_ms;

    if (r->outcome != FETCH_ANSWERED || !status_is_success(r->status) ||
        grant_read(r->body, &e->token, &keep_ms) < 0)
        return false;
    e->until_ms = clock_mono_ms() + keep_ms;
    return true;
}

static size_t bytes_of(const struct grant_entry *e)
{
    return sizeof *e + e->token.cap + e->grant.url.cap + e->grant.head.cap + e->grant.body.cap;
}

/* Nobody waits for it any more: it is kept if it is good for anything. */
static void settle(struct grant_entry *e, bool good)
{
    struct grants *g = e->grants;

    if (good && e->until_ms > clock_mono_ms() && idmap_get(&g->by_webhook, e->webhook) == e)
        cache_add(&g->idle, &e->idle, e->app, bytes_of(e));
    else
        forget(e);
}

/* Who waits may be gone by what another of them does; who comes meanwhile finds what there is now. */
static void on_answer(void *arg, const struct fetch_result *r)
{
    struct grant_entry *e = arg;
    struct grant_result result = {.outcome = r->outcome};
    struct list waits, *node;
    struct buf token;

    e->fetch = NULL;
    bool good = take_token(e, r);
    buf_init(&token, GRANT_TOKEN_MAX);
    if (good)
        buf_add_str(&token, buf_str(&e->token));
    else
        explain(e, r, &result);
    result.token = good ? buf_str(&token) : STR_NONE;
    list_init(&waits);
    list_move_all(&waits, &e->waits);
    LIST_FOREACH(at, &waits)
    {
        CONTAINER_OF(at, struct grant_wait, node)->entry = NULL;
    }
    settle(e, good);
    while ((node = list_pop(&waits)) != NULL) {
        struct grant_wait *wait = CONTAINER_OF(node, struct grant_wait, node);
        grant_cb *cb = wait->cb;
        void *its_arg = wait->arg;
        free(wait);
        cb(its_arg, &result);
    }
    crypto_forget(&token);
}

static void copy_grant(struct grant *to, const struct grant *from)
{
    grant_init(to);
    buf_add_str(&to->url, buf_str(&from->url));
    buf_add_str(&to->head, buf_str(&from->head));
    buf_add_str(&to->body, buf_str(&from->body));
    to->mark = from->mark;
}

/* One that asks with what the webhook had before goes on for those who wait for it; one that has a token goes. */
static struct grant_entry *make(struct grants *g, const struct grant *grant,
                                const struct grant_owner *owner)
{
    struct grant_entry *before = idmap_get(&g->by_webhook, owner->webhook);
    struct grant_entry *e = xcalloc(1, sizeof *e);

    if (before != NULL && before->fetch == NULL)
        forget(before);
    e->grants = g;
    e->app = owner->app;
    e->webhook = owner->webhook;
    list_init(&e->waits);
    buf_init(&e->token, GRANT_TOKEN_MAX);
    copy_grant(&e->grant, grant);
    idmap_set(&g->by_webhook, e->webhook, e);
    struct fetch_request request = {
        .url = buf_text(&e->grant.url),
        .head = buf_str(&e->grant.head),
        .body = buf_str(&e->grant.body),
        .owner = e->app,
        .timeout_ms = owner->timeout_ms,
    };
    e->fetch = fetch_start(g->fetcher, &request, on_answer, e);
    return e;
}

struct grant_wait *grants_start(struct grants *g, const struct grant *grant,
                                const struct grant_owner *owner, grant_cb *cb, void *arg)
{
    struct grant_entry *e = find(g, grant, owner->webhook);
    struct grant_wait *wait = xcalloc(1, sizeof *wait);

    if (e == NULL || e->fetch == NULL)
        e = make(g, grant, owner);
    wait->entry = e;
    wait->cb = cb;
    wait->arg = arg;
    list_push(&e->waits, &wait->node);
    return wait;
}

void grants_cancel(struct grant_wait *wait)
{
    if (wait == NULL)
        return;
    struct grant_entry *e = wait->entry;
    list_remove(&wait->node);
    free(wait);
    if (e != NULL && list_empty(&e->waits))
        forget(e);
}
