/* The life of a delivery: its states, the legal moves between them, and what the end of an attempt
 * means. Pure: the time is an argument. */
#ifndef CORE_DELIVERY_H
#define CORE_DELIVERY_H

#include "core/backoff.h"
#include "core/gate.h"

/* The numbers of the column. Macros, because the text of SQL is made from them (store/sql.h). */
#define DELIVERY_PENDING_NUMBER    0
#define DELIVERY_DELIVERED_NUMBER  1
#define DELIVERY_FAILED_NUMBER     2
#define DELIVERY_CANCELLED_NUMBER  3
#define DELIVERY_HELD_NUMBER       4
#define DELIVERY_EXPIRED_NUMBER    20
#define DELIVERY_SUPERSEDED_NUMBER 21
#define DELIVERY_ERASED_NUMBER     22
#define DELIVERY_CRASHED_NUMBER    23

/* In flight is pending with a live lease: there is no state to be stranded in. */
enum delivery_state {
    DELIVERY_PENDING = DELIVERY_PENDING_NUMBER,
    DELIVERY_DELIVERED = DELIVERY_DELIVERED_NUMBER,
    DELIVERY_FAILED = DELIVERY_FAILED_NUMBER,
    DELIVERY_CANCELLED = DELIVERY_CANCELLED_NUMBER,
    DELIVERY_HELD = DELIVERY_HELD_NUMBER,
};

#define DELIVERY_STATES 5
extern const char *const delivery_state_names[]; /* ends with NULL */

/* How long what was claimed is its claimer's alone, in the ledger and in the queue; then it may be
 * claimed again. */
#define DELIVERY_LEASE_MS 75000

/* What is due later than so long from now waits in the ledger only. */
#define DELIVERY_HORIZON_MS 600000

/* Due for so long and leased by nobody: the queue has lost it, or wrongly has it in flight. */
#define DELIVERY_OVERDUE_MS 3000

/* A worker that ended without a word had deliveries in hand, and one of them may have been why. The first time in a row
 * that this happens to a delivery it goes again at once, since most often it was something else. From the second time
 * on it goes alone, of all that have come so far, and later: as many times DELIVERY_CRASHED_MS as workers have ended
 * with it, and up to twice as much. Then it has failed. What a machine took along that never came back is known by the
 * lease that ran out (store/claim_sql.h), which is late enough. */
#define DELIVERY_CRASHES_ALONE 2
#define DELIVERY_CRASHES_MAX   4
#define DELIVERY_CRASHED_MS    1000

/* What goes alone waits so long, and up to twice, while there is another. */
#define DELIVERY_ALONE_MS 3000

/* What one that keeps its step waits at least, the first time; and how often, and for how long it may. */
#define DELIVERY_WAIT_MIN_MS 100
#define DELIVERY_WAITS       100
#define DELIVERY_WAITED_MS   86400000

/* Who moves it: an attempt that ended, the service's own rules, a person through the API, or a listener's answer. */
enum delivery_actor { ACTOR_ATTEMPT, ACTOR_SERVICE, ACTOR_PERSON, ACTOR_LISTENER };
#define DELIVERY_ACTORS 4

/* Delivered absorbs: only a person leaves it. A success is recorded whatever the state. What a
 * person sets going again is pending or, while its webhook is paused, held. */
bool delivery_may_move(enum delivery_actor actor, enum delivery_state from, enum delivery_state to);

/* Why an attempt did not succeed, or a delivery has none. The numbers are those of the column. */
enum attempt_error {
    ATTEMPT_OK = 0,
    ATTEMPT_BAD_URL = 1,
    ATTEMPT_DNS_FAILED = 2,
    ATTEMPT_FORBIDDEN = 3,
    ATTEMPT_CONNECT_FAILED = 4,
    ATTEMPT_TLS_FAILED = 5,
    ATTEMPT_TIMED_OUT = 6,
    ATTEMPT_CONNECTION_LOST = 7,
    ATTEMPT_BAD_RESPONSE = 8,
    ATTEMPT_HTTP_STATUS = 9,
    ATTEMPT_REDIRECT = 10,
    ATTEMPT_GONE = 11,
    ATTEMPT_INTERNAL = 12,
    ATTEMPT_UNRECORDED = 13, /* what came of it cannot be stored */
    ATTEMPT_UNSENDABLE = 14, /* the webhook's profile cannot say the event */
    ATTEMPT_TOKEN_FAILED =
        15, /* the webhook's token endpoint gave none: its receiver was asked nothing */

