/* One attempt: from a claim to a verdict. The message is made and signed right before it is sent,
 * all of it from copies, because the claim's rows are gone by then. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGE_BODY 102400 /* what Express takes by default */

void attempt_destroy(struct attempt *a)
{
    struct list *node;

    if (a == NULL)
        return;
    while ((node = list_pop(&a->members)) != NULL)
        attempt_destroy(CONTAINER_OF(node, struct attempt, node));
    fetch_cancel(a->fetch);
    message_fini(&a->message);
    buf_fini(&a->kept);
    free(a->url);
    free(a);
}

/* The attempt is over: it leaves the list of those being sent. */
static void end(struct attempt *a, enum attempt_error transport, int status)
{
    struct attempt_seen seen = {
        .transport = transport,
        .status = status,
        .retry_after = fetch_header(a->finish.response_head, "Retry-After"),
        .step = a->step,
        .once = a->finish.test,
        .now_ms = clock_wall_ms(),
        .rules = a->profile != NULL ? a->profile->rules : NULL,
        .head = a->finish.response_head,
        .body = a->finish.response_body,
    };
    struct verdict v = delivery_judge(&a->schedule, &seen);

    a->finish.state = v.state;
    a->finish.error = v.error;
    a->finish.delay_ms = v.delay_ms;
    a->finish.free = v.free;
    a->finish.code = status;
    a->disable = v.disable;
    a->ended_ms = clock_mono_ms();
    if (v.pause_ms > 0)
        feed_pause(a->worker, a->webhook, v.pause_ms);
    list_remove(&a->node);
    recorder_add(a->worker, a);
}

/* Keeps an answer in a buffer of the attempt's own: the result dies with its callback, and another's
 * may be recorded first. */
static void keep(struct attempt *a, struct str head, struct str body)
{
    buf_init(&a->kept, head.n + body.n);
    buf_add_str(&a->kept, head);
    buf_add_str(&a->kept, body);
    a->finish.request_head = (struct str){buf_text(&a->message.shown), a->message.shown.n};
    if (head.p == NULL)
        return;
    const char *p = buf_text(&a->kept);
    a->finish.response_head = (struct str){p, head.n};
    a->finish.response_body = (struct str){p + head.n, body.n};
}

/* Those that went in the same request share its outcome; each has its own place in its schedule. */
static void end_all(struct attempt *a, enum attempt_error transport, int status)
{
    struct list members, *node;

    list_init(&members);
    list_move_all(&members, &a->members);
    while ((node = list_pop(&members)) != NULL) {
        struct attempt *m = CONTAINER_OF(node, struct attempt, node);
        struct finish own = m->finish;
        m->finish = a->finish;
        m->finish.delivery = own.delivery;
        m->finish.token = own.token;
        m->finish.number = own.number;
        buf_add_str(&m->message.shown, buf_str(&a->message.shown));
        keep(m, a->finish.response_head, a->finish.response_body);
        memcpy(m->address, a->address, sizeof m->address);
        memcpy(m->error_text, a->error_text, sizeof m->error_text);
        m->finish.address = str_of(m->address);
        m->finish.error_text = str_of(m->error_text);
        end(m, transport, status);
    }
    end(a, transport, status);
}

/* `text`, and where a redirect led. PostgreSQL's text takes neither NUL nor what is not UTF-8, and
 * a receiver may send both. */
