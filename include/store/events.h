/* Events: accepting them, and reading them back. */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "core/filter.h"
#include "io/db.h"
#include "store/audit.h"
#include "store/queue.h"

/* One event to accept. Borrowed until the statement was started. */
struct event_new {
    struct id id, app;
    struct str type; /* checked by event_type_check() */
    struct str data; /* JSON as posted */
    bool keyed;      /* `key` and `hash` are set */
    bool grouped;    /* one of several in a request, all or nothing */
    struct id key;   /* of the idempotency key; see idempotency_id() */
    struct id hash;  /* of the request: idempotency_hash() */

    struct str ordering_key, coalesce_key; /* p == NULL: none */
    int64_t deliver_ms, expires_ms;        /* wall clock; 0: none */
};

/* Stores events and a delivery for each webhook that subscribed, in one statement and one commit.
 *
 * Rows come in the order of the events, one per delivery or, for an event without any, one; then
 * those that are due since events replaced what they waited for: events_read_accepted(). ERR_CONFLICT: a
 * grouped event's key was used for another request; nothing of the statement was stored. ERR_TOO_LARGE: over
 * JOB_FANOUT_MAX, ERR_WRONG_STATE: over JOB_FANOUTS_MAX; likewise.
 *
 * Of events that go to so many webhooks that there are over JOB_FANOUT_FROM deliveries in all, a job makes them
 * (core/job.h): it is stored in the same commit, and they have no rows. */
struct db_op *events_accept(struct db *db, const struct event_new *const *events, size_t count,
                            db_cb *cb, void *arg);

/* The same for plain events, at half the cost when they are few, and half of that if none has a key. No row: nothing
 * was stored, since one of their webhooks gathers, or there are over JOB_FANOUT_FROM deliveries; events_accept()
 * does it. */
struct db_op *events_accept_plain(struct db *db, const struct event_new *const *events,
                                  size_t count, db_cb *cb, void *arg);

/* events_accept() of what was published in SQL (store/published.h): of those that still wait there with these numbers,
 * which is over then. One whose key was used for another request is refused, and says that it differs. */
struct db_op *events_accept_published(struct db *db, const struct event_new *const *events,
                                      const int64_t *numbers, size_t count, db_cb *cb, void *arg);

/* Without a key of order or of replacing, and without times. */
bool event_is_plain(const struct event_new *event);

struct event_accepted {
    bool of_event;      /* else it is only an entry for the queue */
    size_t index;       /* into `events` */
    struct id event;    /* another's when the key is known: the answer of the first request */
    bool differs;       /* the key was used for another request; not stored */
    int64_t deliveries; /* that this row tells of: an event's are the sum of its rows' */
    bool queued;        /* `entry` is set: a delivery to be sent */
    struct queue_entry entry;
};

void events_read_accepted(const struct db_rows *rows, int row, struct event_accepted *out);

/* Forgets the keys: what comes with one of them next is another event. */
struct db_op *events_forget_keys(struct db *db, const struct id *keys, size_t count, db_cb *cb,
                                 void *arg);

/* A test event and its one delivery, whatever the webhook's status and patterns; of `event` the id, the type
 * and the data, which is that of the event `like` where it has none (p == NULL). `profile_options` (p == NULL: none) are used instead of the webhook's. A row of
 * (delivery id), or none: no such webhook. */
struct db_op *events_insert_test(struct db *db, struct id app, struct id webhook,
                                 const struct event_new *event, struct id like,
                                 struct str profile_options, db_cb *cb, void *arg);

struct event {
    struct id id;
    bool test;
    struct str type, data;
    struct str ordering_key, coalesce_key; /* p == NULL: none */
    int64_t deliver_ms, expires_ms;        /* 0: none */
    int64_t erased_ms;                     /* 0: it was not; else there is no data */
};

/* A row of events_list(), without `data`; of events_get(), with it. */
void events_read(const struct db_rows *rows, int row, struct event *event);
void events_read_whole(const struct db_rows *rows, int row, struct event *event);

struct db_op *events_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);

/* Newest first, from `from` (included) to `before` (excluded), for page_reply() with a scan that ends at EVENT_SCAN. */
#define EVENT_SCAN 8
struct db_op *events_list(struct db *db, struct id app, struct str type, struct id from,
                          struct id before, int limit, db_cb *cb, void *arg);

/* Erases an event: its data, what attempts keep of messages, and what waits to be sent. It looks at `limit` deliveries
 * at most and is to be called until it says that all is done; until then the event has its data. The `first` of these
 * calls is the deed. Rows for
 * events_read_erased(): all say whether it was, and each may have a delivery that is due instead of what was
 * ended. No row: no such event. */
struct db_op *events_erase(struct db *db, struct id app, struct id id, int64_t limit, bool first,
                           const struct deed *deed, db_cb *cb, void *arg);
bool events_read_erased(const struct db_rows *rows, int row, struct queue_entry *woken,
                        bool *is_woken);

extern const struct db_stmt stmt_event_accept, stmt_event_accept_plain, stmt_event_accept_unkeyed,
    stmt_event_accept_published, stmt_event_insert_test, stmt_event_get, stmt_event_list,
    stmt_event_erase, stmt_event_forget_keys;

#endif
