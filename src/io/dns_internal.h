/* Shared by the files of the resolver: the names that it knows or is asking for, whom it asks, and whose turn it is. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "base/idmap.h"
#include "base/list.h"
#include "io/dns.h"

#include <ares.h>
#include <sys/stat.h>

#define DNS_TRY_MS    1000 /* for the first try; c-ares doubles it */

#define DNS_NAMES_MAX 4096 /* beyond it are only those that somebody waits for */
#define DNS_BUCKETS   1024

struct dns_answer {
    int err;
    struct sockaddr_storage *addresses;
    size_t count;
    int64_t ttl_ms;
};

/* One name: what is known of it, and who waits for it. */
struct dns_name {
    struct list bucket, recent;
    struct list ready;   /* linked while waiters are to be called in the next turn */
    struct list waiters; /* struct dns_op */
    struct dns *dns;
    struct timeout *grace; /* set while there are addresses of one family and the other may come */
    struct id owner;       /* whose turn it is looked up in */
    int asked;             /* questions that c-ares has under way */
    int turns;             /* of those who wait for one to look it up */
    bool looking;          /* nobody knows yet */
    int64_t fresh_until_ms;
    struct dns_answer known, coming;
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

/* The name, made if need be. */
struct dns_name *dns_cache_get(struct dns_cache *cache, struct dns *dns, const char *host);

/* --- dns_channel.c ---------------------------------------------------------------------------- */

struct dns_channel {
    struct loop *loop;
    const struct dns_config *config;
    ares_channel servers, file; /* the name servers; the system's file of hosts */
    struct stat conf;           /* what says who they are, when it was read */
    struct timeout *retry;      /* what c-ares wants to be woken for */
    struct list sockets;
};

/* The config stays. */
void dns_channel_init(struct dns_channel *ch, struct loop *loop, const struct dns_config *config);

/* What was asked ends with ARES_EDESTRUCTION. */
void dns_channel_fini(struct dns_channel *ch);

/* Before something is asked: whether the system has other servers. What the ones of before were asked ends with
 * ARES_EDESTRUCTION, and `servers` are others by then. */
void dns_channel_follow(struct dns_channel *ch);

/* After it. */
void dns_channel_asked(struct dns_channel *ch);

/* --- dns_turns.c ------------------------------------------------------------------------------ */

struct dns_turns {
    int max, per_owner, looking;
    struct idmap shares; /* by owner */
    struct list order;   /* of those that wait */
};

void dns_turns_init(struct dns_turns *turns, int max, int per_owner);
void dns_turns_fini(struct dns_turns *turns);

/* May `owner` look something up? Then it is counted, until it is given back. */
bool dns_turns_take(struct dns_turns *turns, struct id owner);
void dns_turns_give_back(struct dns_turns *turns, struct id owner);

/* Waits, until it leaves or is next. */
void dns_turns_wait(struct dns_turns *turns, struct id owner, struct list *node);
void dns_turns_leave(struct dns_turns *turns, struct id owner, struct list *node);

/* Whose turn it is, which is taken; NULL: nobody's. */
struct list *dns_turns_next(struct dns_turns *turns);

#endif
