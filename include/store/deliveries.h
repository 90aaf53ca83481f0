/* Deliveries and their attempts, as the API reads and moves them. */
#ifndef STORE_DELIVERIES_H
#define STORE_DELIVERIES_H

#include "core/delivery.h"
#include "io/db.h"
#include "store/audit.h"

/* Which deliveries of a webhook. */
struct delivery_filter {
    int state;        /* < 0: any */
    struct str type;  /* p == NULL: any */
    struct id from;   /* included */
    struct id before; /* excluded */
    int64_t code;     /* of the last answer; 0: any */
    int error;        /* enum attempt_error, of the last attempt; 0: any */
    struct str host;  /* of the webhook's URL; p == NULL: any */
    bool of_event;    /* of `event` alone */
    struct id event;
};

struct delivery {
    struct id id, event, webhook;
    bool test;
    struct str type, url;
    int state;
    int64_t attempts; /* that began */
    int64_t created_ms;
    int64_t next_ms;      /* 0: none */
    int64_t completed_ms; /* 0: not yet */
    bool answered;        /* `code` is set */
    bool recorded;        /* an attempt was: `last_us` and `last_error` are its */
    int64_t code, last_us;
    int last_error; /* enum attempt_error */
    bool asleep;    /* it waits for its turn in its lane; then there is no `next_ms` */
    struct str error_text;
    struct str ordering_key; /* p == NULL: none */
    int64_t expires_ms;      /* 0: never */
};

/* A row of a list, without `url` and what follows `asleep`; a row of deliveries_get(), with them. */
void deliveries_read(const struct db_rows *rows, int row, struct delivery *delivery);
void deliveries_read_whole(const struct db_rows *rows, int row, struct delivery *delivery);

/* Newest first, for page_reply() with a scan that ends at DELIVERY_SCAN. No row at all: no such webhook; one row
 * whose first column is NULL: no delivery. */
#define DELIVERY_SCAN 13
struct db_op *deliveries_list(struct db *db, struct id app, struct id webhook,
                              const struct delivery_filter *filter, int limit, db_cb *cb,
                              void *arg);

/* The same of all webhooks of an app. Of none there is no row. */
struct db_op *deliveries_search(struct db *db, struct id app, const struct delivery_filter *filter,
                                int limit, db_cb *cb, void *arg);

/* Of one event, at most `limit`. */
struct db_op *deliveries_of_event(struct db *db, struct id app, struct id event, int limit,
                                  db_cb *cb, void *arg);

struct db_op *deliveries_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);

/* Moves one. No row: no such delivery. A row of (moved); not moved: its state does not allow it. Of
 * both it goes on with queue_entry_read(): the delivery itself, or unless that is NULL the one that waited for
 * what was cancelled. A retry's row says besides whether the event was erased: then it has nothing to send. */
struct db_op *deliveries_retry(struct db *db, struct id app, struct id id, const struct deed *deed,
                               db_cb *cb, void *arg);
struct db_op *deliveries_cancel(struct db *db, struct id app, struct id id, const struct deed *deed,
                                db_cb *cb, void *arg);
bool deliveries_read_erased(const struct db_rows *rows);

struct attempt_row {
    int64_t number, started_ms;
    bool answered;
    int64_t code;
    int error; /* enum attempt_error */
    struct str error_text, address;
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
    struct str request_head, response_head, response_body, url;
    bool body_cut;
    struct buf heads; /* the memory of both */
    bool has_body;    /* `body` is the request's, byte for byte */
    struct buf body;
};

#define ATTEMPT_HEADS_MAX ((size_t)1 << 20) /* bytes; far above what is kept of an attempt */

/* Without the messages and `url`, which are left as they were; and a row of attempts_list(), with them, which
 * attempt_row_fini() ends. */
void attempts_read(const struct db_rows *rows, int row, struct attempt_row *attempt);
void attempts_read_whole(const struct db_rows *rows, int row, struct attempt_row *attempt);
void attempt_row_fini(struct attempt_row *attempt);

/* Where an attempt stands among those of its delivery. */
struct attempt_place {
    int64_t number, started_us, token;
};

#define ATTEMPT_PLACE_LAST ((struct attempt_place){INT64_MAX, INT64_MAX, INT64_MAX})

/* From the text in the column ATTEMPT_CURSOR. */
bool attempt_place_read(struct str text, struct attempt_place *place);

/* Those behind `after`, newest first, for page_reply() with a scan that ends at ATTEMPT_SCAN. No row: no such delivery;
 * one row whose first column is NULL: no attempt. Without the event's data, and so without bodies, if that is larger than
 * `data_max`. */
#define ATTEMPT_CURSOR 16
#define ATTEMPT_SCAN   17
struct db_op *attempts_list(struct db *db, struct id app, struct id delivery,
                            const struct attempt_place *after, int limit, int64_t data_max,
                            db_cb *cb, void *arg);

/* The bytes of the event's data, of rows that there are. */
int64_t attempts_read_size(const struct db_rows *rows);

extern const struct db_stmt stmt_delivery_list, stmt_delivery_search, stmt_delivery_of_event,
    stmt_delivery_get, stmt_delivery_retry, stmt_delivery_cancel, stmt_attempt_list;

#endif
