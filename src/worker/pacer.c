/* A list of copies, since what is claimed is borrowed from the statement's rows. */
#include "pacer.h"

#include <stdlib.h>

#define LARGE_BYTES 65536 /* of an event: a millisecond or so in the slowest form */

struct paced {
    struct list node;
    struct claim claim;
    int64_t token;
    char bytes[]; /* what its members point to */
};

static void on_turn(void *arg);

void pacer_init(struct pacer *p, struct loop *loop, struct places *places, pacer_cb *cb, void *arg)
{
    *p = (struct pacer){.places = places, .cb = cb, .arg = arg};
    list_init(&p->waiting);
    p->turn = timeout_create(loop, on_turn, p);
}

void pacer_give_up(struct pacer *p)
{
    struct list *node;

    while ((node = list_pop(&p->waiting)) != NULL)
        free(CONTAINER_OF(node, struct paced, node));
}

void pacer_fini(struct pacer *p)
{
    pacer_give_up(p);
    timeout_destroy(p->turn);
}

/* Its texts, to be counted and moved. */
#define TEXTS_OF(c)                                                                \
    {                                                                              \
        &(c)->to.url, &(c)->to.profile, &(c)->to.options, &(c)->to.sealed_secret,  \
            &(c)->to.sealed_previous, &(c)->to.sealed_headers, &(c)->content.type, \
            &(c)->content.data                                                     \
    }

static struct paced *copy(const struct claim *claim, int64_t token)
{
    const struct str *const theirs[] = TEXTS_OF(claim);
    size_t size = 0, n = 0;

    for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
        size += theirs[i]->n + 1; /* and a NUL, as rows have it */
    struct paced *paced = xcalloc(1, sizeof *paced + size);
    paced->claim = *claim;
    paced->token = token;
    struct str *const ours[] = TEXTS_OF(&paced->claim);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (ours[i]->n > 0)
            memcpy(paced->bytes + n, theirs[i]->p, theirs[i]->n);
        if (ours[i]->p != NULL)
            ours[i]->p = paced->bytes + n;
        n += ours[i]->n + 1;
    }
    return paced;
}

/* This turn has had its one. */
static void begin_turn(struct pacer *p)
{
    p->had_one = true;
    timeout_set(p->turn, 0);
}

static void on_turn(void *arg)
{
    struct pacer *p = arg;
    struct list *node = list_pop(&p->waiting);

    p->had_one = false;
    if (node == NULL)
        return;
    begin_turn(p);
    struct paced *paced = CONTAINER_OF(node, struct paced, node);
    p->cb(p->arg, &paced->claim, 1, paced->token);
    free(paced);
}

/* What may go together with others goes with them: of that there is little at once. */
static bool is_large(const struct claim *claim)
{
    return claim->content.data.n > LARGE_BYTES && (claim->batch_max <= 1 || claim->content.test);
}

static bool has_to_wait(struct pacer *p, const struct claim *claim)
{
    if (!is_large(claim))
        return false;
    if (p->had_one)
        return true;
    begin_turn(p);
    return false;
}

static void keep(struct pacer *p, const struct claim *claim, int64_t token)
{
    struct paced *paced = copy(claim, token);

    places_weigh(p->places, claim->ref.delivery, claim->content.data.n);
    list_push(&p->waiting, &paced->node);
}

void pacer_add(struct pacer *p, const struct claim *claims, size_t count, int64_t token)
{
    struct claim *now = xcalloc(count + 1, sizeof *now);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (has_to_wait(p, &claims[i]))
            keep(p, &claims[i], token);
        else
            now[n++] = claims[i];
    }
    if (n > 0)
        p->cb(p->arg, now, n, token);
    free(now);
}
