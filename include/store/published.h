/* What was published in SQL, posthorn.publish(), and waits to become events (migrations/0034_published.sql). Whoever takes
 * it does so in a transaction of its own, on a connection that nobody else uses: store_begin(), published_take(),
 * published_refuse(), events_accept_published(), store_commit(). Taking the app's turn holds it to the end of that, so that
 * an app's events are accepted in their order; without it nothing is taken twice either. */
#ifndef STORE_PUBLISHED_H
#define STORE_PUBLISHED_H

#include "io/db.h"
#include "store/events.h"

/* Of an app: from a number on. */
struct published_turn {
    struct id app;
    int64_t from;
};

/* What PostgreSQL says on STORE_PUBLISHED_CHANNEL; false: that is none. */
bool published_hear(const char *payload, struct published_turn *out);

/* Apps behind `after` of which something waits, and their first: rows for published_read_turn(). It takes the longer the
 * more was taken that PostgreSQL keeps for an old transaction, so it is for what nobody heard of. */
#define PUBLISHED_LOOK_MAX 256
struct db_op *published_look(struct db *db, struct id after, db_cb *cb, void *arg);
struct published_turn published_read_turn(const struct db_rows *rows, int row);

/* The first of each of these, in their order: `limit` rows in all (of each app one, if those are more) of about `bytes`,
 * each app with an equal part. Apps that somebody else is taking from have none. */
struct db_op *published_take(struct db *db, const struct published_turn *turns, size_t count,
                             int64_t limit, int64_t bytes, db_cb *cb, void *arg);

/* There was more than `bytes`: apps without rows may have some. */
bool published_is_cut(const struct db_rows *rows, int row);

/* Texts are the row's. */
struct published {
    struct event_new event;
    int64_t number;
    bool app_gone;
    int checks;        /* APP_STRICT_TYPES, APP_VALIDATE */
    bool known;        /* its type is in the catalogue; asked for if there are checks */
    struct str schema; /* of that; p == NULL: none */
};

void published_read(const struct db_rows *rows, int row, struct published *out);

/* One that cannot be an event. */
struct refusal {
    struct id app;
    int64_t number;
    const char *reason; /* a name */
    struct str detail;  /* p == NULL: none */
};

/* They wait no more, and are kept for their apps to see. */
struct db_op *published_refuse(struct db *db, const struct refusal *list, size_t count, db_cb *cb,
                               void *arg);

/* Takes away refusals that are older; a row says how many, `limit` at most. */
struct db_op *published_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_published_look, stmt_published_take, stmt_published_refuse,
    stmt_published_forget;

#endif
