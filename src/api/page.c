/* Query parameters and pages. A page's cursor is the id of its last row: pages hold whatever is
 * written meanwhile. */
#include "api_internal.h"

#include "base/clock.h"
#include "core/filter.h"

#include <stdio.h>
#include <stdlib.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decodes into the pool; p == NULL if it is malformed. */
static struct str decode(struct call *call, struct str s)
{
    char *out = call_alloc(call, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return (struct str){NULL, 0};
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    struct str decoded = {out, n};
    return str_is_utf8(decoded) ? decoded : (struct str){NULL, 0};
}

static int find(const char *const *names, struct str name)
{
    for (int i = 0; names[i] != NULL; i++)
        if (str_eq_text(name, names[i]))
            return i;
    return -1;
}

bool query_read(struct call *call)
{
    const char *const *names = call->route->query;
    struct str rest = call->query, pair, name;

    while (str_next(&rest, '&', &pair)) {
        if (pair.n == 0)
            continue;
        str_next(&pair, '=', &name); /* what is left of the pair is the value */
        struct str key = decode(call, name), value = decode(call, pair);
        int i = key.p != NULL ? find(names, key) : -1;
        const char *shown = key.p != NULL ? key.p : "query";
        if (i < 0 || call->values[i].p != NULL || value.p == NULL) {
            reply_invalid(call, shown,
                          i < 0                       ? "is not a parameter that is known here"
                          : call->values[i].p != NULL ? "is there twice"
                                                      : "is not well encoded");
            return false;
        }
        call->values[i] = value;
    }
    return true;
}

bool query_limit(struct call *call, struct str value, int *limit)
{
    int64_t n = *limit;
    if (value.p != NULL && !str_to_i64(value, 1, PAGE_LIMIT_MAX, &n)) {
        reply_invalid(call, "limit", "must be an integer between 1 and 250");
        return false;
    }
    *limit = (int)n;
    return true;
}

bool query_cursor(struct call *call, struct str value, const char *prefix, struct id *before)
{
    if (value.p == NULL || id_parse(value, prefix, before))
        return true;
    reply_invalid(call, "cursor", "is not a cursor of this list");
    return false;
}

bool query_enum(struct call *call, const char *name, struct str value, const char *const *names,
                int *out)
{
    char message[120] = "must be one of:";
    int i = value.p != NULL ? find(names, value) : *out;

    if (value.p == NULL || i >= 0) {
        *out = i;
        return true;
    }
    for (i = 0; names[i] != NULL; i++) {
        size_t n = strlen(message);
        snprintf(message + n, sizeof message - n, "%s %s", i > 0 ? "," : "", names[i]);
    }
    reply_invalid(call, name, message);
    return false;
}

bool query_time(struct call *call, const char *name, struct str value, int64_t *out)
{
    if (value.p == NULL || clock_parse(value, out))
        return true;
    reply_invalid(call, name, "must be an RFC 3339 timestamp");
    return false;
}

bool query_type(struct call *call, const char *name, struct str value)
{
    const char *wrong = value.p != NULL ? event_type_check(value) : NULL;
    if (wrong == NULL)
        return true;
    reply_invalid(call, name, wrong);
    return false;
}

void page_reply(struct call *call, const struct db_rows *rows, int limit, page_row *write_row,
                const char *prefix)
{
    struct jsonw *w = reply_begin(call);
    int count = db_count(rows), shown = count < limit ? count : limit;

    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < shown; i++)
        write_row(w, call->server->settings, rows, i);
    jsonw_end(w, ']');
    if (count > limit)
        jsonw_id(w, "next_cursor", prefix, db_id(rows, shown - 1, 0));
    else
        jsonw_null(w, "next_cursor");
    jsonw_end(w, '}');
    reply_send(call, 200);
}
