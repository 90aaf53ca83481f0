/* One connection to Redis: hiredis on a watch, connect and command deadlines, a heartbeat, and a
 * new connection after a backoff when it is lost.
 *
 * Of hiredis 0.14 only its context and its reader are used. Its asynchronous half asserts that a server says what it
 * was asked for, and frees the connection in the middle of callbacks; here the answers are ours to match, and what
 * nobody asked for ends the connection. Bytes that make no reply are bounded as they come. hiredis writes without limit
 * into memory: callers bound what they have under way. Whatever ends a connection, the owner hears of it from our timer. */
#include "redis_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "io/watch.h"

#include <errno.h>
#include <hiredis/sds.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    CONNECT_MS = 2000, /* to one address, with the greeting */
    BACKOFF_FIRST_MS = 50,
    BACKOFF_LAST_MS = 1000,
    SILENCE_MS = 500, /* then a heartbeat, which has ANSWER_MS: a hung server is noticed in 1.5 s */
    ANSWER_MS = 1000,
    DISTRUST_FIRST_MS = 1000, /* away from a server that talks nonsense; doubled up to the last */
    DISTRUST_LAST_MS = 32000,
    STEADY_MS = 10000,   /* in order for so long: the next nonsense is a new one */
    REPLY_MAX = 1 << 20, /* bytes; an answer of ours has a tenth of it at most */
};

enum link_state { LINK_WAITING, LINK_LOOKING, LINK_CONNECTING, LINK_UP, LINK_LOST };

struct redis_link {
    struct loop *loop;
    struct redis_route route;
    const struct redis_place *place; /* where it is connected, or was */
    struct redis_ways ways;          /* to that place */
    const struct redis_link_hooks *hooks;
    void *arg;
    unsigned number; /* for the log, where it is the connection's name */

    enum link_state state;
    bool was_up;     /* when it was lost */
    bool complained; /* one line in the log for a series of failures */
    int64_t backoff_ms;
    int64_t distrust_ms; /* the last pause for a wrong reply; 0: there was none */
    bool distrusted;     /* the next connection waits for so long */
    uint64_t wrong;      /* replies */
    int64_t ready_ms;
    int64_t heard_ms;
    int64_t beat_ms; /* a heartbeat went out and nothing was heard since; 0: no */

    redisContext *context;
    SSL *ssl;                 /* under it; NULL: it is plain, or not connected yet */
    struct redis_bound bound; /* of its reader */
    bool connected;
    struct watch *watch;
    struct turn_end write; /* one for all commands of a turn */

    bool beat_grace, deadline_grace; /* a turn of the loop was granted after time was up */

    struct timeout *timer; /* what comes next in this state */
    struct timeout *deadline;
    struct list sent, due;
};

/* Words of ours that are no request of the owner. */
struct said {
    struct redis_request request;
    redis_link_cb *cb;
    void *data;
};

static struct redis_request *first_due(const struct redis_link *link)
{
    return CONTAINER_OF(link->due.next, struct redis_request, due);
}

const char *redis_link_server(const struct redis_link *link, char out[LOG_QUOTE_SIZE])
{
    const char *path = link->route.address->path;
    char text[HOST_MAX + 16];

    snprintf(text, sizeof text, "%s:%d", link->place->host, link->place->port);
    return log_quote(out, path != NULL ? path : text);
}

static void complain(struct redis_link *link, const char *why)
{
    char quoted[LOG_QUOTE_SIZE], server[LOG_QUOTE_SIZE];

    if (!link->complained)
        log_warn(link->state == LINK_UP ? "redis_lost" : "redis_unreachable",
                 "connection=%u use=%s server=%s error=%s", link->number, link->hooks->use,
                 redis_link_server(link, server), log_quote(quoted, why));
    link->complained = true;
}

