/* What stands between the relay and the rest of the worker, for deliberate faults of it. */
#include "mutants.h"
#include "sim.h"

#include "store/queue.h"
#include "worker/kept.h"
#include "worker/places.h"
#include "worker/relay.h"

#define LONG_MS 1000000000 /* longer than any run */

bool __real_places_is_ahead(const struct places *places, struct id delivery);
bool __wrap_places_is_ahead(const struct places *places, struct id delivery);
struct kept *__real_kept_create(const struct claim *const *claims, size_t count, int64_t token,
                                struct payload *payload, size_t *size);
struct kept *__wrap_kept_create(const struct claim *const *claims, size_t count, int64_t token,
                                struct payload *payload, size_t *size);
void __real_relay_pass(struct relay *relay, const struct attempt *attempt);
void __wrap_relay_pass(struct relay *relay, const struct attempt *attempt);
void __real_queue_begin(struct queue *queue, const struct queue_ref *ref);
void __wrap_queue_begin(struct queue *queue, const struct queue_ref *ref);

bool __wrap_places_is_ahead(const struct places *places, struct id delivery)
{
    return !is_mutant(MUTANT_AHEAD_AT_ONCE) && __real_places_is_ahead(places, delivery);
}

struct kept *__wrap_kept_create(const struct claim *const *claims, size_t count, int64_t token,
                                struct payload *payload, size_t *size)
{
    struct kept *kept = __real_kept_create(claims, count, token, payload, size);

    if (is_mutant(MUTANT_AHEAD_STALE) && kept->claims[0].ahead)
        kept->claims[0].begin_by_ms += LONG_MS;
    return kept;
}

/* Nothing seems old to it. */
void __wrap_relay_pass(struct relay *relay, const struct attempt *attempt)
{
    int64_t leap_us = sim.current->leap_us;

    if (is_mutant(MUTANT_AHEAD_STALE))
        sim.current->leap_us -= MS(LONG_MS);
    __real_relay_pass(relay, attempt);
    sim.current->leap_us = leap_us;
}

void __wrap_queue_begin(struct queue *queue, const struct queue_ref *ref)
{
    if (!is_mutant(MUTANT_AHEAD_UNTOLD))
        __real_queue_begin(queue, ref);
}
