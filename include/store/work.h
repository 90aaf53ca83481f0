/* The worker's side of the ledger: claim, finish, and what keeps both honest. PostgreSQL decides;
 * every statement here may run twice, or in two workers at once, without harm. */
#ifndef STORE_WORK_H
#define STORE_WORK_H

#include "core/delivery.h"
#include "core/message.h"
#include "io/db.h"
#include "store/queue.h"
#include "store/webhooks.h"

/* --- claim --------------------------------------------------------------------------------------
 */

#define WORK_DATA_MAX \
    102400 /* bytes of an event; of more, as of an array's, little is sent at once */

/* Leases those of `ids` that are pending, due and unleased, and counts an attempt of each. All are noted under
 * `owner` and `token` (work_leases()). What it does not return is not sent: drop it from the queue; the reconciler
 * knows better. Rows: claims_read(). A row whose state is not pending was moved instead: held, because its webhook is
 * paused or disabled, cancelled, because it is deleted, or failed, because it has expired. One that is asleep waits
 * for its turn in its lane. Data comes with one row of each event, unless it is larger than WORK_DATA_MAX. With about
 * `bytes` of data and headers the answer has enough: what comes after, by ids, is leased and comes without them. */
struct db_op *work_claim(struct db *db, const struct id *ids, size_t count, int64_t token,
                         int64_t owner, int64_t bytes, db_cb *cb, void *arg);

#define WORK_PLAIN_MAX 8 /* of WORK_DATA_MAX each, at most */

/* The same of few, for half of the cost, if they are plain: without a lease, even one that ran out, without a lane, not
 * claimed before by workers that ended, and to be sent. What it does not return is for work_claim() to say. Each row
 * brings its event's data. */
struct db_op *work_claim_plain(struct db *db, const struct id *ids, size_t count, int64_t token,
                               int64_t owner, db_cb *cb, void *arg);

/* All that sending needs. content.data.p is NULL when another row has the data (claims_data()), nobody has it
 * (work_data()), or it does not fit. */
struct claim {
    struct queue_ref ref; /* what the queue knows it as */
    bool gated;           /* its webhook's gate is not at rest */
    struct recipient to;
    struct content content;
    size_t size;         /* of the event's data */
    bool fits;           /* into the bytes that were asked for; else its headers are not here */
    int64_t begin_by_ms; /* monotonic: later its lease is too short. For who leased it to say */
    int state;           /* enum delivery_state */
    int64_t step, waits, waited_ms; /* see attempt_seen */
    struct schedule schedule;
    int64_t timeout_ms;
    int64_t batch_max; /* of its webhook's events in one request; more than 1: it gathers */
    bool along;        /* it was gathered: in the queue it waits */
    bool ahead;      /* it has no slot yet: it begins when another ends. For who leased it to say */
    bool alone;      /* workers ended with it in hand: not together with another such */
    bool given_up;   /* too many have: it is not leased */
    int concurrency; /* of its webhook */
    bool laned;      /* others may wait for its end: in its lane, or it came by work_gather() */
    bool takes_over; /* its lease takes the place of one that ran out */
    bool asleep;     /* it is not leased */
    bool wakes;      /* `woken` is set: what is due now instead */
    struct queue_entry woken;
};

void claims_read(const struct db_rows *rows, int row, struct claim *claim);

/* The data of an event that one of the rows brought; p == NULL: none did. */
struct str claims_data(const struct db_rows *rows, struct id event);

/* Of data, that all of them brought. */
size_t claims_bytes(const struct db_rows *rows);

/* The data of an event: a row of it, empty if the event was erased; none if it is gone. */
struct db_op *work_data(struct db *db, struct id event, db_cb *cb, void *arg);

/* For `ids`, claimed with `token`, of webhooks that gather: leases what is due beside them with the same
 * token, the earliest first, up to batch_max in all and to what an array may weigh. Rows, of these and of
 * `ids`: claims_read(). */
struct db_op *work_gather(struct db *db, const struct id *ids, size_t count, int64_t token,
                          int64_t owner, db_cb *cb, void *arg);

