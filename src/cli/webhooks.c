/* posthorn webhooks: the routes of webhooks. */
#include "route.h"
#include "rows.h"

static const struct column columns[] = {
    {"ID", "id", true},         {"URL", "url", false},           {"EVENTS", "events", false},
    {"STATUS", "status", true}, {"CREATED", "created_at", true},
};

static const struct flag list_flags[] = {
    {"status", "STATUS", "only those: active, paused or disabled", FLAG_TEXT, FLAG_QUERY},
    LIST_FLAGS,
};

static const struct route list = {
    .method = "GET", .path = "/webhooks", .answer = ROUTE_LIST, COLUMNS(columns)};
static const struct route get = {.method = "GET", .path = "/webhooks/{}"};

static const struct command rows[] = {
    {.name = "webhooks list",
     .arguments = "",
     .summary = "Lists webhooks, newest first",
     .example = "posthorn webhooks list --status disabled",
     FLAGS(list_flags),
     .run = route_run,
     .route = &list},
    {.name = "webhooks get",
     .arguments = "WEBHOOK",
     .summary = "Shows a webhook, by its id or uid",
     .example = "posthorn webhooks get wh_01hzy3v7k4e5t8q2m9r6x0c1ab",
     .run = route_run,
     .route = &get},
};

const struct commands webhook_commands = {rows, ARRAY_LEN(rows)};
