/* The names of the resolver: a hash table with a ceiling, from which the least recently used go. */
#include "dns_internal.h"

#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

void dns_cache_init(struct dns_cache *cache)
{
    for (size_t i = 0; i < DNS_BUCKETS; i++)
        list_init(&cache->buckets[i]);
    list_init(&cache->recent);
    cache->count = 0;
    crypto_random(&cache->seed, sizeof cache->seed); /* names come from strangers */
}

static struct dns_name *create(struct dns *dns, const char *host)
{
    size_t n = strlen(host) + 1;
    struct dns_name *name = xcalloc(1, sizeof *name + n);

    list_init(&name->bucket);
    list_init(&name->recent);
    list_init(&name->ready);
    list_init(&name->waiters);
    name->dns = dns;
    memcpy(name->host, host, n);
    return name;
}

static void destroy(struct dns_name *name)
{
    assert(list_empty(&name->waiters));
    timeout_destroy(name->grace);
    free(name->known.addresses);
    free(name->coming.addresses);
    free(name);
}

void dns_cache_fini(struct dns_cache *cache)
{
    LIST_FOREACH_SAFE(node, &cache->recent)
    destroy(CONTAINER_OF(node, struct dns_name, recent));
}

/* FNV-1a, seeded. */
static size_t bucket_of(const struct dns_cache *cache, const char *host)
{
    uint64_t hash = 0xcbf29ce484222325u ^ cache->seed;
    for (; *host != '\0'; host++)
        hash = (hash ^ (unsigned char)*host) * 0x100000001b3u;
    return (hash ^ hash >> 32) % DNS_BUCKETS;
}

static bool in_use(const struct dns_name *name)
{
    return name->looking || name->asked > 0 || name->turns > 0 || !list_empty(&name->waiters) ||
           !list_empty(&name->ready);
}

static void make_room(struct dns_cache *cache)
{
    if (cache->count < DNS_NAMES_MAX)
        return;
    LIST_FOREACH(node, &cache->recent)
    {
        struct dns_name *name = CONTAINER_OF(node, struct dns_name, recent);
        if (in_use(name))
            continue;
        list_remove(&name->recent);
        list_remove(&name->bucket);
        destroy(name);
        cache->count--;
        return;
    }
}

static struct dns_name *find(struct list *bucket, const char *host)
{
    LIST_FOREACH(node, bucket)
    {
        struct dns_name *name = CONTAINER_OF(node, struct dns_name, bucket);
        if (strcmp(name->host, host) == 0)
            return name;
    }
    return NULL;
}

struct dns_name *dns_cache_get(struct dns_cache *cache, struct dns *dns, const char *host)
{
    struct list *bucket = &cache->buckets[bucket_of(cache, host)];
    struct dns_name *name = find(bucket, host);

    if (name != NULL) {
        list_remove(&name->recent);
    } else {
        make_room(cache);
        name = create(dns, host);
        list_push(bucket, &name->bucket);
        cache->count++;
    }
    list_push(&cache->recent, &name->recent);
    return name;
}
