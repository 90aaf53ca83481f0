/* Shared by the files of the resolver: the names that it knows or is asking for. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "base/list.h"
#include "io/dns.h"

#define DNS_NAMES_MAX   4096
#define DNS_LOOKUPS_MAX 256
#define DNS_BUCKETS     1024

/* One name: what is known of it, and who waits for it. */
struct dns_name {
    struct list bucket, recent;
    struct list ready;   /* linked while waiters are to be called in the next turn */
    struct list waiters; /* struct dns_op */
    struct dns *dns;
    bool looking; /* c-ares has a lookup of it under way */
    int64_t fresh_until_ms;
    int err;
    struct sockaddr_storage *addresses;
    size_t count;
    char host[];
};

struct dns_cache {
    struct list buckets[DNS_BUCKETS];
    struct list recent; /* least recently used first */
    size_t count;
    uint64_t seed;
};

void dns_cache_init(struct dns_cache *cache);
void dns_cache_fini(struct dns_cache *cache);

/* The name, made if need be; NULL when the cache is full of names that somebody waits for. */
struct dns_name *dns_cache_get(struct dns_cache *cache, struct dns *dns, const char *host);

/* A name outside the cache. */
struct dns_name *dns_name_create(struct dns *dns, const char *host);
void dns_name_destroy(struct dns_name *name);

#endif
