/* The message is made and signed right before it is sent, all of it from copies, because the claim's
 * rows are gone by then. */
#include "sending.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/header.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/profile.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGE_BODY  102400 /* what Express takes by default */
#define NO_FILE_MS  1000   /* until another look for one */
#define NO_PROXY_MS 1000

/* PostgreSQL's text takes neither NUL nor what is not UTF-8, and a receiver may send both. */
static void set_error_text(struct sending *s, const char *text)
{
    snprintf(s->error_text, sizeof s->error_text, "%s", text);
    for (char *p = s->error_text; *p != '\0'; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
}

/* Those that went in the same request share its outcome; each has its own place in its schedule. */
static void end(struct sending *s, enum attempt_error transport, struct finish *result)
{
    struct attempt_seen seen = {
        .transport = transport,
        .status = (int)result->code,
        .retry_after = header_find(result->response_head, "Retry-After"),
        .now_ms = clock_wall_ms(),
        .rules = s->rules,
        .head = result->response_head,
        .body = result->response_body,
    };

    result->started_ms = s->started_ms;
    result->gone = str_of(s->url);
    result->url = buf_str(&s->message.url);
    result->address = str_of(s->address);
    result->error_text = str_of(s->error_text);
    result->mark = s->message.mark;
    result->request_head = (struct str){buf_text(&s->message.masked), s->message.masked.n};
    LIST_FOREACH(node, &s->attempts)
    {
        struct attempt *a = CONTAINER_OF(node, struct attempt, node);
        attempt_end(a, result, &seen, &s->schedule);
        /* One request says one thing of its endpoint, with what frees the endpoint for the next. */
        if (a != s->teller)
            a->verdict.news = (struct gate_news){0};
    }
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

static const struct attempt *first_of(const struct sending *s)
{
    return CONTAINER_OF(s->attempts.next, struct attempt, node);
}

/* Which address it was is the operator's to know. */
static void tell_forbidden(struct sending *s, const struct fetch_result *r)
{
    char text[ATTEMPT_TEXT_SIZE], error[LOG_QUOTE_SIZE];

    metric_add(METRIC_ADDRESSES_FORBIDDEN, 1);
    log_bounded(LOG_LEVEL_INFO, "address_forbidden", "%s error=%s", attempt_text(text, first_of(s)),
                log_quote(error, r->error));
    snprintf(s->error_text, sizeof s->error_text, "%.*s",
             STR_FMT(attempt_error_text(ATTEMPT_FORBIDDEN, str_of(r->error))));
    s->address[0] = '\0';
}

static void describe(struct sending *s, const struct fetch_result *r)
{
    char text[sizeof s->error_text];
    struct str location = header_find(r->head, "Location");

    if (r->outcome == FETCH_FORBIDDEN) {
        tell_forbidden(s, r);
        return;
    }
    if (r->outcome == FETCH_ANSWERED)
        attempt_describe(text, sizeof text, r->status, location, message_body(&s->message).n);
    set_error_text(s, r->outcome == FETCH_ANSWERED ? text : r->error);
}

/* Keeps an answer, which dies with its callback. */
static void keep_answer(struct sending *s, const struct fetch_result *r, struct finish *result)
{
    if (r->outcome != FETCH_ANSWERED)
        return;
    buf_init(&s->answer, r->head.n + r->body.n);
    buf_add_str(&s->answer, r->head);
    buf_add_str(&s->answer, r->body);
    const char *p = buf_text(&s->answer);
    result->response_head = (struct str){p, r->head.n};
    result->response_body = (struct str){p + r->head.n, r->body.n};
    result->body_cut = r->body_cut;
}

static void forget_body(struct sending *s)
{
    message_forget_body(&s->message);
    if (s->payload != NULL)
        payload_release(s->payload);
    s->payload = NULL;
}

static bool nobody_was_asked(enum fetch_outcome outcome)
{
    return outcome == FETCH_BUSY || outcome == FETCH_NO_FILE || outcome == FETCH_NO_PROXY;
}

static void tell_left(struct sending *s, enum fetch_outcome outcome, const char *error)
{
    char text[ATTEMPT_TEXT_SIZE], app[ID_TEXT_SIZE];

    s->left = true;
    if (outcome == FETCH_NO_FILE) {
        s->pause_ms = NO_FILE_MS;
        metric_add(METRIC_FILES_MET, 1);
        metric_add(METRIC_PUT_BACK_FILES, (int64_t)s->count);
        log_bounded(LOG_LEVEL_WARN, "files_bounded", "why=\"%s\"", error);
    } else if (outcome == FETCH_NO_PROXY) {
        s->pause_ms = NO_PROXY_MS;
        metric_add(METRIC_PUT_BACK_PROXY, (int64_t)s->count);
        log_bounded(LOG_LEVEL_WARN, "proxy_unreachable", "why=\"%s\"", error);
    } else {
        metric_add(METRIC_PUT_BACK_LOOKUPS, (int64_t)s->count);
        log_bounded(LOG_LEVEL_WARN, "lookups_bounded", "app=%s why=\"%s\"",
                    id_text(app, ID_APP, s->app), error);
    }
    LIST_FOREACH(node, &s->attempts)
    {
        log_debug("attempt_left", "%s",
                  attempt_text(text, CONTAINER_OF(node, struct attempt, node)));
    }
}

static bool renew(struct sending *s, const struct fetch_result *r);

static void on_fetched(void *arg, const struct fetch_result *r)
{
    struct sending *s = arg;
    struct finish result = {
        .code = r->status,
        .dns_us = r->dns_us,
        .connect_us = r->connect_us,
        .tls_us = r->tls_us,
        .first_byte_us = r->first_byte_us,
        .total_us = r->total_us,
    };

    s->fetch = NULL;
    if (renew(s, r))
        return;
    if (nobody_was_asked(r->outcome)) {
        tell_left(s, r->outcome, r->error);
        s->cb(s->arg, s);
        return;
    }
    metric_observe(HISTOGRAM_ATTEMPT, r->total_us);
    snprintf(s->address, sizeof s->address, "%s", r->address);
    describe(s, r);
    keep_answer(s, r, &result);
    end(s, errors_of_outcomes[r->outcome], &result);
    message_forget_access(&s->message);
    forget_body(s); /* recording may take long, and bodies are large */
    s->cb(s->arg, s);
}

static void add_attempt(struct sending *s, const struct claim *claim, int64_t token)
{
    struct attempt *a = attempt_create(claim, token, s);

    if (claim->content.attempt == 1 && !claim->content.test)
        metric_observe(HISTOGRAM_FIRST_ATTEMPT,
                       (clock_wall_ms() - id_time_ms(claim->content.event)) * 1000);
    list_push(&s->attempts, &a->node);
    s->teller = a;
    s->count = ++s->sent;
}

static int make_message(struct sending *s, const struct settings *settings,
                        const struct claim *const *claims, size_t count, const char **why)
{
    const struct content **contents = xcalloc(count, sizeof *contents);

    for (size_t i = 0; i < count; i++)
        contents[i] = &claims[i]->content;
    int taken = message_make(&s->message, settings, &claims[0]->to, contents, count, s->started_ms,
                             s->payload != NULL ? &s->payload->bodies : NULL, why);
    free(contents);
    return taken;
}

static enum attempt_error error_of(int err)
{
    switch (err) {
    case ERR_INVALID:
        return ATTEMPT_UNSENDABLE;
    case ERR_NOT_FOUND:
        return ATTEMPT_BAD_URL;
    default:
        return ATTEMPT_INTERNAL;
    }
}

struct sending *sending_create(const struct settings *settings, const struct claim *const *claims,
                               size_t count, int64_t token, struct payload *payload)
{
    struct sending *s = xcalloc(1, sizeof *s);
    const struct claim *first = claims[0];
    const struct profile *profile = profile_find(first->to.profile);
    const char *why;

    list_init(&s->node);
    list_init(&s->attempts);
    s->app = first->ref.app;
    s->url = strndup(first->to.url.p, first->to.url.n);
    s->rules = profile != NULL ? profile->rules : NULL;
    s->schedule = first->schedule;
    s->timeout_ms = first->timeout_ms;
    s->started_ms = clock_wall_ms();
    message_init(&s->message);
    s->payload = payload;
    if (payload != NULL)
        payload_use(payload);
    int taken = make_message(s, settings, claims, count, &why);
    buf_trim(&s->message.body);
    /* Last those that the queue has in flight: when it hears of them, it has heard of all. */
    for (int along = 1; along >= 0; along--)
        for (int i = 0; i < (taken > 0 ? taken : 1); i++)
            if (claims[i]->along == along)
                add_attempt(s, claims[i], token);
    s->slot = s->teller->ref;
    if (taken < 0) {
        snprintf(s->error_text, sizeof s->error_text, "%s", why);
        end(s, error_of(taken), &(struct finish){0});
    }
    return s;
}

bool sending_has_ended(const struct sending *s)
{
    return first_of(s)->state == ATTEMPT_ENDED;
}

size_t sending_bytes(const struct sending *s)
{
    const struct message *m = &s->message;
    return m->url.cap + m->head.cap + m->masked.cap + m->body.cap + m->tls_text.cap +
           m->grant.url.cap + m->grant.head.cap + m->grant.body.cap + s->answer.cap;
}

static void move_all(struct sending *s, enum attempt_state to)
{
    LIST_FOREACH(node, &s->attempts)
    {
        attempt_move(CONTAINER_OF(node, struct attempt, node), to);
    }
}

static void next_step(struct sending *s);

static void announce(struct sending *s)
{
    char text[ATTEMPT_TEXT_SIZE];
    const struct attempt *a = first_of(s);
    size_t bytes = message_body(&s->message).n;

    if (bytes > LARGE_BODY)
        log_bounded(LOG_LEVEL_WARN, "body_large", "%s bytes=%zu", attempt_text(text, a), bytes);
    LIST_FOREACH(node, &s->attempts)
    {
        a = CONTAINER_OF(node, struct attempt, node);
        log_debug("attempt_start", "%s token=%016llx bytes=%zu", attempt_text(text, a),
                  (unsigned long long)a->finish.token, bytes);
    }
    next_step(s);
}

static void on_request(void *arg)
{
    move_all(arg, ATTEMPT_SENDING);
}

static bool needs_token(const struct sending *s)
{
    return s->message.grant.url.n > 0;
}

static int64_t left_ms(const struct sending *s)
{
    if (!needs_token(s))
        return s->timeout_ms;
    int64_t left = s->begun_ms + s->timeout_ms - clock_mono_ms();
    return left > 0 ? left : 1;
}

/* NULL: nothing is said of it. */
static const struct fetch_tls *set_tls(struct sending *s)
{
    const struct tls_settings *tls = &s->message.tls;

    if (s->message.tls_text.n == 0)
        return NULL;
    s->tls = (struct fetch_tls){tls->ca, tls->certificate, tls->key, tls->mark};
    return &s->tls;
}

static void post(struct sending *s, void (*on_request_begins)(void *arg))
{
    struct fetch_request request = {
        .url = buf_text(&s->message.url),
        .head = buf_str(&s->message.head),
        .body = message_body(&s->message),
        .owner = s->app,
        .tls = set_tls(s),
        .timeout_ms = left_ms(s),
        .on_request = on_request_begins,
    };

    s->fetch = fetch_start(s->fetcher, &request, on_fetched, s);
}

static void request(struct sending *s)
{
    move_all(s, ATTEMPT_RESOLVING);
    post(s, on_request);
}

/* --- a token of its own ----------------------------------------------------------------------- */

static void carry(struct sending *s, struct str token)
{
    s->bare = s->message.head.n;
    credentials_add_token(token, &s->message.head);
}

/* What stands behind the bare head, but for the header's name and type. */
static struct str carried(const struct sending *s)
{
    static const size_t before = sizeof "Authorization: Bearer " - 1, behind = sizeof "\r\n" - 1;
    const struct buf *head = &s->message.head;
    return (struct str){head->p + s->bare + before, head->n - s->bare - before - behind};
}

static void fail_token(struct sending *s, const struct grant_result *r)
{
    set_error_text(s, r->error);
    end(s, ATTEMPT_TOKEN_FAILED,
        &(struct finish){.total_us = (clock_mono_ms() - s->begun_ms) * 1000});
    message_forget_access(&s->message);
    forget_body(s);
    s->cb(s->arg, s);
}

static void on_token(void *arg, const struct grant_result *r)
{
    struct sending *s = arg;
    bool again = first_of(s)->state == ATTEMPT_SENDING;

    s->wait = NULL;
    if (r->token.p != NULL) {
        carry(s, r->token);
        if (again)
            post(s, NULL);
        else
            next_step(s);
    } else if (!again && nobody_was_asked(r->outcome)) {
        tell_left(s, r->outcome, r->error);
        s->cb(s->arg, s);
    } else {
        fail_token(s, r);
    }
}

static void ask(struct sending *s)
{
    struct grant_owner owner = {s->app, first_of(s)->webhook, left_ms(s)};
    s->wait = grants_start(s->grants, &s->message.grant, &owner, on_token, s);
}

static void authorize(struct sending *s)
{
    if (!needs_token(s)) {
        next_step(s);
        return;
    }
    s->begun_ms = clock_mono_ms();
    struct str token = grants_find(s->grants, &s->message.grant, first_of(s)->webhook);
    s->kept = token.p != NULL;
    if (!s->kept) {
        ask(s);
        return;
    }
    carry(s, token);
    next_step(s);
}

/* A 401 has used up the token, and one that was kept is no news of the receiver: once, another one is asked for, and the
 * request goes out again. */
static bool renew(struct sending *s, const struct fetch_result *r)
{
    if (!needs_token(s) || r->outcome != FETCH_ANSWERED || !status_asks_who(r->status))
        return false;
    grants_drop(s->grants, first_of(s)->webhook, carried(s));
    if (!s->kept)
        return false;
    s->kept = false;
    s->message.head.n = s->bare;
    ask(s);
    return true;
}

/* From a message to a request that is under way; each calls next_step(), now or when what it waits for has
 * come: until the last of them the attempts are `waiting`. */
static void (*const steps[])(struct sending *s) = {announce, authorize, request};

static void next_step(struct sending *s)
{
    assert(s->step < ARRAY_LEN(steps));
    steps[s->step++](s);
}

void sending_start(struct sending *s, struct fetcher *fetcher, struct grants *grants,
                   sending_cb *cb, void *arg)
{
    s->fetcher = fetcher;
    s->grants = grants;
    s->cb = cb;
    s->arg = arg;
    next_step(s);
}

void sending_destroy(struct sending *s)
{
    struct list *node;

    fetch_cancel(s->fetch);
    grants_cancel(s->wait);
    while ((node = list_pop(&s->attempts)) != NULL)
        free(CONTAINER_OF(node, struct attempt, node));
    forget_body(s);
    message_fini(&s->message);
    buf_fini(&s->answer);
    free(s->url);
    free(s);
}

void sending_forget(struct attempt *a)
{
    struct sending *s = a->sending;

    free(a);
    if (--s->count == 0)
        sending_destroy(s);
}
