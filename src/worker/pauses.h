/* Receivers that asked to be left alone for a while, as far as this worker has heard. Pure: the time
 * is an argument. */
#ifndef WORKER_PAUSES_H
#define WORKER_PAUSES_H

#include "base/id.h"

#define PAUSES_MAX 64 /* at once; the one that ends first makes room */

struct pause {
    struct id webhook;
    int64_t until_ms; /* monotonic */
};

struct pauses {
    struct pause at[PAUSES_MAX]; /* zeroed: none */
};

/* Replaces what was said of the webhook before. */
void pauses_set(struct pauses *pauses, struct id webhook, int64_t until_ms);

/* How long it still lasts; not above 0: it does not. */
int64_t pauses_left_ms(const struct pauses *pauses, struct id webhook, int64_t now_ms);

#endif
