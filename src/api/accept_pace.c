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

int64_t accept_pace_hold_ms(struct accept_pace *pace, int64_t now_us, size_t events, bool under_way)
{
    int64_t hold_us = INT64_C(1000) * ACCEPT_PACE_HOLD_MS * (under_way ? 2 : 1),
            left_us = pace->began_us + hold_us - now_us;

    if (pace->began_us == 0 || left_us <= 0)
        return 0;
    if (events < ACCEPT_PACE_FULL && may_hold(pace))
        pace->holding = true;
    else if (!under_way || events >= ACCEPT_PACE_BESIDE)
        return 0;
    return (left_us + 999) / 1000;
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
