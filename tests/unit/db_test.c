/* io/db against a real server: deadlines, refusals, and the end of a pool wherever it may come. */
#include "io/db.h"
#include "io/dbsync.h"

#include "base/err.h"
#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt echo = {"echo", "select $1::text, $2::int8", 2};
static const struct db_stmt slow = {"slow", "select pg_sleep(10)::text", 0};
static const struct db_stmt long_answer = {
    "long_answer", "select repeat('x', 20000), pg_sleep(0.02)::text from generate_series(1, 70)",
    0};
static const struct db_stmt endless_answer = {
    "endless_answer",
    "select repeat('x', 20000), pg_sleep(0.02)::text from generate_series(1, 500)", 0};
static const struct db_stmt wrong = {"wrong", "select 1 / $1::int8", 1};
static const struct db_stmt leave = {"leave", "select pg_terminate_backend(pg_backend_pid())", 0};
static const struct db_stmt notify = {"notify", "select pg_notify('news', $1)::text", 1};
static const struct db_stmt pid = {"pid", "select pg_backend_pid()::int8", 0};
static const struct db_stmt lock = {"lock", "select pg_advisory_xact_lock(1)::text", 0};
static const struct db_stmt *const stmts[] = {
    &echo, &slow, &long_answer, &endless_answer, &wrong, &leave, &notify, &pid, &lock, NULL};
static const struct db_stmt listen_news = {"listen_news", "listen news", 0};
static const struct db_stmt listen_more = {"listen_more", "listen more", 0};
static const struct db_stmt *const listens[] = {&listen_news, &listen_more, NULL};
static const char *const session[] = {"set statement_timeout = '8s'", "set lock_timeout = '50ms'",
                                      NULL};

static struct postgres_server server;
static struct loop *loop;
static struct db *db;
static int readies, listenings, notes, answered;
static int answers[32]; /* by error: -err % 32 */
static char last_text[16], last_note[16];
static int64_t last_i64;

/* libpq has no memory, or has seen that the connection is gone. */
static int refused; /* so many statements */

int __real_PQsendQueryPrepared(PGconn *pg, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *pg, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);

int __wrap_PQsendQueryPrepared(PGconn *pg, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format)
{
    if (refused > 0) {
        refused--;
        return 0;
    }
    return __real_PQsendQueryPrepared(pg, name, count, values, lengths, formats, format);
}

/* --- the rig ---------------------------------------------------------------------------------- */

static void destroy(void)
{
    struct db *mine = db;
    db = NULL;
    db_destroy(mine);
}

static void on_ready(void *arg)
{
    (void)arg;
    readies++;
}

static void on_listening(void *arg)
{
    (void)arg;
    listenings++;
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    (void)arg;
    assert_string_equal(channel, "news");
    snprintf(last_note, sizeof last_note, "%s", payload);
    notes++;
}

static void on_event_destroy(void *arg)
{
    (void)arg;
    destroy();
}

static void on_notify_destroy(void *arg, const char *channel, const char *payload)
{
    (void)arg;
    destroy();
    assert_string_equal(channel, "news"); /* lent until the callback returns */
    assert_string_equal(payload, "x");
}

static void on_answer(void *arg, int err, const struct db_rows *rows)
{
    int *calls = arg;
    answered++;
    answers[-err % 32]++;
    if (calls != NULL)
        (*calls)++;
    assert_true((err == 0) == (rows != NULL));
}

static void on_echo(void *arg, int err, const struct db_rows *rows)
{
    on_answer(arg, err, rows);
    if (err < 0)
        return;
    snprintf(last_text, sizeof last_text, "%.*s", STR_FMT(db_str(rows, 0, 0)));
    last_i64 = db_i64(rows, 0, 1);
}

static void on_pid(void *arg, int err, const struct db_rows *rows)
{
    on_answer(arg, err, rows);
    last_i64 = err == 0 ? db_i64(rows, 0, 0) : -1;
}

static void on_answer_destroy(void *arg, int err, const struct db_rows *rows)
{
    assert_int_equal(err, *(int *)arg);
    answered++;
    destroy();
    if (rows != NULL)
        assert_int_equal(db_i64(rows, 0, 1), 7); /* lent until the callback returns */
}

static struct db_op *run(const struct db_stmt *stmt, int64_t deadline_ms, db_cb *cb, void *arg)
{
    struct db_args args;
    db_args_init(&args);
    if (stmt == &echo || stmt == &notify)
        db_arg(&args, DB_TEXT("x"));
    if (stmt == &echo || stmt == &wrong)
        db_arg(&args, DB_I64(stmt == &echo ? 7 : 0));
    return db_exec(db, stmt, args, deadline_ms, cb, arg);
}

