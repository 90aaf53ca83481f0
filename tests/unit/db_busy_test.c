/* io/db against a real server: on which of its connections a statement runs. */
#include "io/db.h"

#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

#include <stdlib.h>

static const struct db_stmt silent = {"silent", "select pg_sleep(10)::text", 0};
static const struct db_stmt steady = {
    "steady", "select repeat('x', 20000), pg_sleep(0.02)::text from generate_series(1, 60)", 0};
static const struct db_stmt one = {"one", "select 1", 0};
static const struct db_stmt large = {"large", "select pg_sleep(1)::text, octet_length($1::text)",
                                     1};
static const struct db_stmt *const stmts[] = {&silent, &steady, &one, &large, NULL};
static const char *const session[] = {NULL};

static struct postgres_server server;
static struct loop *loop;
static struct db *db;
static int readies;

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    loop = loop_create(NULL, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    db_destroy(db);
    loop_destroy(loop);
    postgres_server_stop(&server);
    return 0;
}

static void on_ready(void *arg)
{
    (void)arg;
    readies++;
}

static void on_answer(void *arg, int err, const struct db_rows *rows)
{
    int *answered = arg;
    (void)rows;
    assert_int_equal(err, 0);
    (*answered)++;
}

static void run(const struct db_stmt *stmt, int *answered)
{
    struct db_args none;
    db_args_init(&none);
    db_exec(db, stmt, none, 20000, on_answer, answered);
}

static void open_two(void)
{
    readies = 0;
    db = db_create(loop, &(struct db_config){.url = server.url,
                                             .session = session,
                                             .stmts = stmts,
                                             .connections = 2,
                                             .queue_max = 20,
                                             .patience_ms = 300,
                                             .on_ready = on_ready});
    WAIT(loop, readies == 2, 5000);
}

/* Behind what has been silent for a while nobody is sent while there is another. */
static void test_a_long_one_is_in_nobodys_way(void **state)
{
    int silences = 0, steadies = 0, ones = 0;
    (void)state;

    open_two();
    run(&silent, &silences);
    WAIT(loop, false, 100);
    run(&steady, &steadies);
    run(&one, &ones);
    WAIT(loop, ones == 1, 5000);
    assert_int_equal(ones, 1);
    assert_int_equal(steadies, 1);
    assert_int_equal(silences, 0);
    db_destroy(db);
}

/* What has much to say is in the way from the start: its bytes count. */
static void test_a_large_one_is_in_nobodys_way(void **state)
{
    char *text = malloc(1 << 20);
    int larges = 0, ones = 0;
    (void)state;

    assert_non_null(text);
    memset(text, 'x', 1 << 20);
    open_two();
    db_exec(db, &large, DB_ARGS(DB_STR(((struct str){text, 1 << 20}))), 20000, on_answer, &larges);
    for (int i = 0; i < 6; i++)
        run(&one, &ones);
    WAIT(loop, ones == 6, 800);
    assert_int_equal(ones, 6);
    assert_int_equal(larges, 0);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_one_is_in_nobodys_way),
        cmocka_unit_test(test_a_large_one_is_in_nobodys_way),
    };
    return cmocka_run_group_tests_name("db_busy", tests, start, stop);
}
