/* Deliberate faults, one at a time: each breaks a rule that the program or a server keeps, and has to be found. What
 * they stand for is in mutants.c. */
#ifndef SIM_MUTANTS_H
#define SIM_MUTANTS_H

#include "base/defs.h"

enum mutant {
    MUTANT_NONE,
    MUTANT_FINISH_UNFENCED,
    MUTANT_LATE_FAILURE,
    MUTANT_SUCCESS_LOST,
    MUTANT_CLAIM_LEASED,
    MUTANT_CLAIM_EARLY,
    MUTANT_CLAIM_PAUSED,
    MUTANT_TAKE_BACK_ALL,
    MUTANT_TAKE_BACK_NONE,
    MUTANT_RETRY_AT_ONCE,
    MUTANT_STEP_STAYS,
    MUTANT_LEASES_FORGOTTEN,
    MUTANT_ACCEPT_ASYNC,
    MUTANT_KEY_FORGOTTEN,
    MUTANT_OVERDUE_NONE,
    MUTANT_UPCOMING_NONE,
    MUTANT_FINISH_UNSAID,
    MUTANT_CLAIM_EARLY_WORD,
    MUTANT_CRASH_UNTOLD,
    MUTANT_EPOCH_STAYS,
    MUTANT_RESYNC_NONE,
    MUTANT_SWEEP_NONE,
    MUTANT_SLOT_KEPT,
    MUTANT_SLOT_SHARED,
    MUTANT_CAP_IGNORED,
    MUTANT_ACK_LOST,
    MUTANT_ENQUEUE_LOST,
    MUTANT_SETTLE_NONE,
    MUTANT_DIRECT_NONE,
    MUTANT_DIRECT_UNCAPPED,
    MUTANT_GATES_FORGOTTEN,
    MUTANT_IDS_SAME,
    MUTANT_LEASE_SHORT,
    MUTANT_RELEASE_NONE,
    MUTANT_LEASE_END_ALL,
    MUTANT_RELEASE_TWICE,
    MUTANT_FINISH_AGAIN,
    MUTANT_KEYS_EARLY,
    MUTANT_SETTLE_FORGETS,
    MUTANT_GATES_UNTOLD,
    MUTANT_IDS_BY_CLOCK,

    /* Of what is claimed ahead (ahead.c). */
    MUTANT_AHEAD_AT_ONCE,
    MUTANT_AHEAD_STALE,
    MUTANT_AHEAD_UNTOLD,

    /* Of the scripts: a piece of one is changed. */
    MUTANT_LUA_FIRST,
    MUTANT_GATE_OPEN = MUTANT_LUA_FIRST,
    MUTANT_WIDTH_IGNORED,
    MUTANT_FLIGHT_FORGOTTEN,
    MUTANT_ENQUEUE_TAKES,
    MUTANT_SLOTS_KEPT,
    MUTANT_RETRY_DROPPED,
    MUTANT_EXPIRED_STAY,
    MUTANT_RECOUNT_NONE,
    MUTANT_WAKE_NONE,
    MUTANT_RING_LEFT,
    MUTANT_EPOCH_UNSET,
    MUTANT_BEAT_NONE,
    MUTANT_RESYNC_KEEPS,
    MUTANT_REPLAY_HEARD,
    MUTANT_AHEAD_UNNOTED,
    MUTANT_COUNT
};

extern enum mutant mutant;
extern const char *const mutant_names[MUTANT_COUNT];

/* Whether it is in force. */
static inline bool is_mutant(enum mutant m)
{
    return mutant == m;
}

/* The script's text with the piece changed, to be freed; NULL: it stays as it is. */
char *mutant_script(const char *name, const char *lua);

#endif
