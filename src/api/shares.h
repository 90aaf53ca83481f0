/* Something that is bounded in all, and of which nobody has more than three times what is left for others, so that
 * who takes all that there is still leaves some. */
#ifndef API_SHARES_H
#define API_SHARES_H

#include "base/idmap.h"

#define NOBODY ((struct id){{0}})

/* A zeroed one is unused. */
struct shares {
    int64_t taken;
    struct idmap owners; /* what each has, as a pointer; ids that the ledger gave us */
};

void shares_fini(struct shares *shares);

/* Takes `n` of `max` for `owner`. False: there is not that much, or not for it. Who has nothing yet gets what there
 * is; the nil id is nobody in particular, and has no share. */
bool shares_take(struct shares *shares, struct id owner, int64_t n, int64_t max) MUST_CHECK;
void shares_give_back(struct shares *shares, struct id owner, int64_t n); /* or nothing: 0 */

/* What `owner` has. */
int64_t shares_of(const struct shares *shares, struct id owner);

#endif
