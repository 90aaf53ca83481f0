/* Portals: keys whose text is a portal token, each with the page that it opens. */
#ifndef STORE_PORTALS_H
#define STORE_PORTALS_H

#include "store/keys.h"

struct portal {
    struct id app;
    struct str app_name;
    int scope; /* enum key_scope */
    int64_t expires_ms;
    struct str brand;       /* JSON */
    struct db_array frames; /* of text */
    struct str images;      /* n == 0: none */
};
void portals_read(const struct db_rows *rows, struct portal *portal);

/* Of `key` that of an app. A row: its id; none: no such app, or it has `max` that have not ended. */
struct db_op *portals_insert(struct db *db, const struct key *key, struct str brand,
                             const struct str *frames, size_t frame_count, struct str images,
                             int64_t max, const struct deed *deed, db_cb *cb, void *arg);

/* Also for a day after it has ended. */
struct db_op *portals_get(struct db *db, struct id id, db_cb *cb, void *arg);

/* What ended a day ago is deleted: at most `limit`. A row: how many. */
struct db_op *portals_forget(struct db *db, int limit, db_cb *cb, void *arg);

extern const struct db_stmt stmt_portal_insert, stmt_portal_get, stmt_portal_forget;

#endif
