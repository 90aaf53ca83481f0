/* Shared by the files of the fetcher.
 *
 * fetch.c moves a fetch through its states; fetch_curl.c is libcurl on the loop, with the guard;
 * fetch_socket.c knows whose connections are, and looks at them before they are used again;
 * fetch_sessions.c knows whose TLS sessions are; fetch_proxy.c knows the proxy;
 * fetch_head.c makes the request's header lines; fetch_address.c addresses in text; fetch_result.c takes in the response, with
 * fetch_chunks.c, and says what became of it. */
#ifndef IO_FETCH_INTERNAL_H
#define IO_FETCH_INTERNAL_H

#include "base/buf.h"
#include "base/cache.h"
#include "base/list.h"
#include "io/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>

#define FETCH_ADDRESSES_MAX 3     /* tried one after another */
#define FETCH_LINES_MAX     64    /* header lines of a request, ours included */
#define FETCH_LINES_SIZE    65536 /* bytes of them */
#define FETCH_HEAD_READ_MAX 65536 /* read of a response's heads, trailers and chunks' framing */
#define FETCH_BODY_READ_MAX 65536 /* read of its body */
#define FETCH_DNS_MS        5000
#define FETCH_CONNECT_MS    5000 /* for an address that is not the last to try */
#define FETCH_ERROR_SIZE    512

enum fetch_state { FETCH_IDLE, FETCH_RESOLVING, FETCH_QUEUED, FETCH_SENDING, FETCH_ENDED };

/* What fetch_curl.c tells fetch.c, and fetch_socket.c fetch_curl.c. */
struct fetch_hooks {
    /* libcurl is done with it. */
    void (*on_done)(struct fetch *fetch, CURLcode code);

    /* Those of a turn are done with. The last thing: the fetcher may be destroyed in it. */
    void (*on_turn)(struct fetcher *fetcher);

    /* A socket is ready for what libcurl waits for. */
    void (*on_ready)(struct fetcher *fetcher, int fd, int events);
};

/* Open sockets, by descriptor and by local port. */
#define FETCH_SOCKET_BUCKETS 1024
struct fetch_sockets {
    struct list by_fd[FETCH_SOCKET_BUCKETS], by_port[FETCH_SOCKET_BUCKETS];
};

/* TLS sessions that may be taken up again. */
#define FETCH_STORE_BUCKETS 1024
struct fetch_sessions {
    struct list by_hash[FETCH_STORE_BUCKETS];
    struct cache idle; /* stores that no transfer has, by the owners of requests */
    CURLSH *none;      /* what transfers without TLS have */
    int (*keep)(SSL *tls, SSL_SESSION *session); /* libcurl's own */
};

struct fetcher {
    struct loop *loop;
    struct fetcher_config config;
    struct dns *dns;
    CURLM *multi;
    const struct fetch_hooks *hooks;
    struct timeout *wake;    /* when libcurl wants to be called */
    struct timeout *turn;    /* when `ended` is to be delivered or `queued` looked at */
    struct list active;      /* being resolved or sent */
    struct list queued;      /* waiting for a connection to be free */
    struct list ended;       /* the callback comes next */
    struct list delivering;  /* those of `ended` whose turn it is */
    struct list idle;        /* fetches to use again */
    int idle_count, sending; /* `sending` are in the multi */
    struct fetch_sockets sockets;
    struct fetch_sessions sessions;
    struct sockaddr_storage proxy; /* its address, when that is what its host is; else AF_UNSPEC */
    unsigned proxy_turn;           /* which of a name's addresses is the next */
    bool handles_once;             /* this libcurl's: fetch_attach() */
    bool closing;
};

/* How far a chunked body has come. */
struct fetch_chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_EXTENSION,
        CHUNK_DATA,
        CHUNK_DATA_END,
        CHUNK_TRAILER,
        CHUNK_ENDED,
    } part;
    uint64_t left;  /* of the chunk */
    size_t framing; /* bytes that were not data */
    bool blank;     /* nothing of the trailer's line has come */
};

/* The response as it comes in. */
struct fetch_response {
    struct buf head, body;
    size_t head_seen, body_seen;
    int status;
    bool in_head;
    bool chunked; /* the body */
    struct fetch_chunks chunks;
    int64_t heard_us; /* when the last piece of a body that is handed on came; 0: none has */
    bool complete;    /* the head of the final response has ended */
    const char *bad;  /* why it was cut, when the response is to blame */
};

