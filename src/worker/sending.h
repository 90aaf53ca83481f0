/* One request to a receiver: for one attempt, or for as many as the webhook's profile puts together. Its
 * attempts are in one state (attempt.h) until it has ended; then each goes its own way.
 * It stays until the last of them is forgotten, for their texts are here. */
#ifndef WORKER_SENDING_H
#define WORKER_SENDING_H

#include "attempt.h"
#include "core/message.h"
#include "core/settings.h"
#include "grants.h"
#include "io/fetch.h"
#include "payloads.h"

struct sending;
typedef void sending_cb(void *arg, struct sending *sending);

struct sending {
    struct list node;             /* the sender's */
    struct list attempts;         /* that wait for its end; then the callback's to take */
    size_t count;                 /* of attempts that are not forgotten */
    const struct attempt *teller; /* the last: it tells the gate */
    struct queue_ref slot;        /* who has its place, and its slot in the queue: the teller, */
    bool borrows; /* or one that does not go in it, but back when all that do are recorded */
    size_t sent, recorded; /* of attempts */
    struct queue_ack last; /* the teller's, once that is recorded */
    struct id app;
    char *url; /* as the webhook has it */
    const struct profile_rules *rules;
    struct schedule schedule;
    struct message message;
    struct fetch_tls tls; /* its texts are the message's */
    struct payload
        *payload; /* that the message is made of, while it has its body; NULL: it has its own */
    int64_t timeout_ms, started_ms;
    struct fetcher *fetcher;
    struct grants *grants;
    struct grant_wait *wait; /* for a token */
    size_t bare; /* bytes of the message's head, without the token that stands behind them */
    bool kept;   /* the token was there already: it may be good for nothing meanwhile */
    int64_t
        begun_ms; /* monotonic; the receiver has what asking for a token leaves of the timeout */
    bool
        left; /* nobody was asked for anything: its turn did not come, or there was no open file for it */
    int pause_ms; /* and before it goes back so long */
    size_t step;  /* of what its request needs, the next */
    struct fetch *fetch;
    sending_cb *cb;
    void *arg;
    struct buf answer; /* what is kept of it */
    char address[64];
    char error_text[256];
};

/* Makes the message of the first of `claims`, which are of one webhook and claimed with `token`, or of
 * as many as go together: `count` says how many. One that cannot be made has ended, with one failed
 * attempt. Claims are borrowed. `payload`: that of the one claim, which lends its bodies; or NULL. */
struct sending *sending_create(const struct settings *settings, const struct claim *const *claims,
                               size_t count, int64_t token, struct payload *payload);

bool sending_has_ended(const struct sending *sending);

/* What its message and its answer take, as long as they are there; not what is lent to it. */
size_t sending_bytes(const struct sending *sending);

/* Signed is what was made: send it at once. At the callback every attempt has ended, or it is `left`. */
void sending_start(struct sending *sending, struct fetcher *fetcher, struct grants *grants,
                   sending_cb *cb, void *arg);

/* Cancels what is under way, and frees the attempts that were not taken. */
void sending_destroy(struct sending *sending);

/* Frees an attempt that was taken, and with the last one its sending. */
void sending_forget(struct attempt *attempt);

#endif
