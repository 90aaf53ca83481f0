/* The resolver: c-ares on the loop's descriptors and timers. Answers reach their waiters in a turn
 * of their own, because c-ares answers inside the call that asks when a file or its cache will do,
 * and must not be destroyed inside its own callbacks. For the same reason lookups whose turn has come
 * begin there. */
#include "dns_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "io/watch.h"

#include <ares.h>
#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_MS          1000 /* for the first try; c-ares doubles it */
#define TRIES           3
#define FRESH_MIN_MS    1000
#define FRESH_MAX_MS    60000
#define FRESH_FAILED_MS 5000

/* How long the other family may take when one has come: RFC 8305 §3 for AAAA, and a try for A, since not everybody
 * gets through by IPv6. */
#define GRACE_AAAA_MS 50
#define GRACE_A_MS    TRY_MS

struct dns {
    struct loop *loop;
    ares_channel channel, file; /* the name servers; the system's file of hosts */
    struct timeout *retry;      /* what c-ares wants to be woken for */
    struct timeout *turn;       /* set while `ready` has names */
    struct list sockets;
    struct list ready;
    struct list batch; /* the waiters that are being called */
    struct dns_cache cache;
    struct dns_turns turns;
    bool closing;
};

struct dns_op {
    struct list node; /* in a name's waiters, in the batch, or among those who wait their turn */
    struct timeout *deadline; /* NULL: answered in the next turn */
    struct dns_name *turn;    /* that it waits to look up, or NULL */
    struct id owner;
    int64_t deadline_ms;
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

static void turn_soon(struct dns *dns)
{
    if (!timeout_is_set(dns->turn))
        timeout_set(dns->turn, 0);
}

static void make_ready(struct dns *dns, struct dns_name *name)
{
    if (!list_empty(&name->ready))
        return;
    list_push(&dns->ready, &name->ready);
    turn_soon(dns);
}

static void end_op(struct dns_op *op, int err, const struct sockaddr_storage *addresses,
                   size_t count)
{
    dns_cb *cb = op->cb;
    void *arg = op->arg;

    dns_cancel(op);
    cb(arg, err, addresses, count);
}

static void on_deadline(void *arg)
{
    struct dns_op *op = arg;
    end_op(op, dns_waits(op) ? ERR_BUSY : ERR_TIMEOUT, NULL, 0);
}

/* Calls those who waited for `name`. Works on a copy, since they may ask again. */
static void answer(struct dns *dns, struct dns_name *name)
{
    struct sockaddr_storage addresses[DNS_ADDRESSES_MAX];
    size_t count = name->known.count;
    int err = name->known.err;
    struct list *node;

    if (count > 0)
        memcpy(addresses, name->known.addresses, count * sizeof *addresses);
    list_move_all(&dns->batch, &name->waiters);
    while ((node = list_pop(&dns->batch)) != NULL)
        end_op(CONTAINER_OF(node, struct dns_op, node), err, addresses, count);
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

/* No packet is sent; the system says whether it knows a way. */
static bool is_routed(const struct sockaddr_storage *address)
{
    struct sockaddr_in6 to = *(const struct sockaddr_in6 *)address;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    to.sin6_port = htons(443);
    bool routed = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
        close(fd);
    return routed;
}

/* Puts `count` addresses of one family before or behind those of the other: IPv6 first where there is a way (RFC 6724
 * §2.1, rule 6), last where there is none. */
static void add(struct dns_answer *to, const struct sockaddr_storage *addresses, size_t count)
{
    bool v6 = addresses[0].ss_family == AF_INET6;
    size_t at = to->count;

    if (at + count > DNS_ADDRESSES_MAX)
        count = DNS_ADDRESSES_MAX - at;
    to->addresses = xrealloc(to->addresses, (at + count) * sizeof *addresses);
    if (at > 0 && is_routed(v6 ? &addresses[0] : &to->addresses[0]) == v6) {
        memmove(to->addresses + count, to->addresses, at * sizeof *addresses);
        at = 0;
    }
    memcpy(to->addresses + at, addresses, count * sizeof *addresses);
    to->count += count;
}

static void take_addresses(struct dns_answer *to, const struct ares_addrinfo *info)
{
    struct sockaddr_storage found[DNS_ADDRESSES_MAX] = {0};
    size_t n = 0;

    for (const struct ares_addrinfo_node *at = info->nodes; at != NULL; at = at->ai_next) {
        if (n == DNS_ADDRESSES_MAX || (size_t)at->ai_addrlen > sizeof found[n])
            continue;
        memcpy(&found[n++], at->ai_addr, at->ai_addrlen);
        if ((int64_t)at->ai_ttl * 1000 < to->ttl_ms)
            to->ttl_ms = (int64_t)at->ai_ttl * 1000;
    }
    if (n > 0)
        add(to, found, n);
}

/* What has come is what is known. */
static void settle(struct dns_name *name)
{
    struct dns_answer *known = &name->known;
    int64_t fresh_ms = FRESH_FAILED_MS;

    timeout_destroy(name->grace);
    name->grace = NULL;
    free(known->addresses);
    *known = name->coming;
    name->coming = (struct dns_answer){0};
    name->looking = false;
    if (known->count > 0) {
        known->err = 0;
        fresh_ms = known->ttl_ms > FRESH_MIN_MS ? known->ttl_ms : FRESH_MIN_MS;
    }
    name->fresh_until_ms = clock_mono_ms() + fresh_ms;
    if (!list_empty(&name->waiters))
        make_ready(name->dns, name);
}

static void on_grace(void *arg)
{
    settle(arg);
}

/* What comes when the other family has long been answered with is added to it. */
static void on_answer(struct dns_name *name, int status, struct ares_addrinfo *info,
                      int64_t grace_ms)
{
    struct dns *dns = name->dns;
    struct dns_answer *to = name->looking ? &name->coming : &name->known;
    int err = err_of(status);

    name->asked--;
    if (err == 0)
        take_addresses(to, info);
    else if (err != ERR_NOT_FOUND && to->count == 0)
        to->err = err;
    ares_freeaddrinfo(info);
    if (dns->closing)
        return;
    if (name->asked == 0) {
        dns_turns_give_back(&dns->turns, name->owner);
        turn_soon(dns);
    }
    if (!name->looking)
        return;
    if (name->asked == 0) {
        settle(name);
    } else if (to->count > 0) {
        name->grace = timeout_create(dns->loop, on_grace, name);
        timeout_set(name->grace, grace_ms);
    }
}

static void on_a(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    on_answer(arg, status, info, GRACE_AAAA_MS);
}

static void on_aaaa(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    on_answer(arg, status, info, GRACE_A_MS);
}

/* --- questions -------------------------------------------------------------------------------- */

static bool is_known(const struct dns_name *name)
{
    return !name->looking && (name->asked > 0 || clock_mono_ms() < name->fresh_until_ms);
}

static void ask_servers(struct dns_name *name)
{
    static const struct ares_addrinfo_hints v4 = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM},
                                            v6 = {.ai_family = AF_INET6,
                                                  .ai_socktype = SOCK_STREAM};
    struct dns *dns = name->dns;

    name->asked = 2;
    ares_getaddrinfo(dns->channel, name->host, NULL, &v4, on_a, name);
    ares_getaddrinfo(dns->channel, name->host, NULL, &v6, on_aaaa, name);
    set_retry(dns);
}

/* Within the call that asks. */
static void on_file(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_name *name = arg;

    (void)timeouts;
    if (status == ARES_SUCCESS) {
        on_answer(name, status, info, 0);
        return;
    }
    ares_freeaddrinfo(info);
    ask_servers(name);
}

/* A lookup has been taken for `owner`. What the system's file says of a name is all that there is. */
static void look_up(struct dns *dns, struct dns_name *name, struct id owner)
{
    static const struct ares_addrinfo_hints any = {.ai_family = AF_UNSPEC,
                                                   .ai_socktype = SOCK_STREAM};

    name->coming = (struct dns_answer){.err = ERR_NOT_FOUND, .ttl_ms = FRESH_MAX_MS};
    name->looking = true;
    name->owner = owner;
    name->asked = 1;
    ares_getaddrinfo(dns->file, name->host, NULL, &any, on_file, name);
}

/* Begins the lookups whose turn has come. Others may have asked for the name meanwhile. */
static void begin_turns(struct dns *dns)
{
    struct list *node;

    while ((node = dns_turns_next(&dns->turns)) != NULL) {
        struct dns_op *op = CONTAINER_OF(node, struct dns_op, node);
        struct dns_name *name = op->turn;
        op->turn = NULL;
        name->turns--;
        list_push(&name->waiters, &op->node);
        timeout_set(op->deadline, op->deadline_ms);
        bool known = is_known(name);
        if (known || name->looking)
            dns_turns_give_back(&dns->turns, op->owner);
        else
            look_up(dns, name, op->owner);
        if (known)
            make_ready(dns, name);
    }
}

/* Those who ask again meanwhile are answered in the turn after this one. */
static void on_turn(void *arg)
{
    struct dns *dns = arg;
    struct list ready, *node;

    begin_turns(dns);
    list_init(&ready);
    list_move_all(&ready, &dns->ready);
    while (!dns->closing && (node = list_pop(&ready)) != NULL)
        answer(dns, CONTAINER_OF(node, struct dns_name, ready));
}

static void wait_turn(struct dns *dns, struct dns_name *name, struct dns_op *op)
{
    op->turn = name;
    name->turns++;
    dns_turns_wait(&dns->turns, op->owner, &op->node);
}

struct dns_op *dns_start(struct dns *dns, const char *host, struct id owner, int64_t deadline_ms,
                         dns_cb *cb, void *arg)
{
    struct dns_name *name = dns_cache_get(&dns->cache, dns, host);
    struct dns_op *op = xcalloc(1, sizeof *op);

    assert(!dns->closing);
    op->cb = cb;
    op->arg = arg;
    op->owner = owner;
    op->deadline_ms = deadline_ms;
    list_init(&op->node);
    if (is_known(name)) {
        list_push(&name->waiters, &op->node);
        make_ready(dns, name);
        return op;
    }
    op->deadline = timeout_create(dns->loop, on_deadline, op);
    timeout_set(op->deadline, deadline_ms);
    if (!name->looking && !dns_turns_take(&dns->turns, owner)) {
        wait_turn(dns, name, op);
        return op;
    }
    list_push(&name->waiters, &op->node);
    if (!name->looking)
        look_up(dns, name, owner);
    return op;
}

bool dns_waits(const struct dns_op *op)
{
    return op->turn != NULL;
}

void dns_cancel(struct dns_op *op)
{
    if (op == NULL)
        return;
    if (op->turn != NULL) {
        dns_turns_leave(&op->turn->dns->turns, op->owner, &op->node);
        op->turn->turns--;
    }
    list_remove(&op->node);
    timeout_destroy(op->deadline);
    free(op);
}

/* --- life ------------------------------------------------------------------------------------- */

/* What it may fail of is memory, or what we ask. */
static void must(int rc)
{
    if (rc == ARES_ENOMEM)
        out_of_memory();
    if (rc != ARES_SUCCESS)
        log_error("dns_failed", "error=\"%s\"", ares_strerror(rc));
    assert(rc == ARES_SUCCESS);
}

static void init_library(void)
{
    must(ares_library_init(ARES_LIB_INIT_ALL));
}

/* Without domains there is nothing to search, whatever the flag covers. */
static ares_channel open_channel(struct dns *dns, char *lookups, const char *servers)
{
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = TRY_MS,
        .tries = TRIES,
        .ndomains = 0,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = dns,
    };
    ares_channel channel;
    int rc = ares_init_options(&channel, &options,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    if (rc == ARES_SUCCESS && servers != NULL)
        rc = ares_set_servers_ports_csv(channel, servers);
    must(rc);
    return channel;
}

struct dns *dns_create(struct loop *loop, const struct dns_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static char servers[] = "b", file[] = "f"; /* ares_init_options(3), ARES_OPT_LOOKUPS */
    struct dns *dns = xcalloc(1, sizeof *dns);

    pthread_once(&once, init_library);
    dns->loop = loop;
    list_init(&dns->sockets);
    list_init(&dns->ready);
    list_init(&dns->batch);
    dns_cache_init(&dns->cache);
    dns_turns_init(&dns->turns, config->lookups_max, config->per_owner);
    dns->retry = timeout_create(loop, on_retry, dns);
    dns->turn = timeout_create(loop, on_turn, dns);
    dns->channel = open_channel(dns, servers, config->servers);
    dns->file = open_channel(dns, file, NULL);
    return dns;
}

static void forget_waiters(struct dns *dns)
{
    struct list *node;

    dns->turns.max = dns->turns.per_owner = INT_MAX;
    while ((node = dns_turns_next(&dns->turns)) != NULL) {
        struct dns_op *op = CONTAINER_OF(node, struct dns_op, node);
        op->turn = NULL;
        list_push(&dns->batch, &op->node);
    }
    LIST_FOREACH(at, &dns->cache.recent)
    list_move_all(&dns->batch, &CONTAINER_OF(at, struct dns_name, recent)->waiters);
    while ((node = list_pop(&dns->batch)) != NULL)
        dns_cancel(CONTAINER_OF(node, struct dns_op, node));
}

void dns_destroy(struct dns *dns)
{
    if (dns == NULL)
        return;
    assert(!dns->closing);
    dns->closing = true;
    forget_waiters(dns);
    ares_destroy(dns->file);
    ares_destroy(dns->channel); /* closes the sockets by way of their callback */
    assert(list_empty(&dns->sockets));
    timeout_destroy(dns->retry);
    timeout_destroy(dns->turn);
    dns_cache_fini(&dns->cache);
    dns_turns_fini(&dns->turns);
    loop_free(dns->loop, dns);
}
