/* The budget of what is in a worker's hands. */
#include "places.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <stdlib.h>

#define SHARED_MS 1000

struct place {
    struct queue_ref ref;
    int64_t token;
    int weight; /* places; 0: it goes along, and takes nothing away from others */
    bool ahead; /* the queue has it not yet, */
    bool over;  /* or no more */
};

void places_init(struct places *places, size_t max, size_t bytes)
{
    *places = (struct places){.max = max, .place_bytes = bytes / max > 0 ? bytes / max : 1};
    metric_add(METRIC_PLACES_LIMIT, (int64_t)max);
    metric_add(METRIC_BUDGET_LIMIT_WORKER, (int64_t)(max * places->place_bytes));
}

void places_fini(struct places *places)
{
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->by_id, s)) != NULL;)
        free(s->value);
    idmap_fini(&places->by_id);
    idmap_fini(&places->apps);
    idmap_fini(&places->ahead);
    tokens_fini(&places->tokens);
    free(places->held);
}

size_t places_count(const struct places *places)
{
    return places->by_id.count;
}

size_t places_left(const struct places *places)
{
    return places->taken < places->max ? places->max - places->taken : 0;
}

struct queue_room places_room(const struct places *places, size_t max)
{
    return (struct queue_room){.max = max,
                               .free = places_left(places),
                               .held = places->held,
                               .held_count = places->held_count};
}

bool places_are_shared(const struct places *places)
{
    return places->shared_ms != 0 && clock_mono_ms() - places->shared_ms < SHARED_MS;
}

bool places_has(const struct places *places, struct id delivery)
{
    return idmap_get(&places->by_id, delivery) != NULL;
}

static bool flies(const struct place *place)
{
    return !place->ahead && !place->over;
}

bool places_flies(const struct places *places, struct id delivery)
{
    const struct place *place = idmap_get(&places->by_id, delivery);
    return place != NULL && flies(place);
}

static void grow_held(struct places *places)
{
    if (places->held_count < places->held_room)
        return;
    places->held_room = places->held_room > 0 ? 2 * places->held_room : 16;
    places->held = xrealloc(places->held, places->held_room * sizeof *places->held);
}

static void count_taken(struct places *places, int weight)
{
    places->taken = (size_t)((int64_t)places->taken + weight);
    metric_add(METRIC_PLACES, weight);
    metric_add(METRIC_BUDGET_WORKER, weight * (int64_t)places->place_bytes);
}

/* The last place goes to one more delivery, or to the bytes of those that are there. */
static void take_more(struct places *places, int weight)
{
    bool met = places->taken < places->max && places->taken + (size_t)weight >= places->max;

    count_taken(places, weight);
    if (met)
        metric_add(places->by_id.count < places->max ? METRIC_WORKER_MIB_MET : METRIC_IN_FLIGHT_MET,
                   1);
}

static void hold(struct places *places, struct id app, int weight)
{
    uintptr_t at = (uintptr_t)idmap_get(&places->apps, app);

    if (at == 0) {
        grow_held(places);
        places->held[places->held_count] = (struct queue_held){.app = app};
        at = ++places->held_count;
        idmap_set(&places->apps, app, (void *)at);
    }
    if (places->held_count > 1)
        places->shared_ms = clock_mono_ms();
    places->held[at - 1].count += weight;
    take_more(places, weight);
}

/* The last takes the room of one that has none left. */
static void let_go(struct places *places, struct id app, int weight)
{
    uintptr_t at = (uintptr_t)idmap_get(&places->apps, app);

    count_taken(places, -weight);
    places->held[at - 1].count -= weight;
    if (places->held[at - 1].count > 0)
        return;
    idmap_set(&places->apps, app, NULL);
    const struct queue_held *last = &places->held[--places->held_count];
    if (at - 1 == places->held_count)
        return;
    places->held[at - 1] = *last;
    idmap_set(&places->apps, last->app, (void *)at);
}

