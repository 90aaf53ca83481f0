/* A statement costs several times what one more event in it does. While events come one after the other, a few
 * milliseconds between the starts of statements make one of many; but who sends his next event when he has his answer
 * would only be kept waiting, alone or with as many others as there are. What tells one from the other is who comes
 * while something waits: whoever was just answered comes at once or not at all, so only who comes later than that
 * counts. Where none did, statements start at once, and it is tried again now and then.
 *
 * Two statements side by side take the same events as one that comes after the other, in halves: so the second waits
 * for the first, for which nobody has to guess, unless it has enough by itself. */
#include "accept_pace.h"

#define REACTION_US 1000 /* in which who waited for an answer sends the next */
#define CREDIT_MAX  8
#define QUICK_MIN   16
#define QUICK_MAX   1024

static bool may_hold(const struct accept_pace *pace)
{
    return pace->holding || pace->credit > 0 || pace->quick >= pace->quick_max;
}

static int64_t worth_ms(size_t events)
{
    return events < ACCEPT_PACE_FEW    ? ACCEPT_PACE_FEW_MS
           : events < ACCEPT_PACE_FULL ? ACCEPT_PACE_HOLD_MS
                                       : 0;
}

/* Of so many milliseconds since the last statement began; 0: they have passed, or there was none. */
static int64_t left_ms(const struct accept_pace *pace, int64_t ms, int64_t now_us)
{
    int64_t left_us = pace->began_us + 1000 * ms - now_us;
    return pace->began_us == 0 || left_us <= 0 ? 0 : (left_us + 999) / 1000;
}

int64_t accept_pace_hold_ms(struct accept_pace *pace, int64_t now_us, size_t events, bool under_way)
{
    int64_t hold_ms = may_hold(pace) ? left_ms(pace, worth_ms(events), now_us) : 0;

    if (hold_ms > 0)
        pace->holding = true;
    if (under_way && events < ACCEPT_PACE_BESIDE)
        return left_ms(pace, ACCEPT_PACE_BESIDE_MS, now_us);
    return hold_ms;
}

void accept_pace_arrived(struct accept_pace *pace, int64_t now_us)
{
    if (pace->holding && now_us - pace->answered_us > REACTION_US)
        pace->joined = true;
}

void accept_pace_began(struct accept_pace *pace, int64_t now_us)
{
    pace->began_us = now_us;
    if (!pace->holding) {
        pace->quick++;
        return;
    }
    if (pace->joined) {
        pace->credit = pace->credit + 2 < CREDIT_MAX ? pace->credit + 2 : CREDIT_MAX;
        pace->quick_max = QUICK_MIN;
    } else if (pace->credit > 0) {
        pace->credit--;
    } else {
        pace->quick_max = pace->quick_max == 0              ? QUICK_MIN
                          : pace->quick_max < QUICK_MAX / 2 ? 2 * pace->quick_max
                                                            : QUICK_MAX;
    }
    pace->quick = 0;
    pace->holding = pace->joined = false;
}

void accept_pace_answered(struct accept_pace *pace, int64_t now_us)
{
    pace->answered_us = now_us;
}
