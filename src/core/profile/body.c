/* Bodies that several profiles have in common, and the options of JSON. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"

const struct field profile_json_options[PROFILE_JSON_OPTIONS] = {OPTION_JSON, OPTION_BIGINT};

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

int message_end(const struct buf *head, const struct buf *masked, const struct buf *body, int count)
{
    return head->overflow || masked->overflow || body->overflow ? ERR_INVALID : count;
}
