/* The sockets of the connections that libcurl keeps: whose they are, whether one may carry a request, and what libcurl
 * waits for on each.
 *
 * libcurl says on which connection it is about to send by its addresses and ports, so that is how a socket is found
 * again. Its own look at a kept connection takes bytes that nobody asked for as a sign of life, and would read them
 * as the next answer. */
#include "fetch_internal.h"

#include "base/log.h"
#include "base/metrics.h"
#include "io/watch.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fetch_socket {
    struct list by_fd, by_port;
    struct fetcher *fetcher;
    const struct fetch *opener; /* which may be gone */
    int fd;
    struct watch *watch; /* NULL: nothing was waited for yet */
    int wanted;          /* by libcurl; 0 between two requests */
    struct fetch_party party;
    struct fetch_ends ends; /* once it has carried a request */
};

void fetch_sockets_init(struct fetch_sockets *sockets)
{
    for (size_t i = 0; i < FETCH_SOCKET_BUCKETS; i++) {
        list_init(&sockets->by_fd[i]);
        list_init(&sockets->by_port[i]);
    }
}

static struct list *bucket(struct list buckets[FETCH_SOCKET_BUCKETS], int number)
{
    return &buckets[(unsigned)number % FETCH_SOCKET_BUCKETS];
}

static void forget(struct fetch_socket *sock)
{
    watch_close(sock->watch);
    list_remove(&sock->by_fd);
    list_remove(&sock->by_port);
    free(sock);
}

void fetch_sockets_fini(struct fetch_sockets *sockets)
{
    for (size_t i = 0; i < FETCH_SOCKET_BUCKETS; i++) {
        LIST_FOREACH_SAFE(node, &sockets->by_fd[i])
        forget(CONTAINER_OF(node, struct fetch_socket, by_fd));
    }
}

static struct fetch_socket *by_fd(struct fetch_sockets *sockets, int fd)
{
    LIST_FOREACH(node, bucket(sockets->by_fd, fd))
    {
        struct fetch_socket *sock = CONTAINER_OF(node, struct fetch_socket, by_fd);
        if (sock->fd == fd)
            return sock;
    }
    return NULL;
}

static void forget_fd(struct fetch_sockets *sockets, int fd)
{
    struct fetch_socket *sock = by_fd(sockets, fd);

    if (sock != NULL)
        forget(sock);
}

/* libcurl closes one that did not get as far as a connection without a word: its number tells, when it is used
 * again. */
static struct fetch_socket *add(struct fetcher *fetcher, int fd)
{
    struct fetch_socket *sock = xcalloc(1, sizeof *sock);

    forget_fd(&fetcher->sockets, fd);
    sock->fetcher = fetcher;
    sock->fd = fd;
    list_init(&sock->by_port);
    list_push(bucket(fetcher->sockets.by_fd, fd), &sock->by_fd);
    return sock;
}

void fetch_socket_add(struct fetch *fetch, int fd)
{
    struct fetch_socket *sock = add(fetch->fetcher, fd);

    sock->opener = fetch;
    sock->party = fetch_party(fetch);
    fetch->opened = fd;
}

/* NULL: none was opened for it, or that was closed, and its number may be another's. */
static struct fetch_socket *opened_by(const struct fetch *fetch)
{
    struct fetch_socket *sock =
        fetch->opened >= 0 ? by_fd(&fetch->fetcher->sockets, fetch->opened) : NULL;

    return sock != NULL && sock->opener == fetch ? sock : NULL;
}

int fetch_on_close_socket(void *arg, curl_socket_t fd)
{
    struct fetcher *fetcher = arg;

    forget_fd(&fetcher->sockets, fd);
    return close(fd);
}

static bool same_ends(const struct fetch_ends *a, const struct fetch_ends *b)
{
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           strcmp(a->remote, b->remote) == 0 && strcmp(a->local, b->local) == 0;
}

static struct fetch_socket *find(struct fetch_sockets *sockets, const struct fetch_ends *ends)
{
    LIST_FOREACH(node, bucket(sockets->by_port, ends->local_port))
    {
        struct fetch_socket *sock = CONTAINER_OF(node, struct fetch_socket, by_port);
        if (same_ends(&sock->ends, ends))
            return sock;
    }
    return NULL;
}

/* --- what libcurl waits for ------------------------------------------------------------------- */

/* What comes between two requests is for who looks before the next; the kernel would tell of it again and again. */
static void on_ready(void *arg, int events)
{
    struct fetch_socket *sock = arg;

    if (sock->wanted == 0)
        watch_set(sock->watch, 0);
    else
        sock->fetcher->hooks->on_ready(sock->fetcher, sock->fd, events);
}

