/* libcurl's multi interface on the loop, the options of every transfer, and the guard at the two
 * places where libcurl can be stopped: before a socket connects, before a request is sent. */
#include "fetch_internal.h"

#include "base/clock.h"
#include "base/crash.h"
#include "io/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECEIVE_BUFFER  65536 /* no more than this is ever read of a body */
#define CONNECTION_IDLE 30L   /* seconds that a kept-alive connection may wait for its next use */
#define CONNECTION_LIFE 300L
#define UNACKED_MAX_MS  30000U
#define NEVER_MS        86400000L /* how long is for fetch.c to say */

_Static_assert(WATCH_READ == CURL_POLL_IN && WATCH_WRITE == CURL_POLL_OUT, "the same bits");
_Static_assert(WATCH_READ == CURL_CSELECT_IN && WATCH_WRITE == CURL_CSELECT_OUT, "the same bits");

static void must(CURLMcode rc)
{
    assert(rc == CURLM_OK || rc == CURLM_OUT_OF_MEMORY);
    if (rc != CURLM_OK)
        out_of_memory();
}

/* --- libcurl on the loop ---------------------------------------------------------------------- */

/* Messages are taken out before anything else happens: removing a handle drops its own. */
void fetcher_on_ready(struct fetcher *fetcher, int fd, int events)
{
    int n;

    must(curl_multi_socket_action(fetcher->multi, fd, events, &n));
    for (CURLMsg *msg; (msg = curl_multi_info_read(fetcher->multi, &n)) != NULL;) {
        struct fetch *fetch;
        CURLcode code = msg->data.result; /* the message dies with the handle's removal */
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &fetch);
        fetcher->hooks->on_done(fetch, code);
    }
    fetcher->hooks->on_turn(fetcher);
}

void fetcher_on_wake(void *arg)
{
    fetcher_on_ready(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    (void)easy;
    (void)unused;
    fetch_socket_watch(arg, fd, what == CURL_POLL_REMOVE ? 0 : what);
    return 0;
}

/* 0 is the next turn: libcurl must not be called from inside its callback. */
static int on_timer(CURLM *multi, long delay_ms, void *arg)
{
    struct fetcher *fetcher = arg;

    (void)multi;
    if (delay_ms < 0)
        timeout_clear(fetcher->wake);
    else
        timeout_set(fetcher->wake, delay_ms);
    return 0;
}

CURLM *fetch_multi_create(struct fetcher *fetcher)
{
    CURLM *multi = curl_multi_init();
    long max = fetcher->config.connections_max;

    if (multi == NULL)
        out_of_memory();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, max);
    /* Makes room by closing the oldest idle one. It never comes to waiting inside libcurl, which
     * knows no deadline there: no more than this many transfers are added. */
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max);
    return multi;
}

/* --- the guard -------------------------------------------------------------------------------- */

static bool guarded(struct fetch *fetch, const struct sockaddr *address)
{
    const struct fetcher_config *config = &fetch->fetcher->config;

    if (config->guard(config->guard_arg, address))
        return true;
    fetch_address_text(fetch->forbidden, address, 0);
    return false;
}

/* Behind a proxy the guard was asked about the address that the proxy is told. */
static bool may_connect(struct fetch *fetch, const struct sockaddr *address)
{
    if (fetch->fetcher->config.proxy != NULL)
        return fetch_proxy_is(fetch, address);
    return guarded(fetch, address);
}

/* Connecting again after the request went out is libcurl sending it again: not with us. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = arg;
    int buffer = RECEIVE_BUFFER;
    unsigned patience_ms = UNACKED_MAX_MS;

    if (fetch->requests > 0) {
        fetch->resent = true;
        return CURL_SOCKET_BAD;
    }
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(fetch, &address->addr))
        return CURL_SOCKET_BAD;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0) {
        fetch->socket_errno = errno;
        return CURL_SOCKET_BAD;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    fetch_socket_add(fetch, fd);
    return fd;
}

/* Before every request, also on a reused connection, which no socket was opened for. */
static int on_request(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct fetch *fetch = arg;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any.sa_family = AF_UNSPEC};
    struct fetch_ends ends = {.remote_port = remote_port, .local_port = local_port};

    snprintf(ends.remote, sizeof ends.remote, "%s", remote);
    snprintf(ends.local, sizeof ends.local, "%s", local);
    fetch_grant(fetch);
    if (fetch_left_ms(fetch) <= 0) { /* nobody would wait for the answer */
        fetch->late = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (fetch->requests == 0 && !fetch_socket_ready(fetch, &ends)) {
        fetch->unusable = true; /* libcurl closes it */
        return CURL_PREREQFUNC_ABORT;
    }
    if (++fetch->requests > 1) {
        fetch->resent = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (inet_pton(AF_INET, remote, &address.v4.sin_addr) == 1)
        address.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, remote, &address.v6.sin6_addr) == 1)
        address.any.sa_family = AF_INET6;
    if (!may_connect(fetch, &address.any))
        return CURL_PREREQFUNC_ABORT;
    CRASH_POINT("request", "begins");
    if (fetch->request.on_request != NULL)
        fetch->request.on_request(fetch->arg);
    return CURL_PREREQFUNC_OK;
}

