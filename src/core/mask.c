/* URLs for those who may only read. */
#include "core/mask.h"

#include "core/webhook.h"

#define WORD_MAX   24
#define DIGITS_MAX 2 /* of a version; a random token has more, or capitals */
#define MASK       "***"

/* Tokens are random: long, or with capitals, or with digits among their letters. */
static bool is_word(struct str segment)
{
    size_t digits = 0;

    for (size_t i = 0; i < segment.n; i++) {
        char c = segment.p[i];
        bool letter = c >= 'a' && c <= 'z';
        if (str_is_digit(c))
            digits++;
        else if (!letter && c != '-' && c != '_' && c != '.')
            return false;
    }
    return segment.n <= WORD_MAX && digits <= DIGITS_MAX;
}

/* The part of `*rest` before the next `end`, which stays. */
static struct str take_until(struct str *rest, char end)
{
    const char *at = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;
    struct str part = {rest->p, at != NULL ? (size_t)(at - rest->p) : rest->n};

    rest->p += part.n;
    rest->n -= part.n;
    return part;
}

static void mask_path(struct buf *out, struct str path)
{
    while (path.n > 0) {
        if (path.p[0] == '/') {
            buf_add_char(out, '/');
            path = (struct str){path.p + 1, path.n - 1};
        }
        struct str segment = take_until(&path, '/');
        buf_add_str(out, is_word(segment) ? segment : STR_LIT(MASK));
    }
}

/* `query` begins with its question mark. A piece without a value may be a token itself. */
static void mask_query(struct buf *out, struct str query)
{
    struct str rest = {query.p + 1, query.n - 1}, pair;
    char before = '?';

    while (str_next(&rest, '&', &pair)) {
        struct str value = pair, name = take_until(&value, '=');
        if (pair.n == 0)
            continue;
        buf_add_char(out, before);
        if (value.n > 0 && is_word(name))
            buf_printf(out, "%.*s=", STR_FMT(name));
        buf_add_text(out, MASK);
        before = '&';
    }
}

void mask_url(struct buf *out, struct str url)
{
    static const struct str mark = STR_LIT("://");
    bool absolute = url.n > 0 && memmem(url.p, url.n, mark.p, mark.n) != NULL;
    struct str origin = absolute ? webhook_origin(url) : (struct str){url.p, 0};
    struct str rest = {url.p + origin.n, url.n - origin.n};
    struct str path = take_until(&rest, '?');

    bool login = origin.n > 0 && memchr(origin.p, '@', origin.n) != NULL;
    buf_add_str(out, login ? STR_LIT(MASK) : origin);
    mask_path(out, path);
    if (rest.n > 0)
        mask_query(out, rest);
}

/* RFC 9110 §10.2.2, §8.7; RFC 8288; and what browsers made of a meta element. */
static bool leads(struct str name)
{
    static const char *const names[] = {"Location", "Content-Location", "Link", "Refresh"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

void mask_head(struct buf *out, struct str head)
{
    struct str line;

    while (head.n > 0) {
        line = take_until(&head, '\n');
        struct str value = line, name = take_until(&value, ':');
        if (value.n > 0 && leads(name)) {
            buf_printf(out, "%.*s: ", STR_FMT(name));
            mask_url(out, str_trim((struct str){value.p + 1, value.n - 1}));
            buf_add_char(out, '\r');
        } else {
            buf_add_str(out, line);
        }
        if (head.n > 0) {
            buf_add_char(out, '\n');
            head = (struct str){head.p + 1, head.n - 1};
        }
    }
}

void mask_redirect(struct buf *out, struct str text)
{
    static const struct str before = STR_LIT("not followed, to ");
    const char *at = memmem(text.p, text.n, before.p, before.n);
    size_t n = at != NULL ? (size_t)(at - text.p) + before.n : text.n;

    buf_add_str(out, (struct str){text.p, n});
    mask_url(out, (struct str){text.p + n, text.n - n});
}
