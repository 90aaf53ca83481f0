/* What was looked up and is remembered for MEMO_MS, by id, within the budget of a cache of which owners have shares
 * (base/cache). Whoever changes what is looked up has it forgotten at once; the time is the bound for when that is missed. What
 * was asked for before a change, and comes after it, may be of before: so `changes` is noted with the question and compared
 * with the answer, which is kept only if they are equal. */
#ifndef BASE_MEMO_H
#define BASE_MEMO_H

#include "base/cache.h"

#define MEMO_MS 5000

/* Embedded in what is remembered. */
struct memo_entry {
    struct cache_entry kept;
    struct list node; /* of all */
    struct memo *memo;
    struct id id, owner;
    int64_t until_ms; /* monotonic */
};

struct memo {
    struct cache cache;
    struct idmap by_id;
    struct list all;
    uint64_t changes;
    void (*destroy)(struct memo_entry *entry); /* it is forgotten */
};

void memo_init(struct memo *memo, size_t max, void (*destroy)(struct memo_entry *entry));
void memo_fini(struct memo *memo); /* forgets all */

/* NULL: it has to be asked for. It may be gone after the next call of these. */
struct memo_entry *memo_find(struct memo *memo, struct id id);

/* Takes the entry over, in the place of another with this id. One that is too heavy beside what others have is destroyed. */
void memo_keep(struct memo *memo, struct memo_entry *entry, struct id id, struct id owner,
               size_t weight);

/* Forgets what an owner has; all, with NULL. */
void memo_forget(struct memo *memo, const struct id *owner);

#endif
