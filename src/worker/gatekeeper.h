/* While Redis is away: what attempts say of endpoints is learnt here, by the rules of core/gate.h, into the
 * ledger, where all workers see it. */
#ifndef WORKER_GATEKEEPER_H
#define WORKER_GATEKEEPER_H

#include "base/idmap.h"
#include "io/loop.h"
#include "store/gates.h"

#define GATEKEEPER_MAX 256 /* webhooks, or what was said, in one statement */

struct gatekeeper_news {
    struct id webhook;
    struct gate_news news;
    int64_t at_ms; /* monotonic: when it was said */
    int rounds;    /* that it was left behind by */
};

struct gatekeeper {
    struct db *db;
    void (*on_idle)(void *arg); /* as gatekeeper_idle() says */
    void *arg;
    struct timeout *timeout; /* to begin, or to try again */
    struct db_op *op;
    struct idmap restless;           /* webhooks with a gate that is not at rest, by what we know */
    struct gatekeeper_news *waiting; /* the oldest first */
    size_t count, room;
    size_t learning;                          /* the first so many of them are in a statement */
    struct ledger_gate gates[GATEKEEPER_MAX]; /* of those */
    size_t gate_count;
};

void gatekeeper_init(struct gatekeeper *gatekeeper, struct loop *loop, struct db *db,
                     void (*on_idle)(void *arg), void *arg);
void gatekeeper_fini(struct gatekeeper *gatekeeper);

/* A claim says that the webhook's gate is not at rest. */
void gatekeeper_note(struct gatekeeper *gatekeeper, struct id webhook);

/* An attempt says so. A success says nothing new of a gate that is at rest, and costs nothing. */
void gatekeeper_learn(struct gatekeeper *gatekeeper, struct id webhook,
                      const struct gate_news *news);

/* Nothing is left to be learnt: the ledger's gates are as good as they can be. */
bool gatekeeper_idle(const struct gatekeeper *gatekeeper);

#endif
