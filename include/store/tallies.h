/* What attempts came to, by hour: of each webhook, and of each app. Workers add to it what they have gathered for
 * seconds; nobody goes through the history for it. */
#ifndef STORE_TALLIES_H
#define STORE_TALLIES_H

#include "io/db.h"
#include "store/webhooks.h"

/* Attempts by how long they took: the first up to 1 ms, each other up to √2 times as long as the one before, the last
 * all that took longer. */
#define TALLY_TIMES 34

/* The class of so many microseconds, from 0. */
int tallies_class(int64_t us);

struct tally_row {
    struct id app, webhook;
    int64_t hour_ms;                       /* when it began */
    int64_t attempts, succeeded;           /* the rest failed */
    int64_t exhausted;                     /* deliveries that failed for good */
    int64_t retried;                       /* attempts that were not the first of their delivery */
    int64_t last_success_ms, last_fail_ms; /* 0: none */
    int32_t times[TALLY_TIMES];
};

#define TALLY_ROWS_MAX 256 /* in one statement */

/* Adds them to their webhooks' hours and their apps'. No two are of the same webhook. No rows. */
struct db_op *tallies_add(struct db *db, const struct tally_row *const *list, size_t count,
                          db_cb *cb, void *arg);

struct tally_accepted {
    struct id app;
    int64_t hour_ms, events;
};

/* Adds what was accepted to the hours of apps, of which no two are the same. No rows. */
struct db_op *tallies_add_accepted(struct db *db, const struct tally_accepted *list, size_t count,
                                   db_cb *cb, void *arg);

/* The hours of [from, until) of an app, or of one of its webhooks, newest first: at most `limit`. No row: no such
 * webhook; one row whose first column is NULL: no hours. */
struct db_op *tallies_list(struct db *db, struct id app, const struct id *webhook, int64_t from_ms,
                           int64_t until_ms, int limit, db_cb *cb, void *arg);

struct tally_hour {
    int64_t hour_ms, attempts, succeeded, exhausted, retried;
    int64_t p50_us, p95_us;
    int64_t accepted; /* events, of an app; < 0: it is a webhook's hour */
};

void tallies_read(const struct db_rows *rows, int row, struct tally_hour *hour);

/* The last day of an app's webhooks, as webhooks_list() has them: a row for each, its id and its hours, and in the column
 * TALLIES_COL_FITS and the next one what that has in WEBHOOKS_COL_FITS. */
#define TALLIES_COL_FITS 2
struct db_op *tallies_list_webhooks(struct db *db, const struct webhook_choice *choice, db_cb *cb,
                                    void *arg);

/* The next hour of a row; false: there is none. */
struct db_array tallies_hours(const struct db_rows *rows, int row);
bool tallies_next_hour(struct db_array *hours, struct tally_hour *hour);

/* Removes hours that ended so many days ago, but for the last of a webhook or an app that is there: it says when there
 * was a success. A row with how many: `limit` at most. */
struct db_op *tallies_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_tally_add, stmt_tally_add_accepted, stmt_tally_list,
    stmt_tally_list_webhooks, stmt_tally_forget;

#endif
