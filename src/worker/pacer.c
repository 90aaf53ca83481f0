/* A queue for each app, of copies, since what is claimed is borrowed from the statement's rows. Whose turn it is says a
 * clock of each app's own, which goes on by the time that its messages took (the start-time rule of P. Goyal, H. M. Vin
 * and H. Cheng, "Start-Time Fair Queuing", SIGCOMM 1996): one whose messages are dear has as much of the loop as one
 * whose are cheap, and who had nothing to send saves nothing up. */
#include "pacer.h"

#include "base/clock.h"
#include "kept.h"

#include <stdlib.h>

#define LARGE_BYTES \
    16384 /* of what goes into a message: a fraction of a millisecond in the slowest form */
#define TURN_US    2000 /* a message that is begun is finished */
#define PAUSE_MAX  50   /* ms */
#define COMING_MAX 2    /* payloads on the way: one is made use of meanwhile */
#define RETRY_MS   10   /* until another look for room */

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

/* --- what waits ------------------------------------------------------------------------------- */

static struct paced_app *app_of(struct pacer *p, struct id id)
{
    struct paced_app *app = idmap_get(&p->by_app, id);

    if (app == NULL) {
        app = xcalloc(1, sizeof *app);
        app->id = id;
        app->time_us = p->time_us;
        list_init(&app->waiting);
        list_push(&p->apps, &app->node);
        idmap_set(&p->by_app, app->id, app);
    }
    return app;
}

static void keep(struct pacer *p, const struct claim *const *claims, size_t count, int64_t token,
                 struct payload *payload)
{
    size_t size;
    struct kept *kept = kept_create(claims, count, token, payload, &size);

    for (size_t i = 0; i < count; i++) /* what goes along weighs nothing */
        places_weigh(p->places, claims[i]->ref.delivery, size);
    list_push(&app_of(p, claims[0]->ref.app)->waiting, &kept->node);
}

