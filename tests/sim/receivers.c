/* Rules about receivers: what their gates let through, and what people are told of them. */
#include "receivers.h"

#include "core/gate.h"
#include "oracle.h"
#include "world.h"

#define EARLY_MS 7    /* a clock's millisecond, and a claim's slack */
#define TOLD_MS  3000 /* by then the ledger knows what a receiver's answers make of it */

/* What receivers answered, one after another. */
static struct line_of_ends {
    int dead, failed;    /* since something was answered; since the last success */
    int64_t answered_us; /* the last that was not dead */
    int64_t dead_us;     /* the first of the dead */
    int64_t failing_us;  /* when it had failed as often as counts */
    int64_t shut_us;     /* since when nothing but probes may come; 0: it is not so */
    int64_t probe_us;    /* when the last one began */
    int64_t opened_us;   /* when it was answered after so many dead ones, or nearly */
    int all_failed;      /* in all */
} lines[WEBHOOKS_MAX];

void receivers_begin(void)
{
    memset(lines, 0, sizeof lines);
}

bool receivers_were_shut(int webhook, int64_t since_us)
{
    const struct line_of_ends *l = &lines[webhook];
    return l->dead >= GATE_STREAK / 2 || l->opened_us > since_us;
}

/* What is heard once counts once. (What the ledger was told before a connection to it broke may count again.) */
void receivers_check_gates(void)
{
    if (!only(KIND(ACT_REDIS_CUT) | KIND(ACT_RECEIVER_AWAY)))
        return;
    for (int i = 0; i < ledger.webhook_count; i++)
        if (ledger.webhooks[i].gate_failures > lines[i].all_failed)
            fail_run("a failure counted twice", "webhook %d: %d of %d", i,
                     ledger.webhooks[i].gate_failures, lines[i].all_failed);
}

/* With nothing wrong but the receiver: who is found dead is asked one request at a time, and not at once again. An emptied
 * Redis has it from the ledger, if that was told. */
void receivers_check_request(int webhook)
{
    struct line_of_ends *l = &lines[webhook];

    if (l->shut_us == 0 || !only(KIND(ACT_RECEIVER_AWAY) | KIND(ACT_REDIS_FLUSH)) ||
        sim.now_us < l->shut_us + MS(HEARD_MS))
        return;
    if (l->probe_us != 0 && sim.now_us < l->probe_us + MS(GATE_PROBE_MS) - MS(EARLY_MS))
        fail_run("knocked at a closed gate", "webhook %d", webhook);
    l->probe_us = sim.now_us;
}

/* What the ledger was told stays known. */
void receivers_emptied(void)
{
    for (int i = 0; i < WEBHOOKS_MAX; i++) {
        struct line_of_ends *l = &lines[i];
        int64_t last_us = l->probe_us > l->shut_us ? l->probe_us : l->shut_us;
        if (l->shut_us != 0 && oracle.under_way[i] == 0 && sim.now_us >= last_us + MS(TOLD_MS))
            continue;
        l->dead = 0;
        l->shut_us = l->probe_us = 0;
    }
}

void receivers_hear(int webhook, bool success, bool dead)
{
    struct line_of_ends *l = &lines[webhook];

    l->failed = success ? 0 : l->failed + 1;
    l->all_failed += !success;
    if (l->failed == GATE_FAILURES)
        l->failing_us = sim.now_us;
    if (!dead) {
        if (l->dead >= GATE_STREAK / 2)
            l->opened_us = sim.now_us;
        l->dead = 0;
        l->shut_us = l->probe_us = 0;
        l->answered_us = sim.now_us;
        return;
    }
    if (l->dead++ == 0)
        l->dead_us = sim.now_us;
    if (l->dead == GATE_STREAK && l->dead_us > l->answered_us + MS(HEARD_MS))
        l->shut_us = sim.now_us;
}

/* People are shown which receivers fail. */
void receivers_check_end(void)
{
    for (int i = 0; i < ledger.webhook_count; i++)
        if (lines[i].failed >= GATE_FAILURES && ledger.webhooks[i].gate_failures == 0 &&
            only(KIND(ACT_RECEIVER_AWAY)) && sim.now_us > lines[i].failing_us + MS(TOLD_MS))
            fail_run("the ledger was not told of a gate", "webhook %d", i);
}
