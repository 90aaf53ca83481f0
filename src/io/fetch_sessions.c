/* TLS sessions to take up again. libcurl has a store of them for every transfer, or for one that is told of it, and
 * knows no owners. So there is a store for each party and host, in libcurl's own object for it; of those that no
 * transfer has, the one that was used the longest ago makes room. */
#include "fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_MAX 1024

struct fetch_store {
    struct list by_hash;
    struct list node; /* of `idle`, when it has no user */
    struct fetch_party party;
    uint16_t port;
    CURLSH *share;
    int users;
    char host[];
};

static CURLSH *make_share(void)
{
    CURLSH *share = curl_share_init();

    if (share == NULL ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
        out_of_memory();
    return share;
}

static void end_share(CURLSH *share)
{
    CURLSHcode rc = curl_share_cleanup(share);
    assert(rc == CURLSHE_OK);
}

void fetch_sessions_init(struct fetch_sessions *sessions)
{
    for (size_t i = 0; i < FETCH_STORE_BUCKETS; i++)
        list_init(&sessions->by_hash[i]);
    list_init(&sessions->idle);
    sessions->idle_count = 0;
    sessions->none = make_share();
}

static void forget(struct fetch_sessions *sessions, struct fetch_store *store)
{
    end_share(store->share);
    list_remove(&store->by_hash);
    list_remove(&store->node);
    free(store);
    sessions->idle_count--;
}

void fetch_sessions_fini(struct fetch_sessions *sessions)
{
    LIST_FOREACH_SAFE(node, &sessions->idle)
    forget(sessions, CONTAINER_OF(node, struct fetch_store, node));
    end_share(sessions->none);
}

/* FNV-1a. */
static uint32_t mix(uint32_t hash, const void *p, size_t n)
{
    const uint8_t *bytes = p;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

static struct list *bucket(struct fetch_sessions *sessions, const struct fetch *fetch)
{
    struct fetch_party party = fetch_party(fetch);
    uint32_t hash = mix(2166136261U, &party, sizeof party);

    hash = mix(hash, fetch->host, strlen(fetch->host));
    hash = mix(hash, &fetch->port, sizeof fetch->port);
    return &sessions->by_hash[hash % FETCH_STORE_BUCKETS];
}

static bool is_of(const struct fetch_store *store, const struct fetch *fetch)
{
    struct fetch_party party = fetch_party(fetch);
    return store->port == fetch->port && fetch_party_eq(&store->party, &party) &&
           strcmp(store->host, fetch->host) == 0;
}

static struct fetch_store *make(struct fetch_sessions *sessions, const struct fetch *fetch)
{
    size_t n = strlen(fetch->host) + 1;
    struct fetch_store *store = xcalloc(1, sizeof *store + n);

    store->party = fetch_party(fetch);
    store->port = fetch->port;
    memcpy(store->host, fetch->host, n);
    store->share = make_share();
    list_push(bucket(sessions, fetch), &store->by_hash);
    list_init(&store->node);
    return store;
}

static struct fetch_store *take(struct fetch_sessions *sessions, const struct fetch *fetch)
{
    LIST_FOREACH(node, bucket(sessions, fetch))
    {
        struct fetch_store *store = CONTAINER_OF(node, struct fetch_store, by_hash);
        if (!is_of(store, fetch))
            continue;
        if (store->users == 0) {
            list_remove(&store->node);
            sessions->idle_count--;
        }
        return store;
    }
    return make(sessions, fetch);
}

void fetch_sessions_enter(struct fetch *fetch)
{
    struct fetch_sessions *sessions = &fetch->fetcher->sessions;
    CURLSH *share = sessions->none;

    if (fetch->tls) {
        fetch->store = take(sessions, fetch);
        fetch->store->users++;
        share = fetch->store->share;
    }
    FETCH_SET(fetch->easy, CURLOPT_SHARE, share);
}

void fetch_sessions_leave(struct fetch *fetch)
{
    struct fetch_sessions *sessions = &fetch->fetcher->sessions;
    struct fetch_store *store = fetch->store;

    FETCH_SET(fetch->easy, CURLOPT_SHARE, NULL);
    fetch->store = NULL;
    if (store == NULL || --store->users > 0)
        return;
    list_push(&sessions->idle, &store->node);
    if (++sessions->idle_count > IDLE_MAX)
        forget(sessions, CONTAINER_OF(sessions->idle.next, struct fetch_store, node));
}
