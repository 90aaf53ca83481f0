/* Keys over a blocking connection, for the command line. */
#ifndef STORE_KEYS_SYNC_H
#define STORE_KEYS_SYNC_H

#include "store/tenants.h"

#include <stdio.h>

struct dbsync;

/* Makes a key of `scope` in the app named `app` (an admin key: in none) and appends its text to
 * `key`. ERR_INVALID: no such scope, or a bad name; ERR_NOT_FOUND: no such app. */
int keys_sync_create(struct dbsync *db, const char *name, const char *scope, const char *app,
                     struct buf *key) MUST_CHECK;

/* ID, scope, app and name, a line each. */
int keys_sync_list(struct dbsync *db, FILE *out) MUST_CHECK;

/* ERR_NOT_FOUND: there is none. */
int keys_sync_revoke(struct dbsync *db, struct id id) MUST_CHECK;

#endif
