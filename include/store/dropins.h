/* The webhooks that drop-in settings ask for, in the ledger: those of the app `default` that are
 * `managed`. The API shows them and does not change them.
 *
 * To make them match the settings: store_begin(), dropins_lock(), then what dropins_list() finds
 * decides what to put, what is left over is retired, and store_commit() ends it. */
#ifndef STORE_DROPINS_H
#define STORE_DROPINS_H

#include "core/dropin.h"
#include "store/audit.h"

/* One process at a time, until the transaction ends. */
struct db_op *dropins_lock(struct db *db, db_cb *cb, void *arg);

struct dropin_row {
    struct id id;
    struct str system, url; /* what a drop-in is known by */
    struct str sealed_secret;
};

struct db_op *dropins_list(struct db *db, db_cb *cb, void *arg);
void dropin_row_read(const struct db_rows *rows, int row, struct dropin_row *out);

/* Creates the webhook `id`, or changes what differs and makes it active. A secret that is not the
 * stored bytes takes the place of the one before at once. */
struct db_op *dropins_put(struct db *db, struct id id, const struct dropin *dropin,
                          struct str sealed_secret, const struct deed *deed, db_cb *cb, void *arg);

/* Deletes those that are not among `dropins`. */
struct db_op *dropins_retire(struct db *db, const struct dropins *dropins, const struct deed *deed,
                             db_cb *cb, void *arg);

extern const struct db_stmt stmt_dropin_lock, stmt_dropin_list, stmt_dropin_put, stmt_dropin_retire;

#endif
