/* posthorn listen: a program on this machine gets what its app is sent. The service holds everything until it has been
 * answered, so all that is done here may break off at any time. */
#include "core/delivery.h"
#include "follow.h"
#include "forward.h"
#include "io/url.h"
#include "listen_webhook.h"
#include "rows.h"
#include "show.h"

#include <stdio.h>

#define LAST_MS    3000 /* for what is on its way at the end */
#define PATH_BYTES ((size_t)1024)

struct listen {
    struct cli *cli;
    struct listen_webhook webhook;
    struct forwarder *forwarder;
};

/* --- the stream ------------------------------------------------------------------------------- */

static void on_event(void *arg, struct str name, struct str data)
{
    struct listen *l = arg;

    if (str_eq_text(name, "delivery"))
        forwarder_take(l->forwarder, data);
}

static int stream(struct listen *l)
{
    struct buf path;

    buf_init(&path, PATH_BYTES);
    buf_printf(&path, "/webhooks/%s/stream", buf_text(&l->webhook.id));
    int status = follow(l->cli->client, buf_str(&path), on_event, l);
    buf_fini(&path);
    return status;
}

/* --- the beginning and the end ---------------------------------------------------------------- */

/* A port, a host, or a whole URL. */
static bool read_target(const char *given, struct url *url)
{
    char text[URL_SIZE_MAX + 64];
    int64_t port;
    const char *why;
    const char *before = str_to_i64(str_of(given), 1, 65535, &port) ? "http://localhost:"
                         : strstr(given, "://") == NULL             ? "http://"
                                                                    : "";

    snprintf(text, sizeof text, "%s%s", before, given);
    if (url_parse(str_of(text), url, &why) == 0)
        return true;
    show_error("--forward-to must be a URL such as http://localhost:3000/hooks, or a port: it %s",
               why);
    return false;
}

static void say_begun(const struct listen *l, const char *to)
{
    const struct listen_webhook *w = &l->webhook;
    struct buf text;

    buf_init(&text, PATH_BYTES * 8);
    buf_printf(&text, "Listening as %.*s to %.*s", STR_FMT(w->name), STR_FMT(w->events));
    if (to != NULL)
        buf_printf(&text, ", forwarding to %s", to);
    if (w->secret.n > 0)
        buf_printf(&text, "\nIts secret, which is shown now only: %.*s", STR_FMT(w->secret));
    else
        buf_add_text(&text, "\nIts secret is the one from when it was made; --secret sets another");
    buf_add_text(&text, "\nCtrl-C ends this");
    show_note("%s", buf_text(&text));
    buf_fini(&text);
}

static void say_ended(struct listen *l)
{
    struct buf path;

    forwarder_wait(l->forwarder, LAST_MS);
    if (cli_flag(l->cli, "delete") == NULL) {
        show_note("What comes meanwhile waits for the next posthorn listen; "
                  "posthorn listen --delete ends that");
        return;
    }
    buf_init(&path, PATH_BYTES);
    buf_printf(&path, "/webhooks/%s", buf_text(&l->webhook.id));
    if (status_is_success(forwarder_ask(l->forwarder, "DELETE", buf_str(&path), LAST_MS)))
        show_note("The webhook is deleted");
    else
        show_error("the webhook %s could not be deleted: DELETE /v1/webhooks/%s does it",
                   buf_text(&l->webhook.name), buf_text(&l->webhook.id));
    buf_fini(&path);
}

static int run(struct cli *cli)
{
    static struct url to;
    const char *given = cli_flag(cli, "forward-to");
    struct listen l = {.cli = cli};

    if (given != NULL && !read_target(given, &to))
        return STATUS_USAGE;
    int status = listen_webhook_find(cli, &l.webhook);
    if (status == STATUS_DONE) {
        client_watch_signals(cli->client);
        l.forwarder =
            forwarder_create(&(struct forwarder_config){.client = cli->client,
                                                        .url = given != NULL ? to.text : NULL,
                                                        .timeout_ms = l.webhook.timeout_ms,
                                                        .json = cli_flag(cli, "json") != NULL});
        say_begun(&l, given != NULL ? to.text : NULL);
        status = stream(&l);
        if (status == STATUS_DONE)
            say_ended(&l);
        forwarder_destroy(l.forwarder);
    }
    listen_webhook_fini(&l.webhook);
    return status;
}

static const struct flag flags[] = {
    {"forward-to", "URL",
     "where each is sent on: http://localhost:3000/hooks, say, or a port; else all are shown and "
     "answered with 200",
     FLAG_TEXT, FLAG_OWN},
    {"events", "LIST", "which, with commas between: user.*,order.paid (all)", FLAG_LIST, FLAG_OWN},
    {"as", "PROFILE", "in which form, a webhook's profile: standard-webhooks, say (default)",
     FLAG_TEXT, FLAG_OWN},
    {"secret", "SECRET", "what they are signed with (one is made)", FLAG_TEXT, FLAG_OWN},
    {"webhook", "WEBHOOK",
     "the webhook to listen to, by id or uid (listen-HOSTNAME, which is made)", FLAG_TEXT,
     FLAG_OWN},
    {"delete", NULL, "delete the webhook at the end", FLAG_SWITCH, FLAG_OWN},
};

static const struct command rows[] = {
    {.name = "listen",
     .arguments = "",
     .summary = "Forwards what an app is sent to a program on this machine",
     .details =
         "Each event is sent to the program byte for byte as a webhook would have got it, and what it\n"
         "answers is kept in the history. Nothing is lost while this machine sleeps or is away: the\n"
         "service holds what was not answered, and it comes with the next connection. What has failed\n"
         "is not tried again by itself: POST /deliveries/{id}/retry sends it here once more.\n"
         "With --json a line of JSON for each. Ends with 0 on Ctrl-C.\n",
     .example = "posthorn listen --forward-to http://localhost:3000/hooks --events 'order.*'",
     FLAGS(flags),
     .run = run},
};

const struct commands listen_commands = {rows, ARRAY_LEN(rows)};
