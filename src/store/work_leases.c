/* What a worker owns, by its claims: the cost is that of what is found, whatever else is pending. */
#include "sql.h"
#include "store/store.h"
#include "store/work.h"

const struct db_stmt stmt_work_leases = {"work_leases",
                                         "select token from lease where owner = $1::int8", 1};

struct db_op *work_leases(struct db *db, int64_t owner, db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_leases, DB_ARGS(DB_I64(owner)), cb, arg);
}

const struct db_stmt stmt_work_take_back = {
    "work_take_back",
    "with l as ("
    " delete from lease using unnest($2::int8[]) t (token)"
    "  where lease.owner = $1::int8 and lease.token = t.token returning lease.token, lease.ids"
    "), x as (select token, unnest(ids) as id from l"
    "), d as ("
    " update delivery d set " END_LEASE " from x"
    " where d.id = x.id and d.lease_token = x.token and d.state + 0 = " PENDING
    " returning d.id, d.webhook_id, d.app_id, d.test, d.next_at"
    ") select " QUEUE_ENTRY " from d join webhook w on w.id = d.webhook_id",
    2};

static struct db_args args_of(int64_t owner, const int64_t *tokens, size_t count)
{
    struct db_args args;

    db_args_init(&args);
    db_arg(&args, DB_I64(owner));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(tokens[i]));
    return args;
}

struct db_op *work_take_back(struct db *db, int64_t owner, const int64_t *tokens, size_t count,
                             db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_take_back, args_of(owner, tokens, count), cb, arg);
}

const struct db_stmt stmt_work_lease_end = {
    "work_lease_end",
    "delete from lease using unnest($2::int8[]) t (token)"
    " where lease.owner = $1::int8 and lease.token = t.token",
    2};

struct db_op *work_lease_end(struct db *db, int64_t owner, const int64_t *tokens, size_t count,
                             db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_work_lease_end, args_of(owner, tokens, count), cb, arg);
}
