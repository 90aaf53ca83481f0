/* What each stands for. */
#include "mutants.h"

#include "base/str.h"

#include <stdio.h>

enum mutant mutant;

const char *const mutant_names[MUTANT_COUNT] = {
    [MUTANT_NONE] = "none",
    [MUTANT_FINISH_UNFENCED] = "a record counts whatever its token",
    [MUTANT_LATE_FAILURE] = "a late failure overwrites",
    [MUTANT_SUCCESS_LOST] = "a success of a lost lease does not count",
    [MUTANT_CLAIM_LEASED] = "a claim takes what is leased",
    [MUTANT_CLAIM_EARLY] = "a claim takes what is not due",
    [MUTANT_CLAIM_PAUSED] = "a claim takes what its webhook's pause holds",
    [MUTANT_TAKE_BACK_ALL] = "taking back does not look at the token",
    [MUTANT_TAKE_BACK_NONE] = "nothing is taken back",
    [MUTANT_RETRY_AT_ONCE] = "a retry is due at once",
    [MUTANT_STEP_STAYS] = "failed attempts are not counted",
    [MUTANT_LEASES_FORGOTTEN] = "claims are not noted",
    [MUTANT_ACCEPT_ASYNC] = "202 before the commit is on disk",
    [MUTANT_KEY_FORGOTTEN] = "idempotency keys are not looked up",
    [MUTANT_OVERDUE_NONE] = "the reconciler does not look for what is overdue",
    [MUTANT_UPCOMING_NONE] = "a rebuild brings nothing back",
    [MUTANT_FINISH_UNSAID] = "a record is answered and not made",
    [MUTANT_CLAIM_EARLY_WORD] = "a claim is answered and not committed",
    [MUTANT_CRASH_UNTOLD] = "nobody records again after a crash",
    [MUTANT_EPOCH_STAYS] = "an emptied Redis is not noticed",
    [MUTANT_RESYNC_NONE] = "Redis is not told what is in hand",
    [MUTANT_SWEEP_NONE] = "nobody sweeps",
    [MUTANT_SLOT_KEPT] = "a slot stays taken after a kill",
    [MUTANT_SLOT_SHARED] = "two live workers have one slot",
    [MUTANT_CAP_IGNORED] = "the queue does not know of caps",
    [MUTANT_ACK_LOST] = "acknowledgements are lost",
    [MUTANT_ENQUEUE_LOST] = "what is accepted never comes into the queue",
    [MUTANT_SETTLE_NONE] = "nobody settles after a resume",
    [MUTANT_DIRECT_NONE] = "direct mode finds nothing",
    [MUTANT_DIRECT_UNCAPPED] = "direct mode does not know of caps",
    [MUTANT_GATES_FORGOTTEN] = "a rebuild does not bring gates back",
    [MUTANT_IDS_SAME] = "two requests have one key",
    [MUTANT_LEASE_SHORT] = "a lease is shorter than a request",
    [MUTANT_RELEASE_NONE] = "what is given back stays leased",
    [MUTANT_LEASE_END_ALL] = "the note of a claim goes with its first record",
    [MUTANT_RELEASE_TWICE] = "what is given back is given back twice",
    [MUTANT_FINISH_AGAIN] = "a record that is made again counts again",
    [MUTANT_KEYS_EARLY] = "keys are forgotten at the wrong tick",
    [MUTANT_SETTLE_FORGETS] = "the end of settling forgets what changed meanwhile",
    [MUTANT_GATES_UNTOLD] = "the ledger is not told of gates",
    [MUTANT_IDS_BY_CLOCK] = "ids and tokens are led by a clock",
    [MUTANT_AHEAD_AT_ONCE] = "what is claimed ahead begins without a slot",
    [MUTANT_AHEAD_STALE] = "what is claimed ahead begins however old its lease is",
    [MUTANT_AHEAD_UNTOLD] = "Redis is not told what begins of what was claimed ahead",
    [MUTANT_GATE_OPEN] = "an open breaker does not wait before it asks again",
    [MUTANT_WIDTH_IGNORED] = "a claim does not count what is in flight",
    [MUTANT_FLIGHT_FORGOTTEN] = "a claim does not note what is in flight",
    [MUTANT_ENQUEUE_TAKES] = "an entry in flight is put in again",
    [MUTANT_SLOTS_KEPT] = "what lands frees no slot",
    [MUTANT_RETRY_DROPPED] = "an acknowledgement drops the retry",
    [MUTANT_EXPIRED_STAY] = "what is in flight too long stays so",
    [MUTANT_RECOUNT_NONE] = "slots are never counted anew",
    [MUTANT_WAKE_NONE] = "nobody is woken",
    [MUTANT_RING_LEFT] = "an endpoint that was full is not put back into its ring",
    [MUTANT_EPOCH_UNSET] = "a rebuild does not say that it is done",
    [MUTANT_BEAT_NONE] = "a Redis with older data is not noticed",
    [MUTANT_RESYNC_KEEPS] = "what a dead predecessor had in flight stays so",
    [MUTANT_REPLAY_HEARD] = "what is said of an endpoint is heard again when it is repeated",
    [MUTANT_AHEAD_UNNOTED] = "what is claimed ahead is in nobody's list",
};

