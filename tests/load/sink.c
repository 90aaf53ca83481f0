/* A receiver for measurements: keep-alive HTTP/1.1, answers 200 to everything, counts, and keeps
 * how old each event is by the time in it ("at", microseconds). `GET /` answers what it has seen,
 * `GET /reset` the same and forgets it. POSTs to /other are answered and not counted; those to /hang,
 * of any size, are not even answered. Usage: sink PORT */
#include "net.h"

#define CONNECTION_SIZE 65536
#define CONNECTIONS_MAX 8192

struct connection {
    size_t n;
    int hangs; /* what comes is read and forgotten */
    char bytes[CONNECTION_SIZE];
};

struct sink {
    int listener, epoll;
    struct samples samples;
    size_t count;
    int64_t first_us, last_us;
    struct connection *connections[CONNECTIONS_MAX];
};

static void take(struct sink *s, const char *body, size_t n)
{
    const char *at = memmem(body, n, "\"at\":", 5);
    int64_t now = now_us(CLOCK_REALTIME);

    s->last_us = now;
    if (s->count++ == 0)
        s->first_us = now;
    if (at != NULL)
        samples_add(&s->samples, now - strtoll(at + 5, NULL, 10));
}

static int show(struct sink *s, char *out, size_t size, int reset)
{
    char stats[512], body[768];

    samples_json(&s->samples, stats, sizeof stats);
    int n = snprintf(body, sizeof body, "{\"count\": %zu, \"seconds\": %.6f, \"latency\": %s}",
                     s->count, (double)(s->last_us - s->first_us) / 1e6, stats);
    if (reset)
        s->count = s->samples.count = 0;
    return snprintf(out, size, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
}

static int answer(struct sink *s, int fd, const char *p, size_t head, size_t n)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char text[1024];

    if (strncmp(p, "POST ", 5) == 0) {
        if (strncmp(p, "POST /other", 11) != 0)
            take(s, p + head, n - head);
        return send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL) > 0;
    }
    int length = show(s, text, sizeof text, strncmp(p, "GET /reset", 10) == 0);
    return send(fd, text, (size_t)length, MSG_NOSIGNAL) > 0;
}

static int receive(struct sink *s, int fd)
{
    static const char hang[] = "POST /hang";
    struct connection *c = s->connections[fd];
    ssize_t got = recv(fd, c->bytes + c->n, CONNECTION_SIZE - c->n, 0);
    size_t head, n;

    if (got <= 0)
        return 0;
    c->n += (size_t)got;
    c->hangs |= c->n >= sizeof hang - 1 && memcmp(c->bytes, hang, sizeof hang - 1) == 0;
    if (c->hangs) {
        c->n = 0;
        return 1;
    }
    while ((n = message_length(c->bytes, c->n, &head)) > 0) {
        if (!answer(s, fd, c->bytes, head, n))
            return 0;
        c->n -= n;
        memmove(c->bytes, c->bytes + n, c->n);
    }
    return c->n < CONNECTION_SIZE;
}

static void open_connection(struct sink *s)
{
    int fd = accept(s->listener, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    no_delay(fd);
    s->connections[fd] = calloc(1, sizeof(struct connection));
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void close_connection(struct sink *s, int fd)
{
    free(s->connections[fd]);
    s->connections[fd] = NULL;
    close(fd);
}

int main(int argc, char **argv)
{
    static struct sink s;
    struct sockaddr_in address = loopback(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
    struct epoll_event events[256];
    int on = 1;

    s.listener = socket(AF_INET, SOCK_STREAM, 0);
    s.epoll = epoll_create1(0);
    setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s.listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(s.listener, 1024) < 0) {
        perror("sink");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = s.listener};
    epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &event);
    for (;;) {
        int n = epoll_wait(s.epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == s.listener)
                open_connection(&s);
            else if (!receive(&s, events[i].data.fd))
                close_connection(&s, events[i].data.fd);
        }
    }
}
