/* TLS sessions to take up again. libcurl has a store of them for every transfer, or for one that is told of it, and
 * knows no owners. So there is a store for each party and host, in libcurl's own object for it, which keeps the latest. Those
 * that no transfer has are kept for as long as there is room, of which each app has a share.
 *
 * A session has the receiver's certificates in it and its ticket, both as large as a receiver likes: one that is larger
 * than any that is honest is not kept, and each store counts as that large. */
#include "fetch_internal.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_BYTES_MAX    ((size_t)16 << 20)
#define SESSION_BYTES_MAX ((size_t)15 << 10) /* as they came from the wire; they mostly have 4 */

struct fetch_store {
    struct list by_hash;
    struct cache_entry idle; /* while it has no user */
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

static void forget(struct cache_entry *entry)
{
    struct fetch_store *store = CONTAINER_OF(entry, struct fetch_store, idle);

    end_share(store->share);
    list_remove(&store->by_hash);
    free(store);
}

void fetch_sessions_init(struct fetch_sessions *sessions)
{
    for (size_t i = 0; i < FETCH_STORE_BUCKETS; i++)
        list_init(&sessions->by_hash[i]);
    cache_init(&sessions->idle, IDLE_BYTES_MAX, forget);
    sessions->none = make_share();
}

void fetch_sessions_fini(struct fetch_sessions *sessions)
{
    cache_fini(&sessions->idle);
    end_share(sessions->none);
}

/* --- what is kept ----------------------------------------------------------------------------- */

static size_t bytes_of(const SSL *tls, const SSL_SESSION *session)
{
    const STACK_OF(X509) *certificates = SSL_get_peer_cert_chain(tls);
    const unsigned char *ticket;
    size_t bytes;

    SSL_SESSION_get0_ticket(session, &ticket, &bytes);
    for (int i = 0; i < sk_X509_num(certificates); i++)
        bytes += (size_t)i2d_X509(sk_X509_value(certificates, i), NULL);
    return bytes;
}

/* 0: it is not kept. */
static int on_session(SSL *tls, SSL_SESSION *session)
{
    const struct fetch_sessions *sessions = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
    return bytes_of(tls, session) <= SESSION_BYTES_MAX ? sessions->keep(tls, session) : 0;
}

CURLcode fetch_sessions_on_context(CURL *easy, void *context, void *sessions)
{
    struct fetch_sessions *its = sessions;

    (void)easy;
    its->keep = SSL_CTX_sess_get_new_cb(context);
    if (its->keep != NULL && SSL_CTX_set_app_data(context, its) == 1)
        SSL_CTX_sess_set_new_cb(context, on_session);
    return CURLE_OK;
}

/* --- stores ----------------------------------------------------------------------------------- */

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
    return store;
}

static struct fetch_store *take(struct fetch_sessions *sessions, const struct fetch *fetch)
{
    LIST_FOREACH(node, bucket(sessions, fetch))
    {
        struct fetch_store *store = CONTAINER_OF(node, struct fetch_store, by_hash);
        if (!is_of(store, fetch))
            continue;
        cache_take(&sessions->idle, &store->idle);
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
    cache_add(&sessions->idle, &store->idle, store->party.owner,
              sizeof *store + strlen(store->host) + SESSION_BYTES_MAX);
}
