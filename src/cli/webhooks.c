/* posthorn webhooks: the routes of webhooks. */
#include "route.h"
#include "rows.h"

#define WEBHOOK_FLAGS                                                                             \
    {"endpoint", "URL", "the URL that it is sent to", FLAG_TEXT, FLAG_MEMBER, "url"},             \
        {"events", "LIST", "what is sent: names, user.*, or *, with commas between", FLAG_LIST,   \
         FLAG_MEMBER},                                                                            \
        {"uid", "UID", "a name of your own for it", FLAG_TEXT, FLAG_MEMBER},                      \
        {"description", "TEXT", "for people", FLAG_TEXT, FLAG_MEMBER},                            \
        {"webhook-profile", "PROFILE",   "the form that the receiver gets",                       \
         FLAG_TEXT,         FLAG_MEMBER, "profile"},                                              \
        {"profile-options", "JSON", "of that profile", FLAG_JSON, FLAG_MEMBER},                   \
        {"filter", "JSON", "which data it wants, or @FILE", FLAG_JSON, FLAG_MEMBER},              \
        {"headers", "JSON", "more header lines, an object", FLAG_JSON, FLAG_MEMBER},              \
        {"auth", "JSON", "basic, bearer or oauth2", FLAG_JSON, FLAG_MEMBER},                      \
        {"secret", "SECRET", "what it is signed with, instead of a new one", FLAG_TEXT,           \
         FLAG_MEMBER},                                                                            \
        {"retry-schedule", "JSON", "seconds between attempts, [60,300]", FLAG_JSON, FLAG_MEMBER}, \
        {"timeout-ms", "N", "how long a receiver may take", FLAG_NUMBER, FLAG_MEMBER},            \
        {"rate-limit", "N", "requests a second", FLAG_NUMBER, FLAG_MEMBER},                       \
        {"concurrency", "N", "requests at once", FLAG_NUMBER, FLAG_MEMBER},                       \
        {"ordering", "ORDERING", "none or webhook", FLAG_TEXT, FLAG_MEMBER},                      \
        {"metadata", "JSON", "an object of your own", FLAG_JSON, FLAG_MEMBER}, DATA_FLAG

static const struct column columns[] = {
    {"ID", "id", true},         {"URL", "url", false},           {"EVENTS", "events", false},
    {"STATUS", "status", true}, {"CREATED", "created_at", true},
};

static const struct flag list_flags[] = {
    {"status", "STATUS", "only those: active, paused, disabled or listening", FLAG_TEXT,
     FLAG_QUERY},
    {"search", "TEXT", "only those whose uid, description or URL has it", FLAG_TEXT, FLAG_QUERY},
    {"needs-attention", "BOOL", "true: only those that are disabled, or not healthy", FLAG_TEXT,
     FLAG_QUERY},
    LIST_FLAGS,
};

static const struct flag create_flags[] = {
    WEBHOOK_FLAGS,
    {"secret-type", "TYPE", "of the one that is made: hmac or ed25519", FLAG_TEXT, FLAG_MEMBER},
};

static const struct flag update_flags[] = {
    WEBHOOK_FLAGS,
    {"status", "STATUS", "active, paused or disabled", FLAG_TEXT, FLAG_MEMBER},
};

static const struct flag test_flags[] = {
    {"type", "TYPE", "of the event (webhook.test)", FLAG_TEXT, FLAG_MEMBER},
    DATA_FLAG,
};

static const struct flag rotate_flags[] = {
    {"secret", "SECRET", "the new one, instead of one that is made", FLAG_TEXT, FLAG_MEMBER},
    {"overlap-seconds", "N", "how long the old one signs too", FLAG_NUMBER, FLAG_MEMBER},
    {"delay-seconds", "N", "how long until the new one signs", FLAG_NUMBER, FLAG_MEMBER},
    DATA_FLAG,
};

static const struct flag preview_flags[] = {
    {"event-id", "EVENT", "an event that there is", FLAG_TEXT, FLAG_MEMBER},
    {"type", "TYPE", "or the type of one that there is not", FLAG_TEXT, FLAG_MEMBER},
    DATA_FLAG,
};

#define WEBHOOK "wh_01jz0q4v7k4e5t8q2m9r6x0c1a"

static const struct command rows[] = {
    ROUTE_ROW("webhooks list", "", "Lists webhooks, newest first",
              "posthorn webhooks list --status disabled", list_flags, "GET", "/webhooks",
              ROUTE_LIST, COLUMNS(columns)),
    ROUTE_PLAIN("webhooks get", "WEBHOOK", "Shows a webhook, by its id or uid",
                "posthorn webhooks get " WEBHOOK, "GET", "/webhooks/{}"),
    ROUTE_ROW("webhooks create", "", "Makes a webhook, and shows its secret, this once",
              "posthorn webhooks create --endpoint https://example.com/hook --events 'user.*'",
              create_flags, "POST", "/webhooks"),
    ROUTE_ROW("webhooks update", "WEBHOOK", "Changes a webhook",
              "posthorn webhooks update " WEBHOOK " --concurrency 4", update_flags, "PATCH",
              "/webhooks/{}"),
    ROUTE_PLAIN("webhooks delete", "WEBHOOK", "Deletes a webhook; what waits for it is cancelled",
                "posthorn webhooks delete " WEBHOOK, "DELETE", "/webhooks/{}", ROUTE_NOTHING,
                .done = "is deleted"),
    ROUTE_ROW("webhooks test", "WEBHOOK", "Sends a test event and shows what the receiver answered",
              "posthorn webhooks test " WEBHOOK, test_flags, "POST", "/webhooks/{}/test",
              .expect = "delivered"),
    ROUTE_ROW("webhooks rotate", "WEBHOOK", "Gives a webhook a new secret, and shows it, this once",
              "posthorn webhooks rotate " WEBHOOK " --overlap-seconds 3600", rotate_flags, "POST",
              "/webhooks/{}/secret/rotate"),
    ROUTE_PLAIN("webhooks pause", "WEBHOOK", "Holds back what a webhook should get",
                "posthorn webhooks pause " WEBHOOK, "PATCH", "/webhooks/{}",
                .body = "{\"status\":\"paused\"}"),
    ROUTE_PLAIN("webhooks resume", "WEBHOOK",
                "Makes a paused or disabled webhook active, and sends what was held",
                "posthorn webhooks resume " WEBHOOK, "PATCH", "/webhooks/{}",
                .body = "{\"status\":\"active\"}"),
    ROUTE_ROW("webhooks preview", "WEBHOOK",
              "Shows the request that a webhook would get, and sends nothing",
              "posthorn webhooks preview " WEBHOOK " --type user.created", preview_flags, "POST",
              "/webhooks/{}/preview"),
};

const struct commands webhook_commands = {rows, ARRAY_LEN(rows)};
