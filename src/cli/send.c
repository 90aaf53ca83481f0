/* posthorn send and posthorn trigger: an event is published, and what became of it is waited for. */
#include "base/clock.h"
#include "base/jsonw.h"
#include "body.h"
#include "client.h"
#include "route.h"
#include "rows.h"
#include "show.h"
#include "value.h"

#define PATH_MAX_BYTES 4096
#define LOOK_FIRST_MS  100
#define LOOK_MAX_MS    2000

/* --- what became of it ------------------------------------------------------------------------ */

/* It has ended, is held, or was tried in vain: there is something to tell. */
static bool is_told(struct str delivery)
{
    struct str error = value_get(delivery, "error_code");
    return !value_is(delivery, "status", "pending") ||
           (error.n > 0 && json_kind(error) == JSON_STRING);
}

static void judge(struct str deliveries, bool *told, bool *delivered)
{
    struct json_iter it;
    struct str key, delivery;

    *told = *delivered = true;
    json_iter_init(&it, deliveries);
    while (json_iter_next(&it, &key, &delivery)) {
        *told = *told && is_told(delivery);
        *delivered = *delivered && value_is(delivery, "status", "delivered");
    }
}

static int show_end(const struct cli *cli, struct str list, bool told, bool delivered)
{
    static const struct column columns[] = {
        {"DELIVERY", "id", true},      {"WEBHOOK", "webhook_id", true},
        {"STATUS", "status", true},    {"CODE", "response_code", true},
        {"ERROR", "error_code", true}, {"NEXT", "next_attempt_at", true},
    };

    if (cli_flag(cli, "json") != NULL)
        show_json(list);
    else
        table_print(value_get(list, "data"), columns, ARRAY_LEN(columns));
    if (!told)
        show_note("Not all of them have an answer yet.");
    if (!delivered)
        show_note("posthorn trace DELIVERY says what happened to one.");
    return told && delivered ? STATUS_DONE : STATUS_NOT_SO;
}

/* Asks for its deliveries until all of its deliveries have something to tell, or `deadline_ms`. */
static int follow(struct cli *cli, struct str path, int64_t deadline_ms)
{
    struct str list;
    bool told = false, delivered = false;

    for (int64_t pause_ms = LOOK_FIRST_MS;;
         pause_ms = pause_ms * 2 < LOOK_MAX_MS ? pause_ms * 2 : LOOK_MAX_MS) {
        int status = client_call(cli->client,
                                 &(struct client_request){.method = "GET", .path = path}, &list);
        if (status != STATUS_DONE)
            return status;
        struct str deliveries = value_get(list, "data");
        if (deliveries.n > 0 && json_kind(deliveries) == JSON_ARRAY)
            judge(deliveries, &told, &delivered);
        if (told || clock_mono_ms() >= deadline_ms)
            return show_end(cli, list, told, delivered);
        client_pause(cli->client, pause_ms);
    }
}

static int wait_for(struct cli *cli, struct str accepted)
{
    struct buf path;
    int64_t seconds;

    if (!cli_number(cli, "wait-seconds", 1, 3600, 30, &seconds))
        return STATUS_USAGE;
    buf_init(&path, PATH_MAX_BYTES);
    buf_add_text(&path, "/deliveries?limit=250&event_id=");
    value_text(&path, accepted, "id");
    int status = follow(cli, buf_str(&path), clock_mono_ms() + seconds * 1000);
    buf_fini(&path);
    return status;
}

/* --- publishing ------------------------------------------------------------------------------- */

static int publish(struct cli *cli, struct str body)
{
    bool wait = cli_flag(cli, "wait") != NULL, json = cli_flag(cli, "json") != NULL;
    struct str accepted;
    int status =
        client_call(cli->client,
                    &(struct client_request){.method = "POST",
                                             .path = STR_LIT("/events"),
                                             .body = body,
                                             .idempotency_key = cli_flag(cli, "idempotency-key")},
                    &accepted);

    if (status != STATUS_DONE)
        return status;
    if (json && !wait)
        show_json(accepted);
    else if (!json)
        record_print(accepted);
    if (value_number(accepted, "deliveries", 1) == 0)
        show_note("No webhook wants this type: posthorn webhooks list shows what they want.");
    return wait ? wait_for(cli, accepted) : status;
}

static bool is_header_value(const char *value)
{
    for (; value != NULL && *value != '\0'; value++)
        if ((unsigned char)*value <= ' ' || (unsigned char)*value >= 0x7f)
            return false;
    return true;
}