struct fetch {
    struct list node;
    struct fetcher *fetcher;
    enum fetch_state state;
    fetch_cb *cb;
    void *arg;
    struct fetch_request request;
    struct timeout *deadline;
    int64_t start_us, dns_us;
    int64_t granted_ms; /* beyond its timeout_ms, since we stood still */

    char host[256];
    uint16_t port;
    bool tls;
    struct dns_op *dns;
    struct sockaddr_storage addresses[FETCH_ADDRESSES_MAX];
    size_t address_count, address_at;
    bool to_proxy;                 /* it is the proxy's name that is being resolved */
    struct sockaddr_storage proxy; /* to connect to, instead of the receiver */

    CURL *easy;
    bool attached;             /* it has been used */
    struct fetch_store *store; /* of TLS sessions; NULL: it has none */
    char pin_text[80];
    struct curl_slist pin;
    struct curl_blob ca, certificate, key;
    int opened;    /* the descriptor that was opened for it since it was attached; -1: none was */
    bool unusable; /* the kept connection that libcurl chose was not used */
    bool unnamed;  /* the certificate does not name the host */
    struct buf line_bytes;
    struct curl_slist lines[FETCH_LINES_MAX];
    int requests;       /* that libcurl began for this one; more than one is a hidden resend */
    bool resent;        /* and was stopped */
    bool late;          /* its time was over before there was a connection to send on */
    int socket_errno;   /* why socket() failed */
    char forbidden[64]; /* the address that the guard refused at connect */
    char curl_error[CURL_ERROR_SIZE];

    struct fetch_response response;
    char error[FETCH_ERROR_SIZE];
    struct fetch_result result;
};

/* --- fetch_address.c -------------------------------------------------------------------------- */

/* "192.0.2.1:443", "[2001:db8::1]:443"; without the port when it is 0. */
void fetch_address_text(char out[64], const struct sockaddr *address, uint16_t port);

/* --- fetch_curl.c ----------------------------------------------------------------------------- */

/* Sets an option of a transfer. That fails for lack of memory alone, and none must go on without one of its options:
 * to the URL of the one before, say. */
#define FETCH_SET(easy, option, value) fetch_must(curl_easy_setopt(easy, option, value))

static inline void fetch_must(CURLcode rc)
{
    assert(rc == CURLE_OK || rc == CURLE_OUT_OF_MEMORY);
    if (rc != CURLE_OK)
        out_of_memory();
}

CURLM *fetch_multi_create(struct fetcher *fetcher);
CURL *fetch_easy_create(struct fetch *fetch);

/* Starts sending to addresses[address_at], on a new connection if the last was unusable; stops, and closes the
 * connection unless it was done. */
void fetch_attach(struct fetch *fetch);
void fetch_detach(struct fetch *fetch);

/* For libcurl: a socket is ready, its time has come. */
void fetcher_on_ready(struct fetcher *fetcher, int fd, int events);
void fetcher_on_wake(void *arg);

/* --- fetch_socket.c --------------------------------------------------------------------------- */

/* What is kept of connections is for those whose owner and settings of TLS are the same. */
struct fetch_party {
    struct id owner, tls;
};

static inline struct fetch_party fetch_party(const struct fetch *fetch)
{
    const struct fetch_request *r = &fetch->request;
    struct fetch_party party = {.owner = r->owner};

    if (r->tls != NULL)
        party.tls = r->tls->mark;
    return party;
}

static inline bool fetch_party_eq(const struct fetch_party *a, const struct fetch_party *b)
{
    return id_eq(a->owner, b->owner) && id_eq(a->tls, b->tls);
}

