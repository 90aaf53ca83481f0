/* What the ledger says that this worker owns, held against what it has in hand. What is in nobody's hands
 * is taken back: the leases of a dead predecessor, what a claim leased after nobody waited for it any
 * more, what ended before a crash of PostgreSQL that has forgotten it. */
#ifndef WORKER_OWNED_H
#define WORKER_OWNED_H

#include "store/queue.h"
#include "store/work.h"
#include "tokens.h"

struct owned_config {
    struct db *db;
    struct queue *queue;
    struct tokens *tokens; /* what is in hand */
    int64_t owner;
    void (*on_certain)(void *arg); /* nothing is owned any more that is not in hand */
    void *arg;
};

struct owned {
    struct owned_config config;
    struct db_op *op;
    int64_t next_ms;     /* monotonic: of the next comparison */
    int64_t compared_ms; /* of the last that found nothing */
    int64_t expected_ms; /* until then a claim that was given up may still be run */
    bool certain;        /* not before the first that found nothing */
    bool giving_up;
};

void owned_init(struct owned *owned, const struct owned_config *config);
void owned_fini(struct owned *owned);

/* For every second: tells the ledger what has ended, and compares when it is time. */
void owned_tend(struct owned *owned);

/* PostgreSQL is back, and may have lost what it confirmed last: compares now. */
void owned_doubt(struct owned *owned);

/* A claim was given up whose outcome is not known: PostgreSQL may still run it. */
void owned_expect(struct owned *owned);

/* Nothing is in hand any more, whatever there was: all of it is taken back. */
void owned_give_up(struct owned *owned);

/* The ledger has been told what has ended, if it is there; what was given up is taken back. */
bool owned_idle(const struct owned *owned);

#endif
