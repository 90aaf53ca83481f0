/* The store against a real PostgreSQL: every statement prepares on the migrated schema and takes as
 * many parameters as it says, and a schema that is not ours is refused. */
#include "base/err.h"
#include "io/dbsync.h"
#include "store/schema.h"
#include "store/schema_internal.h"
#include "store/sql.h"
#include "store/store.h"
#include "store/tallies.h"

#include "postgres_server.h"
#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static struct postgres_server server;
static struct dbsync *db;

static void run(const char *sql)
{
    assert_int_equal(dbsync_script(db, sql), 0);
}

/* The one value of a query. */
static void is(const char *sql, const char *want)
{
    struct dbsync_rows *rows;
    assert_int_equal(dbsync_exec(db, sql, 0, NULL, &rows), 0);
    assert_int_equal(dbsync_count(rows), 1);
    assert_string_equal(dbsync_text(rows, 0, 0), want);
    dbsync_rows_free(rows);
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    db = dbsync_open(server.url, 5000);
    return db != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dbsync_close(db);
    postgres_server_stop(&server);
    return 0;
}

/* The first: a database with nothing in it. */
static void test_empty_is_older(void **state)
{
    (void)state;
    assert_int_equal(schema_check(db), ERR_CONFLICT);
    is("select to_regclass('schema_migration') is null", "t"); /* a check changes nothing */
}

#define LOCKS "select count(*) from pg_locks where locktype = 'advisory'"

static void test_migrate(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char count[24];
        assert_int_equal(postgres_server_migrate(db), 0);
        assert_int_equal(schema_check(db), 0);
        snprintf(count, sizeof count, "%zu", migration_count);
        is("select count(*) from schema_migration", count);
        is("select count(*) from app where name = 'default'", "1");
        is(LOCKS, "0");
    }
}

struct foreign {
    const char *what, *sql;
};

static const struct foreign foreigns[] = {
    {"newer", "insert into schema_migration (number, name, checksum)"
              " select max(number) + 1, 'x', 'x' from schema_migration"},
    {"altered", "update schema_migration set checksum = repeat('0', 64) where number = 1"},
    {"altered by a letter", "update schema_migration set checksum = upper(checksum)"},
};

static void test_foreign(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(foreigns); i++) {
        run("create table kept as select * from schema_migration");
        run(foreigns[i].sql);
        if (schema_check(db) != ERR_CONFLICT)
            fail_msg("%s: accepted", foreigns[i].what);
        if (postgres_server_migrate(db) != ERR_CONFLICT)
            fail_msg("%s: migrated", foreigns[i].what);
        is(LOCKS, "0");
        run("truncate schema_migration");
        run("insert into schema_migration select * from kept");
        run("drop table kept");
        assert_int_equal(schema_check(db), 0);
    }
}

#define PREDICATE(index)                                     \
    "select pg_get_expr(indpred, indrelid) from pg_index i " \
    "where indexrelid = '" index "'::regclass"

/* The numbers that migrations wrote into indexes are those that statements have. */
static void test_numbers(void **state)
{
    (void)state;
    is(PREDICATE("delivery_due"), "(state = " PENDING ")");
    is(PREDICATE("delivery_held"), "(state = " HELD ")");
    is(PREDICATE("job_settle"), "(kind = " JOB_SETTLE_TEXT ")");
#define WAITING "(state = ANY (ARRAY[" PENDING ", " HELD "])))"
    is(PREDICATE("delivery_lane"), "((turn IS NOT NULL) AND " WAITING);
    is(PREDICATE("delivery_replaces"), "((replaces IS NOT NULL) AND " WAITING);
#undef WAITING
}

/* What a class holds at most, in SQL. */
static int64_t end_of(int i)
{
    struct dbsync_rows *rows;
    char sql[96];
    snprintf(sql, sizeof sql, "select times_part(array_fill(0::int8, array[%d]) || 1::int8, 1)", i);
    assert_int_equal(dbsync_exec(db, sql, 0, NULL, &rows), 0);
    int64_t us = strtoll(dbsync_text(rows, 0, 0), NULL, 10);
    dbsync_rows_free(rows);
    return us;
}

/* C counts by the classes that SQL reads. */
static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(tallies_class(0), 0);
    for (int i = 0; i < TALLY_TIMES - 1; i++) {
        int64_t us = end_of(i);
        assert_int_equal(tallies_class(us - 1), i);
        assert_int_equal(tallies_class(us + 1), i + 1);
        if (i % 2 == 0)
            assert_int_equal(tallies_class(us), i);
    }
    assert_int_equal(tallies_class(INT64_MAX), TALLY_TIMES - 1);
}

static void test_older(void **state)
{
    (void)state;
    run("begin");
    run("delete from schema_migration where number = (select max(number) from schema_migration)");
    assert_int_equal(schema_check(db), ERR_CONFLICT);
    run("rollback");
    assert_int_equal(schema_check(db), 0);
}

static void expect_ok(PGconn *pg, PGresult *r, const char *name)
{
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", name, PQerrorMessage(pg));
    PQclear(r);
}

static void check_statement(PGconn *pg, const struct db_stmt *stmt)
{
    expect_ok(pg, PQprepare(pg, stmt->name, stmt->sql, 0, NULL), stmt->name);
    PGresult *r = PQdescribePrepared(pg, stmt->name);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    if (PQnparams(r) != stmt->params)
        fail_msg("%s: has %d parameters, says %d", stmt->name, PQnparams(r), stmt->params);
    assert_true(stmt->params <= DB_PARAMS_MAX);
    PQclear(r);
}

/* As a connection of that pool does it; a name that is there twice does not prepare. */
static void check_pool(const char *const *session, const struct db_stmt *const *stmts,
                       const struct db_stmt *const *listens)
{
    char count[24];
    size_t n = 0;
    PGconn *pg = PQconnectdb(server.url);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    for (; *session != NULL; session++)
        expect_ok(pg, PQexec(pg, *session), *session);
    for (; stmts[n] != NULL; n++)
        check_statement(pg, stmts[n]);
    assert_true(n > 0);
    for (; listens != NULL && *listens != NULL; listens++, n++)
        check_statement(pg, *listens);
    snprintf(count, sizeof count, "%zu", n);
    PGresult *r = PQexec(pg, "select count(*) from pg_prepared_statements");
    assert_string_equal(PQgetvalue(r, 0, 0), count);
    PQclear(r);
    PQfinish(pg);
}

static void test_api_statements(void **state)
{
    (void)state;
    check_pool(store_api_session, store_api_stmts, store_api_listens);
}

static void test_read_statements(void **state)
{
    (void)state;
    check_pool(store_read_session, store_read_stmts, NULL);
}

static void test_worker_statements(void **state)
{
    (void)state;
    check_pool(store_worker_session, store_worker_stmts, NULL);
}

static void test_inbox_statements(void **state)
{
    (void)state;
    check_pool(store_inbox_session, store_inbox_stmts, store_inbox_listens);
}

static void test_command_statements(void **state)
{
    (void)state;
    check_pool(store_command_session, store_command_stmts, NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_older),
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_older),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_api_statements),
        cmocka_unit_test(test_read_statements),
        cmocka_unit_test(test_worker_statements),
        cmocka_unit_test(test_inbox_statements),
        cmocka_unit_test(test_command_statements),
    };
    return cmocka_run_group_tests_name("statements", tests, start, stop);
}