/* --- without the queue --------------------------------------------------------------------------
 */

/* What a worker asks for. */
struct work_ask {
    struct id after; /* the webhook up to which the last asking looked; zero: from the beginning */
    int webhooks;    /* to look at, after it */
    int64_t bytes;   /* see work_claim() */
    struct queue_room room;
};

/* Leases what is due, chosen among webhooks and not by age: those after `after`, of which something waits, and those
 * of what came last. Apps and then webhooks have equal shares of the room, as queue_claim() has it; each webhook
 * within its gate, its concurrency (by live leases) and its rate, of all workers; the oldest first. Tests go first.
 * What this costs does not depend on how much waits.
 *
 * Rows: claims_read_due(), which says how many of them are claims; with none there is one row all the same. */
struct db_op *work_claim_due(struct db *db, const struct work_ask *ask, int64_t token,
                             int64_t owner, db_cb *cb, void *arg);

struct work_due {
    bool mine;       /* false: another worker was asking, and nothing was looked at */
    bool end;        /* there is no webhook after those */
    struct id after; /* for the next asking */
    bool left;       /* there was more than room, or shares, or concurrency let through */
    int64_t next_ms; /* when there may be more, by what is known of it; -1: nothing is */
};

/* Fills `refs`, which has room for `room.max`. */
size_t claims_read_due(const struct db_rows *rows, struct work_due *due, struct queue_ref *refs);

/* Those that a claim left out and that wait all the same, for a time that has not come by PostgreSQL's
 * clock: rows of (id, ms until it is due). */
struct db_op *work_waiting(struct db *db, const struct id *ids, size_t count, db_cb *cb, void *arg);

/* --- finish -------------------------------------------------------------------------------------
 */

struct finish {
    struct id delivery, event, webhook;
    struct str gone; /* the URL that the receiver is gone from for good; p == NULL: it is not */
    int64_t token;
    enum delivery_state state;
    enum attempt_error error;
    bool test;
    bool keeps_step; /* of the schedule: it counts as a wait */
    int64_t number, started_ms, delay_ms;
    int64_t code; /* 0: no answer */
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
    struct str url; /* that was called; n == 0: none */
    struct str address, error_text, request_head, response_head, response_body;
    struct body_mark mark; /* of the request's body */
    bool body_cut;
};

/* Records attempts, moves deliveries where the token still matches or the attempt succeeded, and
 * disables webhooks whose receivers are gone. No two of `list` are of the same delivery. Rows:
 * finished_read(). NOTIFYs STORE_TEST_CHANNEL for tests. */
struct db_op *work_finish(struct db *db, const struct finish *const *list, size_t count, db_cb *cb,
                          void *arg);

/* The same for attempts that delivered, for less of PostgreSQL's time. Those without a row are left as they were, and to
 * work_finish(): their deliveries have a lane or expire, or are in other hands. */
bool finish_is_plain(const struct finish *finish);
struct db_op *work_finish_plain(struct db *db, const struct finish *const *list, size_t count,
                                db_cb *cb, void *arg);

/* The same of one delivery that is held, of a webhook that is listened to: by a listener's answer, or because there is
 * nothing that could be sent to him. A row, unless it was not held any more or another attempt is its next. */
struct db_op *work_answer(struct db *db, struct id app, const struct finish *finish, db_cb *cb,
                          void *arg);

/* A delivery that moved, a webhook that was disabled, or a delivery that has waited for one that moved and is due
 * now. */
enum finished_kind { FINISHED_MOVED, FINISHED_DISABLED, FINISHED_WOKEN };

struct finished {
    enum finished_kind kind;
    struct id id; /* of the first two */
    bool sooner;  /* the first is due in `retry_ms`, which may be before its delay_ms */
    int64_t retry_ms;
    struct queue_entry entry; /* of the third */
};

void finished_read(const struct db_rows *rows, int row, struct finished *finished);

/* After ERR_LOCKED: rows of ids, of those deliveries (one at least) and webhooks that another session has
 * locked. It waits for none of them. */
