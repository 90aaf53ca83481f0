/* Kinds, states and moves, as tables. */
#include "core/job.h"

const char *const job_kind_names[] = {"replay", "retry",  "backfill", "fanout",
                                      "erase",  "settle", NULL};

const char *const job_state_names[] = {"waiting", "running", "done", "cancelled", "failed", NULL};

#define BIT(state) (1U << JOB_##state)

/* For each actor and state: the states it may go to. The statements of store/job_steps.c and store/jobs.c
 * make these moves and no others: tests/unit/jobs_test.c. */
static const unsigned moves[JOB_ACTORS][JOB_STATES] = {
    [JOB_BY_RUNNER] =
        {
            [JOB_WAITING] = BIT(WAITING) | BIT(RUNNING) | BIT(DONE) | BIT(FAILED),
            [JOB_RUNNING] = BIT(RUNNING) | BIT(DONE) | BIT(FAILED),
        },
    [JOB_BY_PERSON] =
        {
            [JOB_WAITING] = BIT(CANCELLED),
            [JOB_RUNNING] = BIT(CANCELLED),
        },
};

/* What a kind's jobs never become, or deliveries would be held for ever, or never made. */
static const unsigned never[JOB_KINDS] = {
    [JOB_FANOUT] = BIT(FAILED),
    [JOB_SETTLE] = BIT(CANCELLED) | BIT(FAILED),
};

bool job_may_move(enum job_actor actor, enum job_kind kind, enum job_state from, enum job_state to)
{
    return ((moves[actor][from] & ~never[kind]) >> to & 1) != 0;
}
