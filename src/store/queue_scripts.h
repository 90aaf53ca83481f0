/* The Lua of the queue (src/store/lua/) and what it shares with the C. common.lua says what the keys are and how the
 * rings work; each script begins with its arguments. */
#ifndef STORE_QUEUE_SCRIPTS_H
#define STORE_QUEUE_SCRIPTS_H

#include "core/delivery.h"
#include "core/gate.h"
#include "core/webhook.h"
#include "io/redis.h"
#include "store/queue.h"

#define QUEUE_PREFIX  "posthorn:{q}:"
#define QUEUE_WAKE    QUEUE_PREFIX "wake"

#define QUEUE_REFUSED 32 /* what waits of it stays */
#define QUEUE_BEGINS  64 /* instead of what an ack says of the endpoint */
#define QUEUE_REPEATED \
    128 /* with what an ack says of the endpoint, which may have been heard before */

/* Enumerators cannot be pasted; queue.c asserts that they are these. */
/* clang-format off */
#define QUEUE_CONSTANTS \
    "local P = '" QUEUE_PREFIX "'\n" \
    "local LEASE_MS, CONCURRENCY = " TEXT_OF(DELIVERY_LEASE_MS) ", " TEXT_OF(WEBHOOK_CONCURRENCY) "\n" \
    "local OVERDUE_MS = " TEXT_OF(DELIVERY_OVERDUE_MS) "\n" \
    "local DEFAULT_LIMITS = '" TEXT_OF(WEBHOOK_CONCURRENCY) " 0'\n" \
    "local GENTLE, FORCE, WOKEN = 0, 1, 2\n" \
    "local SUCCESS, FAILED, DEAD, CROWDED, UNSENT = 1, 2, 4, 8, 16\n" \
    "local REFUSED, BEGINS, REPEATED = " TEXT_OF(QUEUE_REFUSED) ", " TEXT_OF(QUEUE_BEGINS) ", " TEXT_OF(QUEUE_REPEATED) "\n" \
    "local HEALTHY, FAILING, LIMITED, PAUSED, BROKEN = 0, 1, 2, 3, 4\n" \
    "local GATE_STREAK, GATE_FAILURES = " TEXT_OF(GATE_STREAK) ", " TEXT_OF(GATE_FAILURES) "\n" \
    "local GATE_CUT_MS, GATE_PAUSE_MAX_MS = " TEXT_OF(GATE_CUT_MS) ", " TEXT_OF(GATE_PAUSE_MAX_MS) "\n" \
    "local GATE_LIMIT_MS = " TEXT_OF(GATE_LIMIT_MS) "\n" \
    "local GATE_PROBE_MS, GATE_PROBE_MAX_MS = " TEXT_OF(GATE_PROBE_MS) ", " TEXT_OF(GATE_PROBE_MAX_MS) "\n"
/* clang-format on */

extern const struct redis_script queue_script_enqueue, queue_script_claim, queue_script_ack,
    queue_script_sweep, queue_script_resync, queue_script_gates, queue_script_forget,
    queue_script_limits, queue_script_probe, queue_script_relief;
extern const struct redis_script *const queue_scripts[]; /* all of them; ends with NULL */

/* Bytes of a packed entry of each. */
#define QUEUE_ENQUEUE_SIZE  61
#define QUEUE_ACK_SIZE      62
#define QUEUE_HELD_SIZE     20
#define QUEUE_AHEAD_SIZE    20
#define QUEUE_MEMBER_SIZE   48
#define QUEUE_GATE_SIZE     45
#define QUEUE_SET_GATE_SIZE 49

#endif
