/* Token buckets, each as one number: the time at which it will be full again (the generic cell rate algorithm of ATM
 * Forum's Traffic Management 4.0, as virtual scheduling). Threads meet in compare-and-swap only; where two of them disagree
 * about whose a place is, a request is counted for another key, once. */
#include "api/rates.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SETS   4096 /* a power of two */
#define WAYS   4
#define SECOND ((int64_t)1000000000)

struct place {
    _Atomic uint64_t key;    /* 0: nobody's yet */
    _Atomic int64_t full_ns; /* monotonic */
    _Atomic int64_t room_ns; /* how far ahead that may be for one more, by the last rate */
};

struct rates {
    struct place places[SETS][WAYS];
};

struct rates *rates_create(void)
{
    return xcalloc(1, sizeof(struct rates));
}

void rates_destroy(struct rates *rates)
{
    free(rates);
}

/* The random half of the id. */
static uint64_t name_of(struct id key)
{
    uint64_t name;
    memcpy(&name, key.b + 8, sizeof name);
    return name != 0 ? name : 1;
}

static struct place *place_of(struct rates *rates, struct id key, int64_t now)
{
    uint64_t name = name_of(key), other;
    struct place *set = rates->places[(name >> 32) & (SETS - 1)], *longest = set;

    for (int i = 0; i < WAYS; i++) {
        if (atomic_load(&set[i].key) == name)
            return &set[i];
        if (atomic_load(&set[i].full_ns) < atomic_load(&longest->full_ns))
            longest = &set[i];
    }
    other = atomic_load(&longest->key);
    if (atomic_compare_exchange_strong(&longest->key, &other, name) &&
        atomic_load(&longest->full_ns) > now)
        atomic_store(&longest->full_ns, now);
    return longest;
}

bool rates_over(struct rates *rates, struct id key, int64_t now_us)
{
    uint64_t name = name_of(key);
    struct place *set = rates->places[(name >> 32) & (SETS - 1)];

    for (int i = 0; i < WAYS; i++)
        if (atomic_load(&set[i].key) == name)
            return atomic_load(&set[i].full_ns) - now_us * 1000 > atomic_load(&set[i].room_ns);
    return false;
}

static int64_t seconds_up(int64_t ns)
{
    return (ns + SECOND - 1) / SECOND;
}

bool rates_take(struct rates *rates, struct id key, const struct rate *rate, int64_t now_us,
                struct rate_left *left)
{
    int64_t now = now_us * 1000, each = SECOND / rate->per_second, most = each * rate->burst, next;
    struct place *place = place_of(rates, key, now);
    int64_t full = atomic_load(&place->full_ns);

    atomic_store_explicit(&place->room_ns, most - each, memory_order_relaxed);
    do {
        next = (full > now ? full : now) + each;
        if (next - now > most) {
            *left = (struct rate_left){0, seconds_up(next - now - most)};
            return false;
        }
    } while (!atomic_compare_exchange_weak(&place->full_ns, &full, next));
    left->requests = (most - (next - now)) / each;
    left->seconds = seconds_up(left->requests > 0 ? next - now : next + each - now - most);
    return true;
}
