/* A forward: the request to the program, then the answer to the API, which is tried until the API has it. */
#include "forward.h"

#include "answer.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/list.h"
#include "core/delivery.h"
#include "listen_line.h"
#include "show.h"
#include "value.h"

#include <stdlib.h>

#define CONNECTIONS_MAX 32
#define LOOKUPS_MAX     4
#define BODY_BYTES      ((size_t)8 << 20) /* what a message may have */
#define ANSWER_BYTES    ((size_t)1 << 20)
#define TEXT_BYTES      ((size_t)4096)
#define API_MS          30000
#define AGAIN_MS        500
#define AGAIN_MAX_MS    15000

struct forwarder {
    struct forwarder_config config;
    struct fetcher *programs, *api;
    struct list all; /* struct forward */
    struct timeout *late;
    bool done, answered;
    int asked; /* of forwarder_ask() */
};

struct forward {
    struct forwarder *forwarder;
    struct list node;
    struct fetch *fetch;
    struct timeout *again;
    int64_t attempt, pause_ms;
    struct buf delivery, event, type, sent_at;
    struct buf head, body;        /* of the request */
    struct buf url, keys, answer; /* what the API is told, and how */
};

static void forward_destroy(struct forward *f)
{
    struct buf *const texts[] = {&f->delivery, &f->event, &f->type, &f->sent_at, &f->head,
                                 &f->body,     &f->url,   &f->keys, &f->answer};

    fetch_cancel(f->fetch);
    timeout_destroy(f->again);
    list_remove(&f->node);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        buf_fini(texts[i]);
    f->forwarder->done = list_empty(&f->forwarder->all);
    free(f);
}

/* --- the answer, to the API ------------------------------------------------------------------- */

static void tell(struct forward *f);

static void on_told(void *arg, const struct fetch_result *r)
{
    struct forward *f = arg;
    bool over = r->outcome == FETCH_ANSWERED && !answer_may_pass(r->status);

    f->fetch = NULL;
    if (!over) {
        timeout_set(f->again, f->pause_ms);
        f->pause_ms = f->pause_ms * 2 < AGAIN_MAX_MS ? f->pause_ms * 2 : AGAIN_MAX_MS;
        return;
    }
    if (!status_is_success(r->status))
        show_note("%s: the answer was not kept (%d): it was answered or ended elsewhere",
                  buf_text(&f->delivery), r->status);
    forward_destroy(f);
}

static void tell(struct forward *f)
{
    f->fetch = fetch_start(f->forwarder->api,
                           &(struct fetch_request){.url = buf_text(&f->url),
                                                   .head = buf_str(&f->keys),
                                                   .body = buf_str(&f->answer),
                                                   .timeout_ms = API_MS},
                           on_told, f);
}

static void on_again(void *arg)
{
    tell(arg);
}

/* What the API calls what became of it, where there was no answer. */
static const char *const errors[] = {
    [FETCH_ANSWERED] = NULL,
    [FETCH_BAD_URL] = "connect_failed",
    [FETCH_BUSY] = "connect_failed",
    [FETCH_NO_FILE] = "connect_failed",
    [FETCH_NO_PROXY] = "connect_failed",
    [FETCH_DNS_FAILED] = "dns_failed",
    [FETCH_FORBIDDEN] = "connect_failed",
    [FETCH_CONNECT_FAILED] = "connect_failed",
    [FETCH_TLS_FAILED] = "tls_failed",
    [FETCH_TIMED_OUT] = "timed_out",
    [FETCH_CONNECTION_LOST] = "connection_lost",
    [FETCH_BAD_RESPONSE] = "bad_response",
    [FETCH_INTERNAL] = "connect_failed",
};

