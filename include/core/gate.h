/* What an endpoint may be sent now: the rules of its gate, pure. The time is an argument: that of whoever keeps the
 * gate, so only differences of it mean anything.
 *
 * An endpoint that takes what it is sent has no gate: it may have as many requests under way as its concurrency says.
 * What a receiver answers, or that it does not, makes one:
 *
 *   pause    429 and 503 may name a time (Retry-After, rate headers): nothing is sent before it.
 *   limit    429, 503 and timeouts halve the number of requests under way, at most once a second; while it is limited
 *            every round of successes adds one (additive increase, multiplicative decrease: D.-M. Chiu and R. Jain,
 *            "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer Networks",
 *            Computer Networks and ISDN Systems 17, 1989). By Little's law (L = λW) a bound on what is under way is
 *            one on the rate that follows the receiver's own speed. What began before a cut says no more. Where little
 *            is sent successes are few, and what was learnt long ago says little: after ten minutes without a cut it is
 *            forgotten (as J. Touch, M. Welzl and S. Islam have it for what TCP caches: RFC 9040, 2021).
 *   breaker  after GATE_STREAK requests in a row that found the receiver dead nothing is sent until a probe is due,
 *            then one request at a time; whatever is answered closes it, and it starts again with one under way. Each
 *            probe that fails doubles the wait (M. Nygard, "Release It!", 2007, "Circuit Breaker"). What began before
 *            it was due is no probe.
 *
 * The queue keeps the gates in Redis and has the same rules in Lua (store/lua/); without Redis they are kept in the
 * ledger, by these. A test runs both through the same lives and holds them equal. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "base/defs.h"

#define GATE_STREAK       10
#define GATE_FAILURES     10       /* since the last success: it counts as failing */
#define GATE_CUT_MS       1000     /* between two cuts of the limit */
#define GATE_LIMIT_MS     600000   /* since the last: there is no limit any more */
#define GATE_PROBE_MS     1000     /* from the breaker's opening to the first probe */
#define GATE_PROBE_MAX_MS 60000    /* doubled up to here */
#define GATE_PAUSE_MAX_MS 86400000 /* whatever is asked for */

/* What an attempt says of its endpoint; bits. None: nothing. */
enum {
    GATE_SUCCESS = 1,
    GATE_FAILED = 2,  /* any end but success */
    GATE_DEAD = 4,    /* no answer, or one that says that the receiver does not work */
    GATE_CROWDED = 8, /* it takes too long, or says that this is too much */
    GATE_UNSENT = 16, /* there was none: what it took of the endpoint's rate is free again */
};

struct gate_news {
    int what;         /* of the bits above */
    int error;        /* enum attempt_error, with GATE_FAILED */
    int32_t took_ms;  /* since it began, rounded down: what it says is of then */
    int32_t pause_ms; /* nothing should be sent for so long; 0: it does not say */
};

/* All zero is a gate at rest. */
struct gate {
    int64_t until_ms;   /* nothing is sent before */
    int64_t cut_ms;     /* the limit is not cut again before; of one that is taken over: now */
    int64_t failing_ms; /* when the first failure since the last success was known; 0: none */
    int64_t limit;      /* requests under way, in thousandths; 0: as many as the concurrency says */
    int32_t failures;   /* since the last success */
    int32_t streak;     /* in a row that found the receiver dead */
    int32_t openings;   /* of the breaker since something was answered; 0: it is closed */
    int32_t error;      /* of the last failure */
};

/* What people are told of it, the gravest that applies. */
enum gate_health { GATE_HEALTHY, GATE_FAILING, GATE_LIMITED, GATE_PAUSED, GATE_BROKEN };
extern const char *const gate_health_names[]; /* ends with NULL */

/* News of nothing lets it grow older. */
void gate_learn(struct gate *gate, const struct gate_news *news, int concurrency, int64_t now_ms);

/* How many requests may be under way at once, once until_ms has passed. At least 1. */
int gate_width(const struct gate *gate, int concurrency);

enum gate_health gate_health(const struct gate *gate, int64_t now_ms);

/* Nothing in it matters any more: it may be forgotten. */
bool gate_at_rest(const struct gate *gate, int64_t now_ms);

#endif
