/* A list: an event has as many forms as its webhooks ask for, which are few. */
#include "core/body.h"

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
        profile, o->json, o->bigint, o->envelope, o->body, o->scope, o->tries,
    };
    return in->attempt == 1 || (!o->tries && !o->restamp_on_retry);
}

static bool same(const struct body_form *a, const struct body_form *b)
{
    return a->profile == b->profile && a->json == b->json && a->bigint == b->bigint &&
           a->envelope == b->envelope && a->body == b->body && a->scope == b->scope &&
           a->tries == b->tries;
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
    buf_init(text, text->max);
    list_push(&bodies->all, &body->node);
    return body;
}
