/* posthorn trace for who has no database: what the API knows of a delivery, a line for each fact in the order of time. */
#include "client.h"
#include "route.h"
#include "rows.h"
#include "show.h"
#include "value.h"

#define TEXT_MAX ((size_t)1 << 22)

static const struct route delivery_route = {.method = "GET", .path = "/deliveries/{}"};
static const struct route attempts_route = {.method = "GET",
                                            .path = "/deliveries/{}/attempts?limit=250"};

static void add(struct buf *out, struct str object, const char *path)
{
    value_show(out, value_get(object, path));
}

/* "2026-…Z  attempt 1: answered 503, 192.0.2.1:443, 12.3 ms" and what was wrong with it. */
static void add_attempt(struct buf *out, struct str attempt)
{
    add(out, attempt, "started_at");
    buf_add_text(out, "  attempt ");
    add(out, attempt, "number");
    buf_add_text(out, " ");
    add(out, attempt, "status");
    if (value_number(attempt, "response_code", 0) > 0) {
        buf_add_text(out, ", answered ");
        add(out, attempt, "response_code");
    }
    buf_add_text(out, ", ");
    add(out, attempt, "address");
    if (value_get(attempt, "error.message").n > 0) {
        buf_add_text(out, ": ");
        value_text(out, attempt, "error.message");
    }
    buf_add_char(out, '\n');
}

/* The API's are newest first. */
static void add_attempts(struct buf *out, struct str list)
{
    struct str rows[250], key, row;
    struct json_iter it;
    size_t count = 0;

    if (list.n == 0 || json_kind(list) != JSON_ARRAY)
        return;
    json_iter_init(&it, list);
    while (count < ARRAY_LEN(rows) && json_iter_next(&it, &key, &row))
        rows[count++] = row;
    bool newest_first = count > 1 && value_number(rows[0], "number", 0) >
                                         value_number(rows[count - 1], "number", 0);
    for (size_t i = 0; i < count; i++)
        add_attempt(out, rows[newest_first ? count - 1 - i : i]);
}

static void add_delivery(struct buf *out, struct str delivery)
{
    add(out, delivery, "created_at");
    buf_add_text(out, "  delivery ");
    add(out, delivery, "id");
    buf_add_text(out, " of ");
    add(out, delivery, "event_type");
    buf_add_char(out, ' ');
    add(out, delivery, "event_id");
    buf_add_text(out, " to webhook ");
    add(out, delivery, "webhook_id");
    buf_add_char(out, '\n');
}

static void add_end(struct buf *out, struct str delivery)
{
    static const struct {
        const char *member, *words;
    } facts[] = {
        {"completed_at", ", at "},
        {"next_attempt_at", ", next attempt at "},
        {"waiting_for", ", waits for another: "},
        {"last_error.message", ": "},
    };

    buf_add_text(out, "Now: ");
    add(out, delivery, "status");
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        struct str fact = value_get(delivery, facts[i].member);
        if (fact.n == 0 || json_kind(fact) == JSON_NULL)
            continue;
        buf_add_text(out, facts[i].words);
        value_show(out, fact);
    }
    buf_add_char(out, '\n');
}

static void print(struct str text)
{
    struct buf clean;

    buf_init(&clean, TEXT_MAX * 6);
    show_clean(&clean, text, true);
    show_print(buf_str(&clean));
    buf_fini(&clean);
}

static int trace_run(struct cli *cli)
{
    struct buf out, end;
    struct str answer;
    int status = route_ask(cli, &delivery_route, &answer);

    if (status != STATUS_DONE)
        return status;
    if (cli_flag(cli, "json") != NULL) {
        show_json(answer);
        return status;
    }
    buf_init(&out, TEXT_MAX);
    buf_init(&end, TEXT_MAX);
    add_delivery(&out, answer);
    add_end(&end, answer);
    status = route_ask(cli, &attempts_route, &answer);
    if (status == STATUS_DONE) {
        add_attempts(&out, value_get(answer, "data"));
        buf_add_str(&out, buf_str(&end));
        print(buf_str(&out));
    }
    buf_fini(&out);
    buf_fini(&end);
    return status;
}

static const struct command rows[] = {
    {.name = "trace",
     .arguments = "DELIVERY",
     .summary = "Shows what happened to a delivery, as a timeline",
     .details =
         "Where POSTHORN_DATABASE_URL is set, posthorn trace asks the database instead, which knows more.\n",
     .example = "posthorn trace del_01jz0q4v7k4e5t8q2m9r6x0c1a",
     .run = trace_run,
     .unless = "POSTHORN_DATABASE_URL"},
};

const struct commands trace_commands = {rows, ARRAY_LEN(rows)};
