/* Messages from rows. */
#include "store/message.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "core/profile.h"
#include "core/signature.h"
#include "io/url.h"

#define HEADERS_TEXT_MAX 65536 /* twenty headers, sealed as JSON */
#define HEADER_BYTES_MAX 8192

void message_init(struct message *m)
{
    buf_init(&m->url, URL_SIZE_MAX);
    buf_init(&m->head, MESSAGE_HEAD_MAX);
    buf_init(&m->shown, MESSAGE_HEAD_MAX);
    buf_init(&m->body, MESSAGE_BODY_MAX);
}

void message_fini(struct message *m)
{
    buf_fini(&m->url);
    buf_fini(&m->head);
    buf_fini(&m->shown);
    buf_fini(&m->body);
}

void webhook_to_claim(const struct webhook *w, struct claim *c)
{
    c->webhook = w->id;
    c->url = w->url;
    c->profile = w->profile;
    c->profile_options = w->profile_options;
    c->sealed_secret = w->sealed_secret;
    c->sealed_previous = w->sealed_previous;
    c->sealed_headers = w->sealed_headers;
}

bool message_takes_many(const struct claim *c)
{
    const struct profile *profile = profile_find(c->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    return profile != NULL && profile->body_max > 0 && !c->test &&
           profile_options_bind(&f, profile, c->profile_options, &options) == 0 &&
           options.envelope == ENVELOPE_ARRAY;
}

/* Adds the webhook's own headers, `{"name": "value"}`; what is shown says that they were sent, not what
 * they said. */
static int add_headers(struct message *m, struct str json)
{
    struct json_iter it;
    struct str key, value;
    struct buf b;
    int err = 0;

    buf_init(&b, HEADER_BYTES_MAX);
    json_iter_init(&it, json);
    while (err == 0 && json_iter_next(&it, &key, &value)) {
        buf_clear(&b);
        err = json_unquote(&b, key);
        if (err < 0)
            break;
        buf_printf(&m->shown, "%.*s: ***\r\n", STR_FMT(b));
        buf_add_text(&b, ": ");
        err = json_unquote(&b, value);
        buf_add_text(&b, "\r\n");
        buf_add_str(&m->head, buf_str(&b));
    }
    crypto_wipe(b.p, b.n);
    buf_fini(&b);
    return err;
}

static int render(struct message *m, const struct profile *profile,
                  const struct claim *const *claims, size_t count, struct str secret,
                  struct str previous)
{
    struct profile_input in[MESSAGE_EVENTS_MAX];
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    assert(count > 0 && count <= MESSAGE_EVENTS_MAX);
    if (profile_options_bind(&f, profile, claims[0]->profile_options, &options) < 0)
        return ERR_INVALID;
    for (size_t i = 0; i < count; i++) {
        const struct claim *c = claims[i];
        in[i] = (struct profile_input){
            .event = c->event,
            .test = c->test,
            .type = c->type,
            .data = c->data,
            .delivery = c->delivery,
            .attempt = (int)c->attempts + 1,
            .now_ms = clock_wall_ms(),
            .webhook = c->webhook,
            .options = options,
            .secret = secret,
            .previous_secret = previous,
        };
    }
    return profile->render(in, count, &m->head, &m->shown, &m->body);
}

static int make_url(struct message *m, const struct profile *profile, struct str url)
{
    if (profile->rewrite_url == NULL)
        buf_add_str(&m->url, url);
    else if (profile->rewrite_url(url, &m->url) < 0)
        return ERR_NOT_FOUND;
    return 0;
}

int message_make(struct message *m, const struct settings *settings,
                 const struct claim *const *claims, size_t count, const char **why)
{
    const struct claim *c = claims[0];
    const struct profile *profile = profile_find(c->profile);
    struct buf secret, previous, headers;
    int taken = 0;

    buf_init(&secret, SECRET_MAX);
    buf_init(&previous, SECRET_MAX);
    buf_init(&headers, HEADERS_TEXT_MAX);
    *why = "the secret cannot be opened with this encryption key";
    int err = webhook_open(settings, c->webhook, c->sealed_secret, &secret);
    if (err == 0 && c->sealed_previous.p != NULL)
        err = webhook_open(settings, c->webhook, c->sealed_previous, &previous);
    if (err == 0 && c->sealed_headers.n > 0)
        err = webhook_open(settings, c->webhook, c->sealed_headers, &headers);
    if (err == 0) {
        *why = "the event cannot be said in the webhook's profile";
        taken = profile == NULL
                    ? ERR_INVALID
                    : render(m, profile, claims, count, buf_str(&secret), buf_str(&previous));
        err = taken < 0 ? taken : 0;
    }
    if (err == 0 && headers.n > 0)
        err = add_headers(m, buf_str(&headers));
    if (err == 0) {
        *why = "the address is none of the profile's service";
        err = make_url(m, profile, c->url);
    }
    struct buf *const wiped[] = {&secret, &previous, &headers};
    for (size_t i = 0; i < ARRAY_LEN(wiped); i++) {
        crypto_wipe(wiped[i]->p, wiped[i]->n);
        buf_fini(wiped[i]);
    }
    return err < 0 ? err : taken;
}
