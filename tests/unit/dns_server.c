/* Answers questions for A and AAAA (RFC 1035 §4) from a table. */
#include "dns_server.h"

#include "base/defs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_AAAA = 28 };

struct dns_server {
    const struct dns_record *records;
    int fd;
    pthread_t thread;
    atomic_bool stop;
    atomic_int questions, unknown;
    int turn;
    char text[32];
};

/* Reads the question's name as text; the offset behind it, or 0. */
static size_t read_name(const uint8_t *packet, size_t n, char out[256])
{
    size_t at = 12, used = 0;

    while (at < n && packet[at] != 0) {
        size_t length = packet[at++];
        if (length > 63 || at + length >= n || used + length + 1 >= 256)
            return 0;
        if (used > 0)
            out[used++] = '.';
        memcpy(out + used, packet + at, length);
        used += length;
        at += length;
    }
    out[used] = '\0';
    return at + 1;
}

static size_t put_record(uint8_t *p, int type, uint32_t ttl, const char *address)
{
    uint16_t size = type == TYPE_A ? 4 : 16;
    uint8_t head[12] = {0xc0, 12, 0, (uint8_t)type, 0, 1};

    ttl = htonl(ttl);
    memcpy(head + 6, &ttl, 4);
    head[11] = (uint8_t)size;
    memcpy(p, head, sizeof head);
    inet_pton(type == TYPE_A ? AF_INET : AF_INET6, address, p + sizeof head);
    return sizeof head + size;
}

static size_t put_records(struct dns_server *server, const struct dns_record *record, int type,
                          uint8_t *p, int *count)
{
    size_t n = 0, total = 0;

    while (record->addresses[total] != NULL)
        total++;
    size_t only =
        record->mode == DNS_ALTERNATE && type == TYPE_A ? (size_t)server->turn++ % total : total;
    for (size_t i = 0; i < total; i++) {
        bool is_v6 = strchr(record->addresses[i], ':') != NULL;
        if (is_v6 != (type == TYPE_AAAA) || (only < total && i != only))
            continue;
        n += put_record(p + n, type, record->ttl, record->addresses[i]);
        ++*count;
    }
    return n;
}

/* All that is below a silent name is silent. */
static bool is_below(const char *name, const struct dns_record *record)
{
    size_t n = strlen(name), size = strlen(record->name);
    return record->mode == DNS_SILENT && n > size && name[n - size - 1] == '.' &&
           strcmp(name + n - size, record->name) == 0;
}

static const struct dns_record *find(const struct dns_server *server, const char *name)
{
    for (const struct dns_record *record = server->records; record->name != NULL; record++)
        if (strcmp(record->name, name) == 0 || is_below(name, record))
            return record;
    return NULL;
}

static bool is_silent(enum dns_mode mode, int type)
{
    return mode == DNS_SILENT || (mode == DNS_SILENT_A && type == TYPE_A) ||
           (mode == DNS_SILENT_AAAA && type == TYPE_AAAA);
}

/* Turns the question in `packet` into its answer; its size, or 0 for none. */
static size_t answer(struct dns_server *server, uint8_t packet[2048], size_t n)
{
    char name[256];
    size_t end = n > 12 ? read_name(packet, n, name) : 0;
    if (end == 0 || end + 4 > n)
        return 0;

    int type = packet[end] << 8 | packet[end + 1];
    const struct dns_record *record = find(server, name);
    server->questions++;
    server->unknown += record == NULL;
    if (record != NULL && is_silent(record->mode, type))
        return 0;

    int count = 0;
    size_t size = end + 4;
    packet[2] |= 0x80;
    packet[3] = record == NULL ? 3 : record->mode == DNS_REFUSES ? 5 : 0x80;
    memset(packet + 6, 0, 6);
    if (record != NULL && record->mode != DNS_REFUSES)
        size += put_records(server, record, type, packet + size, &count);
    packet[7] = (uint8_t)count;
    return size;
}

static void *serve(void *arg)
{
    struct dns_server *server = arg;

    while (!server->stop) {
        uint8_t packet[2048];
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(server->fd, packet, 512, 0, (struct sockaddr *)&from, &length);
        size_t size = n > 0 ? answer(server, packet, (size_t)n) : 0;
        if (size > 0)
            sendto(server->fd, packet, size, 0, (struct sockaddr *)&from, length);
    }
    return NULL;
}

struct dns_server *dns_server_start(const struct dns_record *records)
{
    struct dns_server *server = xcalloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct timeval patience = {.tv_usec = 20000};

    server->records = records;
    server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert(bind(server->fd, (struct sockaddr *)&address, length) == 0);
    assert(getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
    setsockopt(server->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    snprintf(server->text, sizeof server->text, "127.0.0.1:%d", ntohs(address.sin_port));
    assert(pthread_create(&server->thread, NULL, serve, server) == 0);
    return server;
}

void dns_server_stop(struct dns_server *server)
{
    server->stop = true;
    pthread_join(server->thread, NULL);
    close(server->fd);
    free(server);
}

const char *dns_server_text(const struct dns_server *server)
{
    return server->text;
}

int dns_server_questions(const struct dns_server *server)
{
    return server->questions;
}

int dns_server_unknown(const struct dns_server *server)
{
    return server->unknown;
}