static struct place *add(struct places *places, const struct queue_ref *ref, int64_t token,
                         int weight)
{
    struct place *place = xcalloc(1, sizeof *place);

    assert(idmap_get(&places->by_id, ref->delivery) == NULL);
    *place = (struct place){*ref, token, weight};
    idmap_set(&places->by_id, ref->delivery, place);
    tokens_take(&places->tokens, token);
    metric_add(METRIC_IN_FLIGHT, 1);
    if (weight > 0)
        hold(places, ref->app, weight);
    return place;
}

void places_take(struct places *places, const struct queue_ref *refs, size_t count, int64_t token)
{
    for (size_t i = 0; i < count; i++)
        add(places, &refs[i], token, 1);
}

static void count_ahead(struct places *places, struct id endpoint, int n)
{
    intptr_t count = (intptr_t)idmap_get(&places->ahead, endpoint) + n;
    idmap_set(&places->ahead, endpoint, (void *)count);
}

void places_take_ahead(struct places *places, const struct queue_ref *refs, size_t count,
                       int64_t token)
{
    for (size_t i = 0; i < count; i++) {
        add(places, &refs[i], token, 1)->ahead = true;
        count_ahead(places, refs[i].endpoint, 1);
    }
}

static void begin(struct places *places, struct place *place)
{
    if (place->ahead)
        count_ahead(places, place->ref.endpoint, -1);
    place->ahead = false;
}

void places_begin(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL && place->ahead);
    begin(places, place);
}

void places_lease(struct places *places, struct id delivery, int64_t token)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL);
    tokens_take(&places->tokens, token);
    tokens_give_back(&places->tokens, place->token);
    place->token = token;
}

bool places_is_ahead(const struct places *places, struct id delivery)
{
    const struct place *place = idmap_get(&places->by_id, delivery);
    return place != NULL && place->ahead;
}

int places_ahead(const struct places *places, struct id endpoint)
{
    return (int)(intptr_t)idmap_get(&places->ahead, endpoint);
}

void places_take_along(struct places *places, const struct queue_ref *ref, int64_t token)
{
    add(places, ref, token, 0);
}

static int needed(const struct places *places, size_t bytes)
{
    return (int)(bytes / places->place_bytes + (bytes % places->place_bytes > 0));
}

static int change(struct places *places, struct id app, int had, int has)
{
    if (has > had)
        hold(places, app, has - had);
    else if (has < had)
        let_go(places, app, had - has);
    return has;
}

void places_weigh(struct places *places, struct id delivery, size_t bytes)
{
    struct place *place = idmap_get(&places->by_id, delivery);
    int weight = needed(places, bytes);

    assert(place != NULL);
    if (place->weight > 0)
        place->weight = change(places, place->ref.app, place->weight, weight > 1 ? weight : 1);
}

int places_share(struct places *places, struct id app, int had, size_t bytes)
{
    return change(places, app, had, needed(places, bytes));
}

bool places_take_alone(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL);
    if (places->alone == NULL)
        places->alone = place;
    return places->alone == place;
}

void places_give_back(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL);
    begin(places, place);
    idmap_set(&places->by_id, delivery, NULL);
    tokens_give_back(&places->tokens, place->token);
    metric_add(METRIC_IN_FLIGHT, -1);
    if (place->weight > 0)
        let_go(places, place->ref.app, place->weight);
    if (places->alone == place)
        places->alone = NULL;
    free(place);
}

void places_over(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL);
    place->over = true;
}

struct queue_ref *places_refs(const struct places *places, struct queue_hand *hand)
{
    size_t room = places->by_id.count + 1, count = 0, ahead = room;
    struct queue_ref *refs = xcalloc(room, sizeof *refs);

    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->by_id, s)) != NULL;) {
        const struct place *place = s->value;
        if (flies(place))
            refs[count++] = place->ref;
        else if (place->ahead)
            refs[--ahead] = place->ref;
    }
    *hand = (struct queue_hand){refs, count, refs + ahead, room - ahead};
    return refs;
}
