/* What the load generator and the receiver share: clocks, sockets, a growing list of samples. */
#ifndef LOAD_NET_H
#define LOAD_NET_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX 4000000

static inline int64_t now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* As many open files as this process may have. */
static inline void raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Length of the HTTP/1.1 message at the start of `p`, 0 if it is not complete. `head` gets the
 * length of its head. */
static inline size_t message_length(const char *p, size_t n, size_t *head)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    *head = (size_t)(end - p) + 4;
    size_t body = 0;
    for (const char *line = p; line < end; line = (char *)memchr(line, '\n', n) + 1)
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return *head + body <= n ? *head + body : 0;
}

struct samples {
    uint32_t *us;
    size_t count;
};

static inline void samples_add(struct samples *s, int64_t us)
{
    if (s->us == NULL)
        s->us = malloc(SAMPLES_MAX * sizeof *s->us);
    if (s->count < SAMPLES_MAX)
        s->us[s->count++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static inline int compare_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* {"count": …, "p50_ms": …, …}; sorts the samples. */
static inline int samples_json(struct samples *s, char *out, size_t size)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999, 1};
    static const char *const names[] = {"p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"};
    int n = snprintf(out, size, "{\"count\": %zu", s->count);

    if (s->count > 0)
        qsort(s->us, s->count, sizeof *s->us, compare_us);
    for (size_t i = 0; i < 5 && s->count > 0; i++)
        n += snprintf(out + n, size - (size_t)n, ", \"%s\": %.3f", names[i],
                      s->us[(size_t)((double)(s->count - 1) * shares[i])] / 1000.0);
    return n + snprintf(out + n, size - (size_t)n, "}");
}

#endif
