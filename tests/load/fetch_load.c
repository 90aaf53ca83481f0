/* What a POST costs: one loop against a server of a few lines in a child process, both on this
 * machine. Not a test; prints rate and CPU time. Usage: fetch_load [count] [in flight] */
#include "base/clock.h"
#include "io/fetch.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct load {
    struct loop *loop;
    struct fetcher *fetcher;
    struct fetch_request request;
    int64_t left, under_way, failed, waited_us, slowest_us;
};

static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Requests are small enough to come in one piece. */
static void serve(int listener)
{
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];

    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(set, events, 64, -1);
        for (int i = 0; i < n; i++) {
            char request[4096];
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept(listener, NULL, NULL);
                epoll_ctl(set, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (recv(fd, request, sizeof request, 0) <= 0 ||
                       send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0) {
                close(fd);
            }
        }
    }
}

static void on_result(void *arg, const struct fetch_result *result);

static void start(struct load *load)
{
    load->left--;
    load->under_way++;
    fetch_start(load->fetcher, &load->request, on_result, load);
}

static void on_result(void *arg, const struct fetch_result *result)
{
    struct load *load = arg;

    load->under_way--;
    load->failed += result->outcome != FETCH_ANSWERED;
    load->waited_us += result->total_us;
    if (result->total_us > load->slowest_us)
        load->slowest_us = result->total_us;
    if (load->left > 0)
        start(load);
    else if (load->under_way == 0)
        loop_stop(load->loop);
}

static void on_stop(void *arg)
{
    struct load *load = arg;
    fetcher_destroy(load->fetcher);
}

static bool anywhere(void *arg, const struct sockaddr *address)
{
    (void)arg;
    (void)address;
    return true;
}

static void report(const struct load *load, int64_t count, int64_t us)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("posts=%lld failed=%lld rate=%.0f/s cpu=%.1fus/post mean=%.0fus slowest=%lldus "
           "memory=%ldKiB\n",
           (long long)count, (long long)load->failed, (double)count * 1e6 / (double)us,
           cpu_us / (double)count, (double)load->waited_us / (double)count,
           (long long)load->slowest_us, usage.ru_maxrss);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int64_t count = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    int64_t in_flight = argc > 2 ? strtol(argv[2], NULL, 10) : 64;
    struct load load = {.left = count};
    struct fetcher_config config = {
        .guard = anywhere, .connections_max = (int)in_flight, .dns = {NULL, 1, 1}};
    char url[64], body[301];

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return 1;
    pid_t server = fork();
    if (server == 0)
        serve(listener);

    snprintf(url, sizeof url, "http://localhost:%d/hook", ntohs(address.sin_port));
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    load.request = (struct fetch_request){
        .url = url,
        .head = STR_LIT("User-Agent: load\r\nContent-Type: application/json\r\nX-Id: 1\r\n"),
        .body = str_of(body),
        .timeout_ms = 10000,
    };
    load.loop = loop_create(on_stop, &load);
    load.fetcher = fetcher_create(load.loop, &config);
    int64_t begin_us = clock_mono_us();
    while (load.left > 0 && load.under_way < in_flight)
        start(&load);
    loop_run(load.loop);
    report(&load, count, clock_mono_us() - begin_us);
    loop_destroy(load.loop);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return load.failed == 0 ? 0 : 1;
}
