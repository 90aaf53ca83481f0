/* The resolver. Answers reach their waiters in a turn
 * of their own, because c-ares answers inside the call that asks when a file or its cache will do,
 * and must not be destroyed inside its own callbacks. For the same reason lookups whose turn has come
 * begin there. */
#include "dns_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRESH_MIN_MS    1000
#define FRESH_MAX_MS    60000
#define FRESH_FAILED_MS 5000

/* How long the other family may take when one has come: RFC 8305 §3 for AAAA, and a try for A, since not everybody
 * gets through by IPv6. */
#define GRACE_AAAA_MS 50
#define GRACE_A_MS    DNS_TRY_MS

struct dns {
    struct loop *loop;
    struct dns_config config;
    struct dns_channel channel;
    struct timeout *turn; /* set while `ready` has names */
    struct list ready;
    struct list batch; /* the waiters that are being called */
    struct dns_cache cache;
    struct dns_turns turns;
    bool closing;
};

struct dns_op {
    struct list node; /* in a name's waiters, in the batch, or among those who wait their turn */
    struct timeout *deadline; /* NULL: answered in the next turn */
    struct dns_name *name;
    bool waits; /* for its turn to look that up */
    struct id owner;
    int64_t deadline_ms;
    dns_cb *cb;
    void *arg;
};

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

/* With a copy of what is known, since the callback may end all. */
static void end_op_known(struct dns_op *op, const struct dns_answer *known)
{
    struct sockaddr_storage addresses[DNS_ADDRESSES_MAX];
    size_t count = known->count;

    if (count > 0)
        memcpy(addresses, known->addresses, count * sizeof *addresses);
    end_op(op, known->err, addresses, count);
}

static void on_deadline(void *arg)
{
    struct dns_op *op = arg;

    if (dns_waits(op))
        end_op(op, ERR_BUSY, NULL, 0);
    else if (op->name->dns->config.ours && op->name->known.count > 0)
        end_op_known(op, &op->name->known);
    else
        end_op(op, ERR_TIMEOUT, NULL, 0);
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

/* What has come is what is known; of ours, unless nobody could say anything. */
static void settle(struct dns_name *name)
{
    struct dns_answer *known = &name->known;
    bool ours = name->dns->config.ours,
         said = name->coming.count > 0 || name->coming.err == ERR_NOT_FOUND;
    int64_t fresh_ms = ours ? 0 : FRESH_FAILED_MS;

    timeout_destroy(name->grace);
    name->grace = NULL;
    if (said || !ours || known->count == 0) {
        free(known->addresses);
        *known = name->coming;
    }
    name->coming = (struct dns_answer){0};
    name->looking = false;
    if (said && known->count > 0) {
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

static void ask_a(struct dns_name *name);
static void ask_aaaa(struct dns_name *name);

/* What was asked of servers that are not the system's any more is asked again. */
static void on_a(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_name *name = arg;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION && !name->dns->closing)
        ask_a(name);
    else
        on_answer(name, status, info, GRACE_AAAA_MS);
}

static void on_aaaa(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_name *name = arg;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION && !name->dns->closing)
        ask_aaaa(name);
    else
        on_answer(name, status, info, GRACE_A_MS);
}

/* --- questions -------------------------------------------------------------------------------- */

static bool is_known(const struct dns_name *name)
{
    return !name->looking && (name->asked > 0 || clock_mono_ms() < name->fresh_until_ms);
}

static void ask_a(struct dns_name *name)
{
    static const struct ares_addrinfo_hints v4 = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(name->dns->channel.servers, name->host, NULL, &v4, on_a, name);
}

static void ask_aaaa(struct dns_name *name)
{
    static const struct ares_addrinfo_hints v6 = {.ai_family = AF_INET6,
                                                  .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(name->dns->channel.servers, name->host, NULL, &v6, on_aaaa, name);
}

static void ask_servers(struct dns_name *name)
{
    struct dns *dns = name->dns;

    dns_channel_follow(&dns->channel);
    name->asked = 2;
    ask_a(name);
    ask_aaaa(name);
    dns_channel_asked(&dns->channel);
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
    ares_getaddrinfo(dns->channel.file, name->host, NULL, &any, on_file, name);
}

/* Begins the lookups whose turn has come. Others may have asked for the name meanwhile. */
static void begin_turns(struct dns *dns)
{
    struct list *node;

    while ((node = dns_turns_next(&dns->turns)) != NULL) {
        struct dns_op *op = CONTAINER_OF(node, struct dns_op, node);
        struct dns_name *name = op->name;
        op->waits = false;
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
    op->waits = true;
    name->turns++;
    dns_turns_wait(&dns->turns, op->owner, &op->node);
}

struct dns_op *dns_start(struct dns *dns, const char *host, struct id owner, int64_t deadline_ms,
                         dns_cb *cb, void *arg)
{
    struct dns_name *name = dns_cache_get(&dns->cache, dns, host);
    struct dns_op *op = xcalloc(1, sizeof *op);

    assert(!dns->closing);
    op->name = name;
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
    return op->waits;
}

void dns_cancel(struct dns_op *op)
{
    if (op == NULL)
        return;
    if (op->waits) {
        dns_turns_leave(&op->name->dns->turns, op->owner, &op->node);
        op->name->turns--;
    }
    list_remove(&op->node);
    timeout_destroy(op->deadline);
    free(op);
}

/* --- life ------------------------------------------------------------------------------------- */

struct dns *dns_create(struct loop *loop, const struct dns_config *config)
{
    struct dns *dns = xcalloc(1, sizeof *dns);

    dns->loop = loop;
    dns->config = *config;
    list_init(&dns->ready);
    list_init(&dns->batch);
    dns_cache_init(&dns->cache);
    dns_turns_init(&dns->turns, config->lookups_max, config->per_owner);
    dns->turn = timeout_create(loop, on_turn, dns);
    dns_channel_init(&dns->channel, loop, &dns->config);
    return dns;
}

static void forget_waiters(struct dns *dns)
{
    struct list *node;

    dns->turns.max = dns->turns.per_owner = INT_MAX;
    while ((node = dns_turns_next(&dns->turns)) != NULL) {
        struct dns_op *op = CONTAINER_OF(node, struct dns_op, node);
        op->waits = false;
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
    dns_channel_fini(&dns->channel);
    timeout_destroy(dns->turn);
    dns_cache_fini(&dns->cache);
    dns_turns_fini(&dns->turns);
    loop_free(dns->loop, dns);
}
