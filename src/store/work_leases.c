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

#define IS_PARKED "$3::bool and " CRASHES " >= " CRASH_MAX

const struct db_stmt stmt_work_take_back = {
    "work_take_back",
    "with l as ("
    " delete from lease using unnest($2::int8[]) t (token)"
    "  where lease.owner = $1::int8 and lease.token = t.token returning lease.token, lease.ids"
    "), x as (select token, unnest(ids) as id from l"
    "), d as ("
    " update delivery d set " END_LEASE ","
    "  crashes = case when $3::bool then least(" CRASHES ", 32767) else d.crashes end,"
    "  state = case when " IS_PARKED " then " FAILED " else " PENDING " end,"
    "  completed_at = case when " IS_PARKED " then now() end,"
    "  last_error = case when " IS_PARKED " then " ERROR_CRASHED " else d.last_error end,"
    "  next_at = case when $3::bool and " CRASHES
    " >= " TEXT_OF(DELIVERY_CRASHES_ALONE) "   then now() + (1 + random()) * " CRASHES " * interval '" TEXT_OF(
        DELIVERY_CRASHED_MS) " ms'"
                             "   else d.next_at end from x"
                             " where d.id = x.id and d.lease_token = x.token and d.state + 0 = " PENDING
                             " returning d.id, d.webhook_id, d.app_id, d.test, d.next_at, d.state, d.lane"
                             ") select " QUEUE_ENTRY ", d.state = " FAILED
                             " from d join webhook w on w.id = d.webhook_id"
                             " union all select " WOKEN_ENTRY
                             ", null from lanes_wake((select array_agg(id order by id)"
                             "  filter (where state = " FAILED " and lane is not null) from d)) r",
    3};

static struct db_args args_of(int64_t owner, const int64_t *tokens, size_t count)
{
    struct db_args args;

    db_args_init(&args);
    db_arg(&args, DB_I64(owner));
    DB_ARRAY(&args, DB_TYPE_I64, count, DB_I64(tokens[i]));
    return args;
}

struct db_op *work_take_back(struct db *db, int64_t owner, const int64_t *tokens, size_t count,
                             bool crashed, db_cb *cb, void *arg)
{
    struct db_args args = args_of(owner, tokens, count);

    assert(delivery_may_move(ACTOR_SERVICE, DELIVERY_PENDING, DELIVERY_FAILED));
    db_arg(&args, DB_BOOL(crashed));
    return store_exec(db, &stmt_work_take_back, args, cb, arg);
}

enum taken_back taken_back_read(const struct db_rows *rows, int row, struct queue_entry *entry)
{
    enum { ENTRY, PARKED = 7 };

    queue_entry_read(rows, row, ENTRY, entry);
    if (db_null(rows, row, PARKED))
        return TAKEN_WOKEN;
    return db_bool(rows, row, PARKED) ? TAKEN_PARKED : TAKEN_BACK;
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
