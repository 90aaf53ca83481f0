/* Webhooks in the ledger. Every call names its tenant: another one's id is not found. */
#ifndef STORE_WEBHOOKS_H
#define STORE_WEBHOOKS_H

#include "core/backoff.h"
#include "core/gate.h"
#include "core/message.h"
#include "core/profile.h"
#include "core/webhook.h"
#include "store/audit.h"

/* A row. Texts are borrowed from what they were read from. */
struct webhook {
    struct id id, app;
    struct str uid; /* p == NULL: none */
    struct str url;
    struct str events[WEBHOOK_EVENTS_MAX];
    size_t event_count;
    int status, disabled_reason;         /* enum webhook_status, enum webhook_disabled_reason */
    struct str profile, profile_options; /* the second is JSON */
    struct str sealed_secret, sealed_previous, sealed_headers, sealed_auth, sealed_tls;
    int64_t previous_until_ms; /* 0: no rotation under way */
    int64_t
        secret_from_ms; /* when another one begins to sign; 0: there is none that waits for it */
    struct schedule schedule;
    int64_t timeout_ms;
    int64_t rate_limit; /* 0: none */
    int64_t concurrency;
    int64_t batch_seconds, batch_max; /* of the profile's options; the first is not read */
    int ordering;                     /* enum webhook_ordering */
    struct str description;           /* p == NULL: none */
    struct str metadata;              /* JSON */
    struct str filter, filter_plan;   /* core/conditions.h; p == NULL: none */
    int64_t conditions;               /* how many it has */
    struct str managed;               /* the system whose settings keep it; p == NULL: the API's */
    int64_t updated_us;               /* also the row's version */

    /* As the queue last told of it; read, not written. Times are wall clock, like `now_ms`. */
    struct gate gate;
    int64_t now_ms;

    /* Of the tally (store/tallies.h); read, not written. */
    struct webhook_day {
        int64_t last_success_ms, last_fail_ms; /* 0: never, or before there was a tally */
        int64_t attempts, succeeded, exhausted, p50_us, p95_us, retried; /* of the last 24 hours */
    } day;
};

/* What the row says to a message; borrowed from it. */
struct recipient webhook_recipient(const struct webhook *webhook);

void webhooks_read(const struct db_rows *rows, int row, struct webhook *webhook);

/* One row of webhooks_read() each, or none: not found, or the app has `max` of them. ERR_CONFLICT, here and of an update:
 * the uid is that of another one. */
struct db_op *webhooks_insert(struct db *db, const struct webhook *webhook, int64_t max,
                              const struct deed *deed, db_cb *cb, void *arg);
struct db_op *webhooks_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);

/* The same, and what its filter says of `data`: where in it stands what does not hold. */
struct db_op *webhooks_get_asked(struct db *db, struct id app, struct id id, struct str data,
                                 db_cb *cb, void *arg);
struct str webhooks_read_refusal(const struct db_rows *rows, int row); /* p == NULL: nothing */

/* Newest first, before `before`: what each says of an event of `type` with `data`. */
struct db_op *webhooks_explain(struct db *db, struct id app, struct str type, struct str data,
                               struct id before, int limit, db_cb *cb, void *arg);

struct webhook_answer {
    struct id id;
    struct str uid; /* p == NULL: none */
    int status;
    bool gets;          /* deliveries at all */
    bool wants;         /* the type */
    struct str refusal; /* of webhooks_read_refusal() */
};

void webhooks_read_answer(const struct db_rows *rows, int row, struct webhook_answer *answer);

/* The one with this uid. A row: its id. */
struct db_op *webhooks_find(struct db *db, struct id app, struct str uid, db_cb *cb, void *arg);

/* Of any tenant, for what is public of it. Rows: (secret, which may sign later only, the one before while it is valid),
 * sealed. */
struct db_op *webhooks_get_secrets(struct db *db, struct id id, db_cb *cb, void *arg);

