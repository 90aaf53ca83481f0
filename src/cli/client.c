/* The client of the API: io's loop and fetcher, waited for. */
#include "client.h"

#include "answer.h"
#include "base/json.h"
#include "io/url.h"
#include "show.h"

#include <signal.h>
#include <stdlib.h>

#define URL_ROOM        8192
#define HEAD_MAX        8192
#define CONNECTIONS_MAX 4
#define LOOKUPS_MAX     4

struct client {
    struct profile profile;
    int64_t timeout_ms;
    struct loop *loop;
    struct fetcher *fetcher;
    struct timeout *pause;

    bool done; /* what is waited for has come */
    bool interrupted;
    struct fetch *op;
    const struct client_request *request;
    struct answer *answer;
    struct buf url, head, answer_head, answer_body, error;
};

/* --- its parts -------------------------------------------------------------------------------- */

/* Where to send a key is for its owner to say. */
static bool any_address(void *arg, const struct sockaddr *address)
{
    (void)arg;
    (void)address;
    return true;
}

static void on_stop(void *arg)
{
    struct client *client = arg;

    client->interrupted = true;
    client->done = true;
}

static void on_pause(void *arg)
{
    struct client *client = arg;
    client->done = true;
}

static bool url_is_good(const char *text)
{
    static struct url url;
    const char *why;

    if (url_parse(str_of(text), &url, &why) != 0)
        show_error("the API's URL (POSTHORN_URL, --url or the profile's) %s", why);
    else if (strchr(text, '?') != NULL)
        show_error("the API's URL (POSTHORN_URL, --url or the profile's) must have no query (a ?)");
    else
        return true;
    return false;
}

struct client *client_open(const struct profile *profile, int64_t timeout_ms)
{
    if (!url_is_good(profile->url))
        return NULL;
    struct client *client = xcalloc(1, sizeof *client);
    const char *ca_file = client->profile.ca_file;

    client->profile = *profile;
    client->timeout_ms = timeout_ms;
    client->loop = loop_create(on_stop, client);
    client->fetcher = fetcher_create(
        client->loop,
        &(struct fetcher_config){.guard = any_address,
                                 .connections_max = CONNECTIONS_MAX,
                                 .dns = {.lookups_max = LOOKUPS_MAX, .per_owner = LOOKUPS_MAX},
                                 .ca_file = ca_file[0] != '\0' ? ca_file : NULL});
    client->pause = timeout_create(client->loop, on_pause, client);
    buf_init(&client->url, URL_ROOM);
    buf_init(&client->head, HEAD_MAX);
    buf_init(&client->answer_head, FETCH_HEAD_MAX);
    buf_init(&client->answer_body, ANSWER_MAX);
    buf_init(&client->error, HEAD_MAX);
    return client;
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    fetcher_destroy(client->fetcher);
    timeout_destroy(client->pause);
    loop_destroy(client->loop);
    buf_fini(&client->url);
    buf_fini(&client->head);
    buf_fini(&client->answer_head);
    buf_fini(&client->answer_body);
    buf_fini(&client->error);
    free(client);
}

struct loop *client_loop(struct client *client)
{
    return client->loop;
}

const struct profile *client_profile(const struct client *client)
{
    return &client->profile;
}

/* --- a request -------------------------------------------------------------------------------- */

/* The base may end with /, and with /v1. */
void client_add_url(const struct client *client, struct str path, struct buf *url)
{
    struct str base = str_of(client->profile.url), version = STR_LIT("/v1");

    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    buf_add_str(url, base);
    if (base.n < version.n ||
        !str_eq((struct str){base.p + base.n - version.n, version.n}, version))
        buf_add_str(url, version);
    buf_add_str(url, path);
}

void client_add_head(const struct client *client, struct buf *head)
{
    buf_printf(head, "Authorization: Bearer %s\r\n", client->profile.key);
    buf_add_text(head, "User-Agent: posthorn/" POSTHORN_VERSION "\r\n");
    if (client->profile.app[0] != '\0')
        buf_printf(head, "X-App-Id: %s\r\n", client->profile.app);
}

