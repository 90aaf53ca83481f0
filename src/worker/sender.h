/* Sends what was claimed: puts together what goes in one request, and knows what is under way. */
#ifndef WORKER_SENDER_H
#define WORKER_SENDER_H

#include "sending.h"

/* An attempt ended. It is the callee's, who gives it to sending_forget(). */
typedef void sender_cb(void *arg, struct attempt *attempt);

struct sender {
    const struct settings *settings;
    struct fetcher *fetcher;
    struct list under_way; /* sendings */
    sender_cb *on_ended;
    void *arg;
};

void sender_init(struct sender *sender, struct loop *loop, const struct settings *settings,
                 sender_cb *on_ended, void *arg);

/* Cancels what is under way. Attempts that ended are to be forgotten before. */
void sender_fini(struct sender *sender);

/* Begins an attempt for each of `claims`, which were claimed with `token`. Claims are borrowed. What
 * cannot be sent at all has ended when this returns. */
void sender_send(struct sender *sender, const struct claim *claims, size_t count, int64_t token);

#endif
