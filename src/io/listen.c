/* Sockets to listen at. */
#include "io/listen.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *resolve(const struct listening *at)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    return getaddrinfo(at->host, at->port, &hints, &found) == 0 ? found : NULL;
}

static int open_socket(const struct addrinfo *a, const struct listen_options *options)
{
    int on = 1, receive = options->receive_buffer;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options->shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (receive > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

bool listen_hears_tls(struct str input)
{
    if (input.n == 0 || input.p[0] != LISTEN_TLS)
        return false;
    log_bounded(LOG_LEVEL_INFO, "tls_to_plain_port",
                "reason=\"a client spoke TLS where plain HTTP is spoken: its URL must begin with "
                "http://, or lead to a proxy that does TLS\"");
    return true;
}

int listen_open(const struct listening *at, const struct listen_options *options)
{
    char text[LOG_QUOTE_SIZE];
    struct addrinfo *a = resolve(at);
    int fd = a != NULL ? open_socket(a, options) : -1;

    if (a != NULL)
        freeaddrinfo(a);
    if (fd < 0) {
        log_error("listen_failed", "address=%s error=%s", log_quote(text, at->text),
                  strerror(errno));
        return ERR_UNAVAILABLE;
    }
    log_info("listening", "address=%s", at->text);
    return fd;
}
