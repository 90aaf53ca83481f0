/* A receiver for measurements: keep-alive HTTP/1.1, answers what it is told to, and keeps what has arrived.
 *
 *     sink PORT [CERTIFICATE KEY]     with a certificate, over TLS
 *
 * POST /hook, /hook/K   an event (arrivals.h), for hook 0 or K
 * POST /other           answered and not counted; /hang, of any size: not even answered
 * GET /                 what it has seen; GET /count: the same without what takes time to say
 * GET /reset            what it has seen, and forgets it; from then on, by the query:
 *                       run=R&events=N&hooks=M  what is to come; without it all counts
 *                       fail_percent=P          so many events are refused once
 *                       delay_ms=D              before each answer
 *                       close=1                 ends the connection with each answer */
#include "arrivals.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>

#define CONNECTIONS_MAX 32768
#define READ_MIN        4096
#define MESSAGE_MAX     (4 << 20)
#define REPLY_SIZE      2048
#define DELAYED_MAX     65536

struct connection {
    SSL *ssl;
    unsigned serial; /* which of those that have had this descriptor */
    int hangs;       /* what comes is read and forgotten */
    size_t n, size;
    char *bytes;
};

struct delayed {
    int fd, taken;
    unsigned serial;
    int64_t due_us;
};

struct sink {
    int listener, epoll;
    SSL_CTX *tls;
    long delay_ms;
    int closes;
    unsigned serial;
    struct arrivals arrivals;
    struct connection *connections[CONNECTIONS_MAX];
    struct delayed delayed[DELAYED_MAX]; /* a ring, in the order of their times */
    size_t first_delayed, delayed_count;
};

/* --- answers ---------------------------------------------------------------------------------- */

/* Answers are small enough for any buffer. */
static int put(struct connection *c, int fd, const char *text, size_t n)
{
    if (c->ssl != NULL)
        return SSL_write(c->ssl, text, (int)n) > 0;
    return send(fd, text, n, MSG_NOSIGNAL) > 0;
}

static int answer_event(struct sink *s, int fd, int taken)
{
    char text[REPLY_SIZE];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%sContent-Length: 2\r\n\r\n%s",
                     taken ? "200 OK" : "500 Internal Server Error",
                     s->closes ? "Connection: close\r\n" : "", taken ? "ok" : "no");

    return put(s->connections[fd], fd, text, (size_t)n) && !s->closes;
}

static int delay(struct sink *s, int fd, int taken)
{
    if (s->delayed_count == DELAYED_MAX)
        return 0;
    s->delayed[(s->first_delayed + s->delayed_count++) % DELAYED_MAX] = (struct delayed){
        fd, taken, s->connections[fd]->serial, now_us(CLOCK_MONOTONIC) + s->delay_ms * 1000};
    return 1;
}

static int take_event(struct sink *s, int fd, const char *head, const char *body, size_t n)
{
    long hook = strncmp(head, "POST /hook/", 11) == 0 ? strtol(head + 11, NULL, 10) : 0;
    int taken = arrivals_take(&s->arrivals, hook, body, n);

    return s->delay_ms > 0 ? delay(s, fd, taken) : answer_event(s, fd, taken);
}

