/* What to send next: the queue in Redis, two fair rings, over apps and over an app's endpoints, and a
 * gate before every endpoint (core/gate.h).
 *
 * Redis only says what to look at; PostgreSQL decides. Everything here may be lost at any time, and
 * every entry may come twice: the reconciler refills the queue, the fenced claim drops what is not
 * due. So enqueue and ack are fire and forget, and errors are counted, not returned.
 *
 * An entry is a delivery to an endpoint with the time at which it is due. It is waiting, or in
 * flight from claim to ack with a lease after which queue_sweep() makes it wait again. Times are
 * relative to Redis's clock, so clocks of machines need not agree.
 *
 * Any number of queues, on any machine, share one Redis. Keys begin with "posthorn:{q}:". */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/id.h"
#include "core/gate.h"
#include "io/db.h"

#define QUEUE_CLAIM_MAX 1024

struct queue;
struct queue_op;

struct queue_config {
    const char *url;                         /* one that redis_check_url() accepted */
    const char *ca_file, *sentinel_password; /* see redis_config */
    int64_t owner; /* of what this queue claims: one worker's own number; 0: it claims nothing */

    /* Something may have become claimable earlier than the last claim's `next_ms` said, or wakes
     * may have been missed. It may come while a claim is under way and be about what that claim did
     * not see: claim again then. NULL: no subscription, for those that only enqueue. */
    void (*on_wake)(void *arg);

    void (*on_up)(void *arg);   /* Redis is usable. NULL is fine */
    void (*on_down)(void *arg); /* it was and is no more. NULL is fine */
    void *arg;
};

/* Never fails: it connects, and goes on trying. */
struct queue *queue_create(struct loop *loop, const struct queue_config *config);

/* At any time (src/README.md, "What takes time"). What is buffered is dropped: wait for
 * queue_pending() to be 0 if that matters. NULL is fine. */
void queue_destroy(struct queue *queue);

bool queue_up(const struct queue *queue);
bool queue_hears(const struct queue *queue); /* wakes: their connection is one of its own */

/* Entries of enqueue and ack that Redis has not confirmed, and those given up since the start: for
 * want of room in a buffer (65,536 entries each, of an app three times what it leaves), or since Redis refused
 * them. */
size_t queue_pending(const struct queue *queue);
uint64_t queue_dropped(const struct queue *queue);

/* What Redis said and no Redis of ours would (io/redis.h): it counts as down then. */
uint64_t queue_wrong_replies(const struct queue *queue);

/* What the queue calls a delivery. The endpoint is the webhook, which has the limits and the gate;
 * a test's is the delivery itself, so that nothing holds it up. */
struct queue_ref {
    struct id delivery, endpoint, app;
};

static inline struct queue_ref queue_ref_of(struct id delivery, struct id webhook, struct id app,
                                            bool test)
{
    return (struct queue_ref){delivery, test ? delivery : webhook, app};
}

struct queue_entry {
    struct queue_ref ref;
    int64_t delay_ms; /* due in; negative: since. Beyond DELIVERY_HORIZON_MS: not put in at all */
    int concurrency;  /* of the endpoint: entries in flight, at least 1 */
    int rate_limit;   /* of the endpoint, a second; 0: none */
};

/* From seven columns of a row of the ledger, `column` being the first, where a statement says so. */
void queue_entry_read(const struct db_rows *rows, int row, int column, struct queue_entry *out);

/* Force is for the reconciler, which knows from PostgreSQL what is due and sent by nobody. */
enum queue_force {
    QUEUE_GENTLE, /* an entry in flight stays there, one that waits keeps its time */
    QUEUE_FORCE, /* one in flight for DELIVERY_OVERDUE_MS is put back, a waiting one may come earlier */

    /* A waiting one may come earlier; one in flight comes again soon after: who has it claimed it before it
     * was woken, and is about to take it out of the queue. */
    QUEUE_WOKEN,
};

/* Puts entries in. Goes out in this turn of the loop, and stays in the buffer while Redis is away.
 * What an app has there leaves in the order in which it came, apps in turns. The endpoint's limits are those of the
 * latest entry. */
void queue_enqueue(struct queue *queue, const struct queue_entry *entries, size_t count,
                   enum queue_force force);

/* What a worker has room for. */
struct queue_held {
    struct id app;
    int count; /* places that it has */
};

struct queue_ahead {
    struct id endpoint;
    int count; /* entries to claim ahead, at least 1 */
};

struct queue_room {
    size_t max;  /* entries to claim, 1 … QUEUE_CLAIM_MAX */
    size_t free; /* places: they are what apps have shares of */
    const struct queue_held *held;
    size_t held_count;
    const struct queue_ahead *ahead; /* within `max`. What is not named: none */
    size_t ahead_count;
};