/* libcurl drops what it has read beyond an answer without a body, and keeps the connection; of an answer with a
 * body it closes it. Both it tells by this text alone (7.88, lib/transfer.c). */
static int on_debug(CURL *easy, curl_infotype type, char *text, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    (void)easy;
    if (type == CURLINFO_TEXT && str_starts((struct str){text, n}, STR_LIT("Excess found")))
        fetch_excess(fetch);
    return 0;
}

/* --- a transfer ------------------------------------------------------------------------------- */

/* What it must not do, whatever the URL, the environment or the server say. */
static void set_limits(CURL *easy)
{
    FETCH_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    FETCH_SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    FETCH_SET(easy, CURLOPT_MAXREDIRS, 0L);
    FETCH_SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    FETCH_SET(easy, CURLOPT_PROXY, ""); /* none of the environment; fetch_proxy_set() sets ours */
    FETCH_SET(easy, CURLOPT_NOPROXY, "*");
    FETCH_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    FETCH_SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    FETCH_SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    FETCH_SET(easy, CURLOPT_HTTP_TRANSFER_DECODING, 0L); /* fetch_chunks.c does */
    FETCH_SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    FETCH_SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    FETCH_SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    FETCH_SET(easy, CURLOPT_NOSIGNAL, 1L);
    FETCH_SET(easy, CURLOPT_QUICK_EXIT, 1L);
    FETCH_SET(easy, CURLOPT_BUFFERSIZE, 4096L);
    FETCH_SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    FETCH_SET(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 0L);
    FETCH_SET(easy, CURLOPT_CONNECTTIMEOUT_MS, NEVER_MS);
    FETCH_SET(easy, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE);
    FETCH_SET(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE);
}

/* One bundle, which libcurl then reads once a day; with a folder of certificates beside it, it would read it for every
 * connection, which is 60 ms of the loop. */
static void trust(CURL *easy, const char *ca_file)
{
    if (ca_file == NULL)
        curl_easy_getinfo(easy, CURLINFO_CAINFO, &ca_file);
    if (ca_file == NULL || access(ca_file, R_OK) < 0)
        return;
    FETCH_SET(easy, CURLOPT_CAINFO, ca_file);
    FETCH_SET(easy, CURLOPT_CAPATH, NULL);
}

CURL *fetch_easy_create(struct fetch *fetch)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        out_of_memory();
    set_limits(easy);
    trust(easy, fetch->fetcher->config.ca_file);
    FETCH_SET(easy, CURLOPT_PRIVATE, fetch);
    FETCH_SET(easy, CURLOPT_ERRORBUFFER, fetch->curl_error);
    FETCH_SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    FETCH_SET(easy, CURLOPT_OPENSOCKETDATA, fetch);
    FETCH_SET(easy, CURLOPT_CLOSESOCKETFUNCTION, fetch_on_close_socket);
    FETCH_SET(easy, CURLOPT_CLOSESOCKETDATA, fetch->fetcher);
    FETCH_SET(easy, CURLOPT_SSL_CTX_FUNCTION, fetch_sessions_on_context);
    FETCH_SET(easy, CURLOPT_SSL_CTX_DATA, &fetch->fetcher->sessions);
    FETCH_SET(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    FETCH_SET(easy, CURLOPT_DEBUGDATA, fetch);
    FETCH_SET(easy, CURLOPT_PREREQFUNCTION, on_request);
    FETCH_SET(easy, CURLOPT_PREREQDATA, fetch);
    FETCH_SET(easy, CURLOPT_HEADERFUNCTION, fetch_on_header);
    FETCH_SET(easy, CURLOPT_HEADERDATA, fetch);
    FETCH_SET(easy, CURLOPT_WRITEFUNCTION, fetch_on_body);
    FETCH_SET(easy, CURLOPT_WRITEDATA, fetch);
    return easy;
}

/* Name and port stay what they are for Host, SNI and the certificate; the connection goes to the
 * address that the guard has seen. */
