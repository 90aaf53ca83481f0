/* What the files of the worker share.
 *
 *   feed.c     what to send next: from the queue, or from PostgreSQL in direct mode; the claim
 *   attempt.c  one attempt: the message, the request, the verdict
 *   record.c   results into the ledger, in batches; then out of the queue
 *   sweep.c    the reconciler and the janitor
 *   slot.c     who this worker is
 *   worker.c   puts them together, and the drain
 *
 * An attempt goes feed → attempt → record and is counted in worker.in_flight all the way, so that
 * what is not recorded yet bounds what is claimed. */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include "base/list.h"
#include "core/message.h"
#include "core/profile.h"
#include "core/settings.h"
#include "io/db.h"
#include "io/fetch.h"
#include "io/loop.h"
#include "store/queue.h"
#include "store/work.h"
#include "worker/worker.h"

/* --- feed.c ----------------------------------------------------------------------------------- */

#define PAUSES_MAX 64 /* at once; the one that ends first makes room */

struct pause {
    struct id webhook;
    int64_t until_ms; /* monotonic */
};

struct feed {
    struct queue_op *queue_op;
    size_t asked; /* by it */
    struct db_op *direct_op;
    struct timeout *timeout; /* when something may be due, or the next look in direct mode */
    struct list claims;      /* fenced claims under way */
    struct list orphans;     /* claims whose outcome is unknown, to be released */
    bool woken;              /* while a claim was under way */
    bool starved;            /* there was more than room for it */
    bool direct;             /* Redis is away */
    struct pause pauses[PAUSES_MAX];
};

void feed_init(struct worker *worker);
void feed_fini(struct worker *worker);

/* Claims as much as there is room for. Harmless at any time. */
void feed_pump(struct worker *worker);

/* There is room again: claims if the last time there was not enough. */
void feed_room(struct worker *worker);

/* Redis came or went. */
void feed_redis_changed(struct worker *worker);

/* A receiver asked that nothing be sent to this webhook for a while. */
void feed_pause(struct worker *worker, struct id webhook, int64_t delay_ms);

/* Tries again what could not be released. */
void feed_retry(struct worker *worker);

/* No claim is under way, and none is left to be released: nothing more will start. */
bool feed_idle(const struct worker *worker);

/* --- attempt.c -------------------------------------------------------------------------------- */

struct attempt {
    struct list node;              /* in worker.attempts, another's members, or recorder.waiting */
    struct list members;           /* that go in the same request */
    const struct profile *profile; /* NULL: none of that name */
    struct worker *worker;
    struct fetch *fetch;
    struct finish finish; /* texts point into the buffers below, or are static */
    struct id webhook;
    struct schedule schedule;
    int step;
    bool disable, stripped;
    int64_t ended_ms; /* monotonic */
    char address[64];
    char error_text[256];
    char *url;
    struct message message;
    struct buf kept; /* of the answer */
};

/* Starts one for the first of `claims`, of one webhook and claimed with `token`, or for as many as
 * its profile puts into one request; returns how many. Claims are borrowed. A message that cannot
 * be made ends at once, as a failed attempt. Counts into worker.in_flight. */
size_t attempt_start(struct worker *worker, const struct claim *const *claims, size_t count,
                     int64_t token);

/* NULL is fine. */
void attempt_destroy(struct attempt *attempt);

/* --- record.c --------------------------------------------------------------------------------- */

struct recorder {
    struct list waiting; /* attempts that ended */
    size_t waiting_count;
    struct list batches; /* statements under way, or waiting to be tried again */
    struct timeout *timeout;
};

void recorder_init(struct worker *worker);
void recorder_fini(struct worker *worker);

/* Takes an attempt that ended. */
void recorder_add(struct worker *worker, struct attempt *attempt);

/* PostgreSQL is back: try again what failed. */
void recorder_retry(struct worker *worker);

bool recorder_idle(const struct worker *worker);

/* --- sweep.c ---------------------------------------------------------------------------------- */

struct sweep {
    struct timeout *timeout;
    struct queue_op *queue_op;
    struct db_op *overdue_op, *upcoming_op, *settle_op, *janitor_op;
    int64_t page_due_us; /* where the walk is */
    struct id page_id;
    bool walking; /* through all that is due before the horizon, a page each second */
    bool rebuild; /* the queue must be filled again: page after page */
    unsigned ticks;
};

void sweep_init(struct worker *worker);
void sweep_fini(struct worker *worker);

/* --- slot.c ----------------------------------------------------------------------------------- */

/* A place that one live worker of this machine and database holds, and its successor takes over:
 * the kernel frees it the moment its holder is dead. */
struct slot {
    int fd;
    int64_t owner; /* what leases are marked with */
};

int slot_open(struct slot *slot, const char *database_url) MUST_CHECK;
void slot_close(struct slot *slot);

/* --- worker.c --------------------------------------------------------------------------------- */

struct worker {
    const struct settings *settings;
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct fetcher *fetcher;
    struct slot slot;
    struct feed feed;
    struct recorder recorder;
    struct sweep sweep;
    struct list attempts; /* being sent */
    int in_flight, in_flight_max;
    struct db_op *take_over_op;
    bool taken_over; /* the leases of its predecessor: before that nothing is claimed */
    bool stopping;
    struct timeout *drain_timeout;
    int64_t drain_deadline;
};

/* Takes back the leases of its predecessor, unless that is done. */
void worker_take_over(struct worker *worker);

/* Something ended: perhaps there is room to claim, or the drain is complete. */
void worker_advance(struct worker *worker);

#endif
