/* One connection to Redis: hiredis on a watch, connect and command deadlines, a heartbeat, and a
 * new connection after a backoff when it is lost.
 *
 * What hiredis 0.14 asks for: it frees the context by itself on an error, so `ev.cleanup`, which is
 * called on every way out, is where we let go of it; inside a callback redisAsyncFree() only marks
 * the context, so one that we let go of has its `data` cleared and its later callbacks ignored;
 * nothing may be freed inside the connect callback; it writes without limit into memory, so callers
 * bound what they have under way; and it has no timers. Whatever ends a connection, the owner hears
 * of it from our timer, never from inside hiredis. */
#include "redis_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "io/watch.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    CONNECT_MS = 2000, /* with the greeting */
    BACKOFF_FIRST_MS = 50,
    BACKOFF_LAST_MS = 1000,
    SILENCE_MS = 500, /* then a heartbeat, which has ANSWER_MS: a hung server is noticed in 1.5 s */
    ANSWER_MS = 1000,
};

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_UP, LINK_LOST };

struct redis_link {
    struct loop *loop;
    const struct redis_address *address;
    const struct redis_link_hooks *hooks;
    void *arg;
    unsigned number; /* for the log, where it is the connection's name */

    enum link_state state;
    bool was_up;     /* when it was lost */
    bool complained; /* one line in the log for a series of failures */
    int64_t backoff_ms;
    int64_t heard_ms;
    int64_t beat_ms; /* a heartbeat went out and nothing was heard since; 0: no */

    redisAsyncContext *context;
    struct watch *watch;
    int events;

    bool beat_grace, deadline_grace; /* a turn of the loop was granted after time was up */

    struct timeout *timer; /* what comes next in this state */
    struct timeout *deadline;
    struct list sent, due;
};

static struct redis_request *first_due(const struct redis_link *link)
{
    return CONTAINER_OF(link->due.next, struct redis_request, due);
}

static void complain(struct redis_link *link, const char *why)
{
    char quoted[LOG_QUOTE_SIZE];

    if (!link->complained)
        log_warn(link->state == LINK_UP ? "redis_lost" : "redis_unreachable",
                 "connection=%u use=%s error=%s", link->number, link->hooks->use,
                 log_quote(quoted, why));
    link->complained = true;
}

/* The context is gone. Callers of ours hear of it when the timer fires. */
static void lose(struct redis_link *link)
{
    int64_t now = clock_mono_ms();
    struct list *node;

    watch_close(link->watch);
    link->watch = NULL;
    link->context = NULL;
    link->was_up = link->state == LINK_UP;
    link->state = LINK_LOST;
    log_debug("redis_closed", "connection=%u use=%s retry_ms=%lld", link->number, link->hooks->use,
              (long long)link->backoff_ms);
    timeout_clear(link->deadline);
    timeout_set(link->timer, 0);
    while ((node = list_pop(&link->sent)) != NULL) {
        struct redis_request *request = CONTAINER_OF(node, struct redis_request, sent);
        list_remove(&request->due);
        link->hooks->on_failed(link->arg, request,
                               request->deadline_ms <= now ? ERR_TIMEOUT : ERR_UNAVAILABLE);
    }
}

void redis_link_drop(struct redis_link *link, const char *why)
{
    redisAsyncContext *context = link->context;

    if (context == NULL)
        return;
    complain(link, why);
    context->data = NULL;
    memset(&context->ev, 0, sizeof context->ev);
    lose(link);
    redisAsyncFree(context);
}

/* --- hiredis on a watch ----------------------------------------------------------------------- */

static void want(struct redis_link *link, int events)
{
    link->events = events;
    watch_set(link->watch, events);
}

static void add_read(void *data)
{
    struct redis_link *link = data;
    want(link, link->events | WATCH_READ);
}

static void remove_read(void *data)
{
    struct redis_link *link = data;
    want(link, link->events & ~WATCH_READ);
}

static void add_write(void *data)
{
    struct redis_link *link = data;
    want(link, link->events | WATCH_WRITE);
}

static void remove_write(void *data)
{
    struct redis_link *link = data;
    want(link, link->events & ~WATCH_WRITE);
}

static void on_cleanup(void *data)
{
    struct redis_link *link = data;
    complain(link, link->context->errstr != NULL ? link->context->errstr : "closed");
    lose(link);
}

/* Either handler may free the context, and with a callback the link: one of them a turn. What is
 * still readable after a write is readable in the next turn. */
static void on_events(void *arg, int events)
{
    struct redis_link *link = arg;

    if ((events & WATCH_WRITE) != 0)
        redisAsyncHandleWrite(link->context);
    else
        redisAsyncHandleRead(link->context);
}

