/* What the machine's libcurl can do with nothing else: one multi handle on epoll, posting the same body again and again
 * to a receiver, so many at a time. Prints JSON. Usage: limit_curl URL COUNT IN_FLIGHT SIZE [CA_FILE] */
#include "net.h"

#include <curl/curl.h>

struct load {
    CURLM *multi;
    int epoll;
    long timer_ms; /* -1: none */
    long left, under_way, failed;
    struct curl_slist *headers;
    const char *url, *ca_file;
    char *body;
    long size;
};

static size_t ignore(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static void start(struct load *load, CURL *easy)
{
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, load->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, load->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, load->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, load->size);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (load->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, load->ca_file);
    curl_multi_add_handle(load->multi, easy);
    load->left--;
    load->under_way++;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct load *load = arg;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE)
        return epoll_ctl(load->epoll, EPOLL_CTL_DEL, fd, NULL) & 0;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    epoll_ctl(load->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(load->multi, fd, load);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    ((struct load *)arg)->timer_ms = ms;
    return 0;
}

static void take_results(struct load *load)
{
    int more;

    for (CURLMsg *m; (m = curl_multi_info_read(load->multi, &more)) != NULL;) {
        CURL *easy = m->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        load->failed += m->data.result != CURLE_OK || status / 100 != 2;
        load->under_way--;
        curl_multi_remove_handle(load->multi, easy);
        if (load->left > 0)
            start(load, easy);
        else
            curl_easy_cleanup(easy);
    }
}

static void run(struct load *load)
{
    struct epoll_event events[256];
    int running;

    while (load->under_way > 0) {
        int n =
            epoll_wait(load->epoll, events, 256, load->timer_ms < 0 ? 1000 : (int)load->timer_ms);
        if (n == 0) {
            load->timer_ms = -1;
            curl_multi_socket_action(load->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < n; i++)
            curl_multi_socket_action(
                load->multi, events[i].data.fd,
                (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (events[i].events & ~(unsigned)EPOLLOUT ? CURL_CSELECT_IN : 0),
                &running);
        take_results(load);
    }
}

int main(int argc, char **argv)
{
    struct load load = {.timer_ms = -1};

    if (argc < 5) {
        fprintf(stderr, "usage: limit_curl URL COUNT IN_FLIGHT SIZE [CA_FILE]\n");
        return 2;
    }
    raise_files();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    long count = strtol(argv[2], NULL, 10), in_flight = strtol(argv[3], NULL, 10);
    load.url = argv[1];
    load.left = count;
    load.size = strtol(argv[4], NULL, 10);
    load.ca_file = argc > 5 ? argv[5] : NULL;
    load.body = malloc((size_t)load.size);
    memset(load.body, 'x', (size_t)load.size);
    load.headers = curl_slist_append(NULL, "Content-Type: application/json");
    load.headers = curl_slist_append(load.headers, "Expect:");
    load.epoll = epoll_create1(0);
    load.multi = curl_multi_init();
    curl_multi_setopt(load.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(load.multi, CURLMOPT_SOCKETDATA, &load);
    curl_multi_setopt(load.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(load.multi, CURLMOPT_TIMERDATA, &load);
    curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, in_flight);
    int64_t begin_us = now_us(CLOCK_MONOTONIC);
    while (load.left > 0 && load.under_way < in_flight)
        start(&load, curl_easy_init());
    run(&load);
    printf("{\"seconds\": %.6f, \"count\": %ld, \"failed\": %ld}\n",
           (double)(now_us(CLOCK_MONOTONIC) - begin_us) / 1e6, count, load.failed);
    curl_multi_cleanup(load.multi);
    curl_slist_free_all(load.headers);
    free(load.body);
    curl_global_cleanup();
    return load.failed > 0;
}
