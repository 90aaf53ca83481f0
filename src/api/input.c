/* Body, path and query, checked. */
#include "input.h"

#include "base/clock.h"
#include "base/json.h"
#include "core/filter.h"
#include "reply.h"

#include <inttypes.h>
#include <stdio.h>

#define BODY_DEPTH 32

/* Whatever it is called JSON is read: curl calls all that it sends a form. */
static bool is_form(struct str type)
{
    static const struct str kinds[] = {STR_LIT("application/x-www-form-urlencoded"),
                                       STR_LIT("multipart/form-data")};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (type.n >= kinds[i].n && str_eq_nocase((struct str){type.p, kinds[i].n}, kinds[i]))
            return true;
    return false;
}

/* Not JSON at all: of some of it one can say what it is. */
static void reply_unreadable(struct call *call, const struct json_error *error)
{
    struct str coding = call_header(call, "content-encoding");
    struct str type = call_header(call, "content-type");

    if (call->body.n == 0)
        reply_error(call, ERR_BAD_JSON, "The request has no body: send a JSON object");
    else if (coding.n > 0 && !str_eq_nocase(coding, STR_LIT("identity")))
        reply_error(call, ERR_MEDIA_TYPE,
                    "The body has a Content-Encoding: send it uncompressed, in JSON");
    else if (is_form(type))
        reply_error(call, ERR_MEDIA_TYPE,
                    "The body is a form: send a JSON object, with Content-Type: application/json");
    else
        reply_errorf(call, ERR_BAD_JSON, "At byte %zu: %s", error->offset, error->message);
}

bool input_json(struct call *call)
{
    struct json_error error;

    if (json_check(call->body, BODY_DEPTH, &error) == 0)
        return true;
    reply_unreadable(call, &error);
    return false;
}

bool input_bind(struct call *call, const struct field *table, size_t count, void *out)
{
    if (!input_json(call))
        return false;
    int err = fields_bind(&call->fields, table, count, call->body, "", out);
    call->table = table;
    call->given = call->fields.present | call->fields.nulls;
    if (err == ERR_BAD_REQUEST)
        reply_problems(call, err);
    return err != ERR_BAD_REQUEST;
}

bool input_is_fine(struct call *call)
{
    if (call->fields.problem_count == 0)
        return true;
    reply_problems(call, ERR_INVALID);
    return false;
}

bool input_body(struct call *call, const struct field *table, size_t count, void *out)
{
    return input_bind(call, table, count, out) && input_is_fine(call);
}

bool input_body_if_any(struct call *call, const struct field *table, size_t count, void *out)
{
    return call->body.n == 0 || input_body(call, table, count, out);
}

bool input_header(struct call *call, const char *name, struct str *out)
{
    char lower[32], detail[80];

    for (size_t i = 0; i <= strlen(name); i++) {
        assert(i < sizeof lower);
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    }
    *out = call_header(call, lower);
    if (!call_header_comes_twice(call, lower))
        return true;
    snprintf(detail, sizeof detail, "The header %s comes twice: send it once", name);
    reply_error(call, ERR_BAD_REQUEST, detail);
    return false;
}

bool input_id(struct call *call, int i, const char *prefix, struct id *id)
{
    if (id_parse(call->params[i], prefix, id))
        return true;
    reply_not_found(call);
    return false;
}

struct str input_map_json(struct call *call, const struct field_map *map)
{
    struct buf b;
    buf_init(&b, BODY_MAX);
    struct jsonw w = jsonw_on(&b);
    jsonw_begin(&w, NULL, '{');
    for (size_t i = 0; i < map->n; i++)
        jsonw_str(&w, map->at[i].key.p, map->at[i].value);
    jsonw_end(&w, '}');
    struct str json = call_copy(call, buf_str(&b));
    buf_fini(&b);
    return json;
}

/* --- the query -------------------------------------------------------------------------------- */

