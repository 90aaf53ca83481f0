/* Sends what was claimed: puts together what goes in one request, and knows what is under way. */
#ifndef WORKER_SENDER_H
#define WORKER_SENDER_H

#include "places.h"
#include "sending.h"

struct sender_hooks {
    /* An attempt ended. It is the callee's, who gives it to sending_forget(). */
    void (*on_ended)(void *arg, struct attempt *attempt);

    /* These were claimed with `token`, and did not fit into the request of those that they belong to, or their turn
     * for a DNS lookup did not come. Borrowed. */
    void (*on_left)(void *arg, const struct queue_ref *refs, size_t count, int64_t token);
    void *arg;
};

struct sender {
    const struct settings *settings;
    struct fetcher *fetcher;
    struct grants grants;
    struct places *places; /* what is sent weighs in them what its message and its answer do */
    struct list under_way; /* sendings */
    struct list left;      /* those whose turn did not come */
    struct timeout *back;  /* set while there are any: they are given back */
    struct sender_hooks hooks;
};

void sender_init(struct sender *sender, struct loop *loop, const struct settings *settings,
                 struct places *places, const struct sender_hooks *hooks);

/* Cancels what is under way. */
void sender_give_up(struct sender *sender);

/* The same, for good. Attempts that ended are to be forgotten before. */
void sender_fini(struct sender *sender);

/* Nothing is under way. */
bool sender_idle(const struct sender *sender);

/* Begins an attempt for each of `claims`, which were claimed with `token`, or tells that it is left. Claims are
 * borrowed. What cannot be sent at all has ended when this returns. `payload`: that of the one claim; or NULL. */
void sender_send(struct sender *sender, const struct claim *claims, size_t count, int64_t token,
                 struct payload *payload);

#endif
