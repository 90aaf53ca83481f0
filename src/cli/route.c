/* Commands that are a route. */
#include "route.h"

#include "body.h"
#include "client.h"
#include "show.h"
#include "value.h"

#define PATH_MAX_BYTES 8192
#define ALL_MAX        ((size_t)256 << 20)
#define ALL_LIMIT      "250"

/* --- asking ----------------------------------------------------------------------------------- */

static bool add_argument(struct buf *path, const char *argument)
{
    if (argument[0] == '\0' || strcmp(argument, ".") == 0 || strcmp(argument, "..") == 0) {
        show_error("'%s' names nothing", argument);
        return false;
    }
    path_add(path, str_of(argument));
    return true;
}

static bool build_path(struct buf *path, const struct cli *cli, const struct route *route)
{
    struct str rest = str_of(route->path), part;
    int next = 0;

    while (str_next(&rest, '{', &part)) {
        if (part.n > 0 && part.p[0] == '}') {
            if (!add_argument(path, cli->arguments[next++]))
                return false;
            part = (struct str){part.p + 1, part.n - 1};
        }
        buf_add_str(path, part);
    }
    return true;
}

static void add_query(struct buf *path, const struct cli *cli)
{
    for (size_t i = 0; i < cli->command->flag_count; i++) {
        const struct flag *flag = &cli->command->flags[i];
        const char *value = flag->place == FLAG_QUERY ? cli_flag(cli, flag->name) : NULL;
        char name[FLAG_NAME_SIZE];
        if (value != NULL)
            path_query(path, flag_api_name(flag, name), str_of(value));
    }
}

static bool needs_body(const struct cli *cli, const struct route *route)
{
    if (strcmp(route->method, "POST") != 0 && strcmp(route->method, "PATCH") != 0)
        return false;
    for (size_t i = 0; i < cli->command->flag_count; i++)
        if (cli->command->flags[i].place == FLAG_MEMBER)
            return true;
    return false;
}

static bool build_body(struct buf *body, const struct cli *cli, const struct route *route)
{
    if (route->body != NULL) {
        buf_add_text(body, route->body);
        return true;
    }
    if (!needs_body(cli, route))
        return true;
    if (!body_of_flags(body, cli))
        return false;
    if (body->n == 0 && strcmp(route->method, "PATCH") == 0) {
        show_error("nothing to change: say what by a flag, or by --data; see posthorn %s --help",
                   cli->command->name);
        return false;
    }
    if (body->n == 0)
        buf_add_text(body, "{}");
    return true;
}

/* What does not fit would be left out, and another thing asked. */
static bool fits(const struct buf *path)
{
    if (path->overflow)
        show_error("that is too long for a URL");
    return !path->overflow;
}

static bool build_whole_path(struct buf *path, const struct cli *cli, const struct route *route,
                             const char *cursor)
{
    if (!build_path(path, cli, route))
        return false;
    add_query(path, cli);
    if (cursor != NULL)
        path_query(path, "cursor", str_of(cursor));
    if (route->answer == ROUTE_LIST && cli_flag(cli, "all") != NULL &&
        cli_flag(cli, "limit") == NULL)
        path_query(path, "limit", STR_LIT(ALL_LIMIT));
    return fits(path);
}

static int ask(struct cli *cli, const struct route *route, const char *cursor, struct str *body)
{
    struct buf path, sent;
    int status = STATUS_USAGE;

    buf_init(&path, PATH_MAX_BYTES);
    buf_init(&sent, BODY_MAX);
    if (build_whole_path(&path, cli, route, cursor) && build_body(&sent, cli, route))
        status = client_call(cli->client,
                             &(struct client_request){.method = route->method,
                                                      .path = buf_str(&path),
                                                      .body = buf_str(&sent)},
                             body);
    buf_fini(&path);
    buf_fini(&sent);
    return status;
}