static struct db_config config_of(const char *url)
{
    return (struct db_config){.url = url,
                              .session = session,
                              .stmts = stmts,
                              .listens = listens,
                              .connections = 1,
                              .queue_max = 20,
                              .patience_ms = 300,
                              .on_ready = on_ready,
                              .on_listening = on_listening,
                              .on_notify = on_notify};
}

static void open_db(void)
{
    struct db_config config = config_of(server.url);
    db = db_create(loop, &config);
    WAIT(loop, readies == 1 && listenings == 1, 5000);
    assert_int_equal(readies, 1);
    assert_int_equal(listenings, 1);
}

/* Nothing calls back any more, whatever the loop still does. */
static void expect_silence(int answers_so_far)
{
    int seen = readies + listenings + notes;
    WAIT(loop, false, 50);
    assert_int_equal(answered, answers_so_far);
    assert_int_equal(readies + listenings + notes, seen);
}

static int count_of(int err)
{
    return answers[-err % 32];
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    postgres_server_stop(&server);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_create(NULL, NULL);
    readies = listenings = notes = answered = 0;
    memset(answers, 0, sizeof answers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    destroy();
    loop_destroy(loop);
    return 0;
}

/* --- statements ------------------------------------------------------------------------------- */

static void answers_and_errors(void **state)
{
    int calls = 0;
    (void)state;
    open_db();
    run(&echo, 1000, on_echo, &calls);
    assert_int_equal(calls, 0); /* never before the start returns */
    WAIT(loop, calls == 1, 1000);
    assert_string_equal(last_text, "x");
    assert_int_equal(last_i64, 7);
    run(&wrong, 1000, on_answer, NULL);
    run(&echo, 1000, on_echo, &calls); /* its neighbour is none the worse */
    WAIT(loop, answered == 3, 1000);
    assert_int_equal(count_of(ERR_INVALID), 1);
    assert_int_equal(count_of(0), 2);
    run(&notify, 1000, on_answer, NULL);
    WAIT(loop, notes == 1, 1000);
    assert_string_equal(last_note, "x");
}

static void on_answer_ask_again(void *arg, int err, const struct db_rows *rows)
{
    on_answer(arg, err, rows);
    refused = 1;
    run(&echo, 1000, on_echo, NULL);
}

static void one_that_cannot_be_sent(void **state)
{
    (void)state;
    open_db();
    run(&echo, 1000, on_answer_ask_again, NULL);
    WAIT(loop, answered == 2, 1000);
    assert_int_equal(refused, 0);
    assert_int_equal(count_of(0), 1);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    run(&echo, 3000, on_echo, NULL);
    WAIT(loop, answered == 3, 3000);
    assert_int_equal(count_of(0), 2);
}

static void a_lock_is_not_waited_for(void **state)
{
    (void)state;
    struct dbsync *other = dbsync_open(server.url, 5000);
    assert_int_equal(dbsync_script(other, "select pg_advisory_lock(1)"), 0);
    open_db();
    int64_t heard = db_heard_ms(db);
    usleep(5000);
    run(&lock, 1000, on_answer, NULL);
    WAIT(loop, answered == 1, 1000);
    assert_int_equal(count_of(ERR_LOCKED), 1);
    assert_int_equal(db_heard_ms(db), heard); /* an error */
    dbsync_close(other);
    int64_t since = clock_mono_ms();
    run(&lock, 1000, on_answer, NULL);
    WAIT(loop, answered == 2, 1000);
    assert_int_equal(count_of(0), 1);
    assert_true(db_heard_ms(db) >= since);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    open_db();
    for (int i = 0; i < 16 + 20 + 5; i++) /* sent, waiting, refused */
        run(&echo, 1000, on_answer, NULL);
    WAIT(loop, answered == 41, 1000);
    assert_int_equal(count_of(0), 36);
    assert_int_equal(count_of(ERR_BUSY), 5);
}

static void a_deadline_breaks_the_connection(void **state)
{
    (void)state;
    open_db();
    run(&slow, 100, on_answer, NULL);
    for (int i = 0; i < 20; i++) /* behind it, and waiting */
        run(&echo, 3000, on_answer, NULL);
    int64_t since = clock_mono_ms();
    WAIT(loop, answered == 16, 2000);
    assert_in_range(clock_mono_ms() - since, 90, 500);
    assert_int_equal(count_of(ERR_TIMEOUT), 16);
    WAIT(loop, answered == 21, 2000);
    assert_int_equal(count_of(0), 5);
    assert_int_equal(readies, 2);
}

/* Answers that take long but come are waited for, and not for ever. */
static void progress_is_waited_for(void **state)
{
    (void)state;
    open_db();
    run(&long_answer, 1000, on_answer, NULL); /* progress: not a quarter of this without a row */
    run(&echo, 1000, on_answer, NULL);        /* behind it */
    WAIT(loop, answered == 2, 4000);
    assert_int_equal(count_of(0), 2);

    run(&endless_answer, 1000, on_answer, NULL);
    int64_t since = clock_mono_ms();
    WAIT(loop, answered == 3, 7000);
    assert_in_range(clock_mono_ms() - since, 3900, 5500);
    assert_int_equal(count_of(ERR_TIMEOUT), 1);
}

static void a_lost_connection_comes_back(void **state)
{
    (void)state;
    open_db();
    run(&leave, 1000, on_answer, NULL);
    run(&echo, 1000, on_answer, NULL);
    WAIT(loop, answered == 2 && readies == 2, 2000);
    assert_int_equal(readies, 2);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 2);
    run(&echo, 1000, on_answer, NULL);
    WAIT(loop, answered == 3, 1000);
    assert_int_equal(count_of(0), 1);
}

