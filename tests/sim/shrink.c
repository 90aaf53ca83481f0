/* Greedy: halves of what is left, then quarters, until single actions; again as long as anything went. */
#include "shrink.h"

#include "mutants.h"

#include <inttypes.h>
#include <stdio.h>

static bool fails_still(const char *found)
{
    const char *now = world_run();
    return now != NULL && strcmp(now, found) == 0;
}

static int left(void)
{
    int count = 0;
    for (int i = 0; i < world.action_count; i++)
        count += !world.actions[i].left_out;
    return count;
}

/* Leaves out `size` of those that are there, from the `from`th on; those that it did. */
static int leave_out(int from, int size, int *which)
{
    int at = 0, count = 0;

    for (int i = 0; i < world.action_count; i++) {
        if (world.actions[i].left_out)
            continue;
        if (at++ < from || count == size)
            continue;
        world.actions[i].left_out = true;
        which[count++] = i;
    }
    return count;
}

static bool try_size(int size, const char *found)
{
    int which[ACTIONS_MAX], from = 0;
    bool any = false;

    while (from < left()) {
        int count = leave_out(from, size, which);
        if (fails_still(found)) {
            any = true;
            continue;
        }
        for (int i = 0; i < count; i++)
            world.actions[which[i]].left_out = false;
        from += size;
    }
    return any;
}

/* Receivers that behave, and one worker fewer, if it fails with these too. */
static void try_simpler(const char *found)
{
    for (int i = 0; i < world.webhook_count; i++) {
        struct world_webhook *w = &world.webhooks[i], had = *w;
        w->fail_one_in = w->slow_one_in = w->lost_one_in = w->refuses = 0;
        if (!fails_still(found))
            *w = had;
    }
}

void shrink(uint64_t seed, const char *found)
{
    int all = world.action_count;
    bool any = true;

    while (any) {
        any = false;
        for (int size = (left() + 1) / 2; size >= 1; size /= 2)
            any = try_size(size, found) || any;
    }
    try_simpler(found);
    printf("seed %" PRIu64 ": %s; with %d of its %d actions:\n", seed, found, left(), all);
    trace_on = true;
    world_run();
    trace_on = false;
    printf("The whole of it: sim -t -s %" PRIu64, seed);
    if (mutant != MUTANT_NONE)
        printf(" -M %d", (int)mutant);
    putchar('\n');
}