int route_ask(struct cli *cli, const struct route *route, struct str *body)
{
    return ask(cli, route, NULL, body);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* What is between the brackets of an array. */
static struct str inside(struct str array)
{
    if (array.n < 2 || json_kind(array) != JSON_ARRAY)
        return STR_NONE;
    struct str elements = {array.p + 1, array.n - 2};
    while (elements.n > 0 && strchr(" \t\r\n", elements.p[0]) != NULL) {
        elements.p++;
        elements.n--;
    }
    return elements;
}

static bool add_page(struct buf *all, struct str page)
{
    struct str rows = inside(value_get(page, "data"));

    if (rows.n > 0 && all->n > 1)
        buf_add_char(all, ',');
    buf_add_str(all, rows);
    if (!all->overflow)
        return true;
    show_error(
        "these are more than %zu MiB: ask for a part (--since, --until, or page by page with --cursor)",
        ALL_MAX >> 20);
    return false;
}

/* Page after page. The cursor of the next comes before the answer that has it goes. */
static int ask_all(struct cli *cli, const struct route *route, struct buf *all)
{
    struct buf cursor;
    struct str body;
    bool more = true;
    int status = STATUS_DONE;

    buf_init(&cursor, PATH_MAX_BYTES);
    buf_add_char(all, '[');
    for (const char *at = NULL; more && status == STATUS_DONE; at = buf_text(&cursor)) {
        status = ask(cli, route, at, &body);
        if (status != STATUS_DONE)
            break;
        if (!add_page(all, body))
            status = STATUS_NOT_SO;
        buf_clear(&cursor);
        more = value_text(&cursor, body, "next_cursor");
    }
    buf_add_char(all, ']');
    buf_fini(&cursor);
    return status;
}

static int show_all(struct cli *cli, const struct route *route)
{
    struct buf all;

    if (cli_flag(cli, "cursor") != NULL) {
        show_error("--all begins at the beginning: leave out --cursor");
        return STATUS_USAGE;
    }
    buf_init(&all, ALL_MAX);
    int status = ask_all(cli, route, &all);
    if (status == STATUS_DONE && cli_flag(cli, "json") == NULL) {
        table_print(buf_str(&all), route->columns, route->column_count);
    } else if (status == STATUS_DONE) {
        struct buf document;
        buf_init(&document, SIZE_MAX);
        buf_printf(&document, "{\"data\":%s,\"next_cursor\":null}", buf_text(&all));
        show_json(buf_str(&document));
        buf_fini(&document);
    }
    buf_fini(&all);
    return status;
}

static void show_page(const struct cli *cli, const struct route *route, struct str body)
{
    struct str data = value_get(body, "data");
    struct buf cursor;

    if (data.n > 0 && json_kind(data) == JSON_ARRAY)
        table_print(data, route->columns, route->column_count);
    buf_init(&cursor, PATH_MAX_BYTES);
    if (value_text(&cursor, body, "next_cursor"))
        show_note("There is more: posthorn %s … --cursor %s (or --all)", cli->command->name,
                  buf_text(&cursor));
    buf_fini(&cursor);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void say_done(const struct cli *cli, const struct route *route)
{
    struct buf text, clean;

    buf_init(&text, PATH_MAX_BYTES);
    buf_init(&clean, SIZE_MAX);
    buf_printf(&text, "%s %s\n", cli->arguments[0], route->done);
    show_clean(&clean, buf_str(&text), true);
    show_print(buf_str(&clean));
    buf_fini(&text);
    buf_fini(&clean);
}

int route_run(struct cli *cli)
{
    const struct route *route = cli->command->route;
    bool json = cli_flag(cli, "json") != NULL;
    struct str body;

    if (route->answer == ROUTE_LIST && cli_flag(cli, "all") != NULL)
        return show_all(cli, route);
    int status = route_ask(cli, route, &body);
    if (status != STATUS_DONE)
        return status;
    if (body.n > 0 && json)
        show_json(body);
    else if (json)
        show_json(STR_LIT("null"));
    else if (route->answer == ROUTE_NOTHING)
        say_done(cli, route);
    else if (route->answer == ROUTE_LIST)
        show_page(cli, route, body);
    else if (json_kind(body) == JSON_OBJECT)
        record_print(body);
    return route->expect == NULL || value_is(body, "status", route->expect) ? status
                                                                            : STATUS_NOT_SO;
}
