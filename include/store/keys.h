/* API keys: their hashes, and what they may do. The id in a key's text finds the row, the hash
 * proves the rest. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "core/key.h"
#include "store/audit.h"

#define KEY_NETWORKS_MAX 16

struct key {
    struct id id;
    bool has_app;
    struct id app;
    struct str name;
    int scope;          /* enum key_scope */
    struct str hash;    /* SHA256_SIZE bytes */
    int64_t expires_ms; /* 0: never */
    int64_t used_ms;    /* read only; to the minute; 0: never */
    bool portal;        /* read only; its text is a portal token (store/portals.h) */
    int64_t requests;   /* a second; 0: no bound; < 0: the options say */

    /* It may be used from these, as networks_parse() takes them; none: from anywhere. */
    struct str networks[KEY_NETWORKS_MAX];
    size_t network_count;

    int checks; /* read only; of its app, bits of enum app_check (store/apps.h) */
};

void keys_read(const struct db_rows *rows, int row, struct key *key);

/* ERR_INVALID: no such app. */
struct db_op *keys_insert(struct db *db, const struct key *key, const struct deed *deed, db_cb *cb,
                          void *arg);
struct db_op *keys_get(struct db *db, struct id id, db_cb *cb, void *arg); /* expired ones too */
struct db_op *keys_list(struct db *db, struct id before, int limit, db_cb *cb, void *arg);

/* Every key, oldest first. Rows: (id, scope, its app or NULL, that app's uid or NULL, name). */
struct db_op *keys_list_all(struct db *db, db_cb *cb, void *arg);

/* Notes that it was used now, unless that was noted within the last minute. */
struct db_op *keys_use(struct db *db, struct id id, db_cb *cb, void *arg);

/* `given` has a bit for each of name (1), expires_ms (2), networks (4), requests (8) that is to be written. The row as it
 * is then, or none: also of a portal token, which stays as it was made. NOTIFYs STORE_KEY_CHANNEL. */
struct db_op *keys_update(struct db *db, const struct key *key, unsigned given,
                          const struct deed *deed, db_cb *cb, void *arg);

/* A row if it was there. NOTIFYs STORE_KEY_CHANNEL. */
struct db_op *keys_delete(struct db *db, struct id id, const struct deed *deed, db_cb *cb,
                          void *arg);

extern const struct db_stmt stmt_key_insert, stmt_key_get, stmt_key_list, stmt_key_list_all,
    stmt_key_update, stmt_key_delete, stmt_key_use;

#endif
