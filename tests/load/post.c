/* Posts events over keep-alive connections, one request at a time on each, in turns, at a rate or as fast as they are
 * answered, and prints what came of it as JSON. Each event says which it is and when it was due (arrivals.h).
 *
 *     post [OPTION…] PORT KEY COUNT CONNECTIONS BATCH RATE     RATE 0: no limit
 *
 *     --run R     the run's number, 0
 *     --size N    bytes of an event's JSON, 300
 *     --types N   event K is of the type order.K, modulo N; without it all are order.created */
#include "net.h"

#include <getopt.h>
#include <sys/timerfd.h>

#define SIZE_MIN        160
#define CONNECTIONS_MAX 16384
#define BATCH_MAX       1000
#define PATIENCE_MS     30000
#define REFUSED_SHOWN   100

struct connection {
    int fd, busy;
    int64_t sent_us;
    long first, events; /* of its request */
    size_t n;
    char *bytes;
};

struct post {
    int epoll, timer, port;
    const char *key;
    long run, size, types;
    long count, connection_count, batch, rate;
    long posted, answered, refused; /* events */
    int64_t start_us;
    struct samples samples;
    struct connection connections[CONNECTIONS_MAX];
    struct connection *idle[CONNECTIONS_MAX]; /* a ring: the one that was answered first is next */
    long first_idle, idle_count;
    size_t reply_size;
    char *pad, *request;
    struct {
        long first, count;
    } refusals[REFUSED_SHOWN];
    long refusal_count;
};

/* --- requests --------------------------------------------------------------------------------- */

/* Text that no compression makes much of. */
static char *make_pad(size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t x = 88172645463325252ULL;
    char *pad = malloc(n);

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        pad[i] = digits[x % 64];
    }
    return pad;
}

static size_t write_event(const struct post *p, char *out, int64_t at_us, long number)
{
    char type[32] = "created";

    if (p->types > 0)
        snprintf(type, sizeof type, "%ld", number % p->types);
    int n = snprintf(
        out, SIZE_MIN,
        "{\"type\":\"order.%s\",\"data\":{\"run\":%ld,\"number\":%ld,\"at\":%lld,\"pad\":\"", type,
        p->run, number, (long long)at_us);
    memcpy(out + n, p->pad + number % 64, (size_t)(p->size - n - 3));
    memcpy(out + p->size - 3, "\"}}", 3);
    return (size_t)p->size;
}

static size_t write_body(const struct post *p, char *out, int64_t at_us, long events)
{
    size_t n = 0;

    if (p->batch == 1)
        return write_event(p, out, at_us, p->posted);
    n += (size_t)snprintf(out, SIZE_MIN, "{\"events\":[");
    for (long i = 0; i < events; i++) {
        if (i > 0)
            out[n++] = ',';
        n += write_event(p, out + n, at_us, p->posted + i);
    }
    memcpy(out + n, "]}", 2);
    return n + 2;
}

static size_t body_size(const struct post *p, long events)
{
    return p->batch == 1 ? (size_t)p->size : (size_t)(events * (p->size + 1)) - 1 + 13;
}

static void send_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);
        if (k <= 0) {
            perror("post: send");
            exit(1);
        }
        text += k;
        n -= (size_t)k;
    }
}

