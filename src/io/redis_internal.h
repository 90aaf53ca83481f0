/* Shared by the files of io/redis: where Redis is, and one connection to it that comes back by
 * itself. Nothing outside src/io/redis*.c includes this. */
#ifndef IO_REDIS_INTERNAL_H
#define IO_REDIS_INTERNAL_H

#include "base/host.h"
#include "base/list.h"
#include "base/log.h"
#include "io/dns.h"
#include "io/redis.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <openssl/ssl.h>

/* --- redis_address.c: the URL ----------------------------------------------------------------- */

enum { SENTINELS_MAX = 8, SERVICE_MAX = 100 };

/* Where a server is: a name or an IP address without brackets, and a port. */
struct redis_place {
    char host[HOST_MAX + 1];
    int port;
};

struct redis_address {
    char *path;                /* of a Unix socket; NULL: TCP */
    struct redis_place server; /* of TCP, without sentinels */
    struct redis_place sentinels[SENTINELS_MAX];
    size_t sentinel_count;
    char service[SERVICE_MAX + 1]; /* what they call the master */
    const char *sentinel_password; /* borrowed; NULL or "": they ask for none */
    char *user, *password;         /* of the server; NULL: none */
    int db;
    bool secure;  /* rediss:// */
    SSL_CTX *tls; /* what its connections are made with, when they are; the address' own */
};

int redis_address_init(struct redis_address *address, const char *url) MUST_CHECK;
void redis_address_fini(struct redis_address *address);

bool redis_place_is(const struct redis_place *a, const struct redis_place *b);

/* --- redis_tls.c: a connection in TLS --------------------------------------------------------- */

/* Trusts the certificates of a file in PEM, or those that the system does (NULL, ""). */
SSL_CTX *redis_tls_context(const char *ca_file);

/* For a connected descriptor, which stays the caller's; the certificate has to name the host. */
SSL *redis_tls_open(SSL_CTX *tls, const char *host, int fd);

/* Each is REDIS_OK or REDIS_ERR, with the reason in the context, as hiredis has it: a step of the handshake (`*waits_for` are
 * the events for the next one, 0: it is done), redisBufferRead(), redisBufferWrite(). */
int redis_tls_shake(SSL *ssl, redisContext *context, int *waits_for) MUST_CHECK;
int redis_tls_read(SSL *ssl, redisContext *context) MUST_CHECK;
int redis_tls_write(SSL *ssl, redisContext *context) MUST_CHECK;

/* --- redis_reply.c: what Redis says ----------------------------------------------------------- */

/* What an error reply means to a caller: ERR_UNAVAILABLE or ERR_INTERNAL. */
int redis_reply_err(const redisReply *reply);
bool redis_reply_is_noscript(const redisReply *reply);

/* Of ERR_UNAVAILABLE: a new connection may lead to a server that can; it has no memory left. */
bool redis_reply_is_elsewhere(const redisReply *reply);
bool redis_reply_is_full(const redisReply *reply);

/* hiredis' reader believes every length that it is told: so it makes no array that is none of ours, and `outgrown` says that it was to. Embedded beside the context,
 * which it outlives. */
struct redis_bound {
    redisReplyObjectFunctions objects;
    void *(*create_array)(const redisReadTask *task, int elements); /* hiredis' own */
    bool outgrown;
};
void redis_bound_set(struct redis_bound *bound, redisReader *reader);

/* Whether it is what a script answers: redis_script.reply. */
bool redis_reply_fits(const redisReply *reply, const char *shape);

/* --- redis_route.c: which server a connection is made to -------------------------------------- */

/* Without sentinels always the same one. With them a connection to one of these, whose answer says where the master is,
 * comes before each connection to that. Embedded in its owner; pure. */
struct redis_route {
    const struct redis_address *address;
    size_t turn, asked; /* the sentinel that is next, and who was asked last */
    bool asks;          /* what redis_route_next() answered is a sentinel */
    bool told;          /* `master` has not been tried yet */
    struct redis_place master;
};

/* Of a Unix socket nowhere. It stays until the next call. */
const struct redis_place *redis_route_next(struct redis_route *route);

/* The connection is in order: whoever was asked for it is the first to be asked again. */
void redis_route_arrived(struct redis_route *route);

/* Takes a sentinel's answer to SENTINEL GET-MASTER-ADDR-BY-NAME. Otherwise `*why` is set, for as long as `reply` is there:
 * ERR_NOT_FOUND (it does not know, or does not say), ERR_INVALID (no answer to that). */
int redis_route_hear(struct redis_route *route, const redisReply *reply,
                     const char **why) MUST_CHECK;

/* --- redis_ways.c: the addresses of a server -------------------------------------------------- */

