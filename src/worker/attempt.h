/* One attempt at one delivery: begun with a claim, ended with a verdict, kept until it is recorded.
 * What went over the wire belongs to its sending, which it may share with others: those of a sending are in
 * the same state until it has ended. */
#ifndef WORKER_ATTEMPT_H
#define WORKER_ATTEMPT_H

#include "base/list.h"
#include "store/work.h"

enum attempt_state {
    ATTEMPT_WAITING,   /* for what its request needs */
    ATTEMPT_RESOLVING, /* the receiver's address is looked up, and connected to */
    ATTEMPT_SENDING,   /* the request goes out: from here on the receiver may have it */
    ATTEMPT_ENDED,     /* with an answer or without: it has a verdict */
    ATTEMPT_RECORDED,
};

struct attempt {
    struct list node; /* in its sending, then with the recorder */
    enum attempt_state state;
    struct sending *sending; /* holds the texts of `finish`: sending_forget() */
    struct queue_ref ref;
    struct id event, webhook;
    bool behind;     /* nobody waits for its record: its endpoint may have the next meanwhile */
    int concurrency; /* its webhook's */
    int step, waits;
    int64_t waited_ms;
    struct finish finish;   /* delivery, token and number from the start, the rest once it ended */
    struct verdict verdict; /* once it ended */
    int64_t ended_ms;       /* monotonic */
    bool told;              /* the queue knows that it is over */
    int64_t recorded_ms;    /* monotonic; 0: it is not */
};

/* "delivery=del_… webhook=wh_… event_id=evt_… attempt=1": what lines about it begin with. */
#define ATTEMPT_TEXT_SIZE (3 * (ID_TEXT_SIZE + 10) + 30)
const char *attempt_text(char out[ATTEMPT_TEXT_SIZE], const struct attempt *attempt);

struct attempt *attempt_create(const struct claim *claim, int64_t token, struct sending *sending);

/* The only way from one state to another: asserts that it is a legal move, and tells of it. */
void attempt_move(struct attempt *attempt, enum attempt_state to);

/* Moves it to its end, and judges what was `seen`, by this attempt's own place in the schedule. `result` is what
 * it shares with others of its sending. */
void attempt_end(struct attempt *attempt, const struct finish *result,
                 const struct attempt_seen *seen, const struct schedule *schedule);

/* Adds it to the metrics, once it is recorded; `moved`: it is what its delivery is now. */
void attempt_count(const struct attempt *attempt, bool moved);

#endif
