/* posthorn events, deliveries, issues, jobs: the routes of what was published and sent. */
#include "route.h"
#include "rows.h"

#define PERIOD_FLAGS                                                                \
    {"since", "TIME", "from then on, 2026-01-02T03:04:05Z", FLAG_TEXT, FLAG_QUERY}, \
    {                                                                               \
        "until", "TIME", "before then", FLAG_TEXT, FLAG_QUERY                       \
    }

static const struct column event_columns[] = {
    {"ID", "id", true}, {"TYPE", "type", false}, {"CREATED", "created_at", true}};

static const struct flag event_flags[] = {
    {"type", "TYPE", "only those of this type", FLAG_TEXT, FLAG_QUERY},
    PERIOD_FLAGS,
    LIST_FLAGS,
};

static const struct column explained_columns[] = {
    {"WEBHOOK", "webhook_id", true}, {"UID", "uid", false},       {"STATUS", "status", true},
    {"WANTED", "wanted", true},      {"BECAUSE", "reason", true}, {"BY", "filtered_by", false}};

static const struct flag explain_flags[] = {
    {"type", "TYPE", "the event's type", FLAG_TEXT, FLAG_MEMBER},
    {"with", "JSON", "its data, or @FILE", FLAG_JSON, FLAG_MEMBER, "data"},
    LIST_FLAGS,
};

static const struct column delivery_columns[] = {
    {"ID", "id", true},
    {"TYPE", "event_type", false},
    {"WEBHOOK", "webhook_id", true},
    {"STATUS", "status", true},
    {"CODE", "response_code", true},
    {"TRIES", "attempts", true},
    {"ERROR", "error_code", true},
    {"NEXT", "next_attempt_at", false},
    {"CREATED", "created_at", false},
};

static const struct flag delivery_flags[] = {
    {"status", "STATUS", "pending, delivered, failed, cancelled or held", FLAG_TEXT, FLAG_QUERY},
    {"webhook-id", "WEBHOOK", "only those to this webhook", FLAG_TEXT, FLAG_QUERY},
    {"event-id", "EVENT", "only those of this event", FLAG_TEXT, FLAG_QUERY},
    {"event-type", "TYPE", "only those of this type", FLAG_TEXT, FLAG_QUERY},
    {"response-code", "N", "only those last answered so", FLAG_TEXT, FLAG_QUERY},
    {"error-code", "CODE", "only those that failed so last", FLAG_TEXT, FLAG_QUERY},
    {"url-host", "HOST", "only those to this host", FLAG_TEXT, FLAG_QUERY},
    PERIOD_FLAGS,
    LIST_FLAGS,
};

static const struct column attempt_columns[] = {
    {"NO", "number", true},        {"STARTED", "started_at", true},
    {"STATUS", "status", true},    {"CODE", "response_code", true},
    {"ADDRESS", "address", false}, {"ERROR", "error.message", false},
};

static const struct flag page_flags[] = {LIST_FLAGS};

static const struct column job_columns[] = {
    {"ID", "id", true},           {"KIND", "kind", true}, {"STATUS", "status", true},
    {"MATCHED", "matched", true}, {"DONE", "done", true}, {"CREATED", "created_at", false},
};

static const struct flag job_flags[] = {
    {"kind", "KIND", "replay, retry, backfill, fanout, erase or settle", FLAG_TEXT, FLAG_QUERY},
    {"status", "STATUS", "waiting, running, done, cancelled or failed", FLAG_TEXT, FLAG_QUERY},
    LIST_FLAGS,
};

static const struct column issue_columns[] = {
    {"ID", "id", true},
    {"WEBHOOK", "webhook_id", true},
    {"ERROR", "error_code", true},
    {"CODE", "response_code", true},
    {"STATUS", "status", true},
    {"ATTEMPTS", "failed_attempts", true},
    {"GIVEN UP", "failed_deliveries", true},
    {"LAST", "last_failure_at", false},
};

static const struct flag issue_flags[] = {
    {"status", "STATUS", "open, acknowledged or resolved", FLAG_TEXT, FLAG_QUERY},
    {"webhook-id", "WEBHOOK", "only those of this webhook", FLAG_TEXT, FLAG_QUERY},
    LIST_FLAGS,
};

