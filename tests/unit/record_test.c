/* What claim, release and finish write down, against a real PostgreSQL: numbers of attempts, webhooks
 * whose receivers are gone, what others have locked. */
#include "base/err.h"
#include "io/dbsync.h"
#include "store/store.h"
#include "store/work.h"

#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

#include <stdio.h>

#define TOKEN 77
#define OTHER 78
#define OWNER 5

static struct postgres_server server;
static struct dbsync *sync_db; /* for what is there before, and what is there after */
static struct loop *loop;
static struct db *db;

static struct id delivery;

static void run_sql(const char *sql)
{
    assert_int_equal(dbsync_script(sync_db, sql), 0);
}

static void is(const char *sql, const char *want)
{
    struct dbsync_rows *rows;
    assert_int_equal(dbsync_exec(sync_db, sql, 0, NULL, &rows), 0);
    assert_int_equal(dbsync_count(rows), 1);
    assert_string_equal(dbsync_text(rows, 0, 0), want);
    dbsync_rows_free(rows);
}

/* --- the statement that runs ------------------------------------------------------------------- */

static struct {
    bool done;
    int err, rows;
} answer;

static void on_done(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    answer.done = true;
    answer.err = err;
    answer.rows = err == 0 ? db_count(rows) : 0;
}

/* How many rows it answers. */
static int rows_of(struct db_op *op)
{
    answer.done = false;
    assert_non_null(op);
    WAIT(loop, answer.done, 10000);
    assert_true(answer.done);
    assert_int_equal(answer.err, 0);
    return answer.rows;
}

static int claim(int64_t token)
{
    return rows_of(work_claim(db, &delivery, 1, token, OWNER, 1 << 20, on_done, NULL));
}

static int release(int64_t token)
{
    return rows_of(work_release(db, &delivery, 1, token, on_done, NULL));
}

static struct finish finish_of(enum delivery_state state, int64_t token, int64_t number)
{
    return (struct finish){
        .delivery = delivery,
        .token = token,
        .state = state,
        .error = state == DELIVERY_DELIVERED ? ATTEMPT_OK : ATTEMPT_HTTP_STATUS,
        .number = number,
        .address = STR_LIT(""),
        .error_text = STR_LIT(""),
        .request_head = STR_LIT(""),
    };
}

static int finish(enum delivery_state state, int64_t token, int64_t number)
{
    struct finish f = finish_of(state, token, number);
    const struct finish *list[] = {&f};
    return rows_of(work_finish(db, list, 1, on_done, NULL));
}

/* --- the scene: an active webhook, and a delivery that is due ---------------------------------- */

#define HEX_SIZE 33

static int set_scene(void **state)
{
    char hex[HEX_SIZE], sql[1024];
    (void)state;

    delivery = id_new();
    for (size_t i = 0; i < sizeof delivery.b; i++)
        snprintf(hex + 2 * i, 3, "%02x", delivery.b[i]);
    run_sql(
        "delete from lease; delete from attempt; delete from delivery; delete from event; delete from webhook");
    snprintf(
        sql, sizeof sql,
        "insert into webhook (id, app_id, url, events, status, profile, secret, headers,"
        " retry_schedule, timeout_ms, concurrency) values ('%s', '%s', 'http://a/', '{*}', 0,"
        " 'default', '', '', '{}', 1000, 1);"
        "insert into event (id, app_id, test, type, data) values ('%s', '%s', false, 't', '{}');"
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        " values ('%s', '%s', '%s', '%s', now() - interval '1 s', 0, false)",
        hex, hex, hex, hex, hex, hex, hex, hex);
    run_sql(sql);
    return 0;
}

#define ATTEMPTS "select attempts from delivery"
#define STATE    "select state from delivery"
#define NUMBERS  "select coalesce(string_agg(number::text, ' ' order by number), '') from attempt"

static void test_a_claim_counts(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    is(ATTEMPTS, "1");
    assert_int_equal(release(OTHER), 0);
    is(ATTEMPTS, "1");
    assert_int_equal(release(TOKEN), 1);
    is(ATTEMPTS, "0");
    assert_int_equal(release(TOKEN), 0);
    is(ATTEMPTS, "0");
    assert_int_equal(claim(OTHER), 1);
    is(ATTEMPTS, "1");
    assert_int_equal(finish(DELIVERY_PENDING, OTHER, 1), 1);
    is(ATTEMPTS, "1");
    is(NUMBERS, "1");
}

