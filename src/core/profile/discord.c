/* Profile `discord`: an embed for each event, at Discord's incoming webhooks
 * (https://discord.com/developers/docs/resources/webhook#execute-webhook). No secret and no id goes
 * there. The API without a version is v6, whose times are in other units: v10 is called instead. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/host.h"
#include "base/jsonw.h"
#include "core/signature.h"

#define API "/api/v10/webhooks/"

/* https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
enum {
    CONTENT_MAX = 2000,
    TITLE_MAX = 256,
    DESCRIPTION_MAX = 4096,
    FIELDS_MAX = 25,
    NAME_MAX_UNITS = 256,
    VALUE_MAX = 1024,
    FOOTER_MAX = 2048,
    TOTAL_MAX = 6000,
    LINK_MAX = 500, /* of a longer one the rest is text, so that it can be cut */
};

/* --- addresses -------------------------------------------------------------------------------- */

static const char *const hosts[] = {"discord.com",        "discordapp.com",
                                    "ptb.discord.com",    "canary.discord.com",
                                    "ptb.discordapp.com", "canary.discordapp.com"};

static bool is_host(struct str host)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (str_eq_nocase(host, str_of(hosts[i])))
            return true;
    return false;
}

/* Takes "/api[/vN]/webhooks/" off the path; false if it does not begin so. */
static bool skip_api(struct str *path)
{
    struct str rest = *path, piece;

    if (!str_next(&rest, '/', &piece) || piece.n > 0 || !str_next(&rest, '/', &piece) ||
        !str_eq_text(piece, "api") || !str_next(&rest, '/', &piece))
        return false;
    if (piece.n > 1 && piece.p[0] == 'v' &&
        str_all_digits((struct str){piece.p + 1, piece.n - 1}) && !str_next(&rest, '/', &piece))
        return false;
    if (!str_eq_text(piece, "webhooks"))
        return false;
    *path = rest;
    return true;
}

/* What comes behind /api/webhooks/{id}/{token}, in `*last`; false if this is not such a path. */
static bool split_path(struct str path, struct str *last)
{
    struct str id, token;

    *last = (struct str){"", 0};
    if (!skip_api(&path) || !str_next(&path, '/', &id) || !str_all_digits(id) ||
        !str_next(&path, '/', &token) || token.n == 0)
        return false;
    *last = path;
    return true;
}

bool discord_owns(struct str host, struct str path)
{
    struct str last;
    return is_host(host) && split_path(path, &last) && last.n == 0;
}

bool discord_takes_slack(struct str host, struct str path)
{
    struct str last;
    return is_host(host) && split_path(path, &last) && str_eq_text(last, "slack");
}

/* `authority` of a URL: with or without a user and a port. */
static bool is_theirs(struct str authority)
{
    const char *at = memrchr(authority.p, '@', authority.n);
    struct host host;

    if (at != NULL)
        authority = (struct str){at + 1, (size_t)(authority.p + authority.n - at - 1)};
    return host_parse(authority, &host) && is_host(host.name);
}

/* What stands elsewhere at such a path is somebody's own, and has its own versions. */
static int rewrite_url(struct str url, struct buf *out)
{
    const char *scheme = memmem(url.p, url.n, "://", 3);
    if (scheme == NULL)
        return ERR_INVALID;
    const char *host = scheme + 3, *end = url.p + url.n;
    const char *slash = memchr(host, '/', (size_t)(end - host));
    struct str path = slash != NULL ? (struct str){slash, (size_t)(end - slash)} : (struct str){0};

    if (slash != NULL && is_theirs((struct str){host, (size_t)(slash - host)}) && skip_api(&path)) {
        buf_add(out, url.p, (size_t)(slash - url.p));
        buf_add_text(out, API);
        buf_add_str(out, path);
    } else {
        buf_add_str(out, url);
    }
    return out->overflow ? ERR_INVALID : 0;
}

/* --- text ------------------------------------------------------------------------------------- */

static bool begins_link(const char *p, const char *end)
{
    struct str rest = {p, (size_t)(end - p)};
    return str_starts(rest, STR_LIT("https://")) || str_starts(rest, STR_LIT("http://"));
}

/* Markdown's signs lose their meaning; inside of a link they never had one. */
static size_t escape(struct buf *out, const char **p, const char *end)
{
    size_t units = 0;

    if (begins_link(*p, end)) {
        while (*p < end && units < LINK_MAX && strchr(" \t\r\n<>`|", **p) == NULL)
            units += chat_copy(out, p, end);
        return units;
    }
    if (strchr("\\*_~`|<>#[]", **p) != NULL) {
        buf_add_char(out, '\\');
        units = 1;
    }
    return units + chat_copy(out, p, end);
}

/* A member with text of at most `limit` units; how many it took. */
static size_t add_text(struct jsonw *w, const char *key, struct str text, chat_escape *how,
                       size_t limit)
{
    struct buf b;

    buf_init(&b, MESSAGE_BODY_MAX);
    size_t units = chat_add(&b, text, how, limit);
    jsonw_str(w, key, buf_str(&b));
    buf_fini(&b);
    return units;
}

static size_t add_value(struct jsonw *w, const char *key, struct str json, size_t limit)
{
    struct buf b;

    buf_init(&b, MESSAGE_BODY_MAX);
    chat_value(&b, json);
    size_t units = add_text(w, key, buf_str(&b), escape, limit);
    buf_fini(&b);
    return units;
}

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void add_fields(struct jsonw *w, struct str data, size_t left)
{
    struct json_iter it;
    struct str key, value;

    jsonw_begin(w, "fields", '[');
    json_iter_init(&it, data);
    for (int i = 0; i < FIELDS_MAX && left >= 2 && json_iter_next(&it, &key, &value); i++) {
        jsonw_begin(w, NULL, '{');
        left -= add_value(w, "name", key, less(NAME_MAX_UNITS, left - 1));
        left -= add_value(w, "value", value, less(VALUE_MAX, left));
        jsonw_bool(w, "inline", true);
        jsonw_end(w, '}');
    }
    jsonw_end(w, ']');
}

