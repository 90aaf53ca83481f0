/* io/db against a real server: on which of its connections a statement runs. */
#include "io/db.h"

#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

static const struct db_stmt silent = {"silent", "select pg_sleep(10)::text", 0};
static const struct db_stmt steady = {
    "steady", "select repeat('x', 20000), pg_sleep(0.02)::text from generate_series(1, 60)", 0};
static const struct db_stmt one = {"one", "select 1", 0};
static const struct db_stmt *const stmts[] = {&silent, &steady, &one, NULL};
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

/* Behind what has been silent for a while nobody is sent while there is another. */
static void test_a_long_one_is_in_nobodys_way(void **state)
{
    int silences = 0, steadies = 0, ones = 0;
    (void)state;

    db = db_create(loop, &(struct db_config){.url = server.url,
                                             .session = session,
                                             .stmts = stmts,
                                             .connections = 2,
                                             .queue_max = 20,
                                             .patience_ms = 300,
                                             .on_ready = on_ready});
    WAIT(loop, readies == 2, 5000);
    run(&silent, &silences);
    WAIT(loop, false, 100);
    run(&steady, &steadies);
    run(&one, &ones);
    WAIT(loop, ones == 1, 5000);
    assert_int_equal(ones, 1);
    assert_int_equal(steadies, 1);
    assert_int_equal(silences, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_one_is_in_nobodys_way),
    };
    return cmocka_run_group_tests_name("db_busy", tests, start, stop);
}
