/* Direct mode: while Redis is away PostgreSQL is asked what to send, again and again. Each asking looks at
 * some webhooks and the next one goes on behind them; one after the last is a round. */
#ifndef WORKER_DIRECT_H
#define WORKER_DIRECT_H

#include "gatekeeper.h"
#include "leases.h"

struct direct {
    struct leases *leases;
    const struct gatekeeper *gatekeeper; /* nothing is asked before it has told what was learnt */
    struct timeout *timeout;             /* of the next asking */
    bool on;
    bool asking, ending;
    bool left; /* there was more than could be taken: ask when there is room */
    struct id after;
    int webhooks;              /* to look at */
    size_t asked;              /* room for so many */
    int64_t asked_ms, told_ms; /* the last asking and its answer, monotonic */
    int64_t period_ms;         /* when nothing says when */
    bool round_left;           /* of this round: `left`, */
    int64_t round_next_ms;     /* and when there may be more, monotonic; INT64_MAX: not known */
};

void direct_init(struct direct *direct, struct loop *loop, struct leases *leases,
                 const struct gatekeeper *gatekeeper);
void direct_fini(struct direct *direct);

void direct_start(struct direct *direct);

/* Nothing more is asked; it has ended when no answer is awaited. */
void direct_end(struct direct *direct);
bool direct_has_ended(const struct direct *direct);

/* Asks, if it may. Harmless at any time. */
void direct_pump(struct direct *direct);

/* Places were given back: asks if the last time there was more. */
void direct_room(struct direct *direct);

#endif
