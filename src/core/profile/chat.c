/* Events for people: what Discord and Slack have in common. Text within limits, values in one line,
 * a colour for each kind of event. */
#include "profile_internal.h"

static size_t character_size(char first)
{
    unsigned char c = (unsigned char)first;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

size_t chat_copy(struct buf *out, const char **p, const char *end)
{
    size_t n = character_size(**p);

    assert(n <= (size_t)(end - *p)); /* it is UTF-8 */
    buf_add(out, *p, n);
    *p += n;
    return n == 4 ? 2 : 1;
}

size_t chat_add(struct buf *out, struct str text, chat_escape *escape, size_t limit)
{
    const char *p = text.n > 0 ? text.p : "", *end = p + text.n;
    size_t units = 0, short_n = out->n, short_units = 0;

    while (p < end) {
        units += escape(out, &p, end);
        if (units > limit) {
            out->n = short_n;
            buf_add_text(out, limit > 0 ? "…" : "");
            return short_units + (limit > 0 ? 1 : 0);
        }
        if (units < limit) {
            short_n = out->n;
            short_units = units;
        }
    }
    return units;
}

bool chat_drop_blank(struct buf *out, size_t start)
{
    for (size_t i = start; i < out->n; i++)
        if (strchr(" \t\r\n", out->p[i]) == NULL)
            return false;
    out->n = start;
    return true;
}

void chat_value(struct buf *out, struct str json)
{
    size_t start = out->n;

    if (json_kind(json) != JSON_STRING || json_unquote(out, json) < 0) {
        out->n = start;
        int err = json_write_form(out, json, JSON_FORM_JS, JSON_BIGINT_VERBATIM);
        assert(err == 0); /* nothing is rejected here */
    }
    if (chat_drop_blank(out, start))
        buf_add_char(out, '-');
}

struct str chat_member(struct str data, const char *name)
{
    struct str found = {NULL, 0}, key, value;
    struct json_iter it;

    if (json_kind(data) != JSON_OBJECT)
        return found;
    json_iter_init(&it, data);
    while (json_iter_next(&it, &key, &value))
        if (str_eq_text((struct str){key.p + 1, key.n - 2}, name))
            found = value;
    return found;
}

/* Types by name: Authon's, whose documents name colours, and Marzban's own values. Then last words.
 * https://discord.js.org's palette where there is no value of their own. */
struct colour {
    const char *text;
    int rgb;
};

static const struct colour types[] = {
    {"user.login", 0x57f287},
    {"session.create", 0x57f287},
    {"user.ban", 0xed4245},
    {"license.delete", 0xed4245},
    {"user.register", 0x3498db},
    {"license.activate", 0x57f287},
    {"license.expire", 0xe67e22},
    {"file.download", 0x95a5a6},
    {"test", 0x5865f2},
    {"webhook.test", 0x5865f2},
    {"user_created", 0x00ff00},
    {"user_updated", 0x00ffff},
    {"data_usage_reset", 0x00ffff},
    {"data_reset_by_next", 0x00ffff},
    {"user_deleted", 0xff0000},
    {"subscription_revoked", 0xff0000},
    {"user_enabled", 0x9ae6b4},
    {"user_disabled", 0x424b59},
    {"user_limited", 0xf8a7a8},
    {"user_expired", 0xfbd38d},
};

static const struct colour words[] = {
    {"created", 0x57f287}, {"added", 0x57f287},    {"enabled", 0x57f287}, {"restored", 0x57f287},
    {"updated", 0x3498db}, {"modified", 0x3498db}, {"deleted", 0xed4245}, {"removed", 0xed4245},
    {"revoked", 0xed4245}, {"failed", 0xed4245},   {"lost", 0xed4245},    {"expired", 0xe67e22},
    {"limited", 0xe67e22}, {"disabled", 0xe67e22}};

#define COLOUR_UNKNOWN 0x95a5a6

int chat_colour(struct str type)
{
    size_t n = type.n;

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_text(type, types[i].text))
            return types[i].rgb;
    while (n > 0 && type.p[n - 1] != '.' && type.p[n - 1] != '_')
        n--;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_text((struct str){type.p + n, type.n - n}, words[i].text))
            return words[i].rgb;
    return COLOUR_UNKNOWN;
}
