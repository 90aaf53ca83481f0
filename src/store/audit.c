/* The audit log: lists, and its end. Its rows are written by what they are about (AUDITED() in sql.h). */
#include "store/audit.h"

#include "sql.h"
#include "store/store.h"

/* $1 to $6, the scan's end in $7 and the page's in $8. */
#define FILTER(f)                                                                          \
    DB_ID((f)->from), DB_ID((f)->before), DB_I64((f)->action), store_id_or_null((f)->key), \
        store_id_or_null((f)->resource), DB_STR((f)->name)
#define MATCHES                                                                       \
    "($3::int8 < 0 or action = $3::int8) and ($4::uuid is null or key_id = $4::uuid)" \
    " and ($5::uuid is null or resource = $5::uuid) and ($6::text is null or name = $6::text)"

/* Row $7 of the log ends the scan: it comes whether it matches or not. The scan has one bound: between two a generic plan
 * expects so few rows that it reads and sorts all there are. */
#define LIST(which, order)                                                                           \
    "select id, app_id, action::int8, actor::int8, key_id, request_id, key_name, address, resource," \
    " name, fields, (" MATCHES ") is true, n = $7::int8"                                             \
    " from (select *, row_number() over (order by " order ") as n from ("                            \
    "  select * from audit where " which "id < $2::uuid order by " order " limit $7::int8) a) a"     \
    " where id >= $1::uuid and ((" MATCHES ") is true or n = $7::int8)"                              \
    " order by " order " limit $8::int8"

const struct db_stmt stmt_audit_list = {
    "audit_list", LIST(IS_ONE_OF("app_id", "$9::uuid") " and ", "app_id, id desc"), 9};

struct db_op *audit_list(struct db *db, struct id app, const struct audit_filter *filter, int limit,
                         db_cb *cb, void *arg)
{
    return store_read(db, &stmt_audit_list,
                      DB_ARGS(FILTER(filter), DB_I64(STORE_SCAN_MAX), DB_I64(limit), DB_ID(app)),
                      cb, arg);
}

const struct db_stmt stmt_audit_list_all = {"audit_list_all", LIST("", "id desc"), 8};

struct db_op *audit_list_all(struct db *db, const struct audit_filter *filter, int limit, db_cb *cb,
                             void *arg)
{
    return store_read(db, &stmt_audit_list_all,
                      DB_ARGS(FILTER(filter), DB_I64(STORE_SCAN_MAX), DB_I64(limit)), cb, arg);
}

void audit_read(const struct db_rows *rows, int row, struct audit_entry *e)
{
    enum { ID, APP, ACTION, ACTOR, KEY, REQUEST, KEY_NAME, ADDRESS, RESOURCE, NAME, FIELDS };
    e->id = db_id(rows, row, ID);
    e->has_app = !db_null(rows, row, APP);
    e->app = db_id(rows, row, APP);
    e->action = db_i64(rows, row, ACTION);
    e->actor = db_i64(rows, row, ACTOR);
    e->key = db_id(rows, row, KEY);
    e->request = db_id(rows, row, REQUEST);
    e->key_name = db_str(rows, row, KEY_NAME);
    e->address = db_str(rows, row, ADDRESS);
    e->resource = db_id(rows, row, RESOURCE);
    e->name = db_str(rows, row, NAME);
    e->fields = db_array(rows, row, FIELDS);
}

const struct db_stmt stmt_audit_forget = {
    "audit_forget",
    "select old, above, at from audit_forget($1::int8, $2::int8, $3::int8, $4::uuid)", 4};

struct db_op *audit_forget(struct db *db, int64_t days, int64_t rows, int limit, struct id after,
                           db_cb *cb, void *arg)
{
    return store_exec(db, &stmt_audit_forget,
                      DB_ARGS(DB_I64(days), DB_I64(rows), DB_I64(limit), DB_ID(after)), cb, arg);
}
