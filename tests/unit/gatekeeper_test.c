/* worker/gatekeeper on a real ledger: two of them, as two workers have, learn of the same webhook, and nothing that either
 * was told is lost. */
#include "worker/gatekeeper.h"

#include "io/dbsync.h"
#include "store/store.h"

#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

#include <stdio.h>

#define WEBHOOK "01900000-0000-7000-8000-000000000001"

static const struct id webhook = {{1, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}};
static const struct gate_news dead = {.what = GATE_FAILED | GATE_DEAD, .error = 4};
static const struct gate_news success = {.what = GATE_SUCCESS};

static struct postgres_server server;
static struct dbsync *sync_db;
static struct loop *loop;
static struct db *db;
static struct gatekeeper one, two;
static int idle;

static void on_idle(void *arg)
{
    (void)arg;
    idle++;
}

static void is(const char *sql, const char *want)
{
    struct dbsync_rows *rows;
    assert_int_equal(dbsync_exec(sync_db, sql, 0, NULL, &rows), 0);
    assert_int_equal(dbsync_count(rows), 1);
    assert_string_equal(dbsync_text(rows, 0, 0), want);
    dbsync_rows_free(rows);
}

static void settle(void)
{
    WAIT(loop, gatekeeper_idle(&one) && gatekeeper_idle(&two), 10000);
    assert_true(gatekeeper_idle(&one) && gatekeeper_idle(&two));
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    sync_db = dbsync_open(server.url, 5000);
    assert_int_equal(postgres_server_migrate(sync_db), 0);
    loop = loop_create(NULL, NULL);
    db = db_create(loop, &(struct db_config){.url = server.url,
                                             .session = store_worker_session,
                                             .stmts = store_worker_stmts,
                                             .connections = 3,
                                             .queue_max = 10,
                                             .patience_ms = 5000});
    gatekeeper_init(&one, loop, db, on_idle, NULL);
    gatekeeper_init(&two, loop, db, on_idle, NULL);
    WAIT(loop, db_ready(db), 5000);
    return db_ready(db) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    gatekeeper_fini(&one);
    gatekeeper_fini(&two);
    db_destroy(db);
    loop_destroy(loop);
    dbsync_close(sync_db);
    postgres_server_stop(&server);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    idle = 0;
    return dbsync_script(sync_db,
                         "delete from webhook;"
                         "insert into webhook (id, app_id, url, events, profile, secret, headers,"
                         " retry_schedule, timeout_ms, concurrency) values ('" WEBHOOK
                         "', '" WEBHOOK "', 'http://a/', '{*}', 'default', '', '', '{}', 1000, 8)");
}

static void a_success_of_one_at_rest_costs_nothing(void **state)
{
    (void)state;
    gatekeeper_learn(&one, webhook, &success);
    gatekeeper_learn(&one, webhook, &(struct gate_news){0});
    assert_true(gatekeeper_idle(&one));
    is("select gate_at is null from webhook", "t");
}

/* Ten in a row, half of them seen by each. */
static void two_workers_find_a_dead_receiver(void **state)
{
    (void)state;
    for (int i = 0; i < GATE_STREAK / 2; i++) {
        gatekeeper_learn(&one, webhook, &dead);
        gatekeeper_learn(&two, webhook, &dead);
        WAIT(loop, false, 1);
    }
    settle();
    is("select gate_failures::text from webhook", "10");
    is("select gate_streak::text from webhook", "10");
    is("select gate_openings::text from webhook", "1");
    is("select gate_until between now() and now() + interval '1 s' from webhook", "t");
    is("select gate_error::text from webhook", "4");
    assert_true(idle >= 2);

    /* Whoever is answered closes it; it stays to be told of, for a Redis that knows it as it was. */
    gatekeeper_learn(&two, webhook, &success);
    settle();
    is("select gate_openings::text || gate_failures::text from webhook", "00");
    is("select gate_limit::text from webhook", "1000");
    is("select gate_until is not null from webhook", "t");
}

static void a_claim_says_who_is_not_at_rest(void **state)
{
    (void)state;
    gatekeeper_learn(&one, webhook, &dead);
    settle();
    gatekeeper_note(&two, webhook);
    gatekeeper_learn(&two, webhook, &success);
    settle();
    is("select gate_failures::text from webhook", "0");
    is("select failing_since is null from webhook", "t");
}

static void a_pause_is_from_when_it_was_said(void **state)
{
    (void)state;
    gatekeeper_learn(&one, webhook, &(struct gate_news){.what = GATE_FAILED, .pause_ms = 60000});
    one.waiting[0].at_ms -= 20000; /* PostgreSQL was away */
    settle();
    is("select gate_until between now() + interval '35 s' and now() + interval '41 s'"
       " from webhook",
       "t");
}

static void who_is_gone_is_forgotten(void **state)
{
    (void)state;
    gatekeeper_learn(&one, (struct id){{7}}, &dead);
    settle();
    assert_int_equal(dbsync_script(sync_db, "update webhook set deleted_at = now()"), 0);
    gatekeeper_learn(&one, webhook, &dead);
    settle();
    is("select gate_failures::text from webhook", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_success_of_one_at_rest_costs_nothing, set_up),
        cmocka_unit_test_setup(two_workers_find_a_dead_receiver, set_up),
        cmocka_unit_test_setup(a_claim_says_who_is_not_at_rest, set_up),
        cmocka_unit_test_setup(a_pause_is_from_when_it_was_said, set_up),
        cmocka_unit_test_setup(who_is_gone_is_forgotten, set_up),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
