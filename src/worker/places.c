/* The budget of what is in a worker's hands. */
#include "places.h"

#include <stdlib.h>

struct place {
    struct queue_ref ref;
    int64_t token;
    bool along; /* it takes nothing away from others */
};

void places_init(struct places *places, size_t max)
{
    *places = (struct places){.max = max};
}

void places_fini(struct places *places)
{
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->by_id, s)) != NULL;)
        free(s->value);
    idmap_fini(&places->by_id);
    idmap_fini(&places->apps);
    tokens_fini(&places->tokens);
    free(places->held);
}

size_t places_left(const struct places *places)
{
    return places->taken < places->max ? places->max - places->taken : 0;
}

bool places_has(const struct places *places, struct id delivery)
{
    return idmap_get(&places->by_id, delivery) != NULL;
}

static void grow_held(struct places *places)
{
    if (places->held_count < places->held_room)
        return;
    places->held_room = places->held_room > 0 ? 2 * places->held_room : 16;
    places->held = xrealloc(places->held, places->held_room * sizeof *places->held);
}

static void hold(struct places *places, struct id app)
{
    uintptr_t at = (uintptr_t)idmap_get(&places->apps, app);

    if (at == 0) {
        grow_held(places);
        places->held[places->held_count] = (struct queue_held){.app = app};
        at = ++places->held_count;
        idmap_set(&places->apps, app, (void *)at);
    }
    places->held[at - 1].count++;
}

/* The last takes the room of one that has none left. */
static void let_go(struct places *places, struct id app)
{
    uintptr_t at = (uintptr_t)idmap_get(&places->apps, app);

    if (--places->held[at - 1].count > 0)
        return;
    idmap_set(&places->apps, app, NULL);
    const struct queue_held *last = &places->held[--places->held_count];
    if (at - 1 == places->held_count)
        return;
    places->held[at - 1] = *last;
    idmap_set(&places->apps, last->app, (void *)at);
}

static void add(struct places *places, const struct queue_ref *ref, int64_t token, bool along)
{
    struct place *place = xcalloc(1, sizeof *place);

    assert(idmap_get(&places->by_id, ref->delivery) == NULL);
    *place = (struct place){*ref, token, along};
    idmap_set(&places->by_id, ref->delivery, place);
    tokens_take(&places->tokens, token);
    if (along)
        return;
    hold(places, ref->app);
    places->taken++;
}

void places_take(struct places *places, const struct queue_ref *refs, size_t count, int64_t token)
{
    for (size_t i = 0; i < count; i++)
        add(places, &refs[i], token, false);
}

void places_take_along(struct places *places, const struct queue_ref *ref, int64_t token)
{
    add(places, ref, token, true);
}

void places_give_back(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->by_id, delivery);

    assert(place != NULL);
    idmap_set(&places->by_id, delivery, NULL);
    tokens_give_back(&places->tokens, place->token);
    if (!place->along) {
        let_go(places, place->ref.app);
        places->taken--;
    }
    free(place);
}

struct queue_ref *places_refs(const struct places *places, size_t *count)
{
    struct queue_ref *refs = xcalloc(places->by_id.count + 1, sizeof *refs);
    *count = 0;
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->by_id, s)) != NULL;)
        refs[(*count)++] = ((const struct place *)s->value)->ref;
    return refs;
}
