/* Apps: the tenants. Rows: app_read(). */
#ifndef STORE_APPS_H
#define STORE_APPS_H

#include "store/audit.h"

/* What an app asks for of its events before they are accepted; the bits of the column. */
enum app_check {
    APP_STRICT_TYPES = 1, /* their types are in its catalogue */
    APP_VALIDATE =
#define APP_VALIDATE_NUMBER 2
        APP_VALIDATE_NUMBER, /* their data fits its type's schema */
};

struct app {
    struct id id;
    struct str uid;            /* p == NULL: none */
    struct str name, metadata; /* the second is JSON */
    int checks;                /* bits of enum app_check */
    int64_t created_ms;        /* read only */
};

void app_read(const struct db_rows *rows, int row, struct app *app);

/* ERR_CONFLICT, here and below: the uid is another app's. */
struct db_op *apps_insert(struct db *db, const struct app *app, const struct deed *deed, db_cb *cb,
                          void *arg);
struct db_op *apps_get(struct db *db, struct id id, db_cb *cb, void *arg);
struct db_op *apps_find(struct db *db, struct str uid, db_cb *cb, void *arg);
struct db_op *apps_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg);

/* A name or metadata with p == NULL leaves it as it is; so does `uid_given`, if it is false, the uid, and of the checks those
 * that are not in `checks_given` stay. No row: there is none, or it is `default`, which keeps its uid. A uid or a check that
 * is given NOTIFYs STORE_KEY_CHANNEL. */
struct db_op *apps_update(struct db *db, const struct app *app, bool uid_given, int checks_given,
                          const struct deed *deed, db_cb *cb, void *arg);

/* With its webhooks, keys and catalogue. A row if it was there and is not `default`. */
struct db_op *apps_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg);

extern const struct db_stmt stmt_app_insert, stmt_app_get, stmt_app_find, stmt_app_list,
    stmt_app_update, stmt_app_delete;

#endif
