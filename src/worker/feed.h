/* What to send next: the queue proposes or, while Redis is away, PostgreSQL (direct mode). What can be
 * leased of it is handed on. */
#ifndef WORKER_FEED_H
#define WORKER_FEED_H

#include "direct.h"
#include "relay.h"

/* There is something to send: `claims`, leased with `token`, have a place each. Borrowed. */
typedef void feed_cb(void *arg, const struct claim *claims, size_t count, int64_t token);

struct feed_config {
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct places *places;
    const struct gatekeeper *gatekeeper;
    const struct relay *relay; /* how much is claimed ahead */
    int64_t owner;             /* what leases are marked with */
    feed_cb *on_claims;
    void (*on_taken_over)(
        void *arg); /* the predecessor's leases are back; the first claim comes next */
    void (*on_direct_ended)(void *arg); /* the first claim of the queue comes next */
    void *arg;
};

struct feed {
    struct feed_config config;
    struct leases leases;
    struct queue_op *queue_op;
    size_t asked;            /* by it */
    struct direct direct;    /* while Redis is away, and until it knows what was learnt meanwhile */
    struct timeout *timeout; /* when something may be due, or patience with Redis ends */
    bool woken, freed; /* while a claim was under way: there may be more, or places came free */
    bool starved;      /* there was more than room for it, or than an app's share of it */
};

void feed_init(struct feed *feed, const struct feed_config *config);
void feed_fini(struct feed *feed);

/* Claims as much as there is room for. Harmless at any time. */
void feed_pump(struct feed *feed);

/* Places were given back: claims if the last time there were not enough. */
void feed_room(struct feed *feed);

/* For every second: tries again what failed, and asks a queue that cannot wake us. */
void feed_tend(struct feed *feed);

/* A connection to PostgreSQL is there, or there again. */
void feed_db_ready(struct feed *feed);

/* Redis came or went. Direct mode does not end by that. */
void feed_redis_changed(struct feed *feed);

/* Redis is back and has its gates: the end of direct mode, when what was asked is answered. */
void feed_end_direct(struct feed *feed);

/* From now on nothing is handed on; what is leased meanwhile is given back. */
void feed_stop(struct feed *feed);

/* What was handed on is given back too: nobody has it in hand any more. After feed_stop(). */
void feed_give_up(struct feed *feed);

/* May the queue be told what is in hand? The predecessor's leases are taken back, and no claim is under
 * way, whose entries would be in nobody's hands yet. */
bool feed_is_certain(const struct feed *feed);

/* Nothing is under way, and nothing is left to be given back. */
bool feed_idle(const struct feed *feed);

#endif
