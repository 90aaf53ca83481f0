/* Posts events of 300 bytes over keep-alive connections, one request at a time on each, at a rate
 * or as fast as they are answered, and prints what came of it as JSON. Each event holds the time it
 * was due ("at", microseconds). Usage: post PORT KEY COUNT CONNECTIONS BATCH RATE (0: no limit) */
#include "net.h"

#include <sys/timerfd.h>

#define EVENT_SIZE      300
#define CONNECTIONS_MAX 512
#define BATCH_MAX       1000
#define REPLY_SIZE      262144
#define PATIENCE_MS     10000

struct connection {
    int fd;
    int64_t sent_us;
    size_t n;
    char *bytes;
};

struct post {
    int epoll, timer, port;
    const char *key;
    long count, connection_count, batch, rate;
    long posted, answered, refused; /* events */
    int64_t start_us;
    struct samples samples;
    struct connection connections[CONNECTIONS_MAX];
    struct connection *idle[CONNECTIONS_MAX];
    long idle_count;
    char body[(EVENT_SIZE + 1) * BATCH_MAX + 64], request[(EVENT_SIZE + 1) * BATCH_MAX + 1024];
};

static size_t write_event(char *out, int64_t at_us, long number)
{
    int n = snprintf(out, EVENT_SIZE,
                     "{\"type\":\"order.created\",\"data\":{\"at\":%lld,\"number\":%ld,\"pad\":\"",
                     (long long)at_us, number);
    memset(out + n, 'x', (size_t)(EVENT_SIZE - n - 3));
    memcpy(out + EVENT_SIZE - 3, "\"}}", 3);
    return EVENT_SIZE;
}

static size_t write_body(struct post *p, int64_t at_us, long events)
{
    size_t n = 0;
    if (p->batch == 1)
        return write_event(p->body, at_us, p->posted);
    n += (size_t)snprintf(p->body, sizeof p->body, "{\"events\":[");
    for (long i = 0; i < events; i++) {
        if (i > 0)
            p->body[n++] = ',';
        n += write_event(p->body + n, at_us, p->posted + i);
    }
    memcpy(p->body + n, "]}", 2);
    return n + 2;
}

/* Loopback buffers take a whole request. */
static void send_one(struct post *p, struct connection *c, int64_t at_us)
{
    long left = p->count - p->posted, events = left < p->batch ? left : p->batch;
    size_t body = write_body(p, at_us, events);
    int head =
        snprintf(p->request, sizeof p->request,
                 "POST /v1/events%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                 p->batch > 1 ? "/batch" : "", p->key, body);
    memcpy(p->request + head, p->body, body);
    c->sent_us = at_us;
    p->posted += events;
    for (size_t sent = 0, n = (size_t)head + body; sent < n;) {
        ssize_t k = send(c->fd, p->request + sent, n - sent, MSG_NOSIGNAL);
        if (k <= 0) {
            perror("post: send");
            exit(1);
        }
        sent += (size_t)k;
    }
}

/* Sends what is due on what is free; without a rate everything is. */
static void send_due(struct post *p)
{
    while (p->posted < p->count && p->idle_count > 0) {
        int64_t now = now_us(CLOCK_REALTIME), at = now;
        if (p->rate > 0) {
            at = p->start_us + (int64_t)((double)p->posted * 1e6 / (double)p->rate);
            if (at > now) {
                struct itimerspec t = {.it_value.tv_nsec = (at - now) * 1000 % 1000000000,
                                       .it_value.tv_sec = (at - now) / 1000000};
                timerfd_settime(p->timer, 0, &t, NULL);
                return;
            }
        }
        send_one(p, p->idle[--p->idle_count], at);
    }
}

static void open_connection(struct post *p, struct connection *c)
{
    struct sockaddr_in address = loopback(p->port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("post: connect");
        exit(1);
    }
    no_delay(c->fd);
    epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void connect_all(struct post *p)
{
    for (long i = 0; i < p->connection_count; i++) {
        struct connection *c = &p->connections[i];
        open_connection(p, c);
        c->bytes = malloc(REPLY_SIZE);
        p->idle[p->idle_count++] = c;
    }
}

static int is_idle(const struct post *p, const struct connection *c)
{
    for (long i = 0; i < p->idle_count; i++)
        if (p->idle[i] == c)
            return 1;
    return 0;
}

static void receive(struct post *p, struct connection *c)
{
    ssize_t got = recv(c->fd, c->bytes + c->n, REPLY_SIZE - c->n, 0);
    size_t head;

    if (got <= 0 && is_idle(p, c)) { /* for so long that the server closed it */
        close(c->fd);
        open_connection(p, c);
        return;
    }
    if (got <= 0) {
        fprintf(stderr, "post: the server hung up\n");
        exit(1);
    }
    c->n += (size_t)got;
    if (message_length(c->bytes, c->n, &head) == 0)
        return;
    samples_add(&p->samples, now_us(CLOCK_REALTIME) - c->sent_us);
    p->answered += p->batch;
    if (strncmp(c->bytes, "HTTP/1.1 202", 12) != 0 && p->refused++ == 0)
        fprintf(stderr, "post: %.*s\n", (int)c->n, c->bytes);
    c->n = 0;
    p->idle[p->idle_count++] = c;
}

static void run(struct post *p)
{
    struct epoll_event events[64];
    uint64_t expirations;

    p->start_us = now_us(CLOCK_REALTIME);
    while (p->answered < p->count) {
        send_due(p);
        int n = epoll_wait(p->epoll, events, 64, PATIENCE_MS);
        if (n <= 0) {
            fprintf(stderr, "post: no answer\n");
            exit(1);
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr != NULL)
                receive(p, events[i].data.ptr);
            else if (read(p->timer, &expirations, sizeof expirations) < 0)
                continue;
        }
    }
}

int main(int argc, char **argv)
{
    static struct post p;
    struct epoll_event event = {.events = EPOLLIN};
    char text[512];

    if (argc != 7) {
        fprintf(stderr, "usage: post PORT KEY COUNT CONNECTIONS BATCH RATE\n");
        return 2;
    }
    p.key = argv[2];
    p.count = strtol(argv[3], NULL, 10);
    p.connection_count = strtol(argv[4], NULL, 10);
    p.batch = strtol(argv[5], NULL, 10);
    p.rate = strtol(argv[6], NULL, 10);
    p.epoll = epoll_create1(0);
    p.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.timer, &event);
    p.port = (int)strtol(argv[1], NULL, 10);
    connect_all(&p);
    run(&p);
    samples_json(&p.samples, text, sizeof text);
    printf("{\"seconds\": %.6f, \"refused\": %ld, \"start_us\": %lld, \"answer\": %s}\n",
           (double)(now_us(CLOCK_REALTIME) - p.start_us) / 1e6, p.refused, (long long)p.start_us,
           text);
    return p.refused > 0;
}
