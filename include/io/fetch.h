/* One HTTP/1.1 request, a POST if nothing else is said, to somebody else's server, by libcurl's multi interface on the
 * loop.
 *
 * What a request must never do, it cannot: follow a redirect, use a proxy of the environment, reach
 * an address that the guard refuses (asked after DNS, again at connect, again before every request
 * on a reused connection), be sent twice by libcurl on its own, outlive its deadline, read more
 * than its caps, share a connection or a TLS session with another owner's, or take for its answer
 * what came before it was sent on a connection that was kept.
 *
 * With a proxy the guard is asked about the same addresses, the receiver's, before every request. The proxy is told the
 * one that passed, and no name, by CONNECT (RFC 9110 §9.3.6), for http too; what it does then is its own. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "base/id.h"
#include "base/proxy.h"
#include "base/str.h"
#include "io/dns.h"
#include "io/loop.h"

/* May a connection be made to this address? A pure function; called often. */
typedef bool fetch_guard(void *arg, const struct sockaddr *address);

typedef bool fetch_port_guard(void *arg, uint16_t port);

struct fetcher;
struct fetch;

struct fetcher_config {
    fetch_guard *guard;
    fetch_port_guard *port_guard; /* NULL: all are fine */
    void *guard_arg;              /* of both */
    int connections_max;          /* open at once, idle ones included */
    struct dns_config dns;
    const char *ca_file;       /* certificates in PEM to trust; NULL: the system's */
    const struct proxy *proxy; /* of all connections; the guard is not asked about it; NULL: none */
};

/* The config is copied, what it points to is not. */

struct fetcher *fetcher_create(struct loop *loop, const struct fetcher_config *config);

/* At any time (src/README.md, "What takes time"); connections are closed. NULL is fine. */
void fetcher_destroy(struct fetcher *fetcher);

#define FETCH_HEAD_MAX 16384 /* bytes kept of a response's head */
#define FETCH_BODY_MAX \
    16384 /* bytes kept of its body; what follows up to 64 KiB is read and dropped, \
             then the connection is cut */

/* How to make a connection that is not as all are; texts in PEM. */
struct fetch_tls {
    struct str ca;               /* certificates to trust instead of the others; n == 0: those */
    struct str certificate, key; /* to show, without a passphrase; n == 0: none */
    struct id mark;              /* differs if anything of it does */
};

struct fetch_request {
    const char *url; /* normalised by url_parse() */
    const char *
        method; /* NULL: POST. Without a body only POST says that it has none (Content-Length: 0) */
    struct str head; /* header lines, each ending with CRLF, without Host and Content-Length */
    struct str body;
    struct id owner; /* connections and TLS sessions are kept for requests of the same one */
    const struct fetch_tls *tls; /* and with the same of these; NULL: none */

    size_t
        body_max; /* this much is kept of the answer's body, and what follows cuts it; 0: as above */

    /* Takes the body of a 2xx answer as it comes, whatever its length; none of it is kept then, and the deadline begins
     * again with each piece. False ends the request. It must not start or cancel a fetch. NULL: it is kept. */
    bool (*on_data)(void *arg, struct str data);

    /* Absolute: DNS, connect, TLS, sending, head and body. It begins again, once, if this process stood still
     * meanwhile: that was not the receiver. */
    int64_t timeout_ms;

    /* There is a connection, and the request goes out on it: from here on the receiver may have it. Once at
     * most, before the callback; it must not start or cancel a fetch. NULL is fine. */
    void (*on_request)(void *arg);
};

/* What became of it. FETCH_ANSWERED: a final status line and complete headers came, whatever
 * happened to the body after that. */
enum fetch_outcome {
    FETCH_ANSWERED,
    FETCH_BAD_URL,        /* or its port is not allowed */
    FETCH_BUSY,           /* its turn for a DNS lookup did not come: nobody was asked anything */
    FETCH_NO_FILE,        /* the process or the system has no open file left: likewise */
    FETCH_NO_PROXY,       /* the proxy cannot be reached, or does not take us: likewise */
    FETCH_DNS_FAILED,     /* no such name, no address, no answer in time, or another failure */
    FETCH_FORBIDDEN,      /* the guard said no */
    FETCH_CONNECT_FAILED, /* refused, unreachable */
    FETCH_TLS_FAILED,     /* handshake or certificate */
    FETCH_TIMED_OUT,
    FETCH_CONNECTION_LOST, /* closed or reset; the request may have been processed */
    FETCH_BAD_RESPONSE,    /* not HTTP/1.x, or a head without end */
    FETCH_INTERNAL,
};

struct fetch_result {
    enum fetch_outcome outcome;
    const char *error; /* in plain words; "" when answered */
    int status;        /* 0 unless answered */
    struct str head;   /* final status line and header lines as received, cut at FETCH_HEAD_MAX */
    struct str body;   /* as received, cut at FETCH_BODY_MAX */
    bool body_cut;
    char address[64]; /* "192.0.2.1:443", "[2001:db8::1]:443", or "" if none was chosen */
    /* How long each phase took, in microseconds; 0 if it did not take place (a reused connection
     * has no DNS, connect and TLS). total_us is from start to callback. */
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

/* The result is borrowed until the callback returns. */
typedef void fetch_cb(void *arg, const struct fetch_result *result);

/* Everything in `request` must stay until the callback or the cancel: it is the payload, and is not
 * copied. */
struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                          fetch_cb *cb, void *arg);

/* The callback will not run; the connection is closed. NULL is fine. */
void fetch_cancel(struct fetch *fetch);

#endif
