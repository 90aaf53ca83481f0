/* Plans from seeds. */
#include "world.h"

#include <stdlib.h>

#define FAULTS_AT_MOST 4

static uint64_t dice;

static int64_t between(int64_t least, int64_t most)
{
    return least + (int64_t)(chance_next(&dice) % (uint64_t)(most - least + 1));
}

static bool one_in(int n)
{
    return chance_next(&dice) % (uint64_t)n == 0;
}

typedef void story_fn(void);
static story_fn forget_retries, forget_gates, repeat_acks, lose_machine, lose_flight, stand_still,
    lose_claims;

/* NULL: chance alone. */
static story_fn *choose_story(void)
{
    static story_fn *const stories[] = {forget_retries, forget_gates, repeat_acks, lose_machine,
                                        lose_flight,    stand_still,  lose_claims};
    return one_in(5) ? stories[between(0, ARRAY_LEN(stories) - 1)] : NULL;
}

static struct action *add(enum action_kind kind, int64_t at_us)
{
    assert(world.action_count < ACTIONS_MAX);
    struct action *a = &world.actions[world.action_count++];
    *a = (struct action){.kind = kind, .at_us = at_us};
    return a;
}

static void plan_webhooks(bool rush)
{
    world.rush = rush;
    world.app_count = world.rush ? 1 : (int)between(1, 2);
    world.webhook_count = world.rush ? 1 : (int)between(1, one_in(4) ? WEBHOOKS_MAX : 2);
    for (int i = 0; i < WEBHOOKS_MAX; i++) {
        struct world_webhook *w = &world.webhooks[i];
        w->app_number = i < world.app_count ? i : (int)between(0, world.app_count - 1);
        w->app = id_floor(EPOCH_MS - 2000 + w->app_number);
        w->fail_one_in = one_in(3) ? (int)between(2, 8) : 0;
        w->slow_one_in = one_in(3) ? (int)between(2, 8) : 0;
        w->lost_one_in = one_in(5) ? (int)between(3, 10) : 0;
        w->refuses = w->slow_one_in == 0 && one_in(8) ? (int)between(1, WORLD_STEPS + 1) : 0;
        w->fast = world.rush;
    }
    if (world.app_count > world.webhook_count)
        world.app_count = world.webhook_count;
}

static void plan_events(void)
{
    int count = (int)(world.rush ? between(20, 40) : between(2, one_in(4) ? 24 : 10));
    bool burst = world.rush || one_in(3);

    if (count > DELIVERIES_MAX / world.webhook_count)
        count = DELIVERIES_MAX / world.webhook_count;
    for (int i = 0; i < count; i++) {
        struct action *a = add(ACT_EVENT, SECONDS(1) + between(0, burst ? MS(20) : MS(6000)));
        a->a = (int)between(0, world.app_count - 1);
        a->b = (int)between(0, world.apis - 1);
    }
}

/* How long each lasts, least and most, in ms; now and then much longer. */
static const struct {
    int weight, least_ms, most_ms, long_ms;
} kinds[ACT_KINDS] = {
    [ACT_KILL] = {8, 10, 4000, 0},           [ACT_TERM] = {4, 10, 2000, 0},
    [ACT_PAUSE] = {4, 50, 4000, 90000},      [ACT_REDIS_CUT] = {4, 0, 0, 0},
    [ACT_REDIS_DOWN] = {4, 20, 6000, 0},     [ACT_REDIS_FLUSH] = {4, 0, 0, 0},
    [ACT_REDIS_SAVE] = {3, 0, 0, 0},         [ACT_REDIS_RESTORE] = {4, 20, 1500, 0},
    [ACT_REDIS_FULL] = {2, 500, 6000, 0},    [ACT_REDIS_EVICT] = {3, 0, 0, 0},
    [ACT_REDIS_FREEZE] = {3, 100, 5000, 0},  [ACT_DB_CUT] = {4, 0, 0, 0},
    [ACT_DB_CRASH] = {5, 100, 3000, 0},      [ACT_DB_FREEZE] = {3, 100, 7000, 80000},
    [ACT_DB_LOCK] = {2, 500, 3000, 0},       [ACT_RECEIVER_AWAY] = {3, 200, 5000, 0},
    [ACT_WEBHOOK_PAUSE] = {4, 300, 5000, 0}, [ACT_CLOCK] = {1, 0, 0, 0},
};

static enum action_kind kind_by_weight(void)
{
    int64_t sum = 0, at;

    for (int k = 0; k < ACT_KINDS; k++)
        sum += kinds[k].weight;
    at = between(0, sum - 1);
    for (int k = 0; k < ACT_KINDS; k++) {
        at -= kinds[k].weight;
        if (at < 0)
            return (enum action_kind)k;
    }
    return ACT_KILL;
}

