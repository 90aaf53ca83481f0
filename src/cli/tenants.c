/* posthorn apps, keys, types: the routes of apps and of what is theirs besides webhooks. */
#include "route.h"
#include "rows.h"

static const struct flag page_flags[] = {LIST_FLAGS};

static const struct column app_columns[] = {{"ID", "id", true},
                                            {"UID", "uid", true},
                                            {"NAME", "name", false},
                                            {"CREATED", "created_at", true}};

static const struct flag app_flags[] = {
    {"name", "NAME", "for people", FLAG_TEXT, FLAG_MEMBER},
    {"uid", "UID", "a name of your own for it", FLAG_TEXT, FLAG_MEMBER},
    {"metadata", "JSON", "an object of your own", FLAG_JSON, FLAG_MEMBER},
    {"strict-types", "BOOL", "whether only types of the catalogue are taken", FLAG_BOOL,
     FLAG_MEMBER},
    {"validate", "BOOL", "whether events must fit their type's schema", FLAG_BOOL, FLAG_MEMBER},
    DATA_FLAG,
};

static const struct flag portal_flags[] = {
    {"name", "NAME", "whose it is, for the audit log", FLAG_TEXT, FLAG_MEMBER},
    {"scope", "SCOPE", "read, or manage for the webhooks too", FLAG_TEXT, FLAG_MEMBER},
    {"expires-in-seconds", "N", "how long it is good (an hour)", FLAG_NUMBER, FLAG_MEMBER},
    {"origins", "LIST", "whose pages may embed it, https://app.example.com", FLAG_LIST,
     FLAG_MEMBER},
    {"brand", "JSON", "name, logo_url, color, color_dark", FLAG_JSON, FLAG_MEMBER},
    DATA_FLAG,
};

static const struct column key_columns[] = {
    {"ID", "id", true},
    {"NAME", "name", false},
    {"SCOPE", "scope", true},
    {"APP", "app_id", true},
    {"LAST USED", "last_used_at", true},
    {"EXPIRES", "expires_at", true},
};

static const struct flag key_flags[] = {
    {"name", "NAME", "for people", FLAG_TEXT, FLAG_MEMBER},
    {"scope", "SCOPE", "read, publish, write or admin", FLAG_TEXT, FLAG_MEMBER},
    {"app-id", "APP", "whose it is (that of --app)", FLAG_TEXT, FLAG_MEMBER},
    {"expires-at", "TIME", "when it ends, 2026-01-02T03:04:05Z", FLAG_TEXT, FLAG_MEMBER},
    {"allowed-networks", "LIST", "from where it may be used, 10.0.0.0/8", FLAG_LIST, FLAG_MEMBER},
    {"requests-per-second", "N", "how often", FLAG_NUMBER, FLAG_MEMBER},
    DATA_FLAG,
};

static const struct column type_columns[] = {{"NAME", "name", true},
                                             {"DESCRIPTION", "description", false}};

#define TYPE_FLAGS                                                                               \
    {"description", "TEXT", "for people", FLAG_TEXT, FLAG_MEMBER},                               \
        {"schema", "JSON", "a JSON Schema of its data, or @FILE", FLAG_JSON, FLAG_MEMBER},       \
        {"example", "JSON", "data as it may be, or @FILE; posthorn trigger sends it", FLAG_JSON, \
         FLAG_MEMBER},                                                                           \
        DATA_FLAG

static const struct flag type_create_flags[] = {
    {"name", "TYPE", "the type, user.created", FLAG_TEXT, FLAG_MEMBER},
    TYPE_FLAGS,
};
static const struct flag type_update_flags[] = {TYPE_FLAGS};

#define APP "app_01jz0q4v7k4e5t8q2m9r6x0c1a"
#define KEY "key_01jz0q4v7k4e5t8q2m9r6x0c1a"

static const struct command rows[] = {
    ROUTE_ROW("apps list", "", "Lists apps, newest first", "posthorn apps list --all", page_flags,
              "GET", "/apps", ROUTE_LIST, COLUMNS(app_columns)),
    ROUTE_PLAIN("apps get", "APP", "Shows an app, by its id or uid", "posthorn apps get " APP,
                "GET", "/apps/{}"),
    ROUTE_ROW("apps create", "", "Makes an app",
              "posthorn apps create --name 'Customer 7' --uid customer-7", app_flags, "POST",
              "/apps"),
    ROUTE_ROW("apps update", "APP", "Changes an app",
              "posthorn apps update customer-7 --validate true", app_flags, "PATCH", "/apps/{}"),
    ROUTE_PLAIN("apps delete", "APP", "Deletes an app and all that is its",
                "posthorn apps delete " APP, "DELETE", "/apps/{}", ROUTE_NOTHING,
                .done = "is deleted"),
    ROUTE_ROW("apps portal", "APP", "Makes a link to the page of an app, shown this once",
              "posthorn apps portal customer-7 --scope manage", portal_flags, "POST",
              "/apps/{}/portal"),
    ROUTE_ROW("keys list", "", "Lists API keys, newest first", "posthorn keys list", page_flags,
              "GET", "/keys", ROUTE_LIST, COLUMNS(key_columns)),
    ROUTE_PLAIN("keys get", "KEY", "Shows what is known of an API key", "posthorn keys get " KEY,
                "GET", "/keys/{}"),
    ROUTE_ROW("keys create", "", "Makes an API key, and shows it, this once",
              "posthorn keys create --name ci --scope publish", key_flags, "POST", "/keys"),
    ROUTE_PLAIN("keys revoke", "KEY", "Ends an API key", "posthorn keys revoke " KEY, "DELETE",
                "/keys/{}", ROUTE_NOTHING, .done = "is revoked"),
    ROUTE_ROW("types list", "", "Lists the event types of the catalogue",
              "posthorn types list --all", page_flags, "GET", "/event-types", ROUTE_LIST,
              COLUMNS(type_columns)),
    ROUTE_PLAIN("types get", "TYPE", "Shows an event type", "posthorn types get user.created",
                "GET", "/event-types/{}"),
    ROUTE_ROW("types create", "", "Puts an event type into the catalogue",
              "posthorn types create --name user.created --example '{\"id\": 7}'",
              type_create_flags, "POST", "/event-types"),
    ROUTE_ROW("types update", "TYPE", "Changes an event type",
              "posthorn types update user.created --example @user.json", type_update_flags, "PATCH",
              "/event-types/{}"),
    ROUTE_PLAIN("types delete", "TYPE", "Takes an event type out of the catalogue",
                "posthorn types delete user.created", "DELETE", "/event-types/{}", ROUTE_NOTHING,
                .done = "is deleted"),
};

const struct commands tenant_commands = {rows, ARRAY_LEN(rows)};