static void forget_first(struct paced_app *app)
{
    struct list *first = list_pop(&app->waiting);

    assert(first != NULL);
    struct kept *kept = kept_at(first);
    if (kept->payload != NULL)
        payload_leave(kept->payload);
    free(kept);
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

/* The first, and those after it that were claimed with it: `all`, or only those of the same payload. How many. */
static size_t count_left(const struct paced_app *app, bool all)
{
    const struct kept *first = kept_at(app->waiting.next);
    size_t count = 0;

    LIST_FOREACH(node, &app->waiting)
    {
        const struct kept *kept = kept_at(node);
        if (kept->token != first->token || (!all && kept->payload != first->payload))
            break;
        count += kept->count;
    }
    return count;
}

static void leave(struct pacer *p, struct paced_app *app, bool all)
{
    int64_t token = kept_at(app->waiting.next)->token;
    size_t count = count_left(app, all), n = 0;
    struct queue_ref *refs = xcalloc(count, sizeof *refs);

    while (n < count && !list_empty(&app->waiting)) {
        const struct kept *kept = kept_at(app->waiting.next);
        n += kept_refs(kept, refs + n);
        forget_first(app);
    }
    p->hooks.on_left(p->hooks.arg, refs, n, token);
    free(refs);
}

void pacer_stop(struct pacer *p)
{
    LIST_FOREACH_SAFE(node, &p->apps)
    {
        struct paced_app *app = app_at(node);
        while (!list_empty(&app->waiting))
            leave(p, app, true);
        forget_if_empty(p, app);
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

static void ask_for(struct pacer *p, struct payload *payload)
{
    if (payload != NULL && payload->state == PAYLOAD_AWAY && p->payloads.coming < COMING_MAX &&
        payload_may_come(payload))
        payload_fetch(payload);
}

static bool is_due(const struct kept *kept)
{
    const struct payload *payload = kept->payload;
    return payload == NULL || payload->state == PAYLOAD_HERE || payload->state == PAYLOAD_LOST;
}

static void ask_for_firsts(struct pacer *p)
{
    LIST_FOREACH(node, &p->apps)
    {
        ask_for(p, kept_at(app_at(node)->waiting.next)->payload);
    }
}

/* The app whose turn it is: of those whose first can be sent, or is lost, the one that had least. NULL: none. */
static struct paced_app *next_app(const struct pacer *p)
{
    struct paced_app *best = NULL;

    LIST_FOREACH(node, &p->apps)
    {
        struct paced_app *app = app_at(node);
        if (is_due(kept_at(app->waiting.next)) && (best == NULL || app->time_us < best->time_us))
            best = app;
    }
    return best;
}

/* What comes after it is asked for first. */
static void hand_on(struct pacer *p, struct paced_app *app)
{
    struct kept *kept = kept_at(app->waiting.next);
    struct payload *payload = kept->payload;
    int64_t begun_us = clock_mono_us();

    if (kept->node.next != &app->waiting)
        ask_for(p, kept_at(kept->node.next)->payload);
    if ((payload != NULL && payload->state == PAYLOAD_LOST) ||
        clock_mono_ms() > kept->claims[0].begin_by_ms) {
        leave(p, app, false);
    } else {
        if (payload != NULL)
            kept->claims[0].content.data = buf_str(&payload->data);
        p->hooks.on_claims(p->hooks.arg, kept->claims, kept->count, kept->token, payload);
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

/* What may go together with others is large with them, or not at all. */
static bool gathers(const struct claim *claim)
{
    return claim->batch_max > 1 && !claim->content.test && claim->content.data.p != NULL;
}

static bool is_large(const struct claim *claim)
{
    return claim->content.data.p == NULL || claim->size > LARGE_BYTES;
}

static int by_webhook(const void *a, const void *b)
{
    const struct claim *x = *(const struct claim *const *)a, *y = *(const struct claim *const *)b;
    return id_cmp(x->to.webhook, y->to.webhook);
}

/* How many of `claims`, which are sorted, are of the first's webhook, and their bytes. */
static size_t together(const struct claim *const *claims, size_t count, size_t *bytes)
{
    size_t n = 0;

    for (*bytes = 0; n < count && by_webhook(&claims[0], &claims[n]) == 0; n++)
        *bytes += claims[n]->size;
    return n;
}

/* Keeps those of webhooks that have much together; the others are added to `now`. */
static size_t keep_arrays(struct pacer *p, const struct claim **claims, size_t count, int64_t token,
                          struct claim *now)
{
    size_t n, bytes, added = 0;

    if (count > 1)
        qsort(claims, count, sizeof *claims, by_webhook);
    for (size_t i = 0; i < count; i += n) {
        n = together(claims + i, count - i, &bytes);
        if (bytes > LARGE_BYTES)
            keep(p, claims + i, n, token, NULL);
        else
            for (size_t k = 0; k < n; k++)
                now[added++] = *claims[i + k];
    }
    return added;
}

void pacer_add(struct pacer *p, const struct claim *claims, size_t count, int64_t token)
{
    struct claim *now = xcalloc(count + 1, sizeof *now);
    const struct claim **gathered = xcalloc(count + 1, sizeof *gathered);
    size_t n = 0, gathered_n = 0;

    for (size_t i = 0; i < count; i++) {
        const struct claim *one = &claims[i];
        if (gathers(one))
            gathered[gathered_n++] = one;
        else if (is_large(one))
            keep(p, &one, 1, token, payloads_wait(&p->payloads, one));
        else
            now[n++] = *one;
    }
    n += keep_arrays(p, gathered, gathered_n, token, now + n);
    free(gathered);
    if (n > 0)
        p->hooks.on_claims(p->hooks.arg, now, n, token, NULL);
    free(now);
    ask_for_firsts(p);
    if (!list_empty(&p->apps) && !p->had_turn)
        take_turn(p);
}