/* The footer comes last and is counted first. */
static void add_embed(struct jsonw *w, const struct profile_input *in)
{
    struct str shown = body_shown(in), app = chat_member(shown, "appId");
    bool signed_off = app.p != NULL && json_kind(app) == JSON_STRING;
    size_t left = TOTAL_MAX;
    struct buf footer;
    struct jsonw f = jsonw_on(&footer);

    buf_init(&footer, MESSAGE_BODY_MAX);
    jsonw_begin(w, NULL, '{');
    left -= add_text(w, "title", in->type, escape, TITLE_MAX);
    jsonw_i64(w, "color", chat_colour(in->type));
    jsonw_time(w, "timestamp", id_time_ms(in->event), CLOCK_MILLIS);
    jsonw_begin(&f, NULL, '{');
    if (signed_off)
        left -= add_value(&f, "text", app, FOOTER_MAX);
    jsonw_end(&f, '}');
    if (json_kind(shown) == JSON_OBJECT)
        add_fields(w, shown, left);
    else
        add_value(w, "description", shown, DESCRIPTION_MAX);
    if (signed_off)
        jsonw_raw(w, "footer", buf_str(&footer));
    jsonw_end(w, '}');
    buf_fini(&footer);
}

/* --- a transform ------------------------------------------------------------------------------ */

/* A member of at most `limit` units; how many it took. What comes to nothing is `nothing`, or left out. */
static size_t add_transformed(struct jsonw *w, const char *key, struct str template,
                              struct transform *t, size_t limit, struct str nothing)
{
    struct buf b;

    buf_init(&b, MESSAGE_BODY_MAX);
    size_t units = transform_add(&b, template, t, escape, limit);
    if (units == 0)
        units = chat_add(&b, nothing, escape, limit);
    if (units > 0)
        jsonw_str(w, key, buf_str(&b));
    buf_fini(&b);
    return units;
}

static void add_chosen_fields(struct jsonw *w, struct transform *t, size_t left)
{
    struct str fields = transform_at(t->in->options.transform, "/fields"), key, field;
    struct json_iter it;

    if (fields.p == NULL)
        return;
    jsonw_begin(w, "fields", '[');
    json_iter_init(&it, fields);
    while (left >= 2 && json_iter_next(&it, &key, &field)) {
        struct str is_inline = transform_at(field, "/inline");
        jsonw_begin(w, NULL, '{');
        left -= add_transformed(w, "name", transform_at(field, "/name"), t,
                                less(NAME_MAX_UNITS, left - 1), STR_LIT("-"));
        left -= add_transformed(w, "value", transform_at(field, "/value"), t, less(VALUE_MAX, left),
                                STR_LIT("-"));
        jsonw_bool(w, "inline", is_inline.p == NULL || is_inline.p[0] == 't');
        jsonw_end(w, '}');
    }
    jsonw_end(w, ']');
}

static void add_chosen_embed(struct jsonw *w, struct transform *t)
{
    const struct profile_input *in = t->in;
    struct str transform = in->options.transform;
    size_t left = TOTAL_MAX;

    jsonw_begin(w, NULL, '{');
    left -= add_transformed(w, "title", transform_at(transform, "/title"), t, TITLE_MAX, in->type);
    jsonw_i64(w, "color", transform_colour(t));
    jsonw_time(w, "timestamp", id_time_ms(in->event), CLOCK_MILLIS);
    left -= add_transformed(w, "description", transform_at(transform, "/description"), t,
                            DESCRIPTION_MAX, STR_NONE);
    add_chosen_fields(w, t, left);
    jsonw_end(w, '}');
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    struct jsonw w = jsonw_on(body);
    struct transform t = {in, TRANSFORM_WALK_MAX};
    bool chosen = in->options.transform.p != NULL;

    assert(count == 1);
    jsonw_begin(&w, NULL, '{');
    if (chosen)
        add_transformed(&w, "content", transform_at(in->options.transform, "/text"), &t,
                        CONTENT_MAX, STR_NONE);
    jsonw_begin(&w, "embeds", '[');
    if (chosen)
        add_chosen_embed(&w, &t);
    else
        add_embed(&w, in);
    jsonw_end(&w, ']');
    jsonw_begin(&w, "allowed_mentions", '{');
    jsonw_begin(&w, "parse", '[');
    jsonw_end(&w, ']');
    jsonw_end(&w, '}');
    jsonw_end(&w, '}');
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
                         "User-Agent: DiscordBot (posthorn, " POSTHORN_VERSION ")\r\n"));
    return head_end(&h);
}

static const struct status_rule statuses[] = {
    {400, STATUS_FAILS},
    {401, STATUS_DISABLES},
    {403, STATUS_DISABLES},
    {404, STATUS_DISABLES},
};

static const struct profile_rules rules = {
    .statuses = statuses,
    .status_count = ARRAY_LEN(statuses),
    .waits_on_429 = true,
    .heeds_remaining = true,
};

static const struct field options[] = TRANSFORM_OPTIONS;

const struct profile profile_discord = {
    .name = "discord",
    .about =
        "An incoming webhook of Discord's, which shows messages; its URL asks for it by itself.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .rules = &rules,
    .rewrite_url = rewrite_url,
    .write_body = write_body,
    .write_head = write_head,
};
