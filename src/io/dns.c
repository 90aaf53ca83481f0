/* The resolver: c-ares on the loop's descriptors and timers. Answers reach their waiters in a turn
 * of their own, because c-ares answers inside the call that asks when a file or its cache will do,
 * and must not be destroyed inside its own callbacks. */
#include "dns_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "io/watch.h"

#include <ares.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TRY_MS          1000 /* for the first try; c-ares doubles it */
#define TRIES           3
#define FRESH_MIN_MS    1000
#define FRESH_MAX_MS    60000
#define FRESH_FAILED_MS 5000

struct dns {
    struct loop *loop;
    ares_channel channel;
    struct timeout *retry; /* what c-ares wants to be woken for */
    struct timeout *turn;  /* set while `ready` has names */
    struct list sockets;
    struct list ready;
    struct list batch; /* the waiters that are being called */
    struct dns_cache cache;
    struct dns_name *busy; /* stands in for the name when there is no room for it */
    int looking;
    bool closing;
};

struct dns_op {
    struct list node;         /* in a name's waiters, or in the batch */
    struct timeout *deadline; /* NULL: answered in the next turn */
    dns_cb *cb;
    void *arg;
};

struct dns_socket {
    struct list node;
    struct dns *dns;
    struct watch *watch;
    ares_socket_t fd;
};

/* --- c-ares on the loop ----------------------------------------------------------------------- */

static void set_retry(struct dns *dns)
{
    struct timeval left;

    if (ares_timeout(dns->channel, NULL, &left) == NULL)
        timeout_clear(dns->retry);
    else
        timeout_set(dns->retry, (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

static void on_retry(void *arg)
{
    struct dns *dns = arg;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_retry(dns);
}

static void on_socket(void *arg, int events)
{
    struct dns_socket *sock = arg;
    struct dns *dns = sock->dns; /* the socket may be closed on the way */

    ares_process_fd(dns->channel, events & WATCH_READ ? sock->fd : ARES_SOCKET_BAD,
                    events & WATCH_WRITE ? sock->fd : ARES_SOCKET_BAD);
    set_retry(dns);
}

static struct dns_socket *find_socket(struct dns *dns, ares_socket_t fd)
{
    LIST_FOREACH(node, &dns->sockets)
    {
        struct dns_socket *sock = CONTAINER_OF(node, struct dns_socket, node);
        if (sock->fd == fd)
            return sock;
    }
    return NULL;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns *dns = arg;
    struct dns_socket *sock = find_socket(dns, fd);

    if (!readable && !writable) {
        if (sock != NULL) {
            list_remove(&sock->node);
            watch_close(sock->watch);
            free(sock);
        }
        return;
    }
    if (sock == NULL) {
        sock = xcalloc(1, sizeof *sock);
        sock->dns = dns;
        sock->fd = fd;
        sock->watch = watch_open(dns->loop, fd, on_socket, sock);
        list_push(&dns->sockets, &sock->node);
    }
    watch_set(sock->watch, (readable ? WATCH_READ : 0) | (writable ? WATCH_WRITE : 0));
}

/* --- answers ---------------------------------------------------------------------------------- */

static void make_ready(struct dns *dns, struct dns_name *name)
{
    if (!list_empty(&name->ready))
        return;
    list_push(&dns->ready, &name->ready);
    if (!timeout_is_set(dns->turn))
        timeout_set(dns->turn, 0);
}

static void end_op(struct dns_op *op, int err, const struct sockaddr_storage *addresses,
                   size_t count)
{
    dns_cb *cb = op->cb;
    void *arg = op->arg;

    list_remove(&op->node);
    timeout_destroy(op->deadline);
    free(op);
    cb(arg, err, addresses, count);
}

static void on_deadline(void *arg)
{
    end_op(arg, ERR_TIMEOUT, NULL, 0);
}

/* Calls those who waited for `name`. Works on a copy, since they may ask again. */
static void answer(struct dns *dns, struct dns_name *name)
{
    struct sockaddr_storage addresses[DNS_ADDRESSES_MAX];
    size_t count = name->count;
    int err = name->err;
    struct list *node;

    if (count > 0)
        memcpy(addresses, name->addresses, count * sizeof *addresses);
    list_move_all(&dns->batch, &name->waiters);
    while ((node = list_pop(&dns->batch)) != NULL)
        end_op(CONTAINER_OF(node, struct dns_op, node), err, addresses, count);
}

/* Those who ask again meanwhile are answered in the turn after this one. */
static void on_turn(void *arg)
{
    struct dns *dns = arg;
    struct list ready, *node;

    list_init(&ready);
    list_move_all(&ready, &dns->ready);
    while (!dns->closing && (node = list_pop(&ready)) != NULL)
        answer(dns, CONTAINER_OF(node, struct dns_name, ready));
}

static int err_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return ERR_NOT_FOUND;
    case ARES_ETIMEOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_UNAVAILABLE;
    }
}

static void take_addresses(struct dns_name *name, const struct ares_addrinfo *info)
{
    struct sockaddr_storage found[DNS_ADDRESSES_MAX] = {0};
    int64_t ttl_ms = FRESH_MAX_MS;
    size_t n = 0;

    for (const struct ares_addrinfo_node *at = info->nodes; at != NULL; at = at->ai_next) {
        if (n == DNS_ADDRESSES_MAX || (size_t)at->ai_addrlen > sizeof found[n])
            continue;
        memcpy(&found[n++], at->ai_addr, at->ai_addrlen);
        if ((int64_t)at->ai_ttl * 1000 < ttl_ms)
            ttl_ms = (int64_t)at->ai_ttl * 1000;
    }
    if (n == 0) {
        name->err = ERR_NOT_FOUND;
        return;
    }
    name->addresses = xcalloc(n, sizeof *found);
    memcpy(name->addresses, found, n * sizeof *found);
    name->count = n;
    name->fresh_until_ms = clock_mono_ms() + (ttl_ms > FRESH_MIN_MS ? ttl_ms : FRESH_MIN_MS);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_name *name = arg;
    struct dns *dns = name->dns;

    (void)timeouts;
    name->looking = false;
    dns->looking--;
    free(name->addresses);
    name->addresses = NULL;
    name->count = 0;
    name->err = err_of(status);
    name->fresh_until_ms = clock_mono_ms() + FRESH_FAILED_MS;
    if (name->err == 0)
        take_addresses(name, info);
    ares_freeaddrinfo(info);
    if (!dns->closing && !list_empty(&name->waiters))
        make_ready(dns, name);
}

/* --- questions -------------------------------------------------------------------------------- */

static void look_up(struct dns *dns, struct dns_name *name)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                                     .ai_socktype = SOCK_STREAM};
    name->looking = true;
    dns->looking++;
    ares_getaddrinfo(dns->channel, name->host, NULL, &hints, on_answer, name);
    set_retry(dns);
}

