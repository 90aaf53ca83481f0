/* A fetch from start to callback: check the URL and the head, resolve, ask the guard, wait for a
 * free connection, send, try the next address when one does not connect; and one deadline over
 * all of it. */
#include "fetch_internal.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/err.h"
#include "io/url.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MAX   128  /* fetches kept for their next use */
#define BUF_RETAIN 4096 /* bytes that a kept one may hold on to, for each buffer */

/* --- memory ----------------------------------------------------------------------------------- */

static void on_deadline(void *arg);

static struct fetch *make(struct fetcher *fetcher)
{
    struct fetch *fetch = xcalloc(1, sizeof *fetch);

    list_init(&fetch->node);
    fetch->fetcher = fetcher;
    fetch->deadline = timeout_create(fetcher->loop, on_deadline, fetch);
    buf_init(&fetch->line_bytes, FETCH_LINES_SIZE);
    buf_init(&fetch->response.head, FETCH_HEAD_MAX);
    buf_init(&fetch->response.body, FETCH_BODY_MAX);
    fetch->easy = fetch_easy_create(fetch);
    return fetch;
}

static void unmake(struct fetch *fetch)
{
    curl_easy_cleanup(fetch->easy);
    timeout_destroy(fetch->deadline);
    buf_fini(&fetch->line_bytes);
    buf_fini(&fetch->response.head);
    buf_fini(&fetch->response.body);
    free(fetch);
}

static void empty(struct buf *buf)
{
    if (buf->cap > BUF_RETAIN)
        buf_fini(buf);
    else
        buf_clear(buf);
}

static void recycle(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;

    fetch->state = FETCH_IDLE;
    timeout_clear(fetch->deadline);
    if (fetcher->idle_count == IDLE_MAX) {
        unmake(fetch);
        return;
    }
    empty(&fetch->line_bytes);
    empty(&fetch->response.head);
    empty(&fetch->response.body);
    list_push(&fetcher->idle, &fetch->node);
    fetcher->idle_count++;
}

static struct fetch *take(struct fetcher *fetcher)
{
    struct list *node = list_pop(&fetcher->idle);

    if (node == NULL)
        return make(fetcher);
    fetcher->idle_count--;
    return CONTAINER_OF(node, struct fetch, node);
}

/* Forgets the request before; what is not set here is set on the way. */
static void clear(struct fetch *fetch)
{
    struct fetch_response *response = &fetch->response;

    fetch->dns = NULL;
    fetch->dns_us = fetch->granted_ms = 0;
    fetch->address_count = fetch->address_at = 0;
    fetch->to_proxy = false;
    fetch->requests = 0;
    fetch->resent = fetch->late = fetch->unusable = fetch->unnamed = false;
    fetch->socket_errno = 0;
    fetch->forbidden[0] = '\0';
    fetch->error[0] = '\0';
    fetch->result = (struct fetch_result){0};
    *response = (struct fetch_response){.head = response->head, .body = response->body};
}

/* --- the end ---------------------------------------------------------------------------------- */

static void wake_soon(struct fetcher *fetcher)
{
    if (!timeout_is_set(fetcher->turn))
        timeout_set(fetcher->turn, 0);
}

static void move(struct fetch *fetch, struct list *to)
{
    list_remove(&fetch->node);
    list_push(to, &fetch->node);
}

/* The result is there; the callback comes with the next delivery. */
static void end(struct fetch *fetch)
{
    timeout_clear(fetch->deadline);
    fetch->state = FETCH_ENDED;
    move(fetch, &fetch->fetcher->ended);
}

static void call_back(struct fetch *fetch)
{
    list_remove(&fetch->node);
    CRASH_POINT("request", "ended");
    fetch->cb(fetch->arg, &fetch->result);
    CRASH_POINT("request", "handled");
    if (fetch->fetcher->closing)
        unmake(fetch);
    else
        recycle(fetch);
}

static bool is_last_address(const struct fetch *fetch)
{
    return fetch->address_at + 1 == fetch->address_count;
}