static void set_error_text(struct attempt *a, const char *text, struct str location)
{
    if (location.n > 0)
        snprintf(a->error_text, sizeof a->error_text, "%s: a redirect, not followed, to %.*s", text,
                 STR_FMT(location));
    else
        snprintf(a->error_text, sizeof a->error_text, "%s", text);
    for (char *p = a->error_text; *p != '\0'; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    a->finish.error_text = str_of(a->error_text);
}

static const enum attempt_error errors_of_outcomes[] = {
    [FETCH_ANSWERED] = ATTEMPT_OK,
    [FETCH_BAD_URL] = ATTEMPT_BAD_URL,
    [FETCH_DNS_FAILED] = ATTEMPT_DNS_FAILED,
    [FETCH_FORBIDDEN] = ATTEMPT_FORBIDDEN,
    [FETCH_CONNECT_FAILED] = ATTEMPT_CONNECT_FAILED,
    [FETCH_TLS_FAILED] = ATTEMPT_TLS_FAILED,
    [FETCH_TIMED_OUT] = ATTEMPT_TIMED_OUT,
    [FETCH_CONNECTION_LOST] = ATTEMPT_CONNECTION_LOST,
    [FETCH_BAD_RESPONSE] = ATTEMPT_BAD_RESPONSE,
    [FETCH_INTERNAL] = ATTEMPT_INTERNAL,
};

static void describe(struct attempt *a, const struct fetch_result *r)
{
    char said[80];
    struct str location = fetch_header(r->head, "Location");

    if (r->outcome != FETCH_ANSWERED) {
        set_error_text(a, r->error, (struct str){0});
    } else if (r->status < 200 || r->status > 299) {
        int n = snprintf(said, sizeof said, "the receiver answered %d", r->status);
        if (r->status == 413)
            snprintf(said + n, sizeof said - (size_t)n, " to a body of %zu bytes",
                     a->message.body.n);
        set_error_text(a, said, r->status <= 399 ? location : (struct str){0});
    }
}

static void on_fetched(void *arg, const struct fetch_result *r)
{
    struct attempt *a = arg;

    a->fetch = NULL;
    snprintf(a->address, sizeof a->address, "%s", r->address);
    a->finish.address = str_of(a->address);
    a->finish.dns_us = r->dns_us;
    a->finish.connect_us = r->connect_us;
    a->finish.tls_us = r->tls_us;
    a->finish.first_byte_us = r->first_byte_us;
    a->finish.total_us = r->total_us;
    describe(a, r);
    bool answered = r->outcome == FETCH_ANSWERED;
    keep(a, answered ? r->head : (struct str){0}, answered ? r->body : (struct str){0});
    a->finish.body_cut = answered && r->body_cut;
    end_all(a, errors_of_outcomes[r->outcome], r->status);
}

static struct attempt *attempt_create(struct worker *w, const struct claim *c, int64_t token)
{
    struct attempt *a = xcalloc(1, sizeof *a);

    a->worker = w;
    a->profile = profile_find(c->to.profile);
    a->webhook = c->to.webhook;
    a->schedule = c->schedule;
    a->step = (int)c->step;
    a->url = strndup(c->to.url.p, c->to.url.n);
    a->finish.delivery = c->content.delivery;
    a->finish.token = token;
    a->finish.test = c->content.test;
    a->finish.number = c->content.attempt;
    a->finish.started_ms = clock_wall_ms();
    a->finish.address = a->finish.error_text = STR_LIT("");
    list_init(&a->node);
    list_init(&a->members);
    message_init(&a->message);
    return a;
}

static int make_message(struct attempt *a, const struct claim *const *claims, size_t count,
                        const char **why)
{
    const struct content *contents[MESSAGE_EVENTS_MAX];

    assert(count <= MESSAGE_EVENTS_MAX);
    for (size_t i = 0; i < count; i++)
        contents[i] = &claims[i]->content;
    return message_make(&a->message, a->worker->settings, &claims[0]->to, contents, count,
                        clock_wall_ms(), why);
}

size_t attempt_start(struct worker *w, const struct claim *const *claims, size_t count,
                     int64_t token)
{
    struct attempt *a = attempt_create(w, claims[0], token);
    char id[ID_TEXT_SIZE];
    const char *why;

    list_push(&w->attempts, &a->node);
    w->in_flight++;
    int taken = make_message(a, claims, count, &why);
    for (int i = 1; i < taken; i++) {
        list_push(&a->members, &attempt_create(w, claims[i], token)->node);
        w->in_flight++;
    }
    if (taken < 0) {
        set_error_text(a, why, (struct str){0});
        keep(a, (struct str){0}, (struct str){0});
        end(a, taken == ERR_NOT_FOUND ? ATTEMPT_BAD_URL : ATTEMPT_INTERNAL, 0);
        return 1;
    }
    if (a->message.body.n > LARGE_BODY)
        log_warn("body_large", "delivery=%s bytes=%zu",
                 id_text(id, ID_DELIVERY, a->finish.delivery), a->message.body.n);
    struct fetch_request request = {
        .url = buf_text(&a->message.url),
        .head = buf_str(&a->message.head),
        .body = buf_str(&a->message.body),
        .timeout_ms = claims[0]->timeout_ms,
    };
    a->fetch = fetch_start(w->fetcher, &request, on_fetched, a);
    return (size_t)taken;
}
