/* The claims that a worker has in hand, by their tokens: how many of what each leased has not ended; and
 * those of which all has, for the ledger to be told. */
#ifndef WORKER_TOKENS_H
#define WORKER_TOKENS_H

#include "base/idmap.h"

#define TOKENS_ENDED_MAX 4096

struct tokens {
    struct idmap counts; /* as pointers */
    int64_t ended[TOKENS_ENDED_MAX];
    size_t ended_count;
};

void tokens_fini(struct tokens *tokens); /* a zeroed one is empty */

/* Equality is all that fencing asks of a token: random ones need no sequence. */
int64_t tokens_new(void);

/* One more delivery of this claim is in hand. */
void tokens_take(struct tokens *tokens, int64_t token);

/* One has ended, in the ledger too. Those that nobody asks for are forgotten beyond TOKENS_ENDED_MAX. */
void tokens_give_back(struct tokens *tokens, int64_t token);

bool tokens_have(const struct tokens *tokens, int64_t token);

/* More may be leased by this claim than is in hand: the ledger is not told when that has ended, and the rest is taken
 * back. */
void tokens_doubt(struct tokens *tokens, int64_t token);

/* What became of a claim is not known, and is not for us to say; or of any, when the worker ends. They are
 * not in hand, and what is given back of them counts for nothing. */
void tokens_forget(struct tokens *tokens, int64_t token);
void tokens_forget_all(struct tokens *tokens);

#endif
