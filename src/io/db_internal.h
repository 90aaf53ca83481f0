/* What the files of io/db share: a statement on its way, and one connection that comes back by itself
 * (db_link.c). The pool (db.c) stands above and is told by hooks. */
#ifndef IO_DB_INTERNAL_H
#define IO_DB_INTERNAL_H

#include "base/list.h"
#include "io/db.h"
#include "io/watch.h"

#include <libpq-fe.h>

struct db_op {
    struct list node; /* in db.waiting, link.sent, db.ended or db.telling */
    const struct db_stmt *stmt;
    struct db_args args;
    int64_t started, deadline; /* clock_mono_ms() */
    int64_t sent, sent_us;     /* likewise */
    size_t sent_bytes;         /* of its arguments */
    int err;                   /* of one that ended without an answer */
    db_cb *cb;                 /* NULL: cancelled */
    void *arg;
};

/* Where each value lies, as libpq wants to know it; DB_PARAMS_MAX of both. Returns how many. */
int db_args_split(const struct db_args *args, const char **values, int *lengths);
void db_args_fini(struct db_args *args);

/* --- db_url.c --------------------------------------------------------------------------------- */

#define DB_OPTIONS_MAX 128 /* that libpq has: some forty */

/* PQconnectStart(), beginning with the host `first` of the URL, counted from 0 and round. libpq goes on to the next where one
 * refuses; of one that says nothing it knows no limit while it does not block, so who has waited long enough begins with
 * the next. */
PGconn *db_url_connect(const char *url, int first);

/* How many hosts there are. */
int db_url_hosts(const char *url);

/* --- db_link.c: one connection ---------------------------------------------------------------- */

enum db_link_state {
    DB_LINK_CLOSED, /* waiting to try again */
    DB_LINK_CONNECTING,
    DB_LINK_PREPARING,
    DB_LINK_READY,
};

struct db_link;

/* The owner may end the link in every one of them but on_lost and on_broken, which only note. */
struct db_link_hooks {
    void (*on_ready)(void *arg, struct db_link *link);

    /* The answer to `op`, which is off the link. */
    void (*on_answer)(void *arg, struct db_op *op, int err, const struct db_rows *rows);

    void (*on_notify)(void *arg, const char *channel, const char *payload);

    /* What there was to read has been read: perhaps there is room again. */
    void (*on_read)(void *arg);

    /* Found while sending: db_link_fail() is wanted in a later turn. */
    void (*on_broken)(void *arg);

    /* It is closed, and will be tried again unless `once`; `ops` get no answer any more, for the reason `err`. */
    void (*on_lost)(void *arg, struct db_link *link, struct list *ops, int err);
};

struct db_link {
    struct loop *loop;
    const struct db_config *config;
    const struct db_link_hooks *hooks;
    void *arg;
    unsigned number; /* for the log, where it is the connection's name */
    PGconn *pg;
    struct watch *watch;
    int fd;
    enum db_link_state state;
    bool broken;
    struct timeout *timeout; /* of connecting, or until the next try */
    int64_t backoff_ms;
    int hosts, first; /* of the URL: how many, and the one to try first */
    struct list sent; /* struct db_op */
    int sent_count;
    size_t sent_bytes;
    PGresult *result; /* of the first of them, until its transaction has ended; or NULL */
    int64_t moved_ms; /* clock_mono_ms() when bytes came or went last */
};

void db_link_init(struct db_link *link, struct loop *loop, const struct db_config *config,
                  const struct db_link_hooks *hooks, void *arg);

/* Leaves what is in `sent` to the owner. No hook runs any more. */
void db_link_fini(struct db_link *link);

/* Sends on a ready link. */
void db_link_send(struct db_link *link, struct db_op *op);

/* Closes, and tries again after the backoff, unless `once`. */
void db_link_fail(struct db_link *link, int err);

/* The same without a word in the log: nothing is wrong with it. */
void db_link_drop(struct db_link *link, int err);

#endif
