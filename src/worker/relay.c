/* Who runs on for whom. */
#include "relay.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "kept.h"

#include <stdlib.h>

#define PACE_MIN  2    /* answers in a window: it is not worth it for fewer */
#define STALE_MS  100  /* without an answer: another may have its track */
#define CALM_MS   1000 /* after a failure */
#define AHEAD_MAX 256  /* of an endpoint */

/* What is known of an endpoint. */
struct track {
    struct list node;
    struct id endpoint;
    struct list waiting; /* kept claims, the oldest first */
    int count;           /* of them */
    int64_t heard_ms;    /* of the last answer, monotonic */
    int64_t window_ms;   /* when this one began */
    int answered;        /* in this window, */
    int pace;            /* and in those before, the last ones counting most */
    int64_t failed_ms;
    int64_t asked_ms; /* when a place was let go for more to come, which has not; 0: none was */
};

static void on_late(void *arg);

void relay_init(struct relay *r, struct loop *loop, struct queue *queue, struct places *places,
                const struct relay_hooks *hooks)
{
    *r = (struct relay){.places = places, .queue = queue, .hooks = *hooks};
    list_init(&r->tracks);
    r->late = timeout_create(loop, on_late, r);
}

static struct track *track_at(struct list *node)
{
    return CONTAINER_OF(node, struct track, node);
}

static struct kept *oldest(const struct track *t)
{
    return t->count > 0 ? kept_at(t->waiting.next) : NULL;
}

static void forget_oldest(struct track *t)
{
    struct list *node = list_pop(&t->waiting);

    assert(node != NULL);
    free(kept_at(node));
    t->count--;
}

void relay_fini(struct relay *r)
{
    struct list *node;

    while ((node = list_pop(&r->tracks)) != NULL) {
        struct track *t = track_at(node);
        while (t->count > 0)
            forget_oldest(t);
        free(t);
    }
    timeout_destroy(r->late);
}

/* --- how fast it answers ---------------------------------------------------------------------- */

static struct track *find(const struct relay *r, struct id endpoint)
{
    LIST_FOREACH(node, &r->tracks)
    {
        if (id_eq(track_at(node)->endpoint, endpoint))
            return track_at(node);
    }
    return NULL;
}

/* One that nothing waits for and nothing was heard of for a while. */
static struct track *find_stale(const struct relay *r, int64_t now)
{
    LIST_FOREACH(node, &r->tracks)
    {
        struct track *t = track_at(node);
        if (places_ahead(r->places, t->endpoint) == 0 && now - t->heard_ms > STALE_MS)
            return t;
    }
    return NULL;
}

/* NULL: there are enough. */
static struct track *track_of(struct relay *r, struct id endpoint, int64_t now)
{
    struct track *t = find(r, endpoint);

    if (t != NULL)
        return t;
    if (r->count < RELAY_TRACKS) {
        t = xcalloc(1, sizeof *t);
        list_push(&r->tracks, &t->node);
        r->count++;
    } else if ((t = find_stale(r, now)) == NULL) {
        return NULL;
    }
    struct list node = t->node;
    *t = (struct track){.node = node, .endpoint = endpoint, .window_ms = now};
    t->failed_ms = now - CALM_MS;
    list_init(&t->waiting);
    return t;
}

/* How much it may have ahead. */
static int most(const struct track *t)
{
    return t->pace < AHEAD_MAX ? t->pace : AHEAD_MAX;
}

/* Windows that have passed. */
static void pass_time(struct track *t, int64_t now)
{
    for (; now - t->window_ms >= RELAY_WINDOW_MS; t->window_ms += RELAY_WINDOW_MS) {
        if (t->pace + t->answered == 0) {
            t->window_ms = now;
            return;
        }
        t->pace = (t->pace + t->answered) / 2;
        t->answered = 0;
    }
}

/* --- what is not sent ------------------------------------------------------------------------- */

/* The first, and those after it that were claimed with it. */
static void leave_claim(struct relay *r, struct track *t, const struct kept *first)
{
    int64_t token = first->token;
    struct queue_ref *refs = xcalloc((size_t)t->count, sizeof *refs);
    size_t n = 0;

    for (const struct kept *k; (k = oldest(t)) != NULL && k->token == token; forget_oldest(t))
        n += kept_refs(k, refs + n);
    metric_add(METRIC_PUT_BACK_AHEAD, (int64_t)n);
    r->hooks.on_left(r->hooks.arg, refs, n, token);
    free(refs);
}