/* One that has carried a request will carry more: to have it watched meanwhile costs nothing, to have it watched again
 * some calls of the kernel for each request. */
void fetch_socket_watch(struct fetcher *fetcher, int fd, int events)
{
    struct fetch_socket *sock = by_fd(&fetcher->sockets, fd);

    if (sock == NULL && events == 0)
        return;
    if (sock == NULL)
        sock = add(fetcher, fd); /* of libcurl's own */
    sock->wanted = events;
    if (events != 0) {
        if (sock->watch == NULL)
            sock->watch = watch_open(fetcher->loop, fd, on_ready, sock);
        watch_set(sock->watch, events);
    } else if (sock->ends.local_port == 0) {
        watch_close(sock->watch);
        sock->watch = NULL;
    }
}

/* --- what became of it ------------------------------------------------------------------------ */

bool fetch_socket_connected(const struct fetch *fetch)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;

    return opened_by(fetch) != NULL &&
           getpeername(fetch->opened, (struct sockaddr *)&peer, &n) == 0;
}

/* --- what came without a question ------------------------------------------------------------- */

enum unread { UNREAD_NONE, UNREAD_END, UNREAD_BYTES };

static enum unread look(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n > 0)
        return UNREAD_BYTES;
    return n < 0 && errno == EAGAIN ? UNREAD_NONE : UNREAD_END;
}

/* Bytes of TLS may be none of HTTP: a ticket, or the alert before the end. Between transfers OpenSSL must not read
 * by libcurl's own BIO, which counts on one being under way. */
static enum unread look_inside(SSL *ssl, int fd)
{
    BIO *own = SSL_get_rbio(ssl), *plain = BIO_new_socket(fd, BIO_NOCLOSE);
    char byte;

    if (plain == NULL)
        return UNREAD_END; /* for lack of memory: a connection of its own asks for more, and says so */
    BIO_up_ref(own);
    SSL_set0_rbio(ssl, plain);
    ERR_clear_error();
    int n = SSL_peek(ssl, &byte, 1);
    int error = SSL_get_error(ssl, n);
    ERR_clear_error();
    SSL_set0_rbio(ssl, own);
    if (n > 0 || (error == SSL_ERROR_WANT_READ && SSL_has_pending(ssl)))
        return UNREAD_BYTES;
    return error == SSL_ERROR_WANT_READ ? UNREAD_NONE : UNREAD_END;
}

/* NULL: plain. */
static SSL *tls_of(struct fetch *fetch)
{
    const struct curl_tlssessioninfo *tls = NULL;

    curl_easy_getinfo(fetch->easy, CURLINFO_TLS_SSL_PTR, &tls);
    return tls != NULL && tls->backend == CURLSSLBACKEND_OPENSSL ? tls->internals : NULL;
}

static enum unread unread_of(SSL *ssl, int fd)
{
    enum unread raw = look(fd);

    if (ssl == NULL || (raw == UNREAD_NONE && !SSL_has_pending(ssl)))
        return raw;
    return look_inside(ssl, fd);
}

void fetch_spoke(struct fetch *fetch)
{
    char app[ID_TEXT_SIZE];

    metric_add(METRIC_ANSWERS_UNASKED, 1);
    log_bounded(LOG_LEVEL_WARN, "answer_unasked", "app=%s address=%s",
                id_text(app, ID_APP, fetch->request.owner), fetch->result.address);
}

/* A certificate without alternative names libcurl takes by its common name, which no browser does and nobody is
 * bound to check (RFC 6125 §6.4.4, RFC 9525 §2). */
static bool is_named(SSL *ssl, const char *host)
{
    X509 *cert = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;

    return cert == NULL || X509_check_ip_asc(cert, host, 0) == 1 ||
           X509_check_host(cert, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* --- may it be used? -------------------------------------------------------------------------- */

bool fetch_socket_ready(struct fetch *fetch, const struct fetch_ends *ends)
{
    struct fetch_sockets *sockets = &fetch->fetcher->sockets;
    struct fetch_socket *sock = opened_by(fetch);

    if (sock != NULL) {
        sock->ends = *ends;
        list_push(bucket(sockets->by_port, ends->local_port), &sock->by_port);
        fetch->unnamed = !is_named(tls_of(fetch), fetch->host);
        return !fetch->unnamed;
    }
    sock = find(sockets, ends);
    struct fetch_party party = fetch_party(fetch);
    if (sock == NULL || !fetch_party_eq(&sock->party, &party))
        return false;
    enum unread unread = unread_of(tls_of(fetch), sock->fd);
    if (unread == UNREAD_BYTES)
        fetch_spoke(fetch);
    return unread == UNREAD_NONE;
}
