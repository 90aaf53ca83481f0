/* Counts what attempts come to, by webhook and hour, and those that failed by why, and adds it to the ledger every few
 * seconds: by statements of TALLY_ROWS_MAX webhooks, those first that wait longest, one after another, and behind each one
 * for the failures of these (issues), if there are any. It is for people to look at: what a worker has when
 * it dies is not counted, nor what a statement has that fails. */
#ifndef WORKER_TALLY_H
#define WORKER_TALLY_H

#include "attempt.h"
#include "base/idmap.h"
#include "store/tallies.h"

#define TALLY_AFTER_MS  5000
#define TALLY_CODES_MAX 8 /* of a webhook's answers, told from each other meanwhile */
#define TALLY_WEBHOOKS_MAX \
    32768 /* of which more at once are not counted, nor of one app more than its share */

struct tally {
    struct db *db;
    struct db_op *op;
    struct idmap of_webhooks; /* those that wait, */
    struct idmap of_apps;     /* and how many of each app: as pointers */
    struct list waiting;      /* the oldest first */
    struct list sent;         /* that are in the statement */
    bool ending;
};

void tally_init(struct tally *tally, struct db *db);
void tally_fini(struct tally *tally);

/* It has ended. Tests do not count. */
void tally_count(struct tally *tally, const struct attempt *attempt);

/* For every second. */
void tally_tick(struct tally *tally);

/* Nothing more comes: what waits goes now. Whether it is all there, or cannot go. */
bool tally_end(struct tally *tally);

#endif