    /* Why a delivery ended without another attempt. */
    DELIVERY_EXPIRED = DELIVERY_EXPIRED_NUMBER,
    DELIVERY_SUPERSEDED = DELIVERY_SUPERSEDED_NUMBER,
    DELIVERY_ERASED = DELIVERY_ERASED_NUMBER,
    DELIVERY_CRASHED = DELIVERY_CRASHED_NUMBER,
    ATTEMPT_ERRORS, /* they are all below it, with gaps */
};

bool status_is_success(int status);
bool status_asks_who(int status); /* it wants other credentials */

/* "http_status"; NULL for ATTEMPT_OK and unknown numbers. */
const char *attempt_error_code(int error);

/* The number of that code, or 0. */
int attempt_error_of(struct str code);

/* What there is to say of an end without an attempt; NULL: the attempt's own text says it. */
const char *delivery_end_text(int error);

/* What there is to say of an attempt that failed: its text as it was kept, or that it was erased. Not to which
 * forbidden address a name led: whoever may set a URL would learn by that what the operator's network looks like. */
struct str attempt_error_text(int error, struct str kept);

/* What an answer says that is no success, in words: also where a redirect leads (`location`, p == NULL:
 * nowhere), and how large the body was that was too large. "" of a success. Cut to `size`. */
void attempt_describe(char *out, size_t size, int status, struct str location, size_t body_bytes);

/* What a status means at a service that says so itself. */
enum status_meaning {
    STATUS_FAILS = 1,    /* the delivery fails for good */
    STATUS_DISABLES = 2, /* so will every other: it fails, and the webhook is disabled */
};

struct status_rule {
    int status;
    enum status_meaning meaning;
};

/* How a profile's receivers differ from the general rules. */
struct profile_rules {
    const struct status_rule *statuses;
    size_t status_count;
    bool waits_on_429;    /* what 429 asks for is waited out, and the attempt does not count */
    bool heeds_remaining; /* X-RateLimit-Remaining: 0 delays the webhook's next request */
};

/* What the sender saw. */
struct attempt_seen {
    enum attempt_error transport; /* ATTEMPT_OK: an answer came */
    int status;                   /* of the answer */
    struct str retry_after;       /* the header's value; p == NULL: none */
    int step;                     /* failed attempts of this run before it */
    int waits;                    /* attempts since the last of those that kept their step */
    int64_t waited_ms;            /* since the first of them ended */
    bool once;                    /* a test: there is no second attempt */
    int64_t now_ms;               /* wall clock */

    /* For a profile's own rules; NULL: there are none. */
    const struct profile_rules *rules;
    struct str head, body; /* of the answer, as far as they were kept */
};

/* What follows from it. */
struct verdict {
    enum delivery_state state;
    enum attempt_error error;
    int64_t delay_ms;      /* until the next attempt, when pending */
    bool disable;          /* the receiver is gone for good: disable the webhook */
    bool keeps_step;       /* of the schedule: neither it nor a failure is used up, but a wait */
    struct gate_news news; /* what it says of the endpoint */
};

/* 2xx alone is success. 410 fails for good and disables. 429 and 503 may ask for a longer delay,
 * within [the schedule's step, 24 h]. Everything else is tried again while the schedule has steps.
 * Rules come first: statuses that are for good, and 429 that is waited out, for the longest that
 * Retry-After, X-RateLimit-Reset-After or the member retry_after of a JSON body ask for, and each time at
 * least twice as long as the time before: from DELIVERY_WAIT_MIN_MS to an hour. After DELIVERY_WAITS of
 * these, or a day of them, a 429 is a failure like any other. */
struct verdict delivery_judge(const struct schedule *schedule, const struct attempt_seen *seen);

#endif