/* What is changed in which script. */
static const struct {
    enum mutant mutant;
    const char *script, *piece, *instead;
} changes[] = {
    {MUTANT_GATE_OPEN, "ack", "g.until_ms = math.max(g.until_ms, ms)", ""},
    {MUTANT_WIDTH_IGNORED, "claim", "gate_width(gate, cap) - has", "1000"},
    {MUTANT_FLIGHT_FORGOTTEN, "claim", "call('ZADD', INFLIGHT, unpack(flight))", ""},
    {MUTANT_ENQUEUE_TAKES, "enqueue", "if not flies(m, lease_ends[i], force)\nand call", "if call"},
    {MUTANT_SLOTS_KEPT, "ack", "freed[ea] = (freed[ea] or 0) + 1", ""},
    {MUTANT_RETRY_DROPPED, "ack", "if delay ~= OUT then", "if false then"},
    {MUTANT_EXPIRED_STAY, "sweep", "'LIMIT', 0, 1000", "'LIMIT', 0, 0"},
    {MUTANT_RECOUNT_NONE, "sweep", "recount()\nforget_limits()", "forget_limits()"},
    {MUTANT_WAKE_NONE, "enqueue", "call('PUBLISH', P..'wake', '')", "call('TIME')"},
    {MUTANT_RING_LEFT, "ack", "gate_width(gate_seen(e), cap) > used(ea) and", "false and"},
    {MUTANT_EPOCH_UNSET, "gates", "call('SET', P..'epoch', ARGV[2])", ""},
    {MUTANT_BEAT_NONE, "resync", "< tonumber(ARGV[3]) and 1 or 0", "< 0 and 1 or 0"},
    {MUTANT_RESYNC_KEEPS, "resync", "if not real[m] and not ahead[m] then", "if false then"},
    {MUTANT_REPLAY_HEARD, "ack", "has(what, REPEATED) and flew == 0", "false"},
    {MUTANT_AHEAD_UNNOTED, "claim", "call('SADD', own, unpack(ahead))", ""},
};

char *mutant_script(const char *name, const char *lua)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        if (changes[i].mutant != mutant || strcmp(changes[i].script, name) != 0)
            continue;
        const char *at = strstr(lua, changes[i].piece);
        assert(at != NULL); /* else the script was changed, and this row with it */
        size_t before = (size_t)(at - lua);
        const char *behind = at + strlen(changes[i].piece);
        size_t size = strlen(lua) + strlen(changes[i].instead) + 1;
        char *text = xcalloc(1, size);
        snprintf(text, size, "%.*s%s%s", (int)before, lua, changes[i].instead, behind);
        return text;
    }
    return NULL;
}