static void patience_ends_without_a_connection(void **state)
{
    struct db_config config = config_of("postgresql://x@/x?host=/nowhere");
    (void)state;
    db = db_create(loop, &config);
    assert_false(db_ready(db));
    int64_t since = clock_mono_ms();
    run(&echo, 5000, on_answer, NULL);
    run(&echo, 100, on_answer, NULL);
    WAIT(loop, answered == 2, 2000);
    assert_in_range(clock_mono_ms() - since, 290, 500);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    assert_int_equal(count_of(ERR_TIMEOUT), 1);
}

static void a_cancelled_one_is_silent(void **state)
{
    (void)state;
    open_db();
    db_cancel(run(&echo, 1000, on_answer, NULL));
    db_cancel(NULL);
    run(&echo, 1000, on_answer, NULL);
    WAIT(loop, answered == 1, 1000);
    expect_silence(1);
}

/* --- listening -------------------------------------------------------------------------------- */

/* Of its own connection to the server: one number. */
static int ask(const char *sql)
{
    PGconn *pg = PQconnectdb(server.url);
    PGresult *r = PQexec(pg, sql);
    int n = PQntuples(r) > 0 ? (int)strtol(PQgetvalue(r, 0, 0), NULL, 10) : -1;
    PQclear(r);
    PQfinish(pg);
    return n;
}

/* Idle, so the one that listens answers. */
static int listener(void)
{
    int calls = 0;
    run(&pid, 1000, on_pid, &calls);
    WAIT(loop, calls == 1, 1000);
    return (int)last_i64;
}

static int end_connections(const char *relation)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "select count(pg_terminate_backend(pid)) from pg_stat_activity"
             " where backend_type = 'client backend' and pid <> pg_backend_pid() and pid %s %d",
             relation, listener());
    return ask(sql);
}

static void open_three(void)
{
    struct db_config config = config_of(server.url);
    config.connections = 3;
    db = db_create(loop, &config);
    WAIT(loop, readies == 3 && listenings == 1, 5000);
    assert_int_equal(readies, 3);
    assert_int_equal(listenings, 1);
}

static void one_connection_listens(void **state)
{
    (void)state;
    open_three();
    ask("notify news, 'x'");
    WAIT(loop, notes == 1, 1000);
    expect_silence(answered);
    assert_int_equal(notes, 1); /* heard once */
}

static void another_one_takes_it_up(void **state)
{
    (void)state;
    open_three();
    for (int times = 2; times <= 4; times++) {
        assert_int_equal(end_connections("="), 1);
        WAIT(loop, listenings == times, 1000);
        assert_int_equal(listenings, times);
        ask("notify news, 'x'");
        WAIT(loop, notes == times - 1, 1000);
        assert_int_equal(notes, times - 1);
        WAIT(loop, readies == times + 2, 1000);
        assert_int_equal(readies, times + 2);
    }
}

static void the_loss_of_others_is_not_its_business(void **state)
{
    (void)state;
    open_three();
    int before = listener();
    assert_true(end_connections("<>") >= 2); /* an earlier test's may not be gone yet */
    WAIT(loop, readies == 5, 1000);
    assert_int_equal(readies, 5);
    assert_int_equal(listener(), before);
    assert_int_equal(listenings, 1);
}

static void the_loss_of_all_is_told_once(void **state)
{
    (void)state;
    open_three();
    assert_true(end_connections("<> 0 and 0 <") >= 3);
    WAIT(loop, readies == 6 && listenings == 2, 1000);
    expect_silence(answered);
    assert_int_equal(readies, 6);
    assert_int_equal(listenings, 2);
}