static long query(const char *head, const char *name, long otherwise)
{
    const char *end = strpbrk(head, "\r\n");
    const char *at = memmem(head, (size_t)(end - head), name, strlen(name));
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static int tell(struct sink *s, int fd, const char *head)
{
    char body[REPLY_SIZE], text[REPLY_SIZE + 128];
    int n = arrivals_json(&s->arrivals, strncmp(head, "GET /count", 10) != 0, body, sizeof body);

    if (strncmp(head, "GET /reset", 10) == 0) {
        arrivals_reset(&s->arrivals, query(head, "run=", 0), query(head, "events=", 0),
                       query(head, "hooks=", 1), query(head, "fail_percent=", 0));
        s->delay_ms = query(head, "delay_ms=", 0);
        s->closes = (int)query(head, "close=", 0);
    }
    n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
    return put(s->connections[fd], fd, text, (size_t)n);
}

static int answer(struct sink *s, int fd, const char *p, size_t head, size_t n)
{
    if (strncmp(p, "POST /other", 11) == 0)
        return answer_event(s, fd, 1);
    if (strncmp(p, "POST ", 5) == 0)
        return take_event(s, fd, p, p + head, n - head);
    return tell(s, fd, p);
}

/* --- connections ------------------------------------------------------------------------------ */

/* What recv() says: -1 with EAGAIN is that there is nothing now. */
static ssize_t get(struct connection *c, int fd, char *out, size_t size)
{
    if (c->ssl == NULL)
        return recv(fd, out, size, 0);
    int got = SSL_read(c->ssl, out, (int)size);
    if (got > 0)
        return got;
    int why = SSL_get_error(c->ssl, got);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static int has_room(struct connection *c)
{
    if (c->size - c->n >= READ_MIN)
        return 1;
    c->size = c->size * 2 > READ_MIN * 2 ? c->size * 2 : READ_MIN * 2;
    c->bytes = realloc(c->bytes, c->size);
    return c->size <= MESSAGE_MAX;
}

/* Answers what has come. False: it is to be closed. */
static int take_input(struct sink *s, int fd, struct connection *c)
{
    static const char hang[] = "POST /hang";
    size_t head, n;

    c->hangs |= c->n >= sizeof hang - 1 && memcmp(c->bytes, hang, sizeof hang - 1) == 0;
    if (c->hangs)
        c->n = 0;
    while ((n = message_length(c->bytes, c->n, &head)) > 0) {
        if (!answer(s, fd, c->bytes, head, n))
            return 0;
        c->n -= n;
        memmove(c->bytes, c->bytes + n, c->n);
    }
    return 1;
}

/* The same. */
static int receive(struct sink *s, int fd)
{
    struct connection *c = s->connections[fd];

    for (;;) {
        if (!has_room(c))
            return 0;
        ssize_t got = get(c, fd, c->bytes + c->n, c->size - c->n);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        c->n += (size_t)got;
        if (!take_input(s, fd, c))
            return 0;
        if (c->ssl == NULL) /* over TLS, there may be more that no poll tells of */
            return 1;
    }
}

static void open_connection(struct sink *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    no_delay(fd);
    struct connection *c = calloc(1, sizeof *c);
    c->serial = ++s->serial;
    if (s->tls != NULL) {
        c->ssl = SSL_new(s->tls);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
    }
    s->connections[fd] = c;
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void close_connection(struct sink *s, int fd)
{
    struct connection *c = s->connections[fd];

    if (c->ssl != NULL)
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    free(c->bytes);
    free(c);
    s->connections[fd] = NULL;
    close(fd);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Gives the answers that are due; how many milliseconds the next has, -1: there is none. */
static int answer_delayed(struct sink *s)
{
    while (s->delayed_count > 0) {
        const struct delayed *d = &s->delayed[s->first_delayed];
        const struct connection *c = s->connections[d->fd];
        int64_t left_us = d->due_us - now_us(CLOCK_MONOTONIC);
        if (left_us > 0)
            return (int)(left_us / 1000) + 1;
        if (c != NULL && c->serial == d->serial && !answer_event(s, d->fd, d->taken))
            close_connection(s, d->fd);
        s->first_delayed = (s->first_delayed + 1) % DELAYED_MAX;
        s->delayed_count--;
    }
    return -1;
}

static SSL_CTX *load_tls(const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "sink: %s or %s is not what it should be\n", certificate, key);
        exit(1);
    }
    return tls;
}

static void listen_on(struct sink *s, int port)
{
    struct sockaddr_in address = loopback(port);
    struct epoll_event event = {.events = EPOLLIN};
    int on = 1;

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    s->epoll = epoll_create1(0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(s->listener, 4096) < 0) {
        perror("sink");
        exit(1);
    }
    event.data.fd = s->listener;
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event);
}

int main(int argc, char **argv)
{
    static struct sink s;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct epoll_event events[256];

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: sink PORT [CERTIFICATE KEY]\n");
        return 2;
    }
    sigaction(SIGPIPE, &ignore, NULL); /* OpenSSL writes as it likes */
    raise_files();
    if (argc == 4)
        s.tls = load_tls(argv[2], argv[3]);
    arrivals_reset(&s.arrivals, 0, 0, 1, 0);
    listen_on(&s, (int)strtol(argv[1], NULL, 10));
    for (;;) {
        int n = epoll_wait(s.epoll, events, 256, answer_delayed(&s));
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == s.listener)
                open_connection(&s);
            else if (!receive(&s, fd))
                close_connection(&s, fd);
        }
    }
}
