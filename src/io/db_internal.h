/* What the files of io/db share: the pool (db.c) and its connections (db_connection.c). */
#ifndef IO_DB_INTERNAL_H
#define IO_DB_INTERNAL_H

#include "base/list.h"
#include "io/db.h"
#include "io/watch.h"

#include <libpq-fe.h>

struct db_op {
    struct list node; /* in db.waiting, db.refused or connection.sent */
    const struct db_stmt *stmt;
    struct db_args args;
    int64_t started, deadline; /* clock_mono_ms() */
    int err;                   /* of a refused one */
    db_cb *cb;                 /* NULL: cancelled */
    void *arg;
};

/* Where each value lies, as libpq wants to know it; DB_PARAMS_MAX of both. Returns how many. */
int db_args_split(const struct db_args *args, const char **values, int *lengths);
void db_args_fini(struct db_args *args);

/* Takes the operation off its list, calls back and frees it. */
void db_op_finish(struct db_op *op, int err, const struct db_rows *rows);

enum connection_state {
    CONNECTION_CLOSED, /* waiting to try again */
    CONNECTION_CONNECTING,
    CONNECTION_PREPARING,
    CONNECTION_READY,
};

struct connection {
    struct db *db;
    PGconn *pg;
    struct watch *watch;
    int fd;
    enum connection_state state;
    bool broken;             /* found while sending: closed at the next tick */
    struct timeout *timeout; /* of connecting, or until the next try */
    int64_t backoff_ms;
    struct list sent;
    int sent_count;
};

struct db {
    struct loop *loop;
    struct db_config config;
    struct list waiting, refused;
    int waiting_count;
    struct timeout *tick; /* deadlines; set while there is anything under way */
    bool lost;            /* `once`, and it is over */
    bool closing;
    struct connection connections[];
};

void connection_init(struct connection *c, struct db *db);
void connection_fini(struct connection *c);

/* Sends on a ready connection. A failure shows at the next tick, not here. */
void connection_send(struct connection *c, struct db_op *op);

/* Closes, fails what was sent with `err`, and tries again after the backoff. */
void connection_fail(struct connection *c, int err);

/* The pool's side: a connection became ready or has room again; look at the deadlines soon. */
void db_kick(struct db *db);
void db_tick_soon(struct db *db);

#endif
