/* The budget of what is in a worker's hands. */
#include "places.h"

void places_init(struct places *places, size_t max)
{
    *places = (struct places){.max = max};
}

size_t places_left(const struct places *places)
{
    return places->taken < places->max ? places->max - places->taken : 0;
}

void places_take(struct places *places, size_t count)
{
    places->taken += count;
}

void places_give_back(struct places *places, size_t count)
{
    assert(count <= places->taken);
    places->taken -= count;
}
