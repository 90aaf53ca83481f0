/* A queue for each app, of copies, since what is claimed is borrowed from the statement's rows. Whose turn it is says a
 * clock of each app's own, which goes on by the time that its messages took (the start-time rule of P. Goyal, H. M. Vin
 * and H. Cheng, "Start-Time Fair Queuing", SIGCOMM 1996): one whose messages are dear has as much of the loop as one
 * whose are cheap, and who had nothing to send saves nothing up. */
#include "pacer.h"

#include "base/clock.h"

#include <stdlib.h>

#define LARGE_BYTES 16384 /* of an event: a fraction of a millisecond in the slowest form */
#define TURN_US     2000  /* a message that is begun is finished */
#define PAUSE_MAX   50    /* ms */
#define COMING_MAX  2     /* payloads on the way: one is made use of meanwhile */
#define LEFT_MAX    128   /* at once */
#define RETRY_MS    10    /* until another look for room */

struct paced {
    struct list node;
    struct claim claim;
    int64_t token;
    struct payload *payload;
    char bytes[]; /* what its members point to */
};

struct paced_app {
    struct list node;
    struct id id;
    struct list waiting;
    int64_t time_us;
};

static void on_turn(void *arg);

static void on_come(void *arg)
{
    struct pacer *p = arg;
    if (!p->had_turn)
        timeout_set(p->turn, 0);
}

void pacer_init(struct pacer *p, struct loop *loop, struct db *db, struct places *places,
                const struct pacer_hooks *hooks)
{
    *p = (struct pacer){.places = places, .hooks = *hooks};
    payloads_init(&p->payloads, db, places, on_come, p);
    list_init(&p->apps);
    p->turn = timeout_create(loop, on_turn, p);
}

static struct paced_app *app_at(struct list *node)
{
    return CONTAINER_OF(node, struct paced_app, node);
}

static struct paced *paced_at(struct list *node)
{
    return CONTAINER_OF(node, struct paced, node);
}

/* --- what waits ------------------------------------------------------------------------------- */

/* Its texts but for its data, to be counted and moved. */
#define TEXTS_OF(c)                                                                  \
    {                                                                                \
        &(c)->to.url, &(c)->to.profile, &(c)->to.options, &(c)->to.sealed_secret,    \
            &(c)->to.sealed_previous, &(c)->to.sealed_headers, &(c)->to.sealed_auth, \
            &(c)->to.sealed_tls, &(c)->content.type                                  \
    }

static struct paced *copy(struct pacer *p, const struct claim *claim, int64_t token)
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
    paced->payload = payloads_wait(&p->payloads, claim);
    places_weigh(p->places, claim->ref.delivery, sizeof *paced + size);
    return paced;
}

static void keep(struct pacer *p, const struct claim *claim, int64_t token)
{
    struct paced_app *app = idmap_get(&p->by_app, claim->ref.app);

    if (app == NULL) {
        app = xcalloc(1, sizeof *app);
        app->id = claim->ref.app;
        app->time_us = p->time_us;
        list_init(&app->waiting);
        list_push(&p->apps, &app->node);
        idmap_set(&p->by_app, app->id, app);
    }
    list_push(&app->waiting, &copy(p, claim, token)->node);
}

static void forget_first(struct paced_app *app)
{
    struct list *first = list_pop(&app->waiting);

    assert(first != NULL);
    struct paced *paced = paced_at(first);
    payload_leave(paced->payload);
    free(paced);
}

static void forget_if_empty(struct pacer *p, struct paced_app *app)
{
    if (!list_empty(&app->waiting))
        return;
    list_remove(&app->node);
    idmap_set(&p->by_app, app->id, NULL);
    free(app);
}

static void give_up(struct pacer *p)
{
    LIST_FOREACH_SAFE(node, &p->apps)
    {
        struct paced_app *app = app_at(node);
        while (!list_empty(&app->waiting))
            forget_first(app);
        forget_if_empty(p, app);
    }
}

void pacer_fini(struct pacer *p)
{
    give_up(p);
    timeout_destroy(p->turn);
    payloads_fini(&p->payloads);
    idmap_fini(&p->by_app);
}