static const struct flag issue_update_flags[] = {
    {"status", "STATUS", "open, acknowledged or resolved", FLAG_TEXT, FLAG_MEMBER},
    DATA_FLAG,
};

#define ISSUE    "iss_01jz0q4v7k4e5t8q2m9r6x0c1a"
#define EVENT    "evt_01jz0q4v7k4e5t8q2m9r6x0c1a"
#define DELIVERY "del_01jz0q4v7k4e5t8q2m9r6x0c1a"
#define JOB      "job_01jz0q4v7k4e5t8q2m9r6x0c1a"

static const struct command rows[] = {
    ROUTE_ROW("events list", "", "Lists events, newest first",
              "posthorn events list --type user.created --since 2026-01-02T00:00:00Z", event_flags,
              "GET", "/events", ROUTE_LIST, COLUMNS(event_columns)),
    ROUTE_PLAIN("events get", "EVENT", "Shows an event, its data and its deliveries",
                "posthorn events get " EVENT, "GET", "/events/{}"),
    ROUTE_ROW("events explain", "",
              "Shows which webhooks would get an event, and what keeps it away",
              "posthorn events explain --type order.paid --with '{\"amount\": 7}'", explain_flags,
              "POST", "/events/explain", ROUTE_LIST, COLUMNS(explained_columns)),
    ROUTE_PLAIN(
        "events erase", "EVENT", "Erases an event's data; what waits to be sent is cancelled",
        "posthorn events erase " EVENT, "DELETE", "/events/{}", ROUTE_NOTHING, .done = "is erased"),
    ROUTE_ROW("deliveries list", "", "Lists deliveries, newest first",
              "posthorn deliveries list --status failed --all", delivery_flags, "GET",
              "/deliveries", ROUTE_LIST, COLUMNS(delivery_columns)),
    ROUTE_PLAIN("deliveries get", "DELIVERY", "Shows a delivery",
                "posthorn deliveries get " DELIVERY, "GET", "/deliveries/{}"),
    ROUTE_ROW("deliveries attempts", "DELIVERY",
              "Lists the attempts of a delivery; --json has all of them",
              "posthorn deliveries attempts " DELIVERY " --json", page_flags, "GET",
              "/deliveries/{}/attempts", ROUTE_LIST, COLUMNS(attempt_columns)),
    ROUTE_PLAIN("deliveries retry", "DELIVERY", "Sends a delivery again, now",
                "posthorn deliveries retry " DELIVERY, "POST", "/deliveries/{}/retry"),
    ROUTE_PLAIN("deliveries cancel", "DELIVERY", "Gives up a delivery that waits",
                "posthorn deliveries cancel " DELIVERY, "POST", "/deliveries/{}/cancel"),
    ROUTE_PLAIN("retry", "DELIVERY", "Sends a delivery again, now", "posthorn retry " DELIVERY,
                "POST", "/deliveries/{}/retry"),
    ROUTE_ROW("issues list", "", "Lists failures by webhook, error and code, last opened first",
              "posthorn issues list --status open", issue_flags, "GET", "/issues", ROUTE_LIST,
              COLUMNS(issue_columns)),
    ROUTE_PLAIN("issues get", "ISSUE", "Shows an issue, and what sends its deliveries again",
                "posthorn issues get " ISSUE, "GET", "/issues/{}"),
    ROUTE_ROW("issues update", "ISSUE", "Acknowledges, resolves or opens an issue",
              "posthorn issues update " ISSUE " --status resolved", issue_update_flags, "PATCH",
              "/issues/{}"),
    ROUTE_ROW("jobs list", "", "Lists what takes long, newest first",
              "posthorn jobs list --status running", job_flags, "GET", "/jobs", ROUTE_LIST,
              COLUMNS(job_columns)),
    ROUTE_PLAIN("jobs get", "JOB", "Shows how far a job is", "posthorn jobs get " JOB, "GET",
                "/jobs/{}"),
    ROUTE_PLAIN("jobs cancel", "JOB", "Ends a job; what it has done stays done",
                "posthorn jobs cancel " JOB, "DELETE", "/jobs/{}"),
};

const struct commands history_commands = {rows, ARRAY_LEN(rows)};
