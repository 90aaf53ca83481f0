/* A short list, searched from its beginning: few receivers pause at once. */
#include "pauses.h"

void pauses_set(struct pauses *pauses, struct id webhook, int64_t until_ms)
{
    struct pause *place = &pauses->at[0];

    for (size_t i = 0; i < PAUSES_MAX && !id_eq(place->webhook, webhook); i++) {
        struct pause *p = &pauses->at[i];
        if (id_eq(p->webhook, webhook) || p->until_ms < place->until_ms)
            place = p;
    }
    *place = (struct pause){webhook, until_ms};
}

int64_t pauses_left_ms(const struct pauses *pauses, struct id webhook, int64_t now_ms)
{
    for (size_t i = 0; i < PAUSES_MAX; i++)
        if (id_eq(pauses->at[i].webhook, webhook))
            return pauses->at[i].until_ms - now_ms;
    return 0;
}