/* The first, and those after it that were claimed with it; with a payload only those of that. */
static void leave(struct pacer *p, struct paced_app *app, const struct payload *payload)
{
    struct queue_ref refs[LEFT_MAX];
    int64_t token = paced_at(app->waiting.next)->token;
    size_t n = 0;

    while (n < LEFT_MAX && !list_empty(&app->waiting)) {
        struct paced *paced = paced_at(app->waiting.next);
        if (paced->token != token || (payload != NULL && paced->payload != payload))
            break;
        refs[n++] = paced->claim.ref;
        forget_first(app);
    }
    p->hooks.on_left(p->hooks.arg, refs, n, token);
}

void pacer_stop(struct pacer *p)
{
    LIST_FOREACH_SAFE(node, &p->apps)
    {
        struct paced_app *app = app_at(node);
        while (!list_empty(&app->waiting))
            leave(p, app, NULL);
        forget_if_empty(p, app);
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

static void ask_for(struct pacer *p, struct payload *payload)
{
    if (payload->state == PAYLOAD_AWAY && p->payloads.coming < COMING_MAX &&
        payload_may_come(payload))
        payload_fetch(payload);
}

static bool is_due(const struct paced *paced)
{
    return paced->payload->state == PAYLOAD_HERE || paced->payload->state == PAYLOAD_LOST;
}

static void ask_for_firsts(struct pacer *p)
{
    LIST_FOREACH(node, &p->apps)
    {
        ask_for(p, paced_at(app_at(node)->waiting.next)->payload);
    }
}

/* The app whose turn it is: of those whose first can be sent, or is lost, the one that had least. NULL: none. */
static struct paced_app *next_app(const struct pacer *p)
{
    struct paced_app *best = NULL;

    LIST_FOREACH(node, &p->apps)
    {
        struct paced_app *app = app_at(node);
        if (is_due(paced_at(app->waiting.next)) && (best == NULL || app->time_us < best->time_us))
            best = app;
    }
    return best;
}

/* What comes after it is asked for first. */
static void hand_on(struct pacer *p, struct paced_app *app)
{
    struct paced *paced = paced_at(app->waiting.next);
    struct payload *payload = paced->payload;
    int64_t begun_us = clock_mono_us();

    if (paced->node.next != &app->waiting)
        ask_for(p, paced_at(paced->node.next)->payload);
    if (payload->state == PAYLOAD_LOST || clock_mono_ms() > paced->claim.begin_by_ms) {
        leave(p, app, payload);
    } else {
        paced->claim.content.data = buf_str(&payload->data);
        p->hooks.on_claims(p->hooks.arg, &paced->claim, 1, paced->token, payload);
        forget_first(app);
    }
    p->time_us = app->time_us;
    app->time_us += clock_mono_us() - begun_us;
    forget_if_empty(p, app);
}

/* As long as it took, if anybody else could use it. */
static int pause_after(const struct pacer *p, int64_t took_us)
{
    int64_t ms = (took_us + 999) / 1000;
    return p->places->held_count > 1 ? (int)(ms < PAUSE_MAX ? ms : PAUSE_MAX) : 0;
}

static void take_turn(struct pacer *p)
{
    int64_t begun_us = clock_mono_us(), took_us = 0;
    struct paced_app *app;

    ask_for_firsts(p);
    while (took_us < TURN_US && (app = next_app(p)) != NULL) {
        hand_on(p, app);
        ask_for_firsts(p);
        took_us = clock_mono_us() - begun_us;
    }
    p->had_turn = took_us > 0;
    if (p->had_turn)
        timeout_set(p->turn, pause_after(p, took_us));
    else if (!list_empty(&p->apps) && p->payloads.coming == 0)
        timeout_set(p->turn, RETRY_MS);
}

static void on_turn(void *arg)
{
    take_turn(arg);
}

/* --- what comes ------------------------------------------------------------------------------- */

/* What may go together with others goes with them: of that there is little at once. */
static bool is_large(const struct claim *claim)
{
    return claim->content.data.p == NULL ||
           (claim->size > LARGE_BYTES && (claim->batch_max <= 1 || claim->content.test));
}

void pacer_add(struct pacer *p, const struct claim *claims, size_t count, int64_t token)
{
    struct claim *now = xcalloc(count + 1, sizeof *now);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (is_large(&claims[i]))
            keep(p, &claims[i], token);
        else
            now[n++] = claims[i];
    }
    if (n > 0)
        p->hooks.on_claims(p->hooks.arg, now, n, token, NULL);
    free(now);
    ask_for_firsts(p);
    if (!list_empty(&p->apps) && !p->had_turn)
        take_turn(p);
}
