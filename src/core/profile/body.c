/* Bodies that several profiles have in common, and the options of JSON. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/jsonw.h"

#include <stdlib.h>

#define ARRAY_ID_PREFIX "arr"

const struct field profile_json_options[PROFILE_JSON_OPTIONS] = {OPTION_JSON, OPTION_BIGINT};

const struct field profile_array_options[PROFILE_ARRAY_OPTIONS] = {
    OPTION_JSON, OPTION_BIGINT, OPTION_ENVELOPE, OPTION_BATCH_SECONDS, OPTION_BATCH_MAX,
};

int body_write(const struct profile_input *in, struct str text, struct buf *body)
{
    return json_write_form(body, text, (enum json_form)in->options.json,
                           (enum json_bigint)in->options.bigint);
}

/* "user" of "user.created"; all of it without a dot. */
static struct str scope_of(struct str type)
{
    const char *dot = type.n > 0 ? memchr(type.p, '.', type.n) : NULL;
    return dot != NULL ? (struct str){type.p, (size_t)(dot - type.p)} : type;
}

static bool ends_with(struct str s, struct str end)
{
    return s.n >= end.n && str_eq((struct str){s.p + s.n - end.n, end.n}, end);
}

bool body_notification(const struct profile_input *in, struct notification *out)
{
    static const char *const names[] = {"event", "timestamp", "data", "scope", "meta"};
    struct str members[ARRAY_LEN(names)] = {{NULL, 0}}, key, value;
    struct json_iter it;
    int64_t ms;

    if (json_kind(in->data) != JSON_OBJECT)
        return false;
    json_iter_init(&it, in->data);
    while (json_iter_next(&it, &key, &value)) {
        size_t i = 0;
        while (i < ARRAY_LEN(names) && !str_eq_text((struct str){key.p + 1, key.n - 2}, names[i]))
            i++;
        if (i == ARRAY_LEN(names))
            return false;
        members[i] = value;
    }
    for (size_t i = 0; i < 2; i++) {
        if (members[i].p == NULL || json_kind(members[i]) != JSON_STRING)
            return false;
        members[i] = (struct str){members[i].p + 1, members[i].n - 2};
    }
    *out = (struct notification){.timestamp = members[1], .data = members[2]};
    return out->data.p != NULL && members[0].n > 0 && ends_with(in->type, members[0]) &&
           out->timestamp.n < CLOCK_TEXT_SIZE && clock_parse(out->timestamp, &ms);
}

struct str body_shown(const struct profile_input *in)
{
    struct notification notification;
    return body_notification(in, &notification) ? notification.data : in->data;
}

int body_write_event(const struct profile_input *in, const char *timestamp, struct buf *body)
{
    struct str scope = scope_of(in->type);
    struct buf text;

    buf_init(&text, MESSAGE_BODY_MAX);
    struct jsonw w = jsonw_on(&text);
    jsonw_begin(&w, NULL, '{');
    if (in->options.scope)
        jsonw_str(&w, "scope", scope);
    jsonw_str(&w, "event", in->type);
    jsonw_text(&w, "timestamp", timestamp);
    jsonw_raw(&w, "data", in->data);
    if (in->options.scope && str_eq(scope, STR_LIT("user")))
        jsonw_null(&w, "meta");
    jsonw_end(&w, '}');
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

int body_write_envelope(const struct profile_input *in, struct buf *body)
{
    char id[ID_TEXT_SIZE];
    struct buf text;

    buf_init(&text, MESSAGE_BODY_MAX);
    struct jsonw w = jsonw_on(&text);
    jsonw_begin(&w, NULL, '{');
    jsonw_text(&w, "id", id_text(id, in->test ? ID_TEST_EVENT : ID_EVENT, in->event));
    jsonw_str(&w, "type", in->type);
    jsonw_time(&w, "created_at", id_time_ms(in->event), CLOCK_SECONDS);
    jsonw_raw(&w, "data", in->data);
    jsonw_end(&w, '}');
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

static int write_array(const struct profile_input *in, size_t count, body_writer *one,
                       struct buf *body)
{
    bool spaced = in->options.json == JSON_FORM_PYTHON;
    size_t start = body->n, taken = 0;

    buf_add_char(body, '[');
    for (; taken < count; taken++) {
        size_t before = body->n;
        if (taken > 0)
            buf_add_text(body, spaced ? ", " : ",");
        int err = one(&in[taken], body);
        if (err < 0 && taken == 0)
            return err;
        if (taken > 0 &&
            (err < 0 || body->overflow || (int64_t)(body->n + 1 - start) > PROFILE_ARRAY_MAX)) {
            body->n = before;
            body->overflow = false;
            break;
        }
    }
    buf_add_char(body, ']');
    return (int)taken;
}

int body_write_many(const struct profile_input *in, size_t count, body_writer *one,
                    struct buf *body)
{
    assert(count == 1 || (count > 1 && in->options.envelope == ENVELOPE_ARRAY));
    if (in->options.envelope == ENVELOPE_ARRAY)
        return write_array(in, count, one, body);
    int err = one(in, body);
    return err < 0 ? err : 1;
}

const char *message_id(char out[ID_TEXT_SIZE], const struct profile_input *in, int count)
{
    uint8_t hash[SHA256_SIZE];
    struct id *events, id;

    if (count == 1)
        return id_text(out, in->test ? ID_TEST_EVENT : ID_EVENT, in->event);
    events = xcalloc((size_t)count, sizeof *events);
    for (int i = 0; i < count; i++)
        events[i] = in[i].event;
    crypto_sha256((struct str){(const char *)events, (size_t)count * sizeof *events}, hash);
    memcpy(id.b, hash, sizeof id.b);
    free(events);
    return id_text(out, ARRAY_ID_PREFIX, id);
}
