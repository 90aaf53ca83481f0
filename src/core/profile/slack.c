/* Profile `slack`: an attachment with blocks for each event, at Slack's incoming webhooks
 * (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). No secret and no id
 * goes there. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "core/signature.h"

#include <stdio.h>

/* https://docs.slack.dev/reference/block-kit/blocks/section-block */
enum {
    TEXT_MAX = 3000,
    FIELD_TEXT_MAX = 2000,
    NAME_UNITS_MAX = 200,
    SECTION_FIELDS = 10,
    FIELDS_MAX = 100, /* ten sections, far from the fifty blocks of a message */
};

bool slack_owns(struct str host, struct str path)
{
    return (str_eq_nocase(host, STR_LIT("hooks.slack.com")) ||
            str_eq_nocase(host, STR_LIT("hooks.slack-gov.com"))) &&
           str_starts(path, STR_LIT("/services/"));
}

/* https://docs.slack.dev/messaging/formatting-message-text#escaping */
static size_t escape(struct buf *out, const char **p, const char *end)
{
    const char *entity = **p == '&' ? "&amp;" : **p == '<' ? "&lt;" : **p == '>' ? "&gt;" : NULL;

    if (entity == NULL)
        return chat_copy(out, p, end);
    buf_add_text(out, entity);
    ++*p;
    return strlen(entity);
}

static size_t add_value(struct buf *out, struct str json, size_t limit)
{
    struct buf b;

    buf_init(&b, MESSAGE_BODY_MAX);
    chat_value(&b, json);
    size_t units = chat_add(out, buf_str(&b), escape, limit);
    buf_fini(&b);
    return units;
}

/* One line: the type, and whom it is about. */
static void add_summary(struct buf *out, const struct profile_input *in)
{
    static const char *const names[] = {"username", "name", "email"};
    size_t units = chat_add(out, in->type, escape, TEXT_MAX / 2);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str value = chat_member(body_shown(in), names[i]);
        if (value.p == NULL || json_kind(value) != JSON_STRING)
            continue;
        buf_add_text(out, ": ");
        add_value(out, value, TEXT_MAX - units - 2);
        return;
    }
}

static void add_mrkdwn(struct jsonw *w, const char *key, struct str text)
{
    jsonw_begin(w, key, '{');
    jsonw_text(w, "type", "mrkdwn");
    jsonw_str(w, "text", text);
    jsonw_end(w, '}');
}

static void add_field(struct jsonw *w, struct str key, struct str value)
{
    struct buf b;

    buf_init(&b, 4 * FIELD_TEXT_MAX + 16);
    buf_add_char(&b, '*');
    size_t units = add_value(&b, key, NAME_UNITS_MAX);
    buf_add_text(&b, "*\n");
    add_value(&b, value, FIELD_TEXT_MAX - units - 3);
    add_mrkdwn(w, NULL, buf_str(&b));
    buf_fini(&b);
}

static void begin_section(struct jsonw *w)
{
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "type", "section");
}

/* The title's section takes the first ten members; each ten more have their own. */
static void add_sections(struct jsonw *w, const struct profile_input *in, struct str title)
{
    struct json_iter it = {0};
    struct str key, value, shown = body_shown(in);
    bool object = json_kind(shown) == JSON_OBJECT;
    int i = 0;

    begin_section(w);
    add_mrkdwn(w, "text", title);
    if (object)
        json_iter_init(&it, shown);
    for (; object && i < FIELDS_MAX && json_iter_next(&it, &key, &value); i++) {
        if (i > 0 && i % SECTION_FIELDS == 0) {
            jsonw_end(w, ']');
            jsonw_end(w, '}');
            begin_section(w);
        }
        if (i % SECTION_FIELDS == 0)
            jsonw_begin(w, "fields", '[');
        add_field(w, key, value);
    }
    if (i > 0)
        jsonw_end(w, ']');
    jsonw_end(w, '}');
}

/* Data that is no object has no fields: it follows the title. */
static void add_title(struct buf *out, const struct profile_input *in)
{
    buf_add_char(out, '*');
    size_t units = chat_add(out, in->type, escape, TEXT_MAX / 2);
    buf_add_char(out, '*');
    if (json_kind(in->data) == JSON_OBJECT)
        return;
    buf_add_char(out, '\n');
    add_value(out, in->data, TEXT_MAX - units - 3);
}

/* --- a transform ------------------------------------------------------------------------------ */