static bool add_texts(struct jsonw *w, const struct cli *cli)
{
    static const struct {
        const char *flag, *member;
    } texts[] = {
        {"ordering-key", "ordering_key"},
        {"coalesce-key", "coalesce_key"},
        {"deliver-at", "deliver_at"},
        {"expires-at", "expires_at"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *value = cli_flag(cli, texts[i].flag);
        if (value != NULL && !str_is_utf8(str_of(value))) {
            show_error("--%s is not UTF-8", texts[i].flag);
            return false;
        }
        if (value != NULL)
            jsonw_text(w, texts[i].member, value);
    }
    return true;
}

static bool build(struct buf *body, const struct cli *cli, struct str data)
{
    struct jsonw w = jsonw_on(body);

    if (!str_is_utf8(str_of(cli->arguments[0]))) {
        show_error("TYPE is not UTF-8");
        return false;
    }
    if (!is_header_value(cli_flag(cli, "idempotency-key"))) {
        show_error("--idempotency-key must be visible ASCII characters");
        return false;
    }
    jsonw_begin(&w, NULL, '{');
    jsonw_text(&w, "type", cli->arguments[0]);
    jsonw_raw(&w, "data", data);
    bool ok = add_texts(&w, cli);
    jsonw_end(&w, '}');
    return ok;
}

static int publish_data(struct cli *cli, struct str data)
{
    struct buf body;
    int status = STATUS_USAGE;

    buf_init(&body, BODY_MAX * 2);
    if (build(&body, cli, data))
        status = publish(cli, buf_str(&body));
    buf_fini(&body);
    return status;
}

static int send_run(struct cli *cli)
{
    const char *given = cli_flag(cli, "data");
    struct buf data;
    int status = STATUS_USAGE;

    buf_init(&data, BODY_MAX);
    if (body_read(&data, "data", given != NULL ? given : "{}"))
        status = publish_data(cli, buf_str(&data));
    buf_fini(&data);
    return status;
}

/* --- the catalogue's example ------------------------------------------------------------------ */

static const struct route type_route = {.method = "GET", .path = "/event-types/{}"};

static int ask_type(struct cli *cli, struct str *type)
{
    int status = route_ask(cli, &type_route, type);

    if (status == STATUS_NOT_SO)
        show_note(
            "posthorn types list shows what is in the catalogue; posthorn send %s --data … needs none.",
            cli->arguments[0]);
    return status;
}

static int trigger_run(struct cli *cli)
{
    struct str type, example;
    struct buf data;
    int status = ask_type(cli, &type);

    if (status != STATUS_DONE)
        return status;
    example = value_get(type, "example");
    if (example.n == 0 || json_kind(example) != JSON_OBJECT) {
        show_error(
            "%s has no example in the catalogue that could be sent, an object: posthorn types update %s "
            "--example '{…}' gives it one; or posthorn send %s --data '{…}'",
            cli->arguments[0], cli->arguments[0], cli->arguments[0]);
        return STATUS_NOT_SO;
    }
    buf_init(&data, ANSWER_MAX);
    buf_add_str(&data, example); /* the answer goes with the next request */
    status = publish_data(cli, buf_str(&data));
    buf_fini(&data);
    return status;
}

/* --- the rows --------------------------------------------------------------------------------- */

#define SEND_FLAGS                                                                                \
    {"idempotency-key", "KEY", "sent twice with the same, it is one event", FLAG_TEXT, FLAG_OWN}, \
        {"ordering-key", "KEY", "events with the same go one after the other", FLAG_TEXT,         \
         FLAG_OWN},                                                                               \
        {"coalesce-key", "KEY", "it takes the place of what waits with the same", FLAG_TEXT,      \
         FLAG_OWN},                                                                               \
        {"deliver-at", "TIME", "not before then, 2026-01-02T03:04:05Z", FLAG_TEXT, FLAG_OWN},     \
        {"expires-at", "TIME", "not after then", FLAG_TEXT, FLAG_OWN},                            \
        {"wait", NULL, "wait for what each webhook answers; exit 1 if one failed", FLAG_SWITCH,   \
         FLAG_OWN},                                                                               \
    {                                                                                             \
        "wait-seconds", "N", "how long, at most (30)", FLAG_NUMBER, FLAG_OWN                      \
    }

static const struct flag send_flags[] = {
    {"data", "JSON", "the event's data, an object: JSON, @FILE, or - for standard input ({})",
     FLAG_JSON, FLAG_OWN},
    SEND_FLAGS,
};

static const struct flag trigger_flags[] = {SEND_FLAGS};

static const struct command rows[] = {
    {.name = "send",
     .arguments = "TYPE",
     .summary = "Publishes an event",
     .details =
         "With --wait the key must be one that may read, and --json prints the list of deliveries.\n",
     .example = "posthorn send user.created --data '{\"id\": 7}' --wait",
     FLAGS(send_flags),
     .run = send_run},
    {.name = "trigger",
     .arguments = "TYPE",
     .summary = "Publishes an event with the example that the catalogue has for its type",
     .example = "posthorn trigger user.created --wait",
     FLAGS(trigger_flags),
     .run = trigger_run},
};

const struct commands send_commands = {rows, ARRAY_LEN(rows)};
