/* The budget of what is in a worker's hands. */
#include "places.h"

#include <stdlib.h>

struct place {
    struct queue_ref ref;
    bool along; /* it does not count */
};

void places_init(struct places *places, size_t max)
{
    *places = (struct places){.max = max};
}

void places_fini(struct places *places)
{
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->refs, s)) != NULL;)
        free(s->value);
    idmap_fini(&places->refs);
    idmap_fini(&places->by_app);
}

size_t places_left(const struct places *places)
{
    return places->taken < places->max ? places->max - places->taken : 0;
}

static uintptr_t count_of(const struct places *places, struct id app)
{
    return (uintptr_t)idmap_get(&places->by_app, app);
}

bool places_has(const struct places *places, struct id delivery)
{
    return idmap_get(&places->refs, delivery) != NULL;
}

static void add(struct places *places, const struct queue_ref *ref, bool along)
{
    struct place *place = xcalloc(1, sizeof *place);

    assert(idmap_get(&places->refs, ref->delivery) == NULL);
    *place = (struct place){*ref, along};
    idmap_set(&places->refs, ref->delivery, place);
}

void places_take(struct places *places, const struct queue_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(places, &refs[i], false);
        idmap_set(&places->by_app, refs[i].app, (void *)(count_of(places, refs[i].app) + 1));
    }
    places->taken += count;
}

void places_take_along(struct places *places, const struct queue_ref *ref)
{
    add(places, ref, true);
}

void places_give_back(struct places *places, struct id delivery)
{
    struct place *place = idmap_get(&places->refs, delivery);

    assert(place != NULL);
    idmap_set(&places->refs, delivery, NULL);
    if (!place->along) {
        struct id app = place->ref.app;
        idmap_set(&places->by_app, app, (void *)(count_of(places, app) - 1));
        places->taken--;
    }
    free(place);
}

struct queue_held *places_held(const struct places *places, size_t *count)
{
    struct queue_held *held = xcalloc(places->by_app.count + 1, sizeof *held);
    *count = 0;
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->by_app, s)) != NULL;)
        held[(*count)++] = (struct queue_held){s->key, (int)(uintptr_t)s->value};
    return held;
}

struct queue_ref *places_refs(const struct places *places, size_t *count)
{
    struct queue_ref *refs = xcalloc(places->refs.count + 1, sizeof *refs);
    *count = 0;
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&places->refs, s)) != NULL;)
        refs[(*count)++] = ((const struct place *)s->value)->ref;
    return refs;
}