/* A bold line, and what follows it. */
static size_t add_bold(struct buf *out, struct str template, struct str nothing,
                       struct transform *t, size_t limit)
{
    buf_add_char(out, '*');
    size_t units = transform_add(out, template, t, escape, limit);
    if (units == 0)
        units = chat_add(out, nothing, escape, limit);
    buf_add_text(out, "*\n");
    return units + 3;
}

static void add_chosen_title(struct buf *out, struct transform *t)
{
    const struct profile_input *in = t->in;
    struct str transform = in->options.transform;
    size_t units = add_bold(out, transform_at(transform, "/title"), in->type, t, TEXT_MAX / 2);

    transform_add(out, transform_at(transform, "/description"), t, escape, TEXT_MAX - units);
}

static void add_chosen_field(struct jsonw *w, struct transform *t, struct str field)
{
    struct buf b;

    buf_init(&b, (size_t)8 * FIELD_TEXT_MAX);
    size_t units = add_bold(&b, transform_at(field, "/name"), STR_LIT("-"), t, NAME_UNITS_MAX);
    if (transform_add(&b, transform_at(field, "/value"), t, escape, FIELD_TEXT_MAX - units) == 0)
        buf_add_char(&b, '-');
    add_mrkdwn(w, NULL, buf_str(&b));
    buf_fini(&b);
}

static void add_chosen_sections(struct jsonw *w, struct transform *t, struct str title)
{
    struct str fields = transform_at(t->in->options.transform, "/fields"), key, field;
    struct json_iter it = {0};
    int i = 0;

    begin_section(w);
    add_mrkdwn(w, "text", title);
    if (fields.p != NULL)
        json_iter_init(&it, fields);
    for (; fields.p != NULL && json_iter_next(&it, &key, &field); i++) {
        if (i % SECTION_FIELDS == 0) {
            if (i > 0)
                jsonw_end(w, ']');
            jsonw_end(w, '}');
            begin_section(w);
            jsonw_begin(w, "fields", '[');
        }
        add_chosen_field(w, t, field);
    }
    if (i > 0)
        jsonw_end(w, ']');
    jsonw_end(w, '}');
}

static void add_attachment(struct jsonw *w, struct transform *t, struct str summary)
{
    const struct profile_input *in = t->in;
    char colour[8], time[CLOCK_TEXT_SIZE];
    struct buf title;

    bool chosen = in->options.transform.p != NULL;

    buf_init(&title, 4 * TEXT_MAX + 16);
    if (chosen)
        add_chosen_title(&title, t);
    else
        add_title(&title, in);
    snprintf(colour, sizeof colour, "#%06X", (unsigned)transform_colour(t) & 0xffffff);
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "color", colour);
    jsonw_str(w, "fallback", summary);
    jsonw_begin(w, "blocks", '[');
    if (chosen)
        add_chosen_sections(w, t, buf_str(&title));
    else
        add_sections(w, in, buf_str(&title));
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "type", "context");
    jsonw_begin(w, "elements", '[');
    add_mrkdwn(w, NULL, str_of(clock_text(time, id_time_ms(in->event), CLOCK_MILLIS)));
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    buf_fini(&title);
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    struct transform t = {in, TRANSFORM_WALK_MAX};
    struct jsonw w = jsonw_on(body);
    struct buf summary;

    assert(count == 1);
    buf_init(&summary, 4 * TEXT_MAX + 16);
    if (transform_add(&summary, transform_at(in->options.transform, "/text"), &t, escape,
                      TEXT_MAX) == 0)
        add_summary(&summary, in);
    jsonw_begin(&w, NULL, '{');
    jsonw_str(&w, "text", buf_str(&summary));
    jsonw_begin(&w, "attachments", '[');
    add_attachment(&w, &t, buf_str(&summary));
    jsonw_end(&w, ']');
    jsonw_end(&w, '}');
    buf_fini(&summary);
    return 1;
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    struct head h = {head, masked};

    (void)in;
    (void)count;
    (void)body;
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"
                         "User-Agent: " PROFILE_USER_AGENT "\r\n"));
    return head_end(&h);
}

static const struct status_rule statuses[] = {
    {400, STATUS_FAILS},
    {403, STATUS_DISABLES},
    {404, STATUS_DISABLES},
    {410, STATUS_DISABLES},
};

static const struct profile_rules rules = {
    .statuses = statuses,
    .status_count = ARRAY_LEN(statuses),
    .waits_on_429 = true,
};

static const struct field options[] = TRANSFORM_OPTIONS;

const struct profile profile_slack = {
    .name = "slack",
    .about = "An incoming webhook of Slack's, which shows messages; its URL asks for it by itself.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .rules = &rules,
    .write_body = write_body,
    .write_head = write_head,
};