/* The answer will not come. */
static void forget(struct redis_link *link, struct redis_request *request, int64_t now)
{
    list_remove(&request->due);
    if (request->said)
        free(CONTAINER_OF(request, struct said, request));
    else
        link->hooks->on_failed(link->arg, request,
                               request->deadline_ms <= now ? ERR_TIMEOUT : ERR_UNAVAILABLE);
}

static void disconnect(struct redis_link *link)
{
    int64_t now = clock_mono_ms();
    struct list *node;

    watch_close(link->watch);
    link->watch = NULL;
    SSL_free(link->ssl);
    link->ssl = NULL;
    redisFree(link->context);
    link->context = NULL;
    timeout_clear(link->deadline);
    while ((node = list_pop(&link->sent)) != NULL)
        forget(link, CONTAINER_OF(node, struct redis_request, sent), now);
}

/* Callers of ours hear of it when the timer fires. */
static void lose(struct redis_link *link)
{
    link->was_up = link->state == LINK_UP;
    metric_add(METRIC_REDIS_READY, link->was_up ? -1 : 0);
    link->state = LINK_LOST;
    log_debug("redis_closed", "connection=%u use=%s retry_ms=%lld", link->number, link->hooks->use,
              (long long)(link->distrusted ? link->distrust_ms : link->backoff_ms));
    disconnect(link);
    redis_ways_failed(&link->ways);
    timeout_set(link->timer, 0);
}

void redis_link_go_on(struct redis_link *link)
{
    if (link->context == NULL)
        return;
    disconnect(link);
    link->state = LINK_WAITING;
    timeout_set(link->timer, 0);
}

static void give_up(struct redis_link *link, const char *why)
{
    complain(link, why);
    lose(link);
}

void redis_link_drop(struct redis_link *link, const char *why)
{
    if (link->context != NULL)
        give_up(link, why);
}

/* What follows a wrong reply may be wrong too, so a server that is no better the next time is left for longer. */
void redis_link_distrust(struct redis_link *link, const char *why)
{
    char quoted[LOG_QUOTE_SIZE], server[LOG_QUOTE_SIZE];
    bool steady = link->state == LINK_UP && clock_mono_ms() - link->ready_ms >= STEADY_MS;
    bool anew = link->distrust_ms == 0 || steady;

    if (link->context == NULL)
        return;
    link->wrong++;
    metric_add(METRIC_REDIS_WRONG_REPLIES, 1);
    link->distrusted = true;
    link->distrust_ms = anew                                       ? DISTRUST_FIRST_MS
                        : 2 * link->distrust_ms < DISTRUST_LAST_MS ? 2 * link->distrust_ms
                                                                   : DISTRUST_LAST_MS;
    log_line(anew ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "redis_wrong_reply",
             "connection=%u use=%s server=%s error=%s total=%llu", link->number, link->hooks->use,
             redis_link_server(link, server), log_quote(quoted, why),
             (unsigned long long)link->wrong);
    link->complained = true;
    lose(link);
}

/* --- hiredis on a watch ----------------------------------------------------------------------- */

static void fail(struct redis_link *link, const redisContext *context)
{
    if (link->bound.outgrown)
        redis_link_distrust(link, "an array that is none of ours");
    else if (context->err == REDIS_ERR_PROTOCOL)
        redis_link_distrust(link, context->errstr);
    else
        redis_link_drop(link, context->errstr);
}

static void note(struct redis_link *link, const redisReply *reply)
{
    link->heard_ms = clock_mono_ms();
    link->beat_ms = 0;
    link->beat_grace = link->deadline_grace = false;
    /* Being let in proves little: only a server that also does its work gets a quick return. */
    if (link->state == LINK_UP && reply->type != REDIS_REPLY_ERROR) {
        link->backoff_ms = BACKOFF_FIRST_MS;
        link->complained = false;
    }
}