/* Its outcome is lost, its number is not. */
static void test_a_lost_attempt_keeps_its_number(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(rows_of(work_take_back(db, OWNER, &(int64_t){TOKEN}, 1, on_done, NULL)), 1);
    assert_int_equal(claim(OTHER), 1);
    is(ATTEMPTS, "2");
    assert_int_equal(finish(DELIVERY_PENDING, TOKEN, 1), 0);
    assert_int_equal(finish(DELIVERY_DELIVERED, OTHER, 2), 1);
    is(ATTEMPTS, "2");
    is(NUMBERS, "1 2");
}

static void test_what_is_held_is_not_counted(void **state)
{
    (void)state;
    run_sql("update webhook set status = 1");
    assert_int_equal(claim(TOKEN), 1);
    is(STATE, "4");
    is(ATTEMPTS, "0");
}

/* A crash of PostgreSQL undid the claim: as if it had not. */
static void test_a_lost_claim(void **state)
{
    (void)state;
    assert_int_equal(finish(DELIVERY_FAILED, TOKEN, 1), 1);
    is(STATE, "2");
    is(ATTEMPTS, "1");
}

/* And another has claimed it meanwhile: that one will tell. */
static void test_a_lost_claim_that_another_has(void **state)
{
    (void)state;
    assert_int_equal(claim(OTHER), 1);
    assert_int_equal(finish(DELIVERY_FAILED, TOKEN, 1), 0);
    is(STATE, "0");
    is(ATTEMPTS, "1");
}

static void test_the_end_of_the_count(void **state)
{
    (void)state;
    run_sql("update delivery set attempts = 32767");
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish(DELIVERY_PENDING, TOKEN, 32767), 1);
    is(ATTEMPTS, "32767");
}

/* --- a receiver that is gone ------------------------------------------------------------------- */

static int finish_gone(int64_t token, int64_t number, const char *url)
{
    struct finish f = finish_of(DELIVERY_FAILED, token, number);
    const struct finish *list[] = {&f};

    f.error = ATTEMPT_GONE;
    f.webhook = delivery; /* the scene's have the same id */
    f.gone = str_of(url);
    return rows_of(work_finish(db, list, 1, on_done, NULL));
}

#define STATUS "select status || ' ' || disabled_reason || ' ' || unsettled from webhook"

static void test_gone(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 2); /* the delivery, and the webhook */
    is(STATUS, "2 2 true");
    is(STATE, "2");
}

static void test_gone_from_where_it_is_no_more(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://b/"), 1);
    is(STATUS, "0 0 false");
    is(STATE, "2");
}

/* Recorded again, it does not overrule who made the webhook active meanwhile. */
static void test_gone_and_come_back(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 2);
    run_sql("update webhook set status = 0, disabled_reason = 0, unsettled = false");
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 0);
    is(STATUS, "0 0 false");
}

/* --- locks ------------------------------------------------------------------------------------- */

static int ask_locked(void)
{
    const struct id ids[] = {delivery, id_new()};
    return rows_of(work_locked(db, ids, 2, &delivery, 1, on_done, NULL));
}

static void test_locked(void **state)
{
    (void)state;
    assert_int_equal(ask_locked(), 0);
    run_sql("begin; select from delivery for update");
    assert_int_equal(ask_locked(), 1);
    run_sql("select from webhook for update");
    assert_int_equal(ask_locked(), 2);
    run_sql("commit");
    assert_int_equal(ask_locked(), 0);
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    sync_db = dbsync_open(server.url, 5000);
    assert_non_null(sync_db);
    assert_int_equal(postgres_server_migrate(sync_db), 0);
    loop = loop_create(NULL, NULL);
    db = db_create(loop, &(struct db_config){.url = server.url,
                                             .session = store_worker_session,
                                             .stmts = store_worker_stmts,
                                             .connections = 1,
                                             .queue_max = 8,
                                             .patience_ms = 5000});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    db_destroy(db);
    loop_destroy(loop);
    dbsync_close(sync_db);
    postgres_server_stop(&server);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_claim_counts, set_scene),
        cmocka_unit_test_setup(test_a_lost_attempt_keeps_its_number, set_scene),
        cmocka_unit_test_setup(test_what_is_held_is_not_counted, set_scene),
        cmocka_unit_test_setup(test_a_lost_claim, set_scene),
        cmocka_unit_test_setup(test_a_lost_claim_that_another_has, set_scene),
        cmocka_unit_test_setup(test_the_end_of_the_count, set_scene),
        cmocka_unit_test_setup(test_gone, set_scene),
        cmocka_unit_test_setup(test_gone_from_where_it_is_no_more, set_scene),
        cmocka_unit_test_setup(test_gone_and_come_back, set_scene),
        cmocka_unit_test_setup(test_locked, set_scene),
    };
    return cmocka_run_group_tests_name("record", tests, start, stop);
}