static void build_head(struct client *client, const struct client_request *request)
{
    struct buf *head = &client->head;

    buf_clear(head);
    client_add_head(client, head);
    if (request->body.n > 0)
        buf_add_text(head, "Content-Type: application/json\r\n");
    if (request->idempotency_key != NULL)
        buf_printf(head, "Idempotency-Key: %s\r\n", request->idempotency_key);
    buf_add_str(head, request->head);
}

static struct str keep(struct buf *buf, struct str bytes)
{
    buf_clear(buf);
    buf_add_str(buf, bytes);
    return buf_str(buf);
}

static void on_answer(void *arg, const struct fetch_result *result)
{
    struct client *client = arg;
    struct answer *answer = client->answer;
    struct json_error error;

    client->op = NULL;
    client->done = true;
    answer->outcome = result->outcome;
    keep(&client->error, str_of(result->error));
    answer->error = buf_text(&client->error);
    answer->status = result->status;
    answer->head = keep(&client->answer_head, result->head);
    answer->body = keep(&client->answer_body, result->body);
    answer->cut = result->body_cut;
    answer->is_json =
        !answer->cut && answer->body.n > 0 && json_check(answer->body, JSON_DEPTH_MAX, &error) == 0;
    memcpy(answer->address, result->address, sizeof answer->address);
}

static bool on_data(void *arg, struct str data)
{
    struct client *client = arg;
    return !client->interrupted && client->request->on_data(client->request->arg, data);
}

void client_try(struct client *client, const struct client_request *request, struct answer *answer)
{
    assert(client->op == NULL);
    *answer = (struct answer){.interrupted = client->interrupted};
    if (client->interrupted)
        return;
    buf_clear(&client->url);
    client_add_url(client, request->path, &client->url);
    build_head(client, request);
    if (client->url.overflow || client->head.overflow) { /* nothing is asked by halves */
        answer->outcome = FETCH_BAD_URL;
        answer->error = "the URL, or the headers, would be too long";
        return;
    }
    client->request = request;
    client->answer = answer;
    client->done = false;
    client->op = fetch_start(
        client->fetcher,
        &(struct fetch_request){.url = buf_text(&client->url),
                                .method = request->method,
                                .head = buf_str(&client->head),
                                .body = request->body,
                                .body_max = ANSWER_MAX,
                                .timeout_ms = request->timeout_ms > 0 ? request->timeout_ms
                                                                      : client->timeout_ms,
                                .on_data = request->on_data != NULL ? on_data : NULL},
        on_answer, client);
    loop_run_until(client->loop, &client->done);
    fetch_cancel(client->op); /* interrupted: it is there still */
    client->op = NULL;
    answer->interrupted = client->interrupted;
}

int client_call(struct client *client, const struct client_request *request, struct str *body)
{
    struct answer answer;

    client_try(client, request, &answer);
    *body = answer.body;
    return answer_judge(&answer, &client->profile);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct loop *volatile to_stop;

static void on_signal(int number)
{
    (void)number;
    loop_stop(to_stop);
}

void client_watch_signals(struct client *client)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};

    to_stop = client->loop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool client_pause(struct client *client, int64_t ms)
{
    client->done = client->interrupted;
    timeout_set(client->pause, ms);
    loop_run_until(client->loop, &client->done);
    timeout_clear(client->pause);
    return !client->interrupted;
}

/* --- paths ------------------------------------------------------------------------------------ */

void path_add(struct buf *path, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (str_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~')
            buf_add_char(path, c);
        else
            buf_printf(path, "%%%02X", (unsigned char)c);
    }
}

void path_query(struct buf *path, const char *name, struct str value)
{
    buf_add_char(path, path->n > 0 && memchr(path->p, '?', path->n) != NULL ? '&' : '?');
    path_add(path, str_of(name));
    buf_add_char(path, '=');
    path_add(path, value);
}