/* Both ends of a connection, as libcurl names them. */
struct fetch_ends {
    char remote[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
    int remote_port, local_port;
};

void fetch_sockets_init(struct fetch_sockets *sockets);
void fetch_sockets_fini(struct fetch_sockets *sockets); /* when libcurl has closed them */

/* `fd` was opened for `fetch`; libcurl closes it by the second, whose `arg` is the fetcher. */
void fetch_socket_add(struct fetch *fetch, int fd);
int fetch_on_close_socket(void *arg, curl_socket_t fd);

/* libcurl waits for these, of WATCH_READ and WATCH_WRITE, on this one; 0: for nothing. */
void fetch_socket_watch(struct fetcher *fetcher, int fd, int events);

/* Whether the one that was opened for it, and is open still, is connected: while libcurl builds a tunnel, it does not say. */
bool fetch_socket_connected(const struct fetch *fetch);

/* Whether the request may go out between these ends: on a connection of its own, whose certificate names the host
 * (`unnamed` if not), or on a kept one of the same party that is open and on which nothing has come since its last
 * answer. */
bool fetch_socket_ready(struct fetch *fetch, const struct fetch_ends *ends);

/* More came than the answer. Says so in the log. */
void fetch_spoke(struct fetch *fetch);

/* --- fetch_sessions.c ------------------------------------------------------------------------- */

void fetch_sessions_init(struct fetch_sessions *sessions);
void fetch_sessions_fini(struct fetch_sessions *sessions); /* when no transfer has any */

/* The fetch, about to be attached, takes up the sessions of its own party and host, and what it agrees on becomes one
 * of them; until it leaves. */
void fetch_sessions_enter(struct fetch *fetch);
void fetch_sessions_leave(struct fetch *fetch);

/* For CURLOPT_SSL_CTX_FUNCTION; `sessions` is its data. */
CURLcode fetch_sessions_on_context(CURL *easy, void *context, void *sessions);

/* --- fetch_chunks.c --------------------------------------------------------------------------- */

/* Takes from `*in` up to its next piece of data. False when there is none: then `*in` is empty, or what came behind
 * the body's end. Zeroed is the beginning. */
bool fetch_chunks_next(struct fetch_chunks *chunks, struct str *in, struct str *data);

/* --- fetch_proxy.c ---------------------------------------------------------------------------- */

void fetch_proxy_init(struct fetcher *fetcher);

/* There is a proxy, and its address is to be asked for. */
bool fetch_proxy_named(const struct fetcher *fetcher);

/* One of the addresses of its name. */
void fetch_proxy_choose(struct fetch *fetch, const struct sockaddr_storage *addresses,
                        size_t count);

/* Before it is attached: the proxy that is used, or none. */
void fetch_proxy_set(struct fetch *fetch);

/* The address is that of the proxy, to which alone there may be connections. */
bool fetch_proxy_is(const struct fetch *fetch, const struct sockaddr *address);

/* There is one, and it has not said yet whether there is a tunnel. */
bool fetch_proxy_is_silent(const struct fetch *fetch);

/* Whether there is one that made no tunnel. `*outcome` is then FETCH_NO_PROXY, or what it said, or did not say in time,
 * of the receiver. */
bool fetch_proxy_failed(const struct fetch *fetch, CURLcode code, enum fetch_outcome *outcome);

/* Why, in plain words; false when it was not the proxy that said so. */
bool fetch_proxy_explain(struct fetch *fetch, enum fetch_outcome outcome);

/* --- fetch_head.c ----------------------------------------------------------------------------- */

/* Fills `lines`; false if the request's head is malformed. */
bool fetch_lines_build(struct fetch *fetch);

/* --- fetch_result.c --------------------------------------------------------------------------- */

size_t fetch_on_header(char *p, size_t size, size_t n, void *arg);
size_t fetch_on_body(char *p, size_t size, size_t n, void *arg);

/* Bytes beyond the answer were read with it: its connection ends with it. */
void fetch_excess(struct fetch *fetch);

/* Until its deadline; ≤ 0: it is over. */
int64_t fetch_left_ms(const struct fetch *fetch);

/* When it is over, by so much that it was this process that stood still, its time begins again, once: the
 * receiver may not even have the request. False if it does not. */
bool fetch_grant(struct fetch *fetch);

/* What libcurl's code means. */
enum fetch_outcome fetch_outcome_of(const struct fetch *fetch, CURLcode code);

/* Fills in the result: times, response, and the error's text. */
void fetch_conclude(struct fetch *fetch, enum fetch_outcome outcome, CURLcode code);
void fetch_conclude_with(struct fetch *fetch, enum fetch_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
