/* Jobs: their moves as PostgreSQL makes them, against the table (core/job.c); whose turn it is; and that
 * a step that fails puts its job off. */
#include "core/job.h"
#include "store/jobs.h"

#include "ledger_rig.h"

static struct id app, job;

/* A job of `kind` with nothing left to do. */
static struct id add_job(struct id of, enum job_kind kind, enum job_state state)
{
    char a[HEX_SIZE], j[HEX_SIZE];
    struct id id = id_new();

    run_sql(
        "insert into job (id, app_id, kind, state, chosen_state, since, before, at_webhook, at_id,"
        " events, webhooks, exact, ended_at) values ('%s', '%s', %d, %d, 2, id_floor('epoch'),"
        " id_floor(now()), id_floor('epoch'), id_floor('epoch'),"
        " array[gen_random_uuid()], array[gen_random_uuid()], true, %s)",
        hex(j, id), hex(a, of), (int)kind, (int)state,
        state == JOB_WAITING || state == JOB_RUNNING ? "null" : "now()");
    return id;
}

/* --- moves ------------------------------------------------------------------------------------- */

static bool step(enum job_kind kind)
{
    return finished(jobs_step(rig.db, kind, job, 10, rig_on_done, NULL));
}

static bool cancel(enum job_kind kind)
{
    (void)kind;
    return finished(jobs_cancel(rig.db, app, job, &rig_deed, rig_on_done, NULL));
}

/* What jobs_put_off() says: it failed. */
static bool says_yes(const struct db_rows *rows)
{
    return db_bool(rows, 0, 0);
}

static bool put_off(enum job_kind kind)
{
    (void)kind;
    rig.reader = says_yes;
    bool found = rows_of(jobs_put_off(rig.db, job, rig_on_done, NULL)) > 0;
    rig.reader = NULL;
    return found;
}

static bool give_up(enum job_kind kind)
{
    run_sql("update job set failures = %d", JOB_FAILURES_MAX - 1);
    put_off(kind);
    return rig.says;
}

static const struct mover {
    const char *name;
    bool (*run)(enum job_kind kind);
    enum job_actor actor;
    int to; /* < 0: it stays as it was */
} movers[] = {
    {"the last step", step, JOB_BY_RUNNER, JOB_DONE},
    {"a step that failed", put_off, JOB_BY_RUNNER, -1},
    {"a step that failed for good", give_up, JOB_BY_RUNNER, JOB_FAILED},
    {"cancel", cancel, JOB_BY_PERSON, JOB_CANCELLED},
};

static const enum job_kind kinds[] = {JOB_REPLAY, JOB_RETRY, JOB_BACKFILL,
                                      JOB_FANOUT, JOB_ERASE, JOB_SETTLE};

static void test_moves(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(movers); i++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            for (int from = 0; from < JOB_STATES; from++) {
                const struct mover *m = &movers[i];
                enum job_kind kind = kinds[k];
                int to = m->to < 0 ? from : m->to;
                run_sql("delete from job");
                app = id_new();
                job = add_job(app, kind, (enum job_state)from);
                bool moved = m->run(kind);
                bool may = job_may_move(m->actor, kind, (enum job_state)from, (enum job_state)to);
                int now = (int)number_of("select state from job");
                if (moved != may || now != (may ? to : from))
                    fail_msg("%s, %s: %s became %s", m->name, job_kind_names[kind],
                             job_state_names[from], job_state_names[now]);
            }
}

/* A step that is not the last. */
static void test_it_runs_while_there_is_more(void **state)
{
    (void)state;
    run_sql("delete from job");
    app = id_new();
    job = add_job(app, JOB_FANOUT, JOB_WAITING);
    run_sql("update job set matched = 3, webhooks = array[gen_random_uuid(), gen_random_uuid(),"
            " gen_random_uuid()]");
    for (int i = 1; i <= 3; i++) {
        assert_true(finished(jobs_step(rig.db, JOB_FANOUT, job, 1, rig_on_done, NULL)));
        assert_int_equal(number_of("select at_place from job"), i);
        assert_int_equal(number_of("select state from job"), i < 3 ? JOB_RUNNING : JOB_DONE);
    }
    assert_int_equal(number_of("select count(*) from job where events is null"), 1);
    assert_false(finished(jobs_step(rig.db, JOB_FANOUT, job, 1, rig_on_done, NULL)));
}

static int64_t rest_ms;

static bool says_rest(const struct db_rows *rows)
{
    rest_ms = db_i64(rows, 0, 2);
    return true;
}

/* So many of the scene's webhook are due. */
static void set_due(int count)
{
    char w[HEX_SIZE];
    run_sql(
        "delete from delivery; insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        " select new_delivery_id(e.id), e.id, '%s', e.app_id, now(), 0, false"
        " from event e, generate_series(1, %d)",
        hex(w, rig.webhook), count);
}

/* A step of ten; how many deliveries it made. */
static int64_t made(void)
{
    int64_t before = number_of("select count(*) from delivery");
    run_sql("update job set step_at = now()");
    rows_of(jobs_step(rig.db, JOB_FANOUT, job, 10, rig_on_done, NULL));
    return number_of("select count(*) from delivery") - before;
}

/* Of the scene's event, to its webhook so many times. */
static void begin_fanout(int width)
{
    char w[HEX_SIZE];

    rig_scene();
    run_sql("delete from job");
    job = add_job(rig.app, JOB_FANOUT, JOB_WAITING);
    run_sql("update job set matched = %d, events = array(select id from event),"
            " webhooks = array_fill('%s'::uuid, array[%d])",
            width, hex(w, rig.webhook), width);
}