static void pin(struct fetch *fetch)
{
    const struct sockaddr_storage *address = &fetch->addresses[fetch->address_at];

    fetch_address_text(fetch->result.address, (const struct sockaddr *)address, fetch->port);
    snprintf(fetch->pin_text, sizeof fetch->pin_text, "::%s", fetch->result.address);
    fetch->pin = (struct curl_slist){.data = fetch->pin_text};
    FETCH_SET(fetch->easy, CURLOPT_CONNECT_TO, &fetch->pin);
}

/* libcurl has no name for a pool of connections. Of what it tells them apart by (7.88, hashkey() in lib/conncache.c)
 * one number is free: the scope of IPv6, which the kernel looks at for link-local addresses alone. It makes libcurl
 * choose well; that no other owner's connection is used is for fetch_socket_ready() to see to. */
static long pool_of(const struct fetch *fetch)
{
    const struct sockaddr_storage *address = &fetch->addresses[fetch->address_at];
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    struct fetch_party party = fetch_party(fetch);
    uint32_t number, tls;

    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
        return 0;
    memcpy(&number, party.owner.b + sizeof party.owner.b - sizeof number, sizeof number);
    memcpy(&tls, party.tls.b, sizeof tls);
    return (long)(number ^ tls);
}

static void set_blob(CURL *easy, CURLoption option, struct curl_blob *blob, struct str text)
{
    *blob = (struct curl_blob){(void *)(uintptr_t)text.p, text.n, CURL_BLOB_NOCOPY};
    FETCH_SET(easy, option, text.n > 0 ? blob : NULL);
}

static void set_tls(struct fetch *fetch, const struct fetch_tls *tls)
{
    set_blob(fetch->easy, CURLOPT_CAINFO_BLOB, &fetch->ca, tls->ca);
    set_blob(fetch->easy, CURLOPT_SSLCERT_BLOB, &fetch->certificate, tls->certificate);
    set_blob(fetch->easy, CURLOPT_SSLKEY_BLOB, &fetch->key, tls->key);
}

/* The handle's last request may have been another's. */
static void set_method(struct fetch *fetch)
{
    const struct fetch_request *request = &fetch->request;
    struct str body = request->body;

    FETCH_SET(fetch->easy, CURLOPT_POST, 1L);
    FETCH_SET(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    FETCH_SET(fetch->easy, CURLOPT_POSTFIELDS, body.n > 0 ? body.p : "");
    FETCH_SET(fetch->easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (body.n == 0 && request->method != NULL && strcmp(request->method, "POST") != 0)
        FETCH_SET(fetch->easy, CURLOPT_HTTPGET, 1L);
}

/* libcurl before 8.1.1 keeps a pointer to the last header of a handle's answer, which is freed when the handle is used
 * again: a receiver whose first header is a folded line would have it read (https://github.com/curl/curl/pull/11103). */
static void renew(struct fetch *fetch)
{
    if (fetch->attached && fetch->fetcher->handles_once) {
        CURL *fresh = curl_easy_duphandle(fetch->easy);
        if (fresh == NULL)
            out_of_memory();
        curl_easy_cleanup(fetch->easy);
        fetch->easy = fresh;
    }
    fetch->attached = true;
}

void fetch_attach(struct fetch *fetch)
{
    renew(fetch);
    fetch->state = FETCH_SENDING;
    fetch->fetcher->sending++;
    fetch->requests = 0;
    fetch->curl_error[0] = '\0';
    fetch->opened = -1;
    pin(fetch);
    fetch_proxy_set(fetch);
    fetch_sessions_enter(fetch);
    if (fetch->request.tls != NULL)
        set_tls(fetch, fetch->request.tls);
    FETCH_SET(fetch->easy, CURLOPT_ADDRESS_SCOPE, pool_of(fetch));
    FETCH_SET(fetch->easy, CURLOPT_FRESH_CONNECT, (long)fetch->unusable);
    FETCH_SET(fetch->easy, CURLOPT_FORBID_REUSE, 0L);
    FETCH_SET(fetch->easy, CURLOPT_VERBOSE, 0L);
    FETCH_SET(fetch->easy, CURLOPT_HTTPHEADER, fetch->lines);
    set_method(fetch);
    must(curl_multi_add_handle(fetch->fetcher->multi, fetch->easy));
}

void fetch_detach(struct fetch *fetch)
{
    fetch->fetcher->sending--;
    CURLMcode rc = curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    assert(rc == CURLM_OK);
    fetch_sessions_leave(fetch);
    if (fetch->request.tls != NULL) /* the next request of the handle is another's */
        set_tls(fetch, &(struct fetch_tls){0});
}