/* Writes every settable column of `webhook`, unless the row changed since it was read: then there
 * is no row. Another secret than that which signs takes its place at once: no rotation is under way then. */
struct db_op *webhooks_update(struct db *db, const struct webhook *webhook, const struct deed *deed,
                              db_cb *cb, void *arg);

struct rotation {
    struct str sealed_secret;
    int64_t delay_seconds;   /* until it signs */
    int64_t overlap_seconds; /* from then on, for which the one before is valid too */
};

/* A managed one is left alone: no row. Of a rotation that is under way the secret that signs stays, as the one before. */
struct db_op *webhooks_rotate(struct db *db, struct id app, struct id id,
                              const struct rotation *rotation, const struct deed *deed, db_cb *cb,
                              void *arg);

/* A row if it was there and is not managed. */
struct db_op *webhooks_delete(struct db *db, struct id app, struct id id, const struct deed *deed,
                              db_cb *cb, void *arg);

/* Which of an app's. */
struct webhook_choice {
    struct id app;
    int status;          /* < 0: any */
    int needs_attention; /* 1: those that are disabled, or not healthy; 0: the others; < 0: all */
    struct str
        search;       /* what a uid, a description or a URL has, in any case; p == NULL: anything */
    bool sees_all;    /* of URLs; else their hosts */
    struct id before; /* excluded */
    int limit;
};

/* Newest first. In the column WEBHOOKS_COL_FITS, whether the row is one of them, and in the next one whether no more were looked
 * at. */
#define WEBHOOKS_COL_FITS 37
struct db_op *webhooks_list(struct db *db, const struct webhook_choice *choice, db_cb *cb,
                            void *arg);

/* Of an app's webhooks now: a row. */
struct standing {
    int64_t webhooks, active, needs_attention;
    int64_t oldest_due_ms; /* of the deliveries that are to go out; 0: none is due */
};

struct db_op *webhooks_standing(struct db *db, struct id app, db_cb *cb, void *arg);
struct standing webhooks_read_standing(const struct db_rows *rows);

/* Disables those that have failed at least `failures` times since a success or a change by a person that is
 * at least so many days ago. Rows: id, app, the first failure, how many, the error of the last. */
struct db_op *webhooks_disable_failing(struct db *db, int64_t days, int64_t failures, db_cb *cb,
                                       void *arg);

/* Deletes the rows of at most `limit` webhooks that were deleted before history begins, of which so many days are kept,
 * and that nothing in it is about. A row: how many. */
struct db_op *webhooks_forget(struct db *db, int64_t days, int limit, db_cb *cb, void *arg);

/* --- what is sealed ---------------------------------------------------------------------------- */

/* Of webhooks of all tenants that are not deleted, after `after`, in the order of their ids. Rows: sealed_read(). */
struct db_op *webhooks_list_sealed(struct db *db, struct id after, int limit, db_cb *cb, void *arg);

struct sealed {
    struct id webhook;
    int64_t updated_us; /* the row's version */
    struct str url, profile, options, secret, previous, headers, auth,
        tls; /* of `previous` p == NULL: none */
};
void sealed_read(const struct db_rows *rows, int row, struct sealed *sealed);

/* Writes the last six of `sealed`, if the row is still as it was read: then there is a row. That is another version of
 * it, but no change. */
struct db_op *webhooks_seal_again(struct db *db, const struct sealed *sealed,
                                  const struct deed *deed, db_cb *cb, void *arg);

extern const struct db_stmt stmt_webhook_list_sealed, stmt_webhook_seal_again;

extern const struct db_stmt stmt_webhook_insert, stmt_webhook_get, stmt_webhook_get_asked,
    stmt_webhook_explain, stmt_webhook_find, stmt_webhook_get_secrets, stmt_webhook_update,
    stmt_webhook_rotate, stmt_webhook_delete, stmt_webhook_list, stmt_webhook_standing,
    stmt_webhook_disable_failing, stmt_webhook_forget;

#endif