/* An address that others come after must leave them time; the last one has all that is left. */
static int64_t patience_ms(const struct fetch *fetch)
{
    int64_t left = fetch_left_ms(fetch), half = left / 2;

    if (is_last_address(fetch))
        return left;
    return half < 1 ? 1 : half < FETCH_CONNECT_MS ? half : FETCH_CONNECT_MS;
}

static void attach(struct fetch *fetch)
{
    timeout_set(fetch->deadline, patience_ms(fetch));
    move(fetch, &fetch->fetcher->active);
    fetch_attach(fetch);
}

static void try_next_address(struct fetch *fetch)
{
    fetch_detach(fetch);
    fetch->address_at++;
    attach(fetch);
}

static void send_queued(struct fetcher *fetcher)
{
    struct list *node;

    while (fetcher->sending < fetcher->config.connections_max &&
           (node = list_pop(&fetcher->queued)) != NULL)
        attach(CONTAINER_OF(node, struct fetch, node));
}

/* Calls back for all that have ended, and fills the places that they left. The last thing that a
 * callback of the loop does: the fetcher may be closing afterwards. What ends meanwhile waits for
 * its own turn, or a caller that always fails would keep the loop. */
static void deliver(struct fetcher *fetcher)
{
    struct list *node;

    send_queued(fetcher);
    list_move_all(&fetcher->delivering, &fetcher->ended);
    while ((node = list_pop(&fetcher->delivering)) != NULL)
        call_back(CONTAINER_OF(node, struct fetch, node));
}

static void on_turn(void *arg)
{
    deliver(arg);
}

static void fail_busy(struct fetch *fetch)
{
    fetch_conclude_with(fetch, FETCH_BUSY, "no DNS lookup was free for %s", fetch->host);
    end(fetch);
}

static void fail_proxy(struct fetch *fetch)
{
    fetch_conclude_with(fetch, FETCH_NO_PROXY, "DNS gave no address for the egress proxy");
    end(fetch);
}

static void stop_resolving(struct fetch *fetch)
{
    bool waits = dns_waits(fetch->dns);

    dns_cancel(fetch->dns);
    fetch->dns = NULL;
    if (fetch->to_proxy) {
        fail_proxy(fetch);
        return;
    }
    fetch->dns_us = clock_mono_us() - fetch->start_us;
    if (waits) {
        fail_busy(fetch);
        return;
    }
    fetch_conclude_with(fetch, FETCH_DNS_FAILED, "no DNS answer for %s within %lld ms", fetch->host,
                        (long long)fetch->request.timeout_ms);
    end(fetch);
}

/* The one judge of time: libcurl's own limits it would judge before it reads. */
static void on_deadline(void *arg)
{
    struct fetch *fetch = arg;
    bool granted = fetch_grant(fetch);
    int64_t left = fetch_left_ms(fetch);

    if (left > 0) {
        if (!granted && fetch->state == FETCH_SENDING && fetch->requests == 0 &&
            !is_last_address(fetch))
            try_next_address(fetch);
        else
            timeout_set(fetch->deadline, left);
        return;
    }
    if (fetch->state == FETCH_RESOLVING) {
        stop_resolving(fetch);
        deliver(fetch->fetcher);
        return;
    }
    if (fetch->state == FETCH_QUEUED) {
        fetch_conclude_with(fetch, FETCH_TIMED_OUT,
                            "Posthorn had no free connection within %lld ms",
                            (long long)fetch->request.timeout_ms);
    } else {
        assert(fetch->state == FETCH_SENDING);
        enum fetch_outcome outcome = FETCH_TIMED_OUT;
        if (fetch->response.complete)
            outcome = FETCH_ANSWERED;
        else
            fetch_proxy_failed(fetch, CURLE_OPERATION_TIMEDOUT, &outcome);
        fetch_conclude(fetch, outcome, CURLE_OPERATION_TIMEDOUT);
        fetch_detach(fetch);
    }
    end(fetch);
    deliver(fetch->fetcher);
}