/* Answers come in the order of the requests; what else comes is for who subscribed. */
static void hear(struct redis_link *link, redisReply *reply)
{
    struct list *node = list_pop(&link->sent);

    note(link, reply);
    if (node == NULL && link->hooks->on_push != NULL) {
        link->hooks->on_push(link, reply);
    } else if (node == NULL && reply->type == REDIS_REPLY_ERROR) {
        redis_link_drop(link, reply->str); /* too many clients, say */
    } else if (node == NULL) {
        redis_link_distrust(link, "an answer to nothing");
    } else {
        struct redis_request *request = CONTAINER_OF(node, struct redis_request, sent);
        list_remove(&request->due);
        if (!request->said) {
            metric_observe(HISTOGRAM_REDIS, clock_mono_us() - request->sent_us);
            link->hooks->on_reply(link->arg, request, reply);
            return;
        }
        struct said *said = CONTAINER_OF(request, struct said, request);
        said->cb(link, said->data, reply);
        free(said);
    }
}

/* A callback may drop the connection, and destroy the link: its memory stays for this turn. */
static void read_replies(struct redis_link *link)
{
    redisContext *context = link->context;
    void *reply = NULL;

    if ((link->ssl != NULL ? redis_tls_read(link->ssl, context) : redisBufferRead(context)) !=
        REDIS_OK) {
        fail(link, context);
        return;
    }
    while (link->context == context) {
        if (redisGetReply(context, &reply) != REDIS_OK) {
            fail(link, context);
            return;
        }
        if (reply == NULL)
            break;
        hear(link, reply);
        freeReplyObject(reply);
    }
    if (link->context == context && context->reader->len - context->reader->pos > REPLY_MAX)
        redis_link_distrust(link, "a reply without an end");
}

/* hiredis empties its buffer by making a new one, and looks at that without asking whether there is one: but only if
 * it is to say what is left. */
static void write_commands(struct redis_link *link)
{
    redisContext *context = link->context;

    if ((link->ssl != NULL ? redis_tls_write(link->ssl, context)
                           : redisBufferWrite(context, NULL)) != REDIS_OK)
        fail(link, context);
    else if (context->obuf == NULL)
        redis_link_drop(link, "out of memory");
    else
        watch_set(link->watch, sdslen(context->obuf) > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void on_turn_end(void *arg)
{
    struct redis_link *link = arg;
    if (link->context != NULL && link->connected)
        write_commands(link);
}

/* False while its handshake waits for the other side, or when it is over. */
static bool secure(struct redis_link *link)
{
    SSL_CTX *tls = link->route.address->tls;
    int waits_for;

    if (tls == NULL)
        return true;
    if (link->ssl == NULL)
        link->ssl = redis_tls_open(tls, link->place->host, link->context->fd);
    if (redis_tls_shake(link->ssl, link->context, &waits_for) != REDIS_OK) {
        fail(link, link->context);
        return false;
    }
    if (waits_for != 0)
        watch_set(link->watch, waits_for);
    return waits_for == 0;
}

static void fail_to_connect(struct redis_link *link, const char *why);

static void finish_connecting(struct redis_link *link)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error != 0) {
        fail_to_connect(link, strerror(error));
        return;
    }
    if (!secure(link))
        return;
    link->connected = true;
    watch_set(link->watch, WATCH_READ);
    link->hooks->on_connected(link);
}

/* One of them a turn: what is still readable after a write is readable in the next turn. */
static void on_events(void *arg, int events)
{
    struct redis_link *link = arg;

    if (!link->connected)
        finish_connecting(link);
    else if ((events & WATCH_WRITE) != 0)
        write_commands(link);
    else
        read_replies(link);
}

/* --- connecting ------------------------------------------------------------------------------- */

/* Takes a context of hiredis. */
static void await_connection(struct redis_link *link, redisContext *context)
{
    link->context = context;
    link->state = LINK_CONNECTING;
    link->connected = false;
    log_debug("redis_connecting", "connection=%u use=%s", link->number, link->hooks->use);
    if (context == NULL || context->err != 0) {
        fail_to_connect(link, context != NULL ? context->errstr : "out of memory");
        return;
    }
    redis_bound_set(&link->bound, context->reader);
    link->watch = watch_open(link->loop, context->fd, on_events, link);
    watch_set(link->watch, WATCH_WRITE);
    timeout_set(link->timer, CONNECT_MS);
}

