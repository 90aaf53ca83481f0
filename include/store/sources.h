/* Sources: requests of other systems that become events (core/source.h), and the hashes of the tokens in their URLs. The
 * id in a token's text finds the row, the hash proves the rest. */
#ifndef STORE_SOURCES_H
#define STORE_SOURCES_H

#include "store/audit.h"

struct source {
    struct id id, app;
    struct str name, kind;
    struct str options;        /* JSON */
    struct str prefix;         /* p == NULL: the kind's */
    struct str sealed_secret;  /* n == 0: none */
    struct str hash, previous; /* of its tokens, SHA256_SIZE bytes; `previous`: n == 0: not valid */
    int64_t previous_until_ms; /* read only; 0: there is none */
    int64_t updated_us;        /* read only */
    int checks;                /* read only; of its app, bits of enum app_check (store/apps.h) */
};

/* Valid as long as the rows are. */
void sources_read(const struct db_rows *rows, int row, struct source *source);

/* No row: the app has `max` already. */
struct db_op *sources_insert(struct db *db, const struct source *source, int64_t max,
                             const struct deed *deed, db_cb *cb, void *arg);
struct db_op *sources_get(struct db *db, struct id app, struct id id, db_cb *cb, void *arg);
struct db_op *sources_list(struct db *db, struct id app, struct id before, int limit, db_cb *cb,
                           void *arg);

/* Of any app: whose token it is. */
struct db_op *sources_find(struct db *db, struct id id, db_cb *cb, void *arg);

/* These three NOTIFY STORE_KEY_CHANNEL, and have a row if the source was there; that is the source as it is then, but of
 * sources_delete(). Of an update: name, options, prefix and secret, unless somebody has changed it since it was read. */
struct db_op *sources_update(struct db *db, const struct source *source, const struct deed *deed,
                             db_cb *cb, void *arg);
struct db_op *sources_rotate(struct db *db, struct id app, struct id id, struct str hash,
                             int64_t overlap_seconds, const struct deed *deed, db_cb *cb,
                             void *arg);
struct db_op *sources_delete(struct db *db, struct id app, struct id id, const struct deed *deed,
                             db_cb *cb, void *arg);

/* Rows of (id, updated_us, secret) in the order of ids, of sources that have a secret. */
struct db_op *sources_list_sealed(struct db *db, struct id after, int limit, db_cb *cb, void *arg);

/* A row if it was written: nobody has changed the source since. */
struct db_op *sources_seal_again(struct db *db, struct id id, int64_t updated_us, struct str sealed,
                                 const struct deed *deed, db_cb *cb, void *arg);

extern const struct db_stmt stmt_source_insert, stmt_source_get, stmt_source_list, stmt_source_find,
    stmt_source_update, stmt_source_rotate, stmt_source_delete, stmt_source_list_sealed,
    stmt_source_seal_again;

#endif
