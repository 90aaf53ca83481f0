/* Makes events of what was published in SQL. PostgreSQL tells of it when its transaction commits, on a connection of the
 * inbox's own; a look every second finds what nobody heard of. Apps take turns. A batch is one transaction: whoever dies in
 * it has done nothing. */
#ifndef WORKER_INBOX_H
#define WORKER_INBOX_H

#include "io/loop.h"
#include "store/accepts.h"
#include "store/published.h"

#define INBOX_TURNS_MAX  1024 /* what there is no room for is found by a look */
#define INBOX_APPS_MAX   32   /* at once */
#define INBOX_PASSED_MAX 64

enum inbox_step {
    INBOX_LOOK,
    INBOX_BEGIN,
    INBOX_TAKE,
    INBOX_REFUSE,
    INBOX_ACCEPT,
    INBOX_COMMIT,
    INBOX_DAYS,
    INBOX_STEPS
};

/* An app whose first could not be stored: it is passed over for a while. */
struct inbox_passed {
    struct id app;
    int64_t number;   /* of that first */
    int64_t until_ms; /* monotonic */
    int tries;
    const char *refused_for; /* it is not tried again; or NULL */
};

struct inbox {
    struct db *db;
    struct queue *queue;
    struct accepts *accepts;
    int64_t retention_days;
    struct db_op *ops[INBOX_STEPS];
    bool busy, stopped;
    int64_t limit; /* rows at once */
    struct published_turn turns[INBOX_TURNS_MAX];
    size_t turn_count;
    struct id looked_at;            /* the last app */
    int64_t look_began_ms, look_ms; /* monotonic: the next, not before */
    struct inbox_passed passed[INBOX_PASSED_MAX];
    size_t passed_count; /* since the start; the oldest make room */

    /* What is under way. */
    int err;
    struct published_turn taking[INBOX_APPS_MAX];
    size_t taking_count;
    int64_t next[INBOX_APPS_MAX]; /* how far each has come; 0: nowhere */
    bool cut;                     /* apps without rows may have some */
    struct id app;                /* of the first */
    int64_t number;               /* likewise */
    size_t taken, refused;
    int64_t accepted, deliveries;
    struct id *apps; /* of each event, until its acceptance is counted; nil: it was refused */
    size_t event_count;
    struct queue_entry *entries; /* to be told when it is committed */
    bool *woken;                 /* likewise: by what came before */
    size_t entry_count;
};

/* What is accepted is counted in `accepts`. */
void inbox_init(struct inbox *inbox, struct loop *loop, const char *database_url,
                struct queue *queue, struct accepts *accepts, int64_t retention_days);
void inbox_fini(struct inbox *inbox);

/* For every second. */
void inbox_tick(struct inbox *inbox);

/* Begins nothing more. */
void inbox_stop(struct inbox *inbox);
bool inbox_idle(const struct inbox *inbox);

#endif
