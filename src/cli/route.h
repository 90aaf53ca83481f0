/* Commands that are one route of the API: what is asked is said by the table, and so is what is shown of the answer. */
#ifndef CLI_ROUTE_H
#define CLI_ROUTE_H

#include "command.h"
#include "table.h"

enum route_answer {
    ROUTE_RECORD,  /* an object */
    ROUTE_LIST,    /* {"data": […], "next_cursor": …}, or all pages of it with --all */
    ROUTE_NOTHING, /* it was done: `done` is said, with the first argument */
};

struct route {
    const char *method;
    const char *path; /* {} stands for the next argument */
    enum route_answer answer;
    const struct column *columns; /* of a list */
    size_t column_count;
    const char *done; /* "%s is gone" */
    const char *body; /* that is always the same; NULL: of flags, if there are any for it */
    const char
        *expect; /* what `status` of the answer must be, or it exits with 1; NULL: anything */
};

/* A row of the table: its name, arguments, summary, example and flags (an array; or none, PLAIN), and its route. */
#define ROUTE_PLAIN(NAME, ARGUMENTS, SUMMARY, EXAMPLE, ...)                                   \
    {                                                                                         \
        .name = (NAME), .arguments = (ARGUMENTS), .summary = (SUMMARY), .example = (EXAMPLE), \
        .run = route_run, .route = &(const struct route)                                      \
        {                                                                                     \
            __VA_ARGS__                                                                       \
        }                                                                                     \
    }
#define ROUTE_ROW(NAME, ARGUMENTS, SUMMARY, EXAMPLE, TABLE, ...)                              \
    {                                                                                         \
        .name = (NAME), .arguments = (ARGUMENTS), .summary = (SUMMARY), .example = (EXAMPLE), \
        FLAGS(TABLE), .run = route_run, .route = &(const struct route)                        \
        {                                                                                     \
            __VA_ARGS__                                                                       \
        }                                                                                     \
    }

#define COLUMNS(table) .columns = (table), .column_count = ARRAY_LEN(table)

/* The flags of lists, and that of bodies. */
#define LIST_FLAGS                                                                   \
    {"limit", "N", "how many, 1 to 250 (50)", FLAG_NUMBER, FLAG_QUERY},              \
        {"cursor", "CURSOR", "go on where next_cursor says", FLAG_TEXT, FLAG_QUERY}, \
    {                                                                                \
        "all", NULL, "page by page to the end", FLAG_SWITCH, FLAG_OWN                \
    }
#define DATA_FLAG                                                                          \
    {                                                                                      \
        "data", "JSON", "the whole body: JSON, @FILE, or - for standard input", FLAG_JSON, \
            FLAG_OWN                                                                       \
    }

int route_run(struct cli *cli);

/* Runs a route that takes the command's arguments. 0 and the answer's body, or an enum status. */
int route_ask(struct cli *cli, const struct route *route, struct str *body) MUST_CHECK;

#endif