/* Percent-decodes into the pool; p == NULL if it is malformed. */
static struct str decode(struct call *call, struct str s)
{
    char *out = call_alloc(call, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = i + 2 < s.n ? str_hex(s.p[i + 1]) : -1;
            int low = high >= 0 ? str_hex(s.p[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return STR_NONE;
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    struct str decoded = {out, n};
    return str_is_utf8(decoded) ? decoded : STR_NONE;
}

static int find(const char *const *names, struct str name)
{
    for (int i = 0; names[i] != NULL; i++)
        if (str_eq_text(name, names[i]))
            return i;
    return -1;
}

/* What is wrong with a parameter, the route's `i`th or none (< 0); NULL: nothing. */
static const char *parameter_check(const struct call *call, struct str name, struct str value,
                                   int i)
{
    static const char encoding[] = "must be percent-encoded UTF-8";

    if (name.p == NULL)
        return encoding;
    if (i < 0)
        return "is not a parameter of this route: check its spelling";
    if (call->values[i].p != NULL)
        return "is given twice";
    return value.p == NULL ? encoding : NULL;
}

void input_query(struct call *call)
{
    struct str rest = call->query, pair, name;

    while (str_next(&rest, '&', &pair)) {
        if (pair.n == 0)
            continue;
        str_next(&pair, '=', &name);
        struct str key = decode(call, name), value = decode(call, pair); /* what is left of it */
        int i = key.p != NULL ? find(call->route->query, key) : -1;
        const char *wrong = parameter_check(call, key, value, i);
        if (wrong != NULL)
            fields_problem(&call->fields, key.p != NULL ? key.p : "query", wrong);
        else
            call->values[i] = value;
    }
}

struct str input_value(const struct call *call, const char *name)
{
    int i = find(call->route->query, str_of(name));
    assert(i >= 0);
    return call->values[i];
}

void input_i64(struct call *call, const char *name, int64_t min, int64_t max, int64_t *out)
{
    struct str value = input_value(call, name);
    char message[80];
    int64_t n;

    if (value.p == NULL)
        return;
    if (str_to_i64(value, min, max, &n)) {
        *out = n;
        return;
    }
    snprintf(message, sizeof message, "must be an integer between %" PRId64 " and %" PRId64, min,
             max);
    fields_problem(&call->fields, name, message);
}

void input_enum(struct call *call, const char *name, const char *const *names, int *out)
{
    struct str value = input_value(call, name);
    struct buf message;
    int i = value.p != NULL ? find(names, value) : *out;

    if (value.p == NULL || i >= 0) {
        *out = i;
        return;
    }
    buf_init(&message, 1000);
    for (i = 0; names[i] != NULL; i++)
        buf_printf(&message, "%s %s", i > 0 ? "," : "must be one of:", names[i]);
    fields_problem(&call->fields, name, buf_text(&message));
    buf_fini(&message);
}

void input_time(struct call *call, const char *name, int64_t *out)
{
    struct str value = input_value(call, name);
    int64_t ms;

    if (value.p == NULL)
        return;
    if (clock_parse(value, &ms))
        *out = ms;
    else
        fields_problem(&call->fields, name, CLOCK_PARSE_RULE);
}

void input_type(struct call *call, const char *name, struct str *out)
{
    struct str value = input_value(call, name);
    const char *wrong = value.p != NULL ? event_type_check(value) : NULL;

    if (wrong != NULL)
        fields_problem(&call->fields, name, wrong);
    else if (value.p != NULL)
        *out = value;
}

bool input_id_given(struct call *call, const char *name, const char *const *prefixes,
                    const char *rule, struct id *id)
{
    struct str value = input_value(call, name);

    for (; value.p != NULL && *prefixes != NULL; prefixes++)
        if (id_parse(value, *prefixes, id))
            return true;
    if (value.p != NULL)
        fields_problem(&call->fields, name, rule);
    return false;
}

bool input_webhook_given(struct call *call, struct id *id)
{
    return input_id_given(call, "webhook_id", (const char *[]){ID_WEBHOOK, NULL},
                          "must be the id or the uid of a webhook", id);
}