/* --- destroying ------------------------------------------------------------------------------- */

static void destroying_cancels_what_is_under_way(void **state)
{
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        readies = listenings = answered = 0;
        open_db();
        for (int i = 0; i < 16 + 20 + 5; i++)
            run(&slow, 1000, on_answer, NULL);
        for (int i = 0; i < turns; i++) /* the first ends what was refused */
            uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        int calls = answered;
        destroy();
        expect_silence(calls);
    }
}

static void destroying_while_connecting(void **state)
{
    const char *urls[] = {server.url, "postgresql://x@127.0.0.1:1/x", "postgresql://x@/x?host=/x",
                          "postgresql://x@localhost:1,nobody.test:1/x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        for (int turns = 0; turns < 10; turns++) {
            struct db_config config = config_of(urls[i]);
            config.connections = 3;
            db = db_create(loop, &config);
            run(&echo, 1000, on_answer, NULL);
            for (int k = 0; k < turns && answered == 0; k++, usleep(500))
                uv_run(loop_uv(loop), UV_RUN_NOWAIT);
            destroy();
            expect_silence(answered);
        }
}

/* Which callback destroys, with which error it comes, and on what. */
static void destroy_in(const struct db_stmt *stmt, int64_t deadline_ms, int err)
{
    run(&echo, 10000, on_answer, NULL);
    run(stmt, deadline_ms, on_answer_destroy, &err);
    /* Some behind it, the rest waiting; and all of them, where the loss is seen before they are sent: never too many. */
    for (int i = 0; i < 18; i++)
        run(&echo, 10000, on_answer, NULL);
    WAIT(loop, db == NULL, 2000);
    assert_null(db);
    expect_silence(answered);
    assert_int_equal(answered, 2);
}

static void an_answer_may_destroy(void **state)
{
    (void)state;
    open_db();
    destroy_in(&echo, 1000, 0);
}

static void an_error_may_destroy(void **state)
{
    (void)state;
    open_db();
    destroy_in(&wrong, 1000, ERR_INVALID);
}

static void a_loss_may_destroy(void **state)
{
    (void)state;
    open_db();
    destroy_in(&leave, 1000, ERR_UNAVAILABLE);
}

static void a_deadline_may_destroy(void **state)
{
    (void)state;
    open_db();
    destroy_in(&slow, 50, ERR_TIMEOUT);
}

static void a_refusal_may_destroy(void **state)
{
    int err = ERR_BUSY;
    (void)state;
    open_db();
    for (int i = 0; i < 36; i++)
        run(&slow, 1000, on_answer, NULL);
    run(&echo, 1000, on_answer_destroy, &err);
    run(&echo, 1000, on_answer, NULL); /* refused in the same turn */
    WAIT(loop, db == NULL, 1000);
    assert_null(db);
    expect_silence(1);
}

static void an_event_may_destroy(void **state)
{
    struct db_config config = config_of(server.url);
    (void)state;
    config.on_ready = on_event_destroy;
    db = db_create(loop, &config);
    run(&echo, 1000, on_answer, NULL);
    WAIT(loop, db == NULL, 5000);
    assert_null(db);
    expect_silence(0);

    config = config_of(server.url);
    config.on_notify = on_notify_destroy;
    db = db_create(loop, &config);
    run(&notify, 1000, on_answer, NULL);
    run(&notify, 1000, on_answer, NULL);
    WAIT(loop, db == NULL, 5000);
    assert_null(db);
    expect_silence(answered);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_and_errors),
        TEST(one_that_cannot_be_sent),
        TEST(a_lock_is_not_waited_for),
        TEST(too_many_are_refused),
        TEST(a_deadline_breaks_the_connection),
        TEST(progress_is_waited_for),
        TEST(a_lost_connection_comes_back),
        TEST(patience_ends_without_a_connection),
        TEST(a_cancelled_one_is_silent),
        TEST(one_connection_listens),
        TEST(another_one_takes_it_up),
        TEST(the_loss_of_others_is_not_its_business),
        TEST(the_loss_of_all_is_told_once),
        TEST(destroying_cancels_what_is_under_way),
        TEST(destroying_while_connecting),
        TEST(an_answer_may_destroy),
        TEST(an_error_may_destroy),
        TEST(a_loss_may_destroy),
        TEST(a_deadline_may_destroy),
        TEST(a_refusal_may_destroy),
        TEST(an_event_may_destroy),
    };
    return cmocka_run_group_tests_name("db", tests, start, stop);
}
