/* c-ares on the loop's descriptors and timers, and the servers that the system says. */
#include "dns_internal.h"

#include "base/log.h"
#include "io/watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <resolv.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIES 3

struct dns_socket {
    struct list node;
    struct dns_channel *channel;
    struct watch *watch;
    ares_socket_t fd;
};

void dns_channel_asked(struct dns_channel *ch)
{
    struct timeval left;

    if (ares_timeout(ch->servers, NULL, &left) == NULL)
        timeout_clear(ch->retry);
    else
        timeout_set(ch->retry, (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

static void on_retry(void *arg)
{
    struct dns_channel *ch = arg;
    ares_process_fd(ch->servers, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    dns_channel_asked(ch);
}

static void on_socket(void *arg, int events)
{
    struct dns_socket *sock = arg;
    struct dns_channel *ch = sock->channel; /* the socket may be closed on the way */

    ares_process_fd(ch->servers, events & WATCH_READ ? sock->fd : ARES_SOCKET_BAD,
                    events & WATCH_WRITE ? sock->fd : ARES_SOCKET_BAD);
    dns_channel_asked(ch);
}

static struct dns_socket *find_socket(struct dns_channel *ch, ares_socket_t fd)
{
    LIST_FOREACH(node, &ch->sockets)
    {
        struct dns_socket *sock = CONTAINER_OF(node, struct dns_socket, node);
        if (sock->fd == fd)
            return sock;
    }
    return NULL;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns_channel *ch = arg;
    struct dns_socket *sock = find_socket(ch, fd);

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
        sock->channel = ch;
        sock->fd = fd;
        sock->watch = watch_open(ch->loop, fd, on_socket, sock);
        list_push(&ch->sockets, &sock->node);
    }
    watch_set(sock->watch, (readable ? WATCH_READ : 0) | (writable ? WATCH_WRITE : 0));
}

/* --- life ------------------------------------------------------------------------------------- */

static bool is_good(int rc)
{
    if (rc == ARES_ENOMEM)
        out_of_memory();
    if (rc != ARES_SUCCESS)
        log_error("dns_failed", "error=\"%s\"", ares_strerror(rc));
    return rc == ARES_SUCCESS;
}

static void init_library(void)
{
    bool good = is_good(ares_library_init(ARES_LIB_INIT_ALL));
    assert(good);
}

/* Without domains there is nothing to search, whatever the flag covers. NULL: it failed of what the system says. */
static ares_channel open_channel(struct dns_channel *ch, char *lookups, bool searches)
{
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = DNS_TRY_MS,
        .tries = TRIES,
        .ndomains = 0,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = ch,
    };
    ares_channel channel;

    int rc =
        ares_init_options(&channel, &options,
                          (searches ? 0 : ARES_OPT_FLAGS | ARES_OPT_DOMAINS) | ARES_OPT_TIMEOUTMS |
                              ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    return is_good(rc) ? channel : NULL;
}

/* ares_init_options(3), ARES_OPT_LOOKUPS */
static ares_channel open_servers(struct dns_channel *ch)
{
    static char servers[] = "b";
    ares_channel channel = open_channel(ch, servers, ch->config->ours);

    if (channel != NULL && ch->config->servers != NULL) {
        bool good = is_good(ares_set_servers_ports_csv(channel, ch->config->servers));
        assert(good);
    }
    return channel;
}

/* Whether it is another file than it was, or has been written. Where it cannot be read now, it has not. */
static bool has_changed(struct dns_channel *ch)
{
    struct stat now, *was = &ch->conf;
    int fd = open(_PATH_RESCONF, O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && fstat(fd, &now) == 0;

    if (fd >= 0)
        close(fd);
    if (!known ||
        (now.st_dev == was->st_dev && now.st_ino == was->st_ino &&
         now.st_mtim.tv_sec == was->st_mtim.tv_sec && now.st_mtim.tv_nsec == was->st_mtim.tv_nsec))
        return false;
    *was = now;
    return true;
}

/* c-ares reads resolv.conf when a channel is opened. The C library looks whether it has changed, since glibc 2.26. */
void dns_channel_follow(struct dns_channel *ch)
{
    ares_channel before = ch->servers;
    ares_channel now = ch->config->servers == NULL && has_changed(ch) ? open_servers(ch) : NULL;

    if (now == NULL)
        return;
    ch->servers = now;
    ares_destroy(before);
}

void dns_channel_init(struct dns_channel *ch, struct loop *loop, const struct dns_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static char file[] = "f";

    pthread_once(&once, init_library);
    *ch = (struct dns_channel){.loop = loop, .config = config};
    list_init(&ch->sockets);
    ch->retry = timeout_create(loop, on_retry, ch);
    (void)has_changed(ch);
    ch->servers = open_servers(ch);
    ch->file = open_channel(ch, file, false);
    assert(ch->servers != NULL && ch->file != NULL);
}

void dns_channel_fini(struct dns_channel *ch)
{
    ares_destroy(ch->file);
    ares_destroy(ch->servers); /* closes the sockets by way of their callback */
    assert(list_empty(&ch->sockets));
    timeout_destroy(ch->retry);
}
