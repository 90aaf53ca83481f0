/* What the functions of the store are made with. */
#include "store/store.h"

const struct db_stmt stmt_begin = {"begin", "begin", 0};
const struct db_stmt stmt_commit = {"commit", "commit", 0};

struct db_op *store_begin(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_begin, DB_ARGS(), cb, arg);
}

struct db_op *store_commit(struct db *db, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_commit, DB_ARGS(), cb, arg);
}

struct db_op *store_exec(struct db *db, const struct db_stmt *stmt, struct db_args args, db_cb *cb,
                         void *arg)
{
    return db_exec(db, stmt, args, STORE_DEADLINE_MS, cb, arg);
}

struct db_op *store_read(struct db *db, const struct db_stmt *stmt, struct db_args args, db_cb *cb,
                         void *arg)
{
    return db_exec(db, stmt, args, STORE_READ_MS, cb, arg);
}

struct db_value store_id_or_null(struct id id)
{
    static const struct id nil;
    return id_eq(id, nil) ? DB_NULL : DB_ID(id);
}

struct id store_low(const struct id *ids, size_t count)
{
    struct id low = ids[0];
    for (size_t i = 1; i < count; i++)
        if (id_cmp(ids[i], low) < 0)
            low = ids[i];
    memset(low.b + 8, 0x00, 8);
    return low;
}

struct id store_high(const struct id *ids, size_t count)
{
    struct id high = ids[0];
    for (size_t i = 1; i < count; i++)
        if (id_cmp(ids[i], high) > 0)
            high = ids[i];
    memset(high.b + 8, 0xff, 8);
    return high;
}