/* Embedded in its owner, who sets what stands first; the rest is zero. */
struct redis_ways {
    struct dns *dns;
    void (*on_found)(void *arg,
                     const char *why); /* NULL, or why there is none, which dies with the call */
    void *arg;

    const struct redis_place *place;
    struct dns_op *lookup;
    char addresses[DNS_ADDRESSES_MAX][INET6_ADDRSTRLEN]; /* of a name */
    size_t count;
    size_t left;  /* that were not tried since they were found */
    size_t first; /* to try, counted on and round */
};

/* Of a place, which stays. True: it has an address. False: on_found will be called, unless it is cancelled. */
bool redis_ways_find(struct redis_ways *ways, const struct redis_place *place);

/* A context of hiredis, or NULL: to the first address. While any is `left` it may be called again. */
redisContext *redis_ways_connect(struct redis_ways *ways);

/* The first address is the last from now on. */
void redis_ways_failed(struct redis_ways *ways);

void redis_ways_cancel(struct redis_ways *ways);

/* --- redis_link.c: one connection ------------------------------------------------------------- */

/* A command whose answer is awaited. Embedded in its owner, which outlives the wait. */
struct redis_request {
    struct list sent;    /* in the order of sending, which is the order of the answers */
    struct list due;     /* in the order of the deadlines */
    int64_t deadline_ms; /* on the monotonic clock */
    int64_t sent_us;     /* likewise */
    bool said;           /* the link's own */
};

struct redis_link;

/* An answer, which dies with the call. It may drop the connection. */
typedef void redis_link_cb(struct redis_link *link, void *data, const redisReply *reply);

struct redis_link_hooks {
    const char *use; /* what the connection is for, in the log */

    /* Connected: redis_greet(), send what must come first, then, when that is answered, redis_link_ready(). */
    void (*on_connected)(struct redis_link *link);

    /* Silence for too long: send anything that is answered. */
    void (*on_beat)(struct redis_link *link);

    /* A request's answer. The link is not touched after it. */
    void (*on_reply)(void *arg, struct redis_request *request, const redisReply *reply);

    /* What comes and is no answer: redis_link_distrust() if it is not what it should be. NULL: nothing should. */
    void (*on_push)(struct redis_link *link, const redisReply *reply);

    /* A request that gets no answer any more: ERR_TIMEOUT or ERR_UNAVAILABLE. Called in the middle
     * of things: only note it. */
    void (*on_failed)(void *arg, struct redis_request *request, int err);

    /* After a time of being ready. Called from the loop. */
    void (*on_down)(void *arg);
};

/* Names of servers are looked up by `dns`. */
struct redis_link *redis_link_create(struct loop *loop, const struct redis_address *address,
                                     struct dns *dns, const struct redis_link_hooks *hooks,
                                     void *arg);
void redis_link_destroy(
    struct redis_link *link); /* requests fail first; any hook may; NULL is fine */

bool redis_link_up(const struct redis_link *link);
void redis_link_ready(struct redis_link *link);

/* How it came to where it is connected, or was; that place; and what it is called in the log. */
struct redis_route *redis_link_route(struct redis_link *link);
const struct redis_place *redis_link_place(const struct redis_link *link);
const char *redis_link_server(const struct redis_link *link, char out[LOG_QUOTE_SIZE]);

/* Ends a connection that was only to tell the way; the next is made at once. */
void redis_link_go_on(struct redis_link *link);

/* Breaks the connection; a new one is made after the backoff. */
void redis_link_drop(struct redis_link *link, const char *why);

/* The same for what no Redis of ours would say: counted, told once, and the new connection is made after a pause, from
 * one second to 32 s, that doubles each time until a connection has been in order for ten seconds. */
void redis_link_distrust(struct redis_link *link, const char *why);
uint64_t redis_link_wrong(const struct redis_link *link); /* how often */

/* Sends a formatted command. False when there is no connection: `request` is not taken then. */
bool redis_link_send(struct redis_link *link, struct redis_request *request, const char *command,
                     size_t n, int64_t deadline_ms);

/* Sends words that are not a request: `cb` gets the answer, but not when the connection ends before. NULL: what is
 * answered is a push. What can't be sent drops the connection. */
void redis_link_say(struct redis_link *link, redis_link_cb *cb, void *data, int argc,
                    const char **argv);

void *redis_link_arg(const struct redis_link *link);

/* --- redis_greet.c: what comes first on a connection ------------------------------------------ */

/* Who we are and which database; and of whom sentinels named, whether it is the master. False: it is a sentinel, which is
 * asked for the way, and nothing else is to be said here. */
bool redis_greet(struct redis_link *link);

#endif