struct queue_claim {
    const struct queue_ref *refs; /* dies with the callback */
    size_t count;
    const struct queue_ref *ahead; /* claimed ahead: queue_begin() */
    size_t ahead_count;
    int64_t next_ms; /* when there may be more, from now; 0: there is; -1: when woken */
    bool crowded;    /* there is more, of apps that have their share: claim when a place is free */
};

/* `claim` is NULL unless err is 0: ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_BUSY or ERR_INTERNAL. Entries may be in this
 * worker's hands then that it does not know of: the next queue_resync() brings them back. */
typedef void queue_claim_cb(void *arg, int err, const struct queue_claim *claim);

/* Takes due entries: apps in the order in which their turn came, endpoints of each likewise, a few of
 * each and then what room is left in equal shares, within each endpoint's concurrency, rate and gate. No
 * app takes more than leaves places for others: three times what it leaves, and so does an endpoint
 * within its app.
 *
 * Of an endpoint that has then as many in flight as it may, and neither a rate nor a gate that is not at rest, more is
 * claimed ahead as `room` says: that is not waiting any more, and not in flight before queue_begin(). Whoever does not
 * begin it puts it back by queue_ack(). */
struct queue_op *queue_claim(struct queue *queue, const struct queue_room *room, queue_claim_cb *cb,
                             void *arg);

/* An entry that was claimed ahead is in flight now, in the place of one that has ended: say so before the queue_ack() of
 * that one. Buffered and bounded like it. */
void queue_begin(struct queue *queue, const struct queue_ref *ref);

#define QUEUE_OUT INT64_MIN

struct queue_ack {
    struct queue_ref ref;
    /* Back in the queue, due in so long; negative: since, and ahead of what waits for its endpoint, as it was before;
     * QUEUE_OUT, or beyond the horizon: out of it. */
    int64_t delay_ms;
    struct gate_news news;
    /* By the ledger, since it is in other hands or over: what waits of it by now is another's retry, and stays. */
    bool refused;
};

/* Ends entries' flight, and tells the endpoint's gate what came of it. Buffered and bounded like
 * queue_enqueue(). */
void queue_ack(struct queue *queue, const struct queue_ack *acks, size_t count);

/* The same of one whose slot nobody waits for as yet: it may wait some milliseconds, until there are `enough`. */
void queue_ack_later(struct queue *queue, const struct queue_ack *ack, size_t enough);

/* `older`: this Redis is not as far as it was at the last sweep, or another one that may not be, and has to be filled
 * again. */
typedef void queue_resync_cb(void *arg, int err, bool older);

/* What a worker really has in hand. */
struct queue_hand {
    const struct queue_ref *refs; /* in flight */
    size_t count;
    const struct queue_ref *ahead; /* claimed ahead, and not begun */
    size_t ahead_count;
};

/* Says what this worker has in hand: Redis forgets what else it knows of it, and learns what it has
 * forgotten. For a start, after a predecessor of the same owner, and whenever Redis has come back: it may
 * be one with older data. Not while a claim is under way: what that brings is not among the refs. */
struct queue_op *queue_resync(struct queue *queue, const struct queue_hand *hand,
                              queue_resync_cb *cb, void *arg);

/* An endpoint's gate between Redis and the ledger; times in it are relative to now. */
struct queue_gate {
    struct id endpoint;
    struct gate gate; /* until_ms: from now on; failing_ms: for so long */
    int32_t age_ms;   /* since it was learnt */
};

/* Gates as the ledger knows them, for a Redis that has lost its own or was away; where it has one, the
 * one counts that was learnt later. Nothing is claimed from such a Redis before the last of them, of which
 * there may be none. */
void queue_set_gates(struct queue *queue, const struct queue_gate *gates, size_t count, bool last);

/* Its endpoint begins anew, with a gate at rest, of which the ledger will be told too. */
void queue_forget_gate(struct queue *queue, struct id endpoint, struct id app);

/* Its limits from now on, as in queue_entry: what waits goes by them at once, and not only when something new comes. Lost
 * if Redis is away: it learns them with what comes next, and with what is overdue. */
void queue_set_limits(struct queue *queue, struct id endpoint, struct id app, int concurrency,
                      int rate_limit);

struct queue_swept {
    bool empty;   /* nothing is claimed from it before it has the gates: queue_set_gates() */
    bool rebuild; /* and this caller is the one to fill it, gates first, or is at it */
    /* Those that changed since anybody was told; they die with the callback. */
    const struct queue_gate *gates;
    size_t gate_count;
};

typedef void queue_sweep_cb(void *arg, int err, const struct queue_swept *swept);

/* Housekeeping, for every worker every second: expired leases, the count of what is in flight,
 * whether Redis is still the one that was filled, and what the ledger should know. */
struct queue_op *queue_sweep(struct queue *queue, queue_sweep_cb *cb, void *arg);

/* The callback will not run. What was claimed stays in flight until its lease ends. NULL is fine.
 */
void queue_cancel(struct queue_op *op);

#endif
