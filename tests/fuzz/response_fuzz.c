/* What a receiver answers, through libcurl into the callbacks of io/fetch: one end, of a known kind, within the caps. */
#include "fuzz.h"

#include "io/fetch.h"
#include "wait.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int listener;
    char url[64];
    const uint8_t *data;
    size_t size;
    struct loop *loop;
    struct fetcher *fetcher;
    int ends;
} t;

static bool allow(void *arg, const struct sockaddr *address)
{
    (void)arg;
    return address->sa_family == AF_INET;
}

/* Reads something, says the input, and is gone. */
static void *serve(void *arg)
{
    char request[4096];
    int fd = accept(t.listener, NULL, NULL);
    (void)arg;

    if (fd >= 0 && recv(fd, request, sizeof request, 0) > 0)
        for (size_t at = 0; at < t.size;) {
            ssize_t n = send(fd, t.data + at, t.size - at, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            at += (size_t)n;
        }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;

    t.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bad = bind(t.listener, (struct sockaddr *)&address, size);
    bad |= listen(t.listener, 10);
    bad |= getsockname(t.listener, (struct sockaddr *)&address, &size);
    assert(bad == 0);
    snprintf(t.url, sizeof t.url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    /* A kept connection that is dead may be tried: then nobody comes. */
    setsockopt(t.listener, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 200000},
               sizeof(struct timeval));
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    t.loop = loop_create(NULL, NULL);
    t.fetcher =
        fetcher_create(t.loop, &(struct fetcher_config){.guard = allow, .connections_max = 4});
}

static void on_end(void *arg, const struct fetch_result *result)
{
    (void)arg;
    t.ends++;
    require(result->outcome >= FETCH_ANSWERED && result->outcome <= FETCH_INTERNAL);
    require((result->outcome == FETCH_ANSWERED) ==
            (result->status >= 200 && result->status <= 999));
    require((result->outcome == FETCH_ANSWERED) == (result->error[0] == '\0'));
    require(result->head.n <= FETCH_HEAD_MAX && result->body.n <= FETCH_BODY_MAX);
    require(str_is_utf8(str_of(result->error)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fetch_request request = {
        .url = t.url, .head = STR_LIT("X: y\r\n"), .body = STR_LIT("{}"), .timeout_ms = 2000};
    pthread_t thread;

    if (t.loop == NULL)
        start();
    t.data = data;
    t.size = size;
    t.ends = 0;
    int bad = pthread_create(&thread, NULL, serve, NULL);
    assert(bad == 0);
    fetch_start(t.fetcher, &request, on_end, NULL);
    WAIT(t.loop, t.ends > 0, 5000);
    pthread_join(thread, NULL);
    require(t.ends == 1);
    return 0;
}
