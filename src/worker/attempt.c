/* One attempt: from a claim to a verdict. The message is made and signed right before it is sent,
 * all of it from copies, because the claim's rows are gone by then. */
#include "worker_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "core/profile.h"
#include "core/signature.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADERS_TEXT_MAX 65536 /* twenty headers, sealed as JSON */
#define HEADER_BYTES_MAX 8192

void attempt_destroy(struct attempt *a)
{
    if (a == NULL)
        return;
    fetch_cancel(a->fetch);
    buf_fini(&a->head);
    buf_fini(&a->head_shown);
    buf_fini(&a->body);
    buf_fini(&a->response);
    free(a->url);
    free(a);
}

/* The attempt is over: it leaves the list of those being sent. */
static void end(struct attempt *a, enum attempt_error transport, int status, struct str retry_after)
{
    struct attempt_seen seen = {
        .transport = transport,
        .status = status,
        .retry_after = retry_after,
        .head = a->finish.response_head,
        .body = a->finish.response_body,
        .step = a->step,
        .once = a->finish.test,
        .now_ms = clock_wall_ms(),
    };
    struct verdict v = delivery_judge(&a->schedule, &seen);

    a->finish.state = v.state;
    a->finish.error = v.error;
    a->finish.delay_ms = v.delay_ms;
    a->finish.code = status;
    a->disable = v.disable;
    a->ended_ms = clock_mono_ms();
    list_remove(&a->node);
    recorder_add(a->worker, a);
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

/* Head and body go into one buffer, since the result dies with the callback. */
static void keep_response(struct attempt *a, const struct fetch_result *r)
{
    if (r->outcome != FETCH_ANSWERED)
        return;
    buf_init(&a->response, r->head.n + r->body.n);
    buf_add_str(&a->response, r->head);
    buf_add_str(&a->response, r->body);
    const char *p = buf_text(&a->response);
    a->finish.response_head = (struct str){p, r->head.n};
    a->finish.response_body = (struct str){p + r->head.n, r->body.n};
    a->finish.body_cut = r->body_cut;
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
    keep_response(a, r);
    end(a, errors_of_outcomes[r->outcome], r->status, fetch_header(r->head, "Retry-After"));
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

static int render(struct attempt *a, const struct claim *c, struct str secret, struct str previous)
{
    const struct profile *profile = profile_find(c->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    if (profile == NULL || profile_options_bind(&f, profile, c->profile_options, &options) < 0)
        return ERR_INVALID;
    struct profile_input in = {
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
    int rendered = profile->render(&in, 1, &a->head, &a->head_shown, &a->body);
    return rendered < 0 ? rendered : 0;
}

/* Opens what is sealed, makes the message, forgets what was opened. */
static int make_message(struct attempt *a, const struct claim *c)
{
    const struct settings *settings = a->worker->settings;
    const struct str none = {0};
    struct buf secret, previous, headers;
    int err;

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
    else if ((err = render(a, c, buf_str(&secret), buf_str(&previous))) < 0)
        set_error_text(a, "the event cannot be said in the webhook's profile", none);
    if (err == 0 && headers.n > 0)
        err = add_headers(a, buf_str(&headers));
    struct buf *const wiped[] = {&secret, &previous, &headers};
    for (size_t i = 0; i < ARRAY_LEN(wiped); i++) {
        crypto_wipe(wiped[i]->p, wiped[i]->n);
        buf_fini(wiped[i]);
    }
    return err;
}

static struct attempt *attempt_create(struct worker *w, const struct claim *c, int64_t token)
{
    struct attempt *a = xcalloc(1, sizeof *a);

    a->worker = w;
    a->webhook = c->webhook;
    a->schedule = c->schedule;
    a->step = (int)c->step;
    a->url = strndup(c->url.p, c->url.n);
    a->finish.delivery = c->delivery;
    a->finish.token = token;
    a->finish.test = c->test;
    a->finish.number = c->attempts + 1;
    a->finish.started_ms = clock_wall_ms();
    a->finish.address = a->finish.error_text = STR_LIT("");
    buf_init(&a->head, MESSAGE_HEAD_MAX);
    buf_init(&a->head_shown, MESSAGE_HEAD_MAX);
    buf_init(&a->body, MESSAGE_BODY_MAX);
    return a;
}

void attempt_start(struct worker *w, const struct claim *c, int64_t token)
{
    struct attempt *a = attempt_create(w, c, token);

    list_push(&w->attempts, &a->node);
    int err = make_message(a, c);
    a->finish.request_head = (struct str){buf_text(&a->head_shown), a->head_shown.n};
    if (err < 0) {
        end(a, ATTEMPT_INTERNAL, 0, (struct str){0});
        return;
    }
    struct fetch_request request = {
        .url = a->url,
        .head = buf_str(&a->head),
        .body = buf_str(&a->body),
        .timeout_ms = c->timeout_ms,
    };
    a->fetch = fetch_start(w->fetcher, &request, on_fetched, a);
}