static void on_done(struct fetch *fetch, CURLcode code)
{
    enum fetch_outcome outcome = fetch_outcome_of(fetch, code);

    if (code == CURLE_ABORTED_BY_CALLBACK && fetch->unusable && fetch->opened < 0) {
        fetch_detach(fetch);
        attach(fetch);
        return;
    }
    if (outcome == FETCH_CONNECT_FAILED && !is_last_address(fetch)) {
        try_next_address(fetch);
        return;
    }
    fetch_conclude(fetch, outcome, code);
    fetch_detach(fetch);
    end(fetch);
}

/* --- the way to a connection ------------------------------------------------------------------ */

/* Any forbidden address damns them all: a name that leads inside has no business here. */
static bool all_allowed(struct fetch *fetch, const struct sockaddr_storage *addresses, size_t count)
{
    const struct fetcher_config *config = &fetch->fetcher->config;

    for (size_t i = 0; i < count; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&addresses[i];
        if (!config->guard(config->guard_arg, address)) {
            fetch_address_text(fetch->forbidden, address, 0);
            return false;
        }
    }
    return true;
}

static void enqueue(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;

    if (fetcher->sending < fetcher->config.connections_max) {
        attach(fetch);
    } else {
        fetch->state = FETCH_QUEUED;
        move(fetch, &fetcher->queued);
    }
}

static void on_proxy_dns(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct fetch *fetch = arg;

    fetch->dns = NULL;
    if (err == 0) {
        fetch_proxy_choose(fetch, addresses, count);
        enqueue(fetch);
        return;
    }
    fail_proxy(fetch);
    deliver(fetch->fetcher);
}

/* Its name is nobody's turn to look up: it is the same for all, and kept. */
static void find_proxy(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;

    fetch->to_proxy = true;
    fetch->state = FETCH_RESOLVING;
    move(fetch, &fetcher->active);
    fetch->dns = dns_start(fetcher->dns, fetcher->config.proxy->host, (struct id){0}, FETCH_DNS_MS,
                           on_proxy_dns, fetch);
}

/* True if it is on its way, false if it has ended. */
static bool proceed(struct fetch *fetch, const struct sockaddr_storage *addresses, size_t count)
{
    if (!all_allowed(fetch, addresses, count)) {
        fetch_conclude_with(fetch, FETCH_FORBIDDEN,
                            "the address %s is not public, so nothing was sent", fetch->forbidden);
        end(fetch);
        return false;
    }
    fetch->address_count = count < FETCH_ADDRESSES_MAX ? count : FETCH_ADDRESSES_MAX;
    memcpy(fetch->addresses, addresses, fetch->address_count * sizeof *addresses);
    if (fetch_proxy_named(fetch->fetcher))
        find_proxy(fetch);
    else
        enqueue(fetch);
    return true;
}

static void fail_dns(struct fetch *fetch, int err)
{
    fetch_conclude_with(fetch, FETCH_DNS_FAILED, "%s for %s", dns_reason(err), fetch->host);
    end(fetch);
}

static void on_dns(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct fetch *fetch = arg;

    fetch->dns = NULL;
    fetch->dns_us = clock_mono_us() - fetch->start_us;
    if (err == ERR_BUSY)
        fail_busy(fetch);
    else if (err != 0)
        fail_dns(fetch, err);
    else if (proceed(fetch, addresses, count))
        return;
    deliver(fetch->fetcher);
}