static void plan_fault(void)
{
    enum action_kind kind = kind_by_weight();
    struct action *a =
        add(kind, SECONDS(1) + between(MS(20), world.rush && one_in(2) ? MS(300) : MS(8000)));
    int procs = world.workers + world.apis;

    a->us = MS(between(kinds[kind].least_ms, kinds[kind].most_ms));
    if (kinds[kind].long_ms > 0 && one_in(8))
        a->us = MS(kinds[kind].long_ms) + a->us;
    switch (kind) {
    case ACT_RECEIVER_AWAY:
    case ACT_WEBHOOK_PAUSE:
        a->a = (int)between(0, world.webhook_count - 1);
        break;
    case ACT_CLOCK:
        a->a = (int)between(-1, procs - 1);
        a->b = (int)between(-5000, 5000);
        break;
    case ACT_DB_LOCK:
        a->b = (int)between(1, INT32_MAX);
        break;
    case ACT_REDIS_EVICT:
        a->a = one_in(2);
        break;
    default:
        a->a = one_in(4) ? (int)between(0, procs - 1) : (int)between(0, world.workers - 1);
    }
    if (kind != ACT_KILL || a->a >= world.workers)
        return;
    a->b = one_in(4);
    if (world.workers > 1 && one_in(12))
        a->us = NEVER;
}

/* --- stories: what chance alone brings together too seldom --------------------------------------- */

static struct action *add_between(enum action_kind kind, int64_t from_ms, int64_t to_ms)
{
    return add(kind, SECONDS(1) + MS(between(from_ms, to_ms)));
}

/* Every receiver refuses for a while, and Redis loses what waits for its retry. */
static void forget_retries(void)
{
    bool restored = one_in(2);

    for (int i = 0; i < world.webhook_count; i++) {
        world.webhooks[i].refuses = WORLD_STEPS;
        world.webhooks[i].slow_one_in = world.webhooks[i].lost_one_in = 0;
    }
    if (restored)
        add_between(ACT_REDIS_SAVE, 20, 2000);
    add_between(restored ? ACT_REDIS_RESTORE : ACT_REDIS_FLUSH, 7000, 10000)->us =
        restored ? MS(between(20, 500)) : 0;
}

/* A receiver is away for so long that its breaker opens, and Redis is emptied meanwhile. */
static void forget_gates(void)
{
    add_between(ACT_RECEIVER_AWAY, 0, 20)->us = MS(between(6000, 14000));
    if (one_in(2))
        add_between(ACT_REDIS_FLUSH, 3000, 8000);
}

/* A receiver always refuses, and connections to Redis break. */
static void repeat_acks(void)
{
    world.webhooks[0].refuses = WORLD_STEPS + 1;
    world.webhooks[0].slow_one_in = 0;
    for (int n = (int)between(4, 12); n > 0; n--)
        add_between(ACT_REDIS_CUT, 20, 12000);
}

/* A worker records, and never comes back. */
static void lose_machine(void)
{
    struct action *a = add_between(ACT_KILL, 0, 2000);

    if (world.workers < 2)
        world.workers = 2;
    a->a = (int)between(0, world.workers - 1);
    a->b = 1;
    a->us = NEVER;
}

/* Redis loses what it knows of requests under way, of which there are some. */
static void lose_flight(void)
{
    for (int i = 0; i < world.webhook_count; i++) {
        world.webhooks[i].slow_one_in = (int)between(1, 3);
        world.webhooks[i].refuses = 0;
    }
    add_between(ACT_REDIS_EVICT, 20, 3000)->a = 1;
}

/* A worker stands still, longer than a lease, while it has claimed ahead. */
static void stand_still(void)
{
    struct action *a = add_between(ACT_PAUSE, 10, 80);

    a->a = (int)between(0, world.workers - 1);
    a->us = MS(between(76000, 90000));
}

/* What Redis answers is lost while much is claimed ahead. */
static void lose_claims(void)
{
    world.webhooks[0].fail_one_in = world.webhooks[0].slow_one_in = world.webhooks[0].refuses = 0;
    world.in_flight = 64;
    for (int n = (int)between(3, 10); n > 0; n--)
        add_between(ACT_REDIS_CUT, 0, 150);
}

static void plan_faults(void)
{
    for (int n = one_in(5) ? 0 : (int)between(1, FAULTS_AT_MOST); n > 0; n--)
        plan_fault();
}

static int by_time(const void *a, const void *b)
{
    const struct action *x = a, *y = b;
    return x->at_us != y->at_us ? (x->at_us < y->at_us ? -1 : 1) : 0;
}

void world_plan(uint64_t seed)
{
    dice = seed ^ UINT64_C(0xa5a5a5a5);
    story_fn *story = choose_story();
    world.seed = seed;
    world.action_count = 0;
    world.workers = one_in(3) ? (int)between(1, 3) : (int)between(1, 2);
    world.apis = (int)between(1, 2);
    world.in_flight = one_in(3) ? (int)between(2, 8) : 64;
    plan_webhooks(story == stand_still || story == lose_claims || one_in(5));
    plan_events();
    if (story != NULL)
        story();
    else
        plan_faults();
    qsort(world.actions, (size_t)world.action_count, sizeof world.actions[0], by_time);
}