static void send_one(struct post *p, struct connection *c, int64_t at_us)
{
    long left = p->count - p->posted, events = left < p->batch ? left : p->batch;
    int head =
        snprintf(p->request, 512,
                 "POST /v1/events%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                 p->batch > 1 ? "/batch" : "", p->key, body_size(p, events));
    size_t body = write_body(p, p->request + head, at_us, events);

    c->busy = 1;
    c->sent_us = at_us;
    c->first = p->posted;
    c->events = events;
    p->posted += events;
    send_all(c->fd, p->request, (size_t)head + body);
}

static void set_timer(const struct post *p, int64_t us)
{
    struct itimerspec t = {.it_value.tv_nsec = us * 1000 % 1000000000,
                           .it_value.tv_sec = us / 1000000};
    timerfd_settime(p->timer, 0, &t, NULL);
}

/* Sends what is due on what is free; without a rate everything is. */
static void send_due(struct post *p)
{
    while (p->posted < p->count && p->idle_count > 0) {
        int64_t now = now_us(CLOCK_REALTIME), at = now;
        if (p->rate > 0) {
            at = p->start_us + (int64_t)((double)p->posted * 1e6 / (double)p->rate);
            if (at > now) {
                set_timer(p, at - now);
                return;
            }
        }
        struct connection *c = p->idle[p->first_idle];
        p->first_idle = (p->first_idle + 1) % CONNECTIONS_MAX;
        p->idle_count--;
        send_one(p, c, at);
    }
}

/* --- connections and answers ------------------------------------------------------------------ */

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

static void set_idle(struct post *p, struct connection *c)
{
    c->busy = 0;
    p->idle[(p->first_idle + p->idle_count++) % CONNECTIONS_MAX] = c;
}

static void connect_all(struct post *p)
{
    for (long i = 0; i < p->connection_count; i++) {
        struct connection *c = &p->connections[i];
        open_connection(p, c);
        c->bytes = malloc(p->reply_size);
        set_idle(p, c);
    }
}

static void note_refused(struct post *p, const struct connection *c)
{
    if (p->refused == 0)
        fprintf(stderr, "post: %.*s\n", (int)c->n, c->bytes);
    p->refused += c->events;
    if (p->refusal_count < REFUSED_SHOWN) {
        p->refusals[p->refusal_count].first = c->first;
        p->refusals[p->refusal_count++].count = c->events;
    }
}

static void receive(struct post *p, struct connection *c)
{
    ssize_t got = recv(c->fd, c->bytes + c->n, p->reply_size - c->n, 0);
    size_t head;

    if (got <= 0 && !c->busy) { /* for so long that the server closed it */
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
    p->answered += c->events;
    if (strncmp(c->bytes, "HTTP/1.1 202", 12) != 0)
        note_refused(p, c);
    c->n = 0;
    set_idle(p, c);
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

/* --- the command ------------------------------------------------------------------------------ */

static int read_options(struct post *p, int argc, char **argv)
{
    static const struct option options[] = {{"run", required_argument, NULL, 'r'},
                                            {"size", required_argument, NULL, 's'},
                                            {"types", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    int c;

    p->size = 300;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'r' && c != 's' && c != 't')
            return 0;
        *(c == 'r' ? &p->run : c == 's' ? &p->size : &p->types) = strtol(optarg, NULL, 10);
    }
    if (argc - optind != 6 || p->size < SIZE_MIN)
        return 0;
    argv += optind;
    p->port = (int)strtol(argv[0], NULL, 10);
    p->key = argv[1];
    p->count = strtol(argv[2], NULL, 10);
    p->connection_count = strtol(argv[3], NULL, 10);
    p->batch = strtol(argv[4], NULL, 10);
    p->rate = strtol(argv[5], NULL, 10);
    return p->batch >= 1 && p->batch <= BATCH_MAX && p->connection_count >= 1 &&
           p->connection_count <= CONNECTIONS_MAX;
}

static void report(struct post *p)
{
    double seconds = (double)(now_us(CLOCK_REALTIME) - p->start_us) / 1e6;
    char text[512];

    samples_json(&p->samples, text, sizeof text);
    printf(
        "{\"seconds\": %.6f, \"posted\": %ld, \"refused\": %ld, \"start_us\": %lld, \"answer\": %s, "
        "\"refusals\": [",
        seconds, p->posted, p->refused, (long long)p->start_us, text);
    for (long i = 0; i < p->refusal_count; i++)
        printf("%s[%ld, %ld]", i > 0 ? ", " : "", p->refusals[i].first, p->refusals[i].count);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    static struct post p;
    struct epoll_event event = {.events = EPOLLIN};

    if (!read_options(&p, argc, argv)) {
        fprintf(
            stderr,
            "usage: post [--run R] [--size N] [--types N] PORT KEY COUNT CONNECTIONS BATCH RATE\n");
        return 2;
    }
    raise_files();
    p.pad = make_pad((size_t)p.size + 64);
    p.request = malloc(body_size(&p, p.batch) + 1024);
    p.reply_size = 2048 + (size_t)p.batch * 256;
    p.epoll = epoll_create1(0);
    p.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.timer, &event);
    connect_all(&p);
    run(&p);
    report(&p);
    return p.refused > 0;
}