static void attach(struct redis_link *link, redisAsyncContext *context)
{
    link->context = context;
    link->events = 0;
    link->watch = watch_open(link->loop, context->c.fd, on_events, link);
    context->data = link;
    context->ev.addRead = add_read;
    context->ev.delRead = remove_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = remove_write;
    context->ev.cleanup = on_cleanup;
    context->ev.data = link;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void on_greeted(redisAsyncContext *context, void *reply, void *privdata)
{
    struct redis_link *link = redis_link_heard(context, reply);
    (void)privdata;
    if (link != NULL && ((redisReply *)reply)->type == REDIS_REPLY_ERROR)
        redis_link_drop(link, ((redisReply *)reply)->str);
}

static void greet(struct redis_link *link)
{
    const struct redis_address *address = link->address;
    char db[16];

    if (address->user != NULL)
        redis_link_say(link, on_greeted, NULL, 3,
                       (const char *[]){"AUTH", address->user, address->password});
    else if (address->password != NULL)
        redis_link_say(link, on_greeted, NULL, 2, (const char *[]){"AUTH", address->password});
    if (address->db != 0) {
        snprintf(db, sizeof db, "%d", address->db);
        redis_link_say(link, on_greeted, NULL, 2, (const char *[]){"SELECT", db});
    }
}

/* A failure needs nothing here: the cleanup follows. */
static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;

    if (status != REDIS_OK || link == NULL)
        return;
    greet(link);
    link->hooks->on_connected(link, link->arg);
}

static void connect_now(struct redis_link *link)
{
    const struct redis_address *address = link->address;
    redisAsyncContext *context = address->path != NULL
                                     ? redisAsyncConnectUnix(address->path)
                                     : redisAsyncConnect(address->host, address->port);

    assert(context != NULL);
    link->state = LINK_CONNECTING;
    log_debug("redis_connecting", "connection=%u use=%s", link->number, link->hooks->use);
    if (context->err != 0) {
        complain(link, context->errstr);
        redisAsyncFree(context);
        lose(link);
        return;
    }
    attach(link, context);
    redisAsyncSetConnectCallback(context, on_connect);
    timeout_set(link->timer, CONNECT_MS);
}

void redis_link_ready(struct redis_link *link)
{
    if (link->state != LINK_CONNECTING)
        return;
    link->state = LINK_UP;
    log_debug("redis_ready", "connection=%u use=%s", link->number, link->hooks->use);
    link->beat_ms = 0;
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
    }
    int64_t next_ms = link->beat_ms != 0 ? link->beat_ms + ANSWER_MS : link->heard_ms + SILENCE_MS;
    timeout_set(link->timer, next_ms - now);
}

static void back_off(struct redis_link *link)
{
    link->state = LINK_WAITING;
    timeout_set(link->timer, link->backoff_ms);
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
    case LINK_CONNECTING:
        redis_link_drop(link, "timed out");
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

struct redis_link *redis_link_heard(redisAsyncContext *context, const redisReply *reply)
{
    struct redis_link *link = context->data;

    if (link == NULL || reply == NULL)
        return NULL;
    link->heard_ms = clock_mono_ms();
    link->beat_ms = 0;
    link->beat_grace = link->deadline_grace = false;
    /* Being let in proves little: only a server that also does its work gets a quick return. */
    if (link->state == LINK_UP && reply->type != REDIS_REPLY_ERROR) {
        link->backoff_ms = BACKOFF_FIRST_MS;
        link->complained = false;
    }
    return link;
}

static void on_answer(redisAsyncContext *context, void *reply, void *privdata)
{
    struct redis_link *link = redis_link_heard(context, reply);
    (void)privdata;
    if (link == NULL)
        return;

    struct list *node = list_pop(&link->sent);
    assert(node != NULL);
    struct redis_request *request = CONTAINER_OF(node, struct redis_request, sent);
    list_remove(&request->due);
    link->hooks->on_reply(link->arg, request, reply);
}

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

bool redis_link_send(struct redis_link *link, struct redis_request *request, const char *command,
                     size_t n, int64_t deadline_ms)
{
    if (link->context == NULL ||
        redisAsyncFormattedCommand(link->context, on_answer, NULL, command, n) != REDIS_OK)
        return false;
    request->deadline_ms = deadline_ms;
    list_push(&link->sent, &request->sent);
    insert_due(link, request);
    if (first_due(link) == request)
        timeout_set(link->deadline, deadline_ms - clock_mono_ms());
    return true;
}

void redis_link_say(struct redis_link *link, redisCallbackFn *fn, void *privdata, int argc,
                    const char **argv)
{
    if (link->context != NULL)
        redisAsyncCommandArgv(link->context, fn, privdata, argc, argv, NULL);
}

bool redis_link_up(const struct redis_link *link)
{
    return link->state == LINK_UP;
}

void *redis_link_arg(const struct redis_link *link)
{
    return link->arg;
}

struct redis_link *redis_link_create(struct loop *loop, const struct redis_address *address,
                                     const struct redis_link_hooks *hooks, void *arg)
{
    static atomic_uint count;
    struct redis_link *link = xcalloc(1, sizeof *link);

    link->number = ++count;
    link->loop = loop;
    link->address = address;
    link->hooks = hooks;
    link->arg = arg;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->timer = timeout_create(loop, on_timer, link);
    link->deadline = timeout_create(loop, on_deadline, link);
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
    timeout_destroy(link->timer);
    timeout_destroy(link->deadline);
    loop_free(link->loop, link);
}