struct db_op *work_locked(struct db *db, const struct id *ids, size_t count,
                          const struct id *webhooks, size_t webhook_count, db_cb *cb, void *arg);

/* Gives back leases whose sending never began, and their attempts with them. Rows: the id, and in how many ms it is
 * due, negative: since; later if it goes alone. */
struct db_op *work_release(struct db *db, const struct id *ids, size_t count, int64_t token,
                           db_cb *cb, void *arg);

/* --- leases -------------------------------------------------------------------------------------
 */

/* A claim is a row of its own beside what it leased, for as long as the worker has any of it in hand:
 * what a worker owns is found without a look at what is pending. */

/* Rows: the tokens of the claims that `owner` has. */
struct db_op *work_leases(struct db *db, int64_t owner, db_cb *cb, void *arg);

/* Takes the leases of these claims back, of all that has not ended. `crashed`: of a worker that has ended, which is
 * counted (DELIVERY_CRASHES_ALONE). Rows: taken_back_read(). */
struct db_op *work_take_back(struct db *db, int64_t owner, const int64_t *tokens, size_t count,
                             bool crashed, db_cb *cb, void *arg);

/* A delivery that is to go into the queue again, one that has failed and is out of it, or one that has waited for such
 * in its lane and is due now. */
enum taken_back { TAKEN_BACK, TAKEN_PARKED, TAKEN_WOKEN };

enum taken_back taken_back_read(const struct db_rows *rows, int row, struct queue_entry *entry);

/* All that these claims leased has ended. */
struct db_op *work_lease_end(struct db *db, int64_t owner, const int64_t *tokens, size_t count,
                             db_cb *cb, void *arg);

/* --- reconcile ----------------------------------------------------------------------------------
 */

/* Rows of both that follow: queue_entry_read() from the first column on; delay_ms may be
 * negative, overdue. */

/* Pending, unleased and due for DELIVERY_OVERDUE_MS: the queue may have lost them. Newest first,
 * since the oldest may be a backlog that waits its turn. */
struct db_op *work_overdue(struct db *db, int limit, db_cb *cb, void *arg);

/* Pending and unleased, due after (due_us, id) and before the horizon, in that order: a page. Its
 * eighth column is due_us. */
struct db_op *work_upcoming(struct db *db, int64_t due_us, struct id id, int limit, db_cb *cb,
                            void *arg);

/* --- the janitor --------------------------------------------------------------------------------
 */

/* Makes the partitions of the days ahead, as wide as is right for a history of so many days; drops those past
 * retention; forgets expired keys. */
struct db_op *work_partitions_make(struct db *db, int64_t days, db_cb *cb, void *arg);
struct db_op *work_partitions_drop(struct db *db, int64_t days, db_cb *cb, void *arg);
/* A row: is there a partition for what is accepted now? */
struct db_op *work_today(struct db *db, db_cb *cb, void *arg);

/* One row: for how many microseconds the delivery that is due the longest has been due (0: none is), and how many are due,
 * wait in all, and are held, each up to `limit`. */
struct db_op *work_measure(struct db *db, int limit, db_cb *cb, void *arg);

/* Wakes lanes whose first sleeps though nothing is before it any more, as when a partition was dropped: a page
 * of lanes after (webhook, lane), of which (0, -1) is before all. A row, unless there was none: the last one's
 * webhook and lane, how many there were, and how many were woken. */
struct db_op *work_wake(struct db *db, struct id webhook, int64_t lane, int limit, db_cb *cb,
                        void *arg);

struct db_op *work_forget(struct db *db, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_work_claim, stmt_work_claim_plain, stmt_work_gather,
    stmt_work_data, stmt_work_waiting, stmt_work_finish, stmt_work_finish_plain, stmt_work_answer,
    stmt_work_locked, stmt_work_release, stmt_work_overdue, stmt_work_upcoming, stmt_work_claim_due,
    stmt_work_leases, stmt_work_take_back, stmt_work_lease_end, stmt_work_partitions_make,
    stmt_work_partitions_drop, stmt_work_forget, stmt_work_today, stmt_work_wake, stmt_work_measure;

#endif