static void write_answer(struct forward *f, const struct fetch_result *r)
{
    struct jsonw w = jsonw_on(&f->answer);
    bool answered = r->outcome == FETCH_ANSWERED;

    jsonw_begin(&w, NULL, '{');
    jsonw_i64(&w, "attempt", f->attempt);
    jsonw_str(&w, "sent_at", buf_str(&f->sent_at));
    jsonw_i64(&w, "response_time_ms", r->total_us / 1000);
    if (answered) {
        jsonw_i64(&w, "response_code", r->status);
        jsonw_bytes(&w, "response_headers", r->head);
        jsonw_bytes(&w, "response_body", r->body);
    } else {
        jsonw_text(&w, "error", errors[r->outcome]);
        jsonw_str(&w, "error_message", str_cut(str_of(r->error), 200));
    }
    jsonw_end(&w, '}');
}

static void on_forwarded(void *arg, const struct fetch_result *r)
{
    struct forward *f = arg;
    bool answered = r->outcome == FETCH_ANSWERED;

    f->fetch = NULL;
    write_answer(f, r);
    listen_line_show(&(struct listen_line){.delivery = buf_str(&f->delivery),
                                           .event = buf_str(&f->event),
                                           .type = buf_str(&f->type),
                                           .attempt = f->attempt,
                                           .code = answered ? r->status : 0,
                                           .ms = r->total_us / 1000,
                                           .error = errors[r->outcome],
                                           .why = answered ? NULL : r->error},
                     f->forwarder->config.json);
    buf_fini(&f->body);
    tell(f);
}

/* --- the request, to the program -------------------------------------------------------------- */

static bool decode(struct buf *out)
{
    uint8_t *bytes = xcalloc(1, out->n + 1);
    ssize_t n = crypto_base64_decode(buf_str(out), bytes, out->n);

    buf_clear(out);
    if (n > 0)
        buf_add(out, bytes, (size_t)n);
    free(bytes);
    return n >= 0;
}

static bool read_member(struct buf *out, size_t max, struct str data, const char *name)
{
    buf_init(out, max);
    return value_text(out, data, name) && !out->overflow;
}

static bool read_delivery(struct forward *f, struct str data)
{
    bool good = read_member(&f->delivery, TEXT_BYTES, data, "id");

    good = read_member(&f->event, TEXT_BYTES, data, "event_id") && good;
    good = read_member(&f->type, TEXT_BYTES, data, "event_type") && good;
    good = read_member(&f->sent_at, TEXT_BYTES, data, "sent_at") && good;
    good = read_member(&f->head, ANSWER_BYTES, data, "headers") && good;
    good = read_member(&f->body, BODY_BYTES * 2, data, "body") && good;
    f->attempt = value_number(data, "attempt", 0);
    if (good && value_is(data, "headers_encoding", "base64"))
        good = decode(&f->head);
    if (good && value_is(data, "body_encoding", "base64"))
        good = decode(&f->body);
    return good && f->attempt > 0;
}

static void prepare_answer(struct forward *f)
{
    const struct client *client = f->forwarder->config.client;
    struct buf path;

    buf_init(&path, TEXT_BYTES);
    buf_add_text(&path, "/deliveries/");
    path_add(&path, buf_str(&f->delivery));
    buf_add_text(&path, "/answer");
    client_add_url(client, buf_str(&path), &f->url);
    client_add_head(client, &f->keys);
    buf_add_text(&f->keys, "Content-Type: application/json\r\n");
    buf_fini(&path);
}

static bool is_on_its_way(const struct forwarder *forwarder, struct str data)
{
    LIST_FOREACH(node, &forwarder->all)
    {
        struct forward *f = CONTAINER_OF(node, struct forward, node);
        if (value_is(data, "id", buf_text(&f->delivery)))
            return true;
    }
    return false;
}

