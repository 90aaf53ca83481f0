/* posthorn sources: the routes of URLs at which other systems' own webhooks become events. */
#include "route.h"
#include "rows.h"

static const struct flag page_flags[] = {LIST_FLAGS};

static const struct column columns[] = {{"ID", "id", true},
                                        {"NAME", "name", false},
                                        {"KIND", "kind", true},
                                        {"SECRET", "has_secret", true},
                                        {"CREATED", "created_at", true}};

#define SOURCE_FLAGS                                                                               \
    {"name", "NAME", "for people", FLAG_TEXT, FLAG_MEMBER},                                        \
        {"secret", "SECRET", "what its requests are proved by", FLAG_TEXT, FLAG_MEMBER},           \
        {"type-prefix", "PREFIX", "what its types begin with", FLAG_TEXT, FLAG_MEMBER},            \
        {"options", "JSON", "where the type and data are, of some kinds", FLAG_JSON, FLAG_MEMBER}, \
        DATA_FLAG

static const struct flag create_flags[] = {
    {"kind", "KIND", "marzban, remnawave, github, stripe, shopify, standard-webhooks or generic",
     FLAG_TEXT, FLAG_MEMBER},
    SOURCE_FLAGS,
};

static const struct flag update_flags[] = {SOURCE_FLAGS};

static const struct flag rotate_flags[] = {
    {"overlap-seconds", "N", "how long the old URL is good too", FLAG_NUMBER, FLAG_MEMBER},
    DATA_FLAG,
};

#define SOURCE "src_01jz0q4v7k4e5t8q2m9r6x0c1a"

static const struct command rows[] = {
    ROUTE_ROW("sources list", "", "Lists sources, newest first", "posthorn sources list",
              page_flags, "GET", "/sources", ROUTE_LIST, COLUMNS(columns)),
    ROUTE_PLAIN("sources get", "SOURCE", "Shows a source", "posthorn sources get " SOURCE, "GET",
                "/sources/{}"),
    ROUTE_ROW("sources create", "", "Makes a URL for another system's webhooks, shown this once",
              "posthorn sources create --kind marzban --name panel --secret SECRET", create_flags,
              "POST", "/sources"),
    ROUTE_ROW("sources update", "SOURCE", "Changes a source",
              "posthorn sources update " SOURCE " --name panel", update_flags, "PATCH",
              "/sources/{}"),
    ROUTE_ROW("sources rotate", "SOURCE", "Gives a source a new URL, shown this once",
              "posthorn sources rotate " SOURCE " --overlap-seconds 3600", rotate_flags, "POST",
              "/sources/{}/rotate"),
    ROUTE_PLAIN("sources delete", "SOURCE", "Deletes a source: its URL is good for nothing then",
                "posthorn sources delete " SOURCE, "DELETE", "/sources/{}", ROUTE_NOTHING,
                .done = "is deleted"),
};

const struct commands source_commands = {rows, ARRAY_LEN(rows)};