struct dns_op *dns_start(struct dns *dns, const char *host, int64_t deadline_ms, dns_cb *cb,
                         void *arg)
{
    struct dns_name *name = dns_cache_get(&dns->cache, dns, host);
    struct dns_op *op = xcalloc(1, sizeof *op);
    bool known = name != NULL && !name->looking && clock_mono_ms() < name->fresh_until_ms;

    assert(!dns->closing);
    op->cb = cb;
    op->arg = arg;
    if (name == NULL || (!known && !name->looking && dns->looking >= DNS_LOOKUPS_MAX)) {
        name = dns->busy;
        known = true;
    }
    list_push(&name->waiters, &op->node);
    if (known) {
        make_ready(dns, name);
        return op;
    }
    op->deadline = timeout_create(dns->loop, on_deadline, op);
    timeout_set(op->deadline, deadline_ms);
    if (!name->looking)
        look_up(dns, name);
    return op;
}

void dns_cancel(struct dns_op *op)
{
    if (op == NULL)
        return;
    list_remove(&op->node);
    timeout_destroy(op->deadline);
    free(op);
}

/* --- life ------------------------------------------------------------------------------------- */

static void init_library(void)
{
    int rc = ares_library_init(ARES_LIB_INIT_ALL);
    assert(rc == ARES_SUCCESS);
}

/* Without domains there is nothing to search, whatever the flag covers. */
static ares_channel open_channel(struct dns *dns, const char *servers)
{
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = TRY_MS,
        .tries = TRIES,
        .ndomains = 0,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = dns,
    };
    ares_channel channel;
    int rc = ares_init_options(&channel, &options,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                   ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
    if (rc == ARES_SUCCESS && servers != NULL)
        rc = ares_set_servers_ports_csv(channel, servers);
    if (rc != ARES_SUCCESS)
        log_error("dns_failed", "error=\"%s\"", ares_strerror(rc));
    assert(rc == ARES_SUCCESS);
    return channel;
}

struct dns *dns_create(struct loop *loop, const char *servers)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct dns *dns = xcalloc(1, sizeof *dns);

    pthread_once(&once, init_library);
    dns->loop = loop;
    list_init(&dns->sockets);
    list_init(&dns->ready);
    list_init(&dns->batch);
    dns_cache_init(&dns->cache);
    dns->busy = dns_name_create(dns, "");
    dns->busy->err = ERR_BUSY;
    dns->retry = timeout_create(loop, on_retry, dns);
    dns->turn = timeout_create(loop, on_turn, dns);
    dns->channel = open_channel(dns, servers);
    return dns;
}

static void forget_waiters(struct dns *dns)
{
    list_move_all(&dns->batch, &dns->busy->waiters);
    LIST_FOREACH(at, &dns->cache.recent)
    list_move_all(&dns->batch, &CONTAINER_OF(at, struct dns_name, recent)->waiters);
    LIST_FOREACH_SAFE(node, &dns->batch)
    dns_cancel(CONTAINER_OF(node, struct dns_op, node));
}

void dns_destroy(struct dns *dns)
{
    if (dns == NULL)
        return;
    assert(!dns->closing);
    dns->closing = true;
    forget_waiters(dns);
    ares_destroy(dns->channel); /* closes the sockets by way of their callback */
    assert(list_empty(&dns->sockets));
    timeout_destroy(dns->retry);
    timeout_destroy(dns->turn);
    dns_name_destroy(dns->busy);
    dns_cache_fini(&dns->cache);
    loop_free(dns->loop, dns);
}
