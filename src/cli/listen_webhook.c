/* By --webhook, or by a uid of this machine's name, so that each time it is the same. */
#include "listen_webhook.h"

#include "answer.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "show.h"
#include "value.h"

#include <unistd.h>

#define NAME_BYTES ((size_t)256)
#define TEXT_BYTES 16384
#define BODY_BYTES 65536
#define UID_MAX    64
#define PREFIX     "listen-"
#define LISTEN_URL "listen:"

/* Of a host's name what a uid may have. */
static void add_host(struct buf *uid)
{
    char host[NAME_BYTES] = "";
    bool known = gethostname(host, sizeof host - 1) == 0 && host[0] != '\0';

    for (const char *p = known ? host : "here"; *p != '\0' && uid->n < UID_MAX; p++)
        buf_add(uid, str_is_alnum(*p) || *p == '.' || *p == '_' ? p : "-", 1);
}

static void write_events(struct jsonw *w, const char *given)
{
    struct str rest = str_of(given), event;

    jsonw_begin(w, "events", '[');
    while (str_next(&rest, ',', &event))
        jsonw_str(w, NULL, str_trim(event));
    jsonw_end(w, ']');
}

/* What was asked for by flags; of a new one all that it needs. */
static void write_body(struct buf *out, const struct cli *cli, const char *uid, bool fresh)
{
    const char *events = cli_flag(cli, "events"), *secret = cli_flag(cli, "secret"),
               *profile = cli_flag(cli, "as");
    struct jsonw w = jsonw_on(out);

    jsonw_begin(&w, NULL, '{');
    jsonw_text(&w, "url", LISTEN_URL);
    if (fresh || events != NULL)
        write_events(&w, events != NULL ? events : "*");
    if (fresh)
        jsonw_text(&w, "uid", uid);
    else
        jsonw_text(&w, "status", "listening");
    if (profile != NULL)
        jsonw_text(&w, "profile", profile);
    if (secret != NULL)
        jsonw_text(&w, "secret", secret);
    jsonw_end(&w, '}');
}

static int put(struct cli *cli, const char *method, struct str path, const char *uid,
               struct str *webhook)
{
    struct buf body;

    buf_init(&body, BODY_BYTES);
    write_body(&body, cli, uid, strcmp(method, "POST") == 0);
    int status = client_call(
        cli->client,
        &(struct client_request){.method = method, .path = path, .body = buf_str(&body)}, webhook);
    buf_fini(&body);
    return status;
}

static bool changes(const struct cli *cli, struct str webhook)
{
    return cli_flag(cli, "events") != NULL || cli_flag(cli, "secret") != NULL ||
           cli_flag(cli, "as") != NULL || value_is(webhook, "status", "disabled");
}

/* What there is under that name; 404 is `*missing` if it may be. */
static int get(struct cli *cli, struct str path, bool *missing, struct str *webhook)
{
    struct answer answer;

    client_try(cli->client, &(struct client_request){.method = "GET", .path = path}, &answer);
    *webhook = answer.body;
    if (*missing && !answer.interrupted && answer_is_missing(&answer))
        return STATUS_DONE;
    *missing = false;
    return answer_judge(&answer, client_profile(cli->client));
}

static int find_or_make(struct cli *cli, const char *name, struct str *webhook)
{
    bool missing = cli_flag(cli, "webhook") == NULL;
    struct buf path;

    buf_init(&path, NAME_BYTES * 4);
    buf_add_text(&path, "/webhooks/");
    path_add(&path, str_of(name));
    int status = get(cli, buf_str(&path), &missing, webhook);
    if (status == STATUS_DONE && missing) {
        status = put(cli, "POST", STR_LIT("/webhooks"), name, webhook);
    } else if (status == STATUS_DONE && !value_is(*webhook, "url", LISTEN_URL)) {
        show_error("the webhook %s has a URL, where all that it is sent goes: choose another by "
                   "--webhook, or leave that out and one is made",
                   name);
        status = STATUS_NOT_SO;
    } else if (status == STATUS_DONE && changes(cli, *webhook)) {
        status = put(cli, "PATCH", buf_str(&path), NULL, webhook);
    }
    buf_fini(&path);
    return status;
}

static void keep(const struct cli *cli, struct str json, struct listen_webhook *webhook)
{
    const char *secret = cli_flag(cli, "secret");

    value_text(&webhook->id, json, "id");
    if (!value_text(&webhook->name, json, "uid"))
        value_text(&webhook->name, json, "id");
    if (!value_text(&webhook->secret, json, "secret") && secret != NULL)
        buf_add_text(&webhook->secret, secret);
    value_show(&webhook->events, value_get(json, "events"));
    webhook->timeout_ms = value_number(json, "timeout_ms", 10000);
}

int listen_webhook_find(struct cli *cli, struct listen_webhook *webhook)
{
    const char *given = cli_flag(cli, "webhook");
    struct str json = STR_NONE;
    struct buf name;

    buf_init(&webhook->id, TEXT_BYTES);
    buf_init(&webhook->name, TEXT_BYTES);
    buf_init(&webhook->secret, TEXT_BYTES);
    buf_init(&webhook->events, TEXT_BYTES);
    buf_init(&name, NAME_BYTES);
    buf_add_text(&name, given != NULL ? given : PREFIX);
    if (given == NULL)
        add_host(&name);
    int status = find_or_make(cli, buf_text(&name), &json);
    if (status == STATUS_DONE)
        keep(cli, json, webhook);
    buf_fini(&name);
    return status;
}

void listen_webhook_fini(struct listen_webhook *webhook)
{
    buf_fini(&webhook->id);
    buf_fini(&webhook->name);
    buf_fini(&webhook->secret);
    buf_fini(&webhook->events);
}