static void begin(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    const struct fetcher_config *config = &fetcher->config;
    struct url url;
    const char *why;

    if (url_parse(str_of(fetch->request.url), &url, &why) != 0) {
        fetch_conclude_with(fetch, FETCH_BAD_URL, "the URL %s", why);
        end(fetch);
        return;
    }
    if (config->port_guard != NULL && !config->port_guard(config->guard_arg, url.port)) {
        fetch_conclude_with(fetch, FETCH_BAD_URL,
                            "port %u is not open to webhooks, so nothing was sent", url.port);
        end(fetch);
        return;
    }
    if (!fetch_lines_build(fetch)) {
        fetch_conclude_with(fetch, FETCH_INTERNAL, "the request's headers are not valid");
        end(fetch);
        return;
    }
    memcpy(fetch->host, url.host, sizeof url.host);
    fetch->port = url.port;
    fetch->tls = url.tls;
    FETCH_SET(fetch->easy, CURLOPT_URL, url.text);
    timeout_set(fetch->deadline, fetch->request.timeout_ms);
    if (url.literal) {
        proceed(fetch, &url.address, 1);
        return;
    }
    fetch->state = FETCH_RESOLVING;
    move(fetch, &fetcher->active);
    fetch->dns =
        dns_start(fetcher->dns, fetch->host, fetch->request.owner, FETCH_DNS_MS, on_dns, fetch);
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                          fetch_cb *cb, void *arg)
{
    struct fetch *fetch = take(fetcher);

    CRASH_POINT("request", "before");
    clear(fetch);
    fetch->request = *request;
    fetch->response.body.max = request->body_max > 0 ? request->body_max : FETCH_BODY_MAX;
    fetch->cb = cb;
    fetch->arg = arg;
    fetch->start_us = clock_mono_us();
    begin(fetch);
    if (fetch->state == FETCH_ENDED)
        wake_soon(fetcher);
    return fetch;
}

/* Off everything but its memory. */
static void stop(struct fetch *fetch)
{
    dns_cancel(fetch->dns);
    fetch->dns = NULL;
    if (fetch->state == FETCH_SENDING)
        fetch_detach(fetch);
    list_remove(&fetch->node);
}

void fetch_cancel(struct fetch *fetch)
{
    if (fetch == NULL)
        return;
    assert(fetch->state != FETCH_IDLE);
    bool leaves_room = fetch->state == FETCH_SENDING;
    stop(fetch);
    if (leaves_room)
        wake_soon(fetch->fetcher);
    recycle(fetch);
}

/* --- the fetcher ------------------------------------------------------------------------------ */

static const struct fetch_hooks hooks = {on_done, deliver, fetcher_on_ready};

static void init_library(void)
{
    CURLcode rc = curl_global_init(CURL_GLOBAL_ALL);
    assert(rc == CURLE_OK);
}

struct fetcher *fetcher_create(struct loop *loop, const struct fetcher_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fetcher *fetcher = xcalloc(1, sizeof *fetcher);

    assert(config->guard != NULL && config->connections_max > 0);
    pthread_once(&once, init_library);
    fetcher->loop = loop;
    fetcher->config = *config;
    list_init(&fetcher->active);
    list_init(&fetcher->queued);
    list_init(&fetcher->ended);
    list_init(&fetcher->delivering);
    list_init(&fetcher->idle);
    fetcher->wake = timeout_create(loop, fetcher_on_wake, fetcher);
    fetcher->turn = timeout_create(loop, on_turn, fetcher);
    fetch_sockets_init(&fetcher->sockets);
    fetch_sessions_init(&fetcher->sessions);
    fetcher->dns = dns_create(loop, &fetcher->config.dns);
    fetch_proxy_init(fetcher);
    fetcher->hooks = &hooks;
    fetcher->multi = fetch_multi_create(fetcher);
    fetcher->handles_once = curl_version_info(CURLVERSION_NOW)->version_num < 0x080101;
    return fetcher;
}

static void forget_all(struct list *fetches)
{
    LIST_FOREACH_SAFE(node, fetches)
    {
        struct fetch *fetch = CONTAINER_OF(node, struct fetch, node);
        stop(fetch);
        unmake(fetch);
    }
}

void fetcher_destroy(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    assert(!fetcher->closing);
    fetcher->closing = true;
    forget_all(&fetcher->active);
    forget_all(&fetcher->queued);
    forget_all(&fetcher->ended);
    forget_all(&fetcher->delivering);
    forget_all(&fetcher->idle);
    curl_multi_cleanup(fetcher->multi);
    fetch_sockets_fini(&fetcher->sockets);
    fetch_sessions_fini(&fetcher->sessions);
    dns_destroy(fetcher->dns);
    timeout_destroy(fetcher->wake);
    timeout_destroy(fetcher->turn);
    loop_free(fetcher->loop, fetcher);
}
