/* An event's id is made SLACK_MS before its transaction begins to write, at most, clocks that differ included. So when all
 * transactions of some moment have ended, what has an id that is older than that moment, less the slack, is stored or
 * never will be. Who keeps a transaction open for longer than LATE_MS, or for longer than CROWDED_MS while there is no room
 * to remember more, is not waited for. */
#include "seen.h"

#include <stdlib.h>

#define SLACK_MS   5000
#define LATE_MS    600000
#define CROWDED_MS 30000
#define MOMENT_MS  500 /* between two of them, at least; the older half of many is thinned out */

void seen_init(struct seen *seen, struct id sure)
{
    *seen = (struct seen){.sure = sure};
}

void seen_fini(struct seen *seen)
{
    free(seen->ids);
    *seen = (struct seen){0};
}

/* Where it is, or belongs. */
static size_t place_of(const struct seen *seen, struct id id)
{
    size_t low = 0, high = seen->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (id_cmp(seen->ids[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool seen_has(const struct seen *seen, struct id id)
{
    size_t at = place_of(seen, id);
    return at < seen->count && id_eq(seen->ids[at], id);
}

bool seen_is_full(const struct seen *seen)
{
    return seen->count == SEEN_MAX;
}

void seen_add(struct seen *seen, struct id id)
{
    size_t at = place_of(seen, id);

    assert(seen->count < SEEN_MAX);
    if (seen->count == seen->cap) {
        seen->cap = seen->cap > 0 ? seen->cap * 2 : 64;
        seen->ids = xrealloc(seen->ids, seen->cap * sizeof seen->ids[0]);
    }
    memmove(&seen->ids[at + 1], &seen->ids[at], (seen->count - at) * sizeof seen->ids[0]);
    seen->ids[at] = id;
    seen->count++;
}

/* Every second of the older ones goes when there is no room. */
static void note(struct seen *seen, int64_t now_ms, int64_t next)
{
    size_t n = 0;

    if (seen->moment_count > 0 && now_ms - seen->moments[seen->moment_count - 1].at_ms < MOMENT_MS)
        return;
    if (seen->moment_count == SEEN_MOMENTS) {
        for (size_t i = 0; i < SEEN_MOMENTS; i++)
            if (i % 2 == 0 || i >= SEEN_MOMENTS / 2)
                seen->moments[n++] = seen->moments[i];
        seen->moment_count = n;
    }
    seen->moments[seen->moment_count].at_ms = now_ms;
    seen->moments[seen->moment_count++].next = next;
}

/* The last moment whose transactions have all ended; those before it are not needed any more. */
static int64_t settled_ms(struct seen *seen, int64_t oldest)
{
    size_t last = 0;

    while (last < seen->moment_count && seen->moments[last].next <= oldest)
        last++;
    if (last == 0)
        return 0;
    int64_t at_ms = seen->moments[last - 1].at_ms;
    seen->moment_count -= last - 1;
    memmove(seen->moments, &seen->moments[last - 1], seen->moment_count * sizeof seen->moments[0]);
    return at_ms;
}

void seen_pass(struct seen *seen, const struct moment *moment, const struct id *unseen)
{
    int64_t late_ms = moment->now_ms - (seen_is_full(seen) ? CROWDED_MS : LATE_MS);

    note(seen, moment->now_ms, moment->next);
    int64_t until_ms = settled_ms(seen, moment->oldest) - SLACK_MS;
    if (until_ms < late_ms)
        until_ms = late_ms;
    if (unseen != NULL && until_ms > id_time_ms(*unseen))
        until_ms = id_time_ms(*unseen);
    struct id sure = id_floor(until_ms);
    if (id_cmp(sure, seen->sure) <= 0)
        return;
    size_t passed = place_of(seen, sure);
    seen->sure = sure;
    seen->count -= passed;
    if (passed > 0)
        memmove(seen->ids, seen->ids + passed, seen->count * sizeof seen->ids[0]);
}