static void leave_all(struct relay *r, struct track *t)
{
    for (const struct kept *k; (k = oldest(t)) != NULL;)
        leave_claim(r, t, k);
}

/* Whoever is late was counted on too much. */
static void leave_late(struct relay *r, struct track *t, int64_t now)
{
    for (const struct kept *k; (k = oldest(t)) != NULL && now - k->since_ms >= RELAY_MS;) {
        t->pace = t->answered = 0;
        leave_claim(r, t, k);
    }
}

static void on_late(void *arg)
{
    struct relay *r = arg;
    int64_t now = clock_mono_ms(), wait_ms = -1;

    LIST_FOREACH(node, &r->tracks)
    {
        struct track *t = track_at(node);
        leave_late(r, t, now);
        const struct kept *k = oldest(t);
        if (k != NULL && (wait_ms < 0 || k->since_ms + RELAY_MS - now < wait_ms))
            wait_ms = k->since_ms + RELAY_MS - now;
    }
    if (wait_ms >= 0)
        timeout_set(r->late, wait_ms);
}

void relay_stop(struct relay *r)
{
    r->stopped = true;
    LIST_FOREACH(node, &r->tracks)
    {
        leave_all(r, track_at(node));
    }
}

/* --- what waits, and goes --------------------------------------------------------------------- */

size_t relay_room(const struct relay *r, struct queue_ahead *out)
{
    int64_t now = clock_mono_ms();
    size_t count = 0;

    if (r->stopped || places_are_shared(r->places))
        return 0;
    LIST_FOREACH(node, &r->tracks)
    {
        struct track *t = track_at(node);
        pass_time(t, now);
        int room = most(t) - places_ahead(r->places, t->endpoint);
        if (t->pace >= PACE_MIN && room > 0 && now - t->failed_ms >= CALM_MS)
            out[count++] = (struct queue_ahead){t->endpoint, room};
    }
    return count;
}

void relay_add(struct relay *r, const struct claim *claim, int64_t token)
{
    struct track *t = find(r, claim->ref.endpoint);
    size_t size;

    if (r->stopped || t == NULL) {
        r->hooks.on_left(r->hooks.arg, &claim->ref, 1, token);
        return;
    }
    struct kept *kept = kept_create(&claim, 1, token, NULL, &size);
    places_weigh(r->places, claim->ref.delivery, size);
    list_push(&t->waiting, &kept->node);
    t->count++;
    t->asked_ms = 0;
    if (!timeout_is_set(r->late))
        timeout_set(r->late, RELAY_MS);
}

static bool went_well(const struct attempt *a)
{
    const struct gate_news *news = &a->verdict.news;
    return news->what == GATE_SUCCESS && news->pause_ms == 0;
}

void relay_hear(struct relay *r, const struct attempt *a)
{
    int64_t now = clock_mono_ms();
    struct track *t = a->behind ? track_of(r, a->ref.endpoint, now) : NULL;

    if (t == NULL)
        return;
    pass_time(t, now);
    t->heard_ms = now;
    if (went_well(a)) {
        t->answered++;
        return;
    }
    t->failed_ms = now;
    leave_all(r, t);
}

/* Half of what it may have is gone and nothing is on its way: whoever claims the place that is let go brings more. The
 * rest goes on meanwhile. */
static bool lets_go(const struct relay *r, struct track *t, int64_t now)
{
    bool low = 2 * t->count <= most(t) && places_ahead(r->places, t->endpoint) == t->count,
         asked = t->asked_ms != 0 && now - t->asked_ms < RELAY_WINDOW_MS;

    if (!low || asked)
        return false;
    t->asked_ms = now;
    return true;
}

void relay_pass(struct relay *r, const struct attempt *a)
{
    struct track *t = find(r, a->ref.endpoint);
    int64_t now = clock_mono_ms();

    if (t == NULL || t->count == 0 || !went_well(a) || lets_go(r, t, now))
        return;
    leave_late(r, t, now);
    struct list *node = list_pop(&t->waiting);
    if (node == NULL)
        return;
    struct kept *kept = kept_at(node);
    const struct claim *claim = kept->claims;
    t->count--;
    places_begin(r->places, claim->ref.delivery);
    queue_begin(r->queue, &claim->ref);
    metric_add(METRIC_AHEAD, 1);
    r->hooks.on_next(r->hooks.arg, claim, kept->token);
    free(kept);
}