/* The next address may be better. */
static void fail_to_connect(struct redis_link *link, const char *why)
{
    if (link->ways.left > 0) {
        disconnect(link);
        redis_ways_failed(&link->ways);
        await_connection(link, redis_ways_connect(&link->ways));
    } else {
        give_up(link, why);
    }
}

static void on_found(void *arg, const char *why)
{
    struct redis_link *link = arg;

    if (why == NULL)
        await_connection(link, redis_ways_connect(&link->ways));
    else
        give_up(link, why);
}

static void connect_now(struct redis_link *link)
{
    const char *path = link->route.address->path;

    link->place = redis_route_next(&link->route);
    if (path != NULL || redis_ways_find(&link->ways, link->place))
        await_connection(link, path != NULL ? redisConnectUnixNonBlock(path)
                                            : redis_ways_connect(&link->ways));
    else
        link->state = LINK_LOOKING;
}

void redis_link_ready(struct redis_link *link)
{
    if (link->state != LINK_CONNECTING)
        return;
    link->state = LINK_UP;
    metric_add(METRIC_REDIS_READY, 1);
    log_debug("redis_ready", "connection=%u use=%s", link->number, link->hooks->use);
    link->beat_ms = 0;
    link->ready_ms = clock_mono_ms();
    redis_route_arrived(&link->route);
    timeout_set(link->timer, SILENCE_MS);
}

/* --- time ------------------------------------------------------------------------------------- */

/* When it was us who stood still, the answer lies in the socket: one turn to read it. */
static bool grant_turn(bool *grace, struct timeout *timeout)
{
    if (*grace)
        return false;
    *grace = true;
    timeout_set(timeout, 1);
    return true;
}

static void check_silence(struct redis_link *link)
{
    int64_t now = clock_mono_ms();

    if (link->beat_ms != 0 && now >= link->beat_ms + ANSWER_MS) {
        if (!grant_turn(&link->beat_grace, link->timer))
            redis_link_drop(link, "no answer to a heartbeat");
        return;
    }
    if (link->beat_ms == 0 && now >= link->heard_ms + SILENCE_MS) {
        link->beat_ms = now;
        link->hooks->on_beat(link);
        if (link->state != LINK_UP)
            return;
    }
    int64_t next_ms = link->beat_ms != 0 ? link->beat_ms + ANSWER_MS : link->heard_ms + SILENCE_MS;
    timeout_set(link->timer, next_ms - now);
}

static void back_off(struct redis_link *link)
{
    link->state = LINK_WAITING;
    timeout_set(link->timer, link->distrusted ? link->distrust_ms : link->backoff_ms);
    link->distrusted = false;
    link->backoff_ms *= 2;
    if (link->backoff_ms > BACKOFF_LAST_MS)
        link->backoff_ms = BACKOFF_LAST_MS;
    if (link->was_up)
        link->hooks->on_down(link->arg);
}

static void on_timer(void *arg)
{
    struct redis_link *link = arg;

    switch (link->state) {
    case LINK_WAITING:
        connect_now(link);
        break;
    case LINK_LOOKING: /* dns has its own */
        break;
    case LINK_CONNECTING:
        fail_to_connect(link, "timed out");
        break;
    case LINK_UP:
        check_silence(link);
        break;
    case LINK_LOST:
        back_off(link);
        break;
    }
}

static void on_deadline(void *arg)
{
    struct redis_link *link = arg;

    if (list_empty(&link->due))
        return;
    int64_t left_ms = first_due(link)->deadline_ms - clock_mono_ms();
    if (left_ms > 0)
        timeout_set(link->deadline, left_ms);
    else if (!grant_turn(&link->deadline_grace, link->deadline))
        redis_link_drop(link, "a command timed out");
}