void forwarder_take(struct forwarder *forwarder, struct str data)
{
    if (is_on_its_way(forwarder, data))
        return;
    struct forward *f = xcalloc(1, sizeof *f);
    f->forwarder = forwarder;
    f->pause_ms = AGAIN_MS;
    f->again = timeout_create(client_loop(forwarder->config.client), on_again, f);
    list_push(&forwarder->all, &f->node);
    buf_init(&f->url, TEXT_BYTES * 2);
    buf_init(&f->keys, TEXT_BYTES * 4);
    buf_init(&f->answer, ANSWER_BYTES);
    if (!read_delivery(f, data)) {
        show_error("a delivery of the stream cannot be read, and is left alone");
        forward_destroy(f);
        return;
    }
    prepare_answer(f);
    if (forwarder->config.url == NULL) {
        on_forwarded(f, &(struct fetch_result){
                            .outcome = FETCH_ANSWERED, .status = answer_fine, .error = ""});
        return;
    }
    f->fetch = fetch_start(forwarder->programs,
                           &(struct fetch_request){.url = forwarder->config.url,
                                                   .head = buf_str(&f->head),
                                                   .body = buf_str(&f->body),
                                                   .timeout_ms = forwarder->config.timeout_ms},
                           on_forwarded, f);
}

/* --- the forwarder ---------------------------------------------------------------------------- */

static bool any_address(void *arg, const struct sockaddr *address)
{
    (void)arg;
    (void)address;
    return true;
}

static struct fetcher *create_fetcher(const struct forwarder_config *config, const char *ca_file)
{
    return fetcher_create(
        client_loop(config->client),
        &(struct fetcher_config){.guard = any_address,
                                 .connections_max = CONNECTIONS_MAX,
                                 .dns = {.lookups_max = LOOKUPS_MAX, .per_owner = LOOKUPS_MAX},
                                 .ca_file = ca_file[0] != '\0' ? ca_file : NULL});
}

static void on_late(void *arg)
{
    struct forwarder *forwarder = arg;
    forwarder->done = forwarder->answered = true;
}

struct forwarder *forwarder_create(const struct forwarder_config *config)
{
    struct forwarder *forwarder = xcalloc(1, sizeof *forwarder);

    forwarder->config = *config;
    list_init(&forwarder->all);
    forwarder->programs = create_fetcher(config, client_profile(config->client)->ca_file);
    forwarder->api = create_fetcher(config, client_profile(config->client)->ca_file);
    forwarder->late = timeout_create(client_loop(config->client), on_late, forwarder);
    return forwarder;
}

void forwarder_destroy(struct forwarder *forwarder)
{
    if (forwarder == NULL)
        return;
    while (!list_empty(&forwarder->all))
        forward_destroy(CONTAINER_OF(forwarder->all.next, struct forward, node));
    fetcher_destroy(forwarder->programs);
    fetcher_destroy(forwarder->api);
    timeout_destroy(forwarder->late);
    free(forwarder);
}

static void run(struct forwarder *forwarder, const bool *until, int64_t ms)
{
    timeout_set(forwarder->late, ms);
    loop_run_until(client_loop(forwarder->config.client), until);
    timeout_clear(forwarder->late);
}

void forwarder_wait(struct forwarder *forwarder, int64_t ms)
{
    forwarder->done = list_empty(&forwarder->all);
    run(forwarder, &forwarder->done, ms);
}

static void on_asked(void *arg, const struct fetch_result *r)
{
    struct forwarder *forwarder = arg;

    forwarder->asked = r->status;
    forwarder->answered = true;
}

int forwarder_ask(struct forwarder *forwarder, const char *method, struct str path, int64_t ms)
{
    struct buf url, head;

    buf_init(&url, TEXT_BYTES * 2);
    buf_init(&head, TEXT_BYTES * 4);
    client_add_url(forwarder->config.client, path, &url);
    client_add_head(forwarder->config.client, &head);
    forwarder->asked = 0;
    forwarder->answered = false;
    struct fetch *fetch = fetch_start(
        forwarder->api,
        &(struct fetch_request){
            .url = buf_text(&url), .method = method, .head = buf_str(&head), .timeout_ms = ms},
        on_asked, forwarder);
    run(forwarder, &forwarder->answered, ms * 2);
    if (forwarder->asked == 0 && !forwarder->answered)
        fetch_cancel(fetch);
    buf_fini(&url);
    buf_fini(&head);
    return forwarder->asked;
}
