/* A list: an event has as many forms as its webhooks ask for, which are few. */
#include "core/body.h"

#include "base/crypto.h"
#include "base/json.h"

#include <stdlib.h>

void bodies_init(struct bodies *bodies)
{
    list_init(&bodies->all);
}

static struct body *body_at(struct list *node)
{
    return CONTAINER_OF(node, struct body, node);
}

void bodies_trim(struct bodies *bodies)
{
    LIST_FOREACH_SAFE(node, &bodies->all)
    {
        struct body *body = body_at(node);
        if (body->users > 0)
            continue;
        list_remove(node);
        buf_fini(&body->text);
        free(body);
    }
}

void bodies_fini(struct bodies *bodies)
{
    bodies_trim(bodies);
    assert(list_empty(&bodies->all));
}

size_t bodies_bytes(const struct bodies *bodies)
{
    size_t bytes = 0;

    LIST_FOREACH(node, &bodies->all)
    {
        bytes += body_at(node)->text.cap;
    }
    return bytes;
}

bool body_form_of(const struct profile *profile, const struct profile_input *in,
                  struct body_form *form)
{
    const struct profile_options *o = &in->options;

    *form = (struct body_form){
        profile, o->json, o->bigint, o->envelope, o->body, o->scope, o->tries, {0},
    };
    if (o->transform.p != NULL)
        crypto_sha256(o->transform, form->transform);
    return in->attempt == 1 || (!o->tries && !o->restamp_on_retry);
}

static bool same(const struct body_form *a, const struct body_form *b)
{
    return a->profile == b->profile && a->json == b->json && a->bigint == b->bigint &&
           a->envelope == b->envelope && a->body == b->body && a->scope == b->scope &&
           a->tries == b->tries && memcmp(a->transform, b->transform, sizeof a->transform) == 0;
}

struct body *bodies_find(const struct bodies *bodies, const struct body_form *form)
{
    LIST_FOREACH(node, &bodies->all)
    {
        if (same(&body_at(node)->form, form))
            return body_at(node);
    }
    return NULL;
}

struct body *bodies_add(struct bodies *bodies, const struct body_form *form, struct buf *text,
                        int err)
{
    struct body *body = xcalloc(1, sizeof *body);

    body->form = *form;
    body->err = err;
    if (err < 0)
        buf_fini(text);
    buf_trim(text);
    body->text = *text;
    body_hash(buf_str(&body->text), body->hash);
    buf_init(text, text->max);
    list_push(&bodies->all, &body->node);
    return body;
}

/* --- marks ------------------------------------------------------------------------------------ */

/* What the first two bytes are made of, each in so many bits. Stored: what is there keeps its place. */
enum {
    IN_PROFILE,
    IN_JSON,
    IN_BIGINT,
    IN_ENVELOPE,
    IN_BODY,
    IN_SCOPE,
    IN_TRIES,
    IN_RESTAMP,
    IN_SEVERAL,
    PARTS
};
static const unsigned widths[PARTS] = {
    [IN_PROFILE] = 6, [IN_JSON] = 2,  [IN_BIGINT] = 2,  [IN_ENVELOPE] = 1, [IN_BODY] = 1,
    [IN_SCOPE] = 1,   [IN_TRIES] = 1, [IN_RESTAMP] = 1, [IN_SEVERAL] = 1,
};

/* 0 is none: 1 and more. */
static unsigned number_of(const struct profile *profile)
{
    unsigned i = 0;

    while (profiles[i] != profile)
        i++;
    return i + 1;
}

static const struct profile *profile_of(unsigned number)
{
    for (unsigned i = 0; profiles[i] != NULL; i++)
        if (i + 1 == number)
            return profiles[i];
    return NULL;
}

void body_hash(struct str body, uint8_t hash[BODY_HASH_BYTES])
{
    uint8_t whole[SHA256_SIZE];

    crypto_sha256(body, whole);
    memcpy(hash, whole, BODY_HASH_BYTES);
}

struct body_mark body_mark_of(const struct profile *profile, const struct profile_options *o,
                              int count, const uint8_t hash[BODY_HASH_BYTES])
{
    const unsigned parts[PARTS] = {
        [IN_PROFILE] = number_of(profile),
        [IN_JSON] = (unsigned)o->json,
        [IN_BIGINT] = (unsigned)o->bigint,
        [IN_ENVELOPE] = (unsigned)o->envelope,
        [IN_BODY] = (unsigned)o->body,
        [IN_SCOPE] = o->scope,
        [IN_TRIES] = o->tries,
        [IN_RESTAMP] = o->restamp_on_retry,
        [IN_SEVERAL] = count > 1,
    };
    struct body_mark mark;
    unsigned form = 0;

    for (size_t i = 0; i < PARTS; i++) {
        assert(parts[i] < 1U << widths[i]);
        form = form << widths[i] | parts[i];
    }
    mark.b[0] = (uint8_t)(form >> 8);
    mark.b[1] = (uint8_t)form;
    memcpy(mark.b + 2, hash, BODY_HASH_BYTES);
    return mark;
}

bool body_again(struct body_mark mark, struct profile_input *in, struct buf *body)
{
    unsigned form = (unsigned)mark.b[0] << 8 | mark.b[1], parts[PARTS];
    uint8_t hash[BODY_HASH_BYTES];

    for (size_t i = PARTS; i-- > 0; form >>= widths[i])
        parts[i] = form & ((1U << widths[i]) - 1);
    const struct profile *profile = profile_of(parts[IN_PROFILE]);
    if (profile == NULL || parts[IN_SEVERAL] != 0 || !json_is_object(in->data))
        return false;
    struct str transform = in->options.transform;
    in->options = profile->standard;
    in->options.transform = transform;
    in->options.json = (int)parts[IN_JSON];
    in->options.bigint = (int)parts[IN_BIGINT];
    in->options.envelope = (int)parts[IN_ENVELOPE];
    in->options.body = (int)parts[IN_BODY];
    in->options.scope = parts[IN_SCOPE] != 0;
    in->options.tries = parts[IN_TRIES] != 0;
    in->options.restamp_on_retry = parts[IN_RESTAMP] != 0;
    if (profile_write_body(profile, in, 1, body) < 0)
        return false;
    body_hash(buf_str(body), hash);
    return memcmp(hash, mark.b + 2, sizeof hash) == 0;
}