/* --- commands --------------------------------------------------------------------------------- */

/* Deadlines mostly come in order, so the walk from the end is short. */
static void insert_due(struct redis_link *link, struct redis_request *request)
{
    struct list *node = link->due.prev;

    while (node != &link->due &&
           CONTAINER_OF(node, struct redis_request, due)->deadline_ms > request->deadline_ms)
        node = node->prev;
    request->due.prev = node;
    request->due.next = node->next;
    node->next->prev = &request->due;
    node->next = &request->due;
}

/* Before the connection stands everything waits for it to be writable. */
static void want_write(struct redis_link *link)
{
    if (link->connected)
        turn_end_ask(link->loop, &link->write);
}

bool redis_link_send(struct redis_link *link, struct redis_request *request, const char *command,
                     size_t n, int64_t deadline_ms)
{
    if (link->context == NULL || redisAppendFormattedCommand(link->context, command, n) != REDIS_OK)
        return false;
    want_write(link);
    request->said = false;
    request->sent_us = clock_mono_us();
    request->deadline_ms = deadline_ms;
    list_push(&link->sent, &request->sent);
    insert_due(link, request);
    if (first_due(link) == request)
        timeout_set(link->deadline, deadline_ms - clock_mono_ms());
    return true;
}

void redis_link_say(struct redis_link *link, redis_link_cb *cb, void *data, int argc,
                    const char **argv)
{
    if (link->context == NULL)
        return;
    if (redisAppendCommandArgv(link->context, argc, argv, NULL) != REDIS_OK) {
        redis_link_drop(link, "out of memory"); /* none may go on unsaid: AUTH, SELECT, SUBSCRIBE */
        return;
    }
    want_write(link);
    if (cb == NULL)
        return;
    struct said *said = xcalloc(1, sizeof *said);
    said->request.said = true;
    said->cb = cb;
    said->data = data;
    list_init(&said->request.due);
    list_push(&link->sent, &said->request.sent);
}

uint64_t redis_link_wrong(const struct redis_link *link)
{
    return link->wrong;
}

bool redis_link_up(const struct redis_link *link)
{
    return link->state == LINK_UP;
}

struct redis_route *redis_link_route(struct redis_link *link)
{
    return &link->route;
}

const struct redis_place *redis_link_place(const struct redis_link *link)
{
    return link->place;
}

void *redis_link_arg(const struct redis_link *link)
{
    return link->arg;
}

struct redis_link *redis_link_create(struct loop *loop, const struct redis_address *address,
                                     struct dns *dns, const struct redis_link_hooks *hooks,
                                     void *arg)
{
    static atomic_uint count;
    struct redis_link *link = xcalloc(1, sizeof *link);

    link->number = ++count;
    link->loop = loop;
    link->route.address = address;
    link->place = &address->server;
    link->ways = (struct redis_ways){.dns = dns, .on_found = on_found, .arg = link};
    link->hooks = hooks;
    link->arg = arg;
    link->backoff_ms = BACKOFF_FIRST_MS;
    metric_add(METRIC_REDIS_WANTED, 1);
    link->timer = timeout_create(loop, on_timer, link);
    link->deadline = timeout_create(loop, on_deadline, link);
    turn_end_init(&link->write, on_turn_end, link);
    list_init(&link->sent);
    list_init(&link->due);
    timeout_set(link->timer, 0);
    return link;
}

void redis_link_destroy(struct redis_link *link)
{
    if (link == NULL)
        return;
    link->complained = true; /* ending it is no failure */
    redis_link_drop(link, "");
    redis_ways_cancel(&link->ways);
    metric_add(METRIC_REDIS_WANTED, -1);
    timeout_destroy(link->timer);
    timeout_destroy(link->deadline);
    turn_end_cancel(&link->write);
    loop_free(link->loop, link);
}