static void test_a_fanout_rests_while_its_webhooks_are_full(void **state)
{
    enum { WIDTH = 2500, ROOM = JOB_FANOUT_ROOM / WIDTH };
    (void)state;

    begin_fanout(WIDTH);
    set_due(ROOM + 1);
    assert_int_equal(made(), 0);
    assert_int_equal(number_of("select stalls from job"), 1);
    assert_int_equal(number_of("select at_place from job"), 0);
    assert_in_range(number_of("select ms_of(step_at) - ms_of(now()) from job"), 1, JOB_REST_MS);
    set_due(ROOM);
    assert_int_equal(made(), 10);
    assert_int_equal(number_of("select stalls from job"), 0);
    assert_int_equal(made(), 0);
    run_sql("update job set stalls = %d", JOB_STALLS_MAX);
    assert_int_equal(made(), 10);
    assert_int_equal(number_of("select at_place from job"), 20);
    run_sql("update webhook set status = 1");
    assert_int_equal(made(), 10);
}

/* Another that its step goes to takes what it gets. */
static void test_a_full_webhook_does_not_hold_up_a_fanout(void **state)
{
    char other[HEX_SIZE];
    struct id id = id_new();
    (void)state;

    begin_fanout(2);
    set_due(JOB_ROOM + 1);
    assert_int_equal(made(), 0);
    run_sql(
        "insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms,"
        " concurrency) select '%s', app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms,"
        " concurrency from webhook",
        hex(other, id));
    run_sql("update job set webhooks[2] = '%s'", hex(other, id));
    assert_int_equal(made(), 2);
}

/* Nobody's step begins before as much time has passed as the last one took. */
static void test_all_rest_after_a_step(void **state)
{
    (void)state;
    begin_fanout(100);
    run_sql("create function be_slow() returns trigger language plpgsql as"
            " 'begin perform pg_sleep(0.8); return null; end';"
            " create trigger slow before insert on delivery execute function be_slow()");
    add_job(id_new(), JOB_ERASE, JOB_WAITING);
    rig.reader = says_rest;
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_int_equal(rest_ms, 0);
    rig.reader = NULL;
    made();
    rig.reader = says_rest;
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_in_range(rest_ms, 100, JOB_REST_MAX_MS);
    run_sql("select pg_sleep(%d / 1000.0)", (int)rest_ms);
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_int_equal(rest_ms, 0);
    rig.reader = NULL;
    run_sql("update job set at_place = matched - 10 where kind = %d", JOB_FANOUT_NUMBER);
    made();
    assert_int_equal(number_of("select count(*) from job where ended_at is null"), 1);
    rig.reader = says_rest;
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_in_range(rest_ms, 100, JOB_REST_MAX_MS);
    rig.reader = NULL;
    run_sql("drop trigger slow on delivery");
}

static void test_a_job_that_failed_rests(void **state)
{
    (void)state;
    run_sql("delete from job");
    app = id_new();
    job = add_job(app, JOB_REPLAY, JOB_WAITING);
    assert_true(put_off(JOB_REPLAY));
    assert_false(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_in_range(number_of("select ms_of(step_at) - ms_of(now()) from job"), 1, 1000);
    run_sql("update job set step_at = now()");
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    assert_true(step(JOB_REPLAY));
    assert_int_equal(number_of("select failures from job"), 0);
}

/* --- turns ------------------------------------------------------------------------------------- */

static struct id next_id;

static bool read_id(const struct db_rows *rows)
{
    next_id = db_id(rows, 0, 0);
    return true;
}

static struct id next(void)
{
    rig.reader = read_id;
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    rig.reader = NULL;
    return next_id;
}

static void stepped(struct id id)
{
    char text[HEX_SIZE];
    run_sql("update job set stepped_at = clock_timestamp() where id = '%s'", hex(text, id));
}

/* An app with ten jobs and one with one: each has every other step. */
static void test_apps_take_turns(void **state)
{
    struct id crowd = id_new(), other = id_new(), mine[10];
    int count[10] = {0};
    (void)state;

    run_sql("delete from job");
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        mine[i] = add_job(crowd, JOB_REPLAY, JOB_WAITING);
    struct id single = add_job(other, JOB_RETRY, JOB_WAITING);
    for (int i = 0; i < 40; i++) {
        struct id one = next(), two;
        stepped(one);
        two = next();
        stepped(two);
        assert_int_not_equal(id_eq(one, single), id_eq(two, single));
        for (size_t k = 0; k < ARRAY_LEN(mine); k++)
            count[k] += id_eq(one, mine[k]) || id_eq(two, mine[k]);
    }
    for (size_t k = 0; k < ARRAY_LEN(mine); k++)
        assert_int_equal(count[k], 4);
}

/* Events that were accepted go before what somebody asked for. */
static void test_fanouts_go_first(void **state)
{
    struct id of = id_new();
    (void)state;

    run_sql("delete from job");
    add_job(of, JOB_REPLAY, JOB_WAITING);
    struct id fanout = add_job(of, JOB_FANOUT, JOB_WAITING);
    for (int i = 0; i < 3; i++) {
        assert_true(id_eq(next(), fanout));
        stepped(fanout);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_it_runs_while_there_is_more),
        cmocka_unit_test(test_a_fanout_rests_while_its_webhooks_are_full),
        cmocka_unit_test(test_a_full_webhook_does_not_hold_up_a_fanout),
        cmocka_unit_test(test_all_rest_after_a_step),
        cmocka_unit_test(test_a_job_that_failed_rests),
        cmocka_unit_test(test_apps_take_turns),
        cmocka_unit_test(test_fanouts_go_first),
    };
    return cmocka_run_group_tests_name("jobs", tests, rig_begin, rig_end);
}
