/* One attempt: from a claim to a verdict. The message is made and signed right before it is sent,
 * all of it from copies, because the claim's rows are gone by then. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "core/profile.h"
#include "core/signature.h"
#include "io/url.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADERS_TEXT_MAX 65536 /* twenty headers, sealed as JSON */
#define HEADER_BYTES_MAX 8192

void attempt_destroy(struct attempt *a)
{
    struct list *node;

    if (a == NULL)
        return;
    while ((node = list_pop(&a->members)) != NULL)
        attempt_destroy(CONTAINER_OF(node, struct attempt, node));
    fetch_cancel(a->fetch);
    buf_fini(&a->head);
    buf_fini(&a->head_shown);
    buf_fini(&a->body);
    buf_fini(&a->response);
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

/* Keeps texts in a buffer of the attempt's own: what they came from goes before it is recorded. */
static void keep(struct attempt *a, struct str request_head, struct str head, struct str body)
{
    buf_init(&a->response, request_head.n + head.n + body.n);
    buf_add_str(&a->response, request_head);
    buf_add_str(&a->response, head);
    buf_add_str(&a->response, body);
    const char *p = buf_text(&a->response);
    a->finish.request_head = (struct str){p, request_head.n};
    if (head.p == NULL)
        return;
    a->finish.response_head = (struct str){p + request_head.n, head.n};
    a->finish.response_body = (struct str){p + request_head.n + head.n, body.n};
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
        keep(m, a->finish.request_head, a->finish.response_head, a->finish.response_body);
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
    char said[32];
    struct str location = fetch_header(r->head, "Location");

    if (r->outcome != FETCH_ANSWERED) {
        set_error_text(a, r->error, (struct str){0});
    } else if (r->status < 200 || r->status > 299) {
        snprintf(said, sizeof said, "the receiver answered %d", r->status);
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
    keep(a, buf_str(&a->head_shown), answered ? r->head : (struct str){0},
         answered ? r->body : (struct str){0});
    a->finish.body_cut = answered && r->body_cut;
    end_all(a, errors_of_outcomes[r->outcome], r->status);
}

/* Adds the webhook's own headers, `{"name": "value"}`; history shows that they were sent, not what
 * they said. */
static int add_headers(struct attempt *a, struct str json)
{
    struct json_iter it;
    struct str key, value;
    struct buf b;
    int err = 0;

    buf_init(&b, HEADER_BYTES_MAX);
    json_iter_init(&it, json);
    while (err == 0 && json_iter_next(&it, &key, &value)) {
        buf_clear(&b);
        err = json_unquote(&b, key);
        if (err < 0)
            break;
        buf_printf(&a->head_shown, "%.*s: ***\r\n", STR_FMT(b));
        buf_add_text(&b, ": ");
        err = json_unquote(&b, value);
        buf_add_text(&b, "\r\n");
        buf_add_str(&a->head, buf_str(&b));
    }
    buf_fini(&b);
    return err;
}

/* The message of the first of `claims`, or of as many as the profile puts into one; how many, or
 * what is wrong. */
static int render(struct attempt *a, const struct claim *const *claims, size_t count,
                  struct str secret, struct str previous)
{
    struct profile_input in[ATTEMPT_MEMBERS_MAX];
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    if (a->profile == NULL ||
        profile_options_bind(&f, a->profile, claims[0]->profile_options, &options) < 0)
        return ERR_INVALID;
    for (size_t i = 0; i < count; i++) {
        const struct claim *c = claims[i];
        in[i] = (struct profile_input){
            .event = c->event,
            .test = c->test,
            .type = c->type,
            .data = c->data,
            .delivery = c->delivery,
            .attempt = (int)c->attempts + 1,
            .now_ms = clock_wall_ms(),
            .webhook = c->webhook,
            .options = options,
            .secret = secret,
            .previous_secret = previous,
        };
    }
    return a->profile->render(in, count, &a->head, &a->head_shown, &a->body);
}

/* Opens what is sealed, makes the message, forgets what was opened. How many of the claims are in
 * it, or what is wrong. */
static int make_message(struct attempt *a, const struct claim *const *claims, size_t count)
{
    const struct settings *settings = a->worker->settings;
    const struct claim *c = claims[0];
    const struct str none = {0};
    struct buf secret, previous, headers;
    int err, taken = 0;

    buf_init(&secret, SECRET_MAX);
    buf_init(&previous, SECRET_MAX);
    buf_init(&headers, HEADERS_TEXT_MAX);
    err = webhook_open(settings, c->webhook, c->sealed_secret, &secret);
    if (err == 0 && c->sealed_previous.p != NULL)
        err = webhook_open(settings, c->webhook, c->sealed_previous, &previous);
    if (err == 0 && c->sealed_headers.n > 0)
        err = webhook_open(settings, c->webhook, c->sealed_headers, &headers);
    if (err < 0)
        set_error_text(a, "the secret cannot be opened with this encryption key", none);
    else if ((taken = err = render(a, claims, count, buf_str(&secret), buf_str(&previous))) < 0)
        set_error_text(a, "the event cannot be said in the webhook's profile", none);
    if (err >= 0 && headers.n > 0)
        err = add_headers(a, buf_str(&headers));
    struct buf *const wiped[] = {&secret, &previous, &headers};
    for (size_t i = 0; i < ARRAY_LEN(wiped); i++) {
        crypto_wipe(wiped[i]->p, wiped[i]->n);
        buf_fini(wiped[i]);
    }
    return err < 0 ? err : taken;
}

static struct attempt *attempt_create(struct worker *w, const struct claim *c, int64_t token)
{
    struct attempt *a = xcalloc(1, sizeof *a);

    a->worker = w;
    a->profile = profile_find(c->profile);
    a->webhook = c->webhook;
    a->schedule = c->schedule;
    a->step = (int)c->step;
    a->url = strndup(c->url.p, c->url.n);
    a->finish.delivery = c->delivery;
    a->finish.token = token;
    a->finish.test = c->test;
    a->finish.number = c->attempts + 1;
    a->finish.started_ms = clock_wall_ms();
    a->finish.address = a->finish.error_text = a->finish.request_head = STR_LIT("");
    list_init(&a->node);
    list_init(&a->members);
    buf_init(&a->head, MESSAGE_HEAD_MAX);
    buf_init(&a->head_shown, MESSAGE_HEAD_MAX);
    buf_init(&a->body, MESSAGE_BODY_MAX);
    return a;
}

/* The URL that is really called. */
static int rewrite_url(struct attempt *a)
{
    struct buf url;

    if (a->profile->rewrite_url == NULL)
        return 0;
    buf_init(&url, URL_SIZE_MAX);
    int err = a->profile->rewrite_url(str_of(a->url), &url);
    if (err == 0) {
        free(a->url);
        a->url = xstrdup(buf_text(&url));
    }
    buf_fini(&url);
    return err;
}

bool attempt_takes_many(const struct claim *c)
{
    const struct profile *profile = profile_find(c->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    return profile != NULL && profile->body_max > 0 && !c->test &&
           profile_options_bind(&f, profile, c->profile_options, &options) == 0 &&
           options.envelope == ENVELOPE_ARRAY;
}

size_t attempt_start(struct worker *w, const struct claim *const *claims, size_t count,
                     int64_t token)
{
    const struct claim *c = claims[0];
    struct attempt *a = attempt_create(w, c, token);

    assert(count > 0 && count <= ATTEMPT_MEMBERS_MAX);
    list_push(&w->attempts, &a->node);
    w->in_flight++;
    int taken = make_message(a, claims, count);
    if (taken < 0) {
        keep(a, buf_str(&a->head_shown), (struct str){0}, (struct str){0});
        end(a, ATTEMPT_INTERNAL, 0);
        return 1;
    }
    for (int i = 1; i < taken; i++) {
        list_push(&a->members, &attempt_create(w, claims[i], token)->node);
        w->in_flight++;
    }
    if (rewrite_url(a) < 0) {
        set_error_text(a, "the address is none of the profile's service", (struct str){0});
        keep(a, buf_str(&a->head_shown), (struct str){0}, (struct str){0});
        end_all(a, ATTEMPT_BAD_URL, 0);
        return (size_t)taken;
    }
    struct fetch_request request = {
        .url = a->url,
        .head = buf_str(&a->head),
        .body = buf_str(&a->body),
        .timeout_ms = c->timeout_ms,
    };
    a->fetch = fetch_start(w->fetcher, &request, on_fetched, a);
    return (size_t)taken;
}
