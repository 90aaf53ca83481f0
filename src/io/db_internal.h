/* What the files of io/db share: a statement on its way, and one connection that comes back by itself
 * (db_link.c). The pool (db.c) stands above and is told by hooks. */
#ifndef IO_DB_INTERNAL_H
#define IO_DB_INTERNAL_H

#include "base/list.h"
#include "io/db.h"
#include "io/dns.h"
#include "io/watch.h"

#include <arpa/inet.h>
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

/* --- db_servers.c: the servers of a URL ------------------------------------------------------- */

struct db_servers;

/* As the URL says; each may be empty. */
struct db_place {
    struct str host, address, port;
};

/* Of a URL that names no server, and of one that libpq cannot read, there is one place, which says nothing. */
struct db_servers *db_servers_create(const char *url);
void db_servers_destroy(struct db_servers *servers); /* NULL is fine */
size_t db_servers_count(const struct db_servers *servers);
const struct db_place *db_servers_place(const struct db_servers *servers, size_t i);

/* Where to connect: places, and the addresses that their names lead to. All zero in the beginning; the servers outlive it. */
struct db_ways {
    struct db_way {
        const struct db_place *place;
        char address[INET6_ADDRSTRLEN]; /* "": what the place says */
    } * list;
    size_t count;
};

void db_ways_add(struct db_ways *ways, const struct db_place *place, const char *address);
void db_ways_of_places(struct db_ways *ways,
                       const struct db_servers *servers); /* as the URL says */
void db_ways_fini(struct db_ways *ways);

/* PQconnectStart(), beginning with the way `first`, counted from 0 and round. libpq goes on to the next where one refuses; of
 * one that says nothing it knows no limit while it does not block, so who has waited long enough begins with the next. NULL:
 * libpq has no memory, or cannot read the URL. */
PGconn *db_servers_connect(const struct db_servers *servers, const struct db_ways *ways,
                           size_t first);

/* --- db_lookup.c: where names lead ------------------------------------------------------------ */

struct db_lookup;

/* All ways that there are, which are the callback's to keep; none: `why`, which dies with the call. */
typedef void db_lookup_cb(void *arg, struct db_ways ways, const char *why);

bool db_lookup_needed(const struct db_servers *servers);

struct db_lookup *db_lookup_start(struct dns *dns, const struct db_servers *servers,
                                  int64_t deadline_ms, db_lookup_cb *cb, void *arg);
void db_lookup_cancel(struct db_lookup *lookup); /* NULL is fine */

/* --- db_link.c: one connection ---------------------------------------------------------------- */

enum db_link_state {
    DB_LINK_CLOSED,  /* waiting to try again */
    DB_LINK_LOOKING, /* for where its servers are */
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
    const struct db_servers *servers;
    struct dns *dns;          /* NULL: none of them has a name */
    struct db_lookup *lookup; /* of the state above */
    struct db_ways ways;      /* of the last one that found any */
    size_t first;             /* way to try */
    struct list sent;         /* struct db_op */
    int sent_count;
    size_t sent_bytes;
    PGresult *result; /* of the first of them, until its transaction has ended; or NULL */
    int64_t moved_ms; /* clock_mono_ms() when bytes came or went last */
};

/* `dns` is needed where db_lookup_needed() says so. */
void db_link_init(struct db_link *link, struct loop *loop, const struct db_config *config,
                  const struct db_servers *servers, struct dns *dns,
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
