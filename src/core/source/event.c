/* Events, of what a body has in places that pointers lead to. */
#include "source_internal.h"

#include "base/json.h"
#include "core/filter.h"

#define KEY_TEXT_MAX 4096

const char *source_pointer_check(struct str pointer)
{
    if (pointer.n > 0 && pointer.p[0] != '/')
        return "must be empty, or a JSON Pointer such as /data/id";
    for (size_t i = 0; i < pointer.n; i++)
        if (pointer.p[i] == '~' &&
            (i + 1 == pointer.n || (pointer.p[i + 1] != '0' && pointer.p[i + 1] != '1')))
            return "must have ~0 for each ~ and ~1 for each / in a name (RFC 6901)";
    return NULL;
}

/* A name of a pointer, as it is meant. */
static void unescape(struct buf *out, struct str name)
{
    buf_clear(out);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '~' && i + 1 < name.n)
            buf_add_char(out, name.p[++i] == '0' ? '~' : '/');
        else
            buf_add_char(out, name.p[i]);
}

static bool is_name(struct str quoted, struct str name)
{
    struct buf text;

    if (memchr(quoted.p, '\\', quoted.n) == NULL)
        return str_eq((struct str){quoted.p + 1, quoted.n - 2}, name);
    buf_init(&text, KEY_TEXT_MAX);
    bool same = json_unquote(&text, quoted) == 0 && !text.overflow && str_eq(buf_str(&text), name);
    buf_fini(&text);
    return same;
}

static struct str member(struct str json, struct str name)
{
    struct str found = STR_NONE, key, value;
    struct json_iter it;
    int64_t index = -1, at = 0;

    if (json_kind(json) != JSON_OBJECT && json_kind(json) != JSON_ARRAY)
        return found;
    if (json_kind(json) == JSON_ARRAY && !str_to_i64(name, 0, INT32_MAX, &index))
        return found;
    json_iter_init(&it, json);
    for (; json_iter_next(&it, &key, &value); at++)
        if (index >= 0 ? at == index : is_name(key, name))
            found = value;
    return found;
}

struct str source_at(struct str json, struct str pointer)
{
    struct str rest = pointer, name;
    struct buf text;

    buf_init(&text, (size_t)4 * SOURCE_POINTER_MAX);
    while (rest.n > 0 && json.p != NULL) {
        rest = (struct str){rest.p + 1, rest.n - 1}; /* the slash before each name */
        const char *slash = rest.n > 0 ? memchr(rest.p, '/', rest.n) : NULL;
        name = (struct str){rest.p, slash != NULL ? (size_t)(slash - rest.p) : rest.n};
        rest = (struct str){rest.p + name.n, rest.n - name.n};
        unescape(&text, name);
        json = member(json, buf_str(&text));
    }
    buf_fini(&text);
    return json;
}

struct str source_text(struct source_turn *turn, struct str json)
{
    struct buf text;
    struct str out = STR_NONE;

    if (json.p == NULL || (json_kind(json) != JSON_STRING && json_kind(json) != JSON_NUMBER))
        return out;
    if (json_kind(json) == JSON_NUMBER)
        return json;
    buf_init(&text, KEY_TEXT_MAX);
    if (json_unquote(&text, json) == 0 && !text.overflow)
        out = (struct str){str_dup(turn->fields->alloc, buf_str(&text)), text.n};
    buf_fini(&text);
    return out;
}

bool source_room(struct source_turn *turn, size_t count)
{
    size_t size = count * sizeof *turn->events;

    if (count > SOURCE_EVENTS_MAX) {
        fields_problem(turn->fields, "", "has more than " TEXT_OF(SOURCE_EVENTS_MAX) " events");
        return false;
    }
    turn->events = turn->fields->alloc.alloc(turn->fields->alloc.pool, size > 0 ? size : 1);
    return true;
}

/* What no type may have becomes what is nearest to it. */
static char type_char(char c)
{
    if (str_is_alnum(c) || c == '_' || c == '.' || c == '-')
        return c;
    return c == '/' || c == ':' ? '.' : '_';
}

/* The type; n == 0: there are no words. */
static struct str make_type(struct source_turn *turn, const struct str *words, size_t count)
{
    char text[EVENT_TYPE_MAX];
    size_t n = 0, said = 0;

    for (size_t i = 0; i < turn->prefix.n && n < sizeof text; i++)
        text[n++] = type_char(turn->prefix.p[i]);
    for (size_t w = 0; w < count; w++) {
        if (words[w].n > 0 && said++ > 0 && n < sizeof text)
            text[n++] = '.';
        for (size_t i = 0; i < words[w].n && n < sizeof text; i++)
            text[n++] = type_char(words[w].p[i]);
    }
    if (said == 0)
        return STR_NONE;
    return (struct str){str_dup(turn->fields->alloc, (struct str){text, n}), n};
}

struct source_event *source_add(struct source_turn *turn, const char *field,
                                const struct str *words, size_t count, struct str data)
{
    struct source_event *event = &turn->events[turn->count++];

    *event = (struct source_event){.type = make_type(turn, words, count), .data = data};
    if (event->type.n == 0)
        fields_problem(turn->fields, field, "does not say of which type the event is");
    else if (json_kind(data) != JSON_OBJECT)
        fields_problem(turn->fields, "", "is no JSON object, as the data of an event has to be");
    return event;
}

void source_add_one(struct source_turn *turn, const char *field, const struct str *words,
                    size_t count)
{
    const struct source_options *o = turn->options;
    struct str body = turn->request->body, data = STR_NONE;

    if (!source_room(turn, 1))
        return;
    if (o->data_pointer.n > 0)
        data = source_at(body, o->data_pointer);
    if (data.p == NULL || json_kind(data) != JSON_OBJECT)
        data = body;
    struct source_event *event = source_add(turn, field, words, count, data);
    if (o->key_header.n > 0)
        event->key = source_header(turn->request, o->key_header.p);
    if (event->key.n == 0 && o->key_pointer.n > 0)
        event->key = source_text(turn, source_at(body, o->key_pointer));
    if (event->key.n == 0)
        event->key = STR_NONE;
}
