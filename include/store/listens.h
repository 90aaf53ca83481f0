/* What webhooks without a URL hold for whoever listens to them. */
#ifndef STORE_LISTENS_H
#define STORE_LISTENS_H

#include "core/message.h"
#include "store/deliveries.h"

/* Who asks: a stream outlives what was found out of its key when it began. */
struct listener_key {
    struct id app, key; /* nil: that of the options */
    int scope;          /* that it has to have */
};

/* A delivery, and all that a request is made from. */
struct listened {
    struct recipient to;
    struct content content; /* `attempt`: that comes next */
    int state;              /* enum delivery_state */
    int status;             /* of its webhook */
    struct schedule schedule;
};

/* What a listener has and has not answered. */
struct listen_flight {
    struct id delivery;
    int64_t attempt;
};

struct listen_ask {
    struct id webhook;
    struct listener_key by;
    const struct listen_flight *flights;
    size_t count;
    int limit;       /* of what comes */
    struct id after; /* where the look begins */
};

/* What is held and due after `ask->after`, without what is in flight and what waits for others in its lane, oldest
 * first, up to about LISTEN_BYTES of data. Rows: listens_read(). None: there is no such webhook any more. */
#define LISTEN_BYTES "262144"
struct db_op *listens_next(struct db *db, const struct listen_ask *ask, db_cb *cb, void *arg);

struct listen_look {
    bool allowed;           /* the key may still do this */
    int status;             /* of the webhook */
    bool end;               /* nothing else is held behind what was looked at */
    struct id last;         /* of what was looked at; unless there was nothing */
    struct db_array over;   /* have expired: listens_expire() */
    struct db_array landed; /* of those in flight: they wait for no answer any more */
    int count;              /* of deliveries in these rows */
};

void listens_read_look(const struct db_rows *rows, struct listen_look *look);
void listens_read(const struct db_rows *rows, int row, struct listened *listened);

/* One delivery of an app, as it is. Row: listens_read_one(). */
struct db_op *listens_get(struct db *db, struct id app, struct id delivery, db_cb *cb, void *arg);
void listens_read_one(const struct db_rows *rows, struct listened *listened);

/* Ends those that are held and whose time is over. */
struct db_op *listens_expire(struct db *db, struct id webhook, const struct id *ids, size_t count,
                             db_cb *cb, void *arg);

extern const struct db_stmt stmt_listen_next, stmt_listen_get, stmt_listen_expire;

#endif
