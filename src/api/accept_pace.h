/* Whether what has just arrived may wait a moment for others to share its commit with. At once when idle, and where
 * waiting gains nothing: it is learnt from what comes while something waits. Beside a statement that is under way a
 * second one is for many, or for whom the first keeps waiting. Times are microseconds of one clock that
 * the caller reads; nothing here starts or asks for anything. */
#ifndef API_ACCEPT_PACE_H
#define API_ACCEPT_PACE_H

#include "base/defs.h"

/* Between the starts of two statements, at most: for few events, for some, and for none when it is full. While the first
 * is under way nobody starts a second for less than many. */
#define ACCEPT_PACE_FEW       3
#define ACCEPT_PACE_FEW_MS    4
#define ACCEPT_PACE_FULL      16
#define ACCEPT_PACE_HOLD_MS   2
#define ACCEPT_PACE_BESIDE    64
#define ACCEPT_PACE_BESIDE_MS 8

/* Zeroed before. */
struct accept_pace {
    int64_t began_us, answered_us; /* the last statement */
    int credit;                    /* how often waiting has been worth it lately, within bounds */
    unsigned quick,
        quick_max; /* statements without a wait since the last, and how many there shall be */
    bool holding, joined; /* something waits; somebody came who would have come later anyway */
};

/* In how many milliseconds at most the next statement is to start, which may come before; 0: now. Asked when there is
 * something to store, as often as one likes. */
int64_t accept_pace_hold_ms(struct accept_pace *pace, int64_t now_us, size_t events,
                            bool under_way);

/* A request came. */
void accept_pace_arrived(struct accept_pace *pace, int64_t now_us);

/* A statement starts, or has its answer. */
void accept_pace_began(struct accept_pace *pace, int64_t now_us);
void accept_pace_answered(struct accept_pace *pace, int64_t now_us);

#endif
