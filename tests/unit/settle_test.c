/* Settle jobs: they begin with whatever changes a webhook's status, no change is lost on one that is under way, and
 * they end only when nothing is left to move. */
#include "ledger_rig.h"

#include "base/err.h"
#include "store/jobs.h"
#include "store/webhooks.h"
#include "store/work.h"

static struct id job;
static enum job_state job_state;
static int64_t job_done;

static bool read_next(const struct db_rows *rows)
{
    job = db_id(rows, 0, 0);
    return db_i64(rows, 0, 1) == JOB_SETTLE;
}

static bool read_step(const struct db_rows *rows)
{
    struct job_step step;
    jobs_read_step(rows, 0, &step);
    job_state = step.state;
    job_done = step.done;
    return true;
}

/* False: no settle job is due. */
static bool next(void)
{
    rig.running = "next";
    rig.reader = read_next;
    return finished(jobs_next(rig.db, rig_on_done, NULL));
}

static enum job_state step(int64_t limit)
{
    rig.running = "step";
    rig.reader = read_step;
    assert_true(finished(jobs_step(rig.db, JOB_SETTLE, job, limit, rig_on_done, NULL)));
    return job_state;
}

/* `count` deliveries in `state`, beside the scene's. */
static void set(enum delivery_state state, int count)
{
    set_scene(&(struct scene){0}, state);
    run_sql("insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
            " select new_delivery_id(id), event_id, webhook_id, app_id, next_at, state, test"
            " from delivery, generate_series(2, %d)",
            count);
}

static void change(enum webhook_status status)
{
    run_sql("update webhook set status = %d, updated_at = now()", (int)status);
}

/* Statements of before the change have ended by then. */
static void time_passes(void)
{
    run_sql("update webhook set updated_at = updated_at - interval '1 min',"
            " deleted_at = deleted_at - interval '1 min'; update job set step_at = now()");
}

#define IN(state) "select count(*) from delivery where state = " TEXT_OF(DELIVERY_##state##_NUMBER)
#define JOBS      "select count(*) from job"
#define ACTIVE    "select count(*) from job where ended_at is null"

static void test_it_ends_when_nothing_is_left(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 5);
    assert_false(next());
    change(WEBHOOK_PAUSED);
    assert_true(next());
    assert_int_equal(step(2), JOB_RUNNING);
    assert_int_equal(number_of(IN(HELD)), 2);
    assert_true(next()); /* at once: there is more */
    assert_int_equal(step(2), JOB_RUNNING);
    assert_int_equal(step(2), JOB_RUNNING);
    assert_int_equal(number_of(IN(HELD)), 5);
    assert_int_equal(job_done, 5);
    assert_false(next()); /* it rests, and looks again */
    assert_in_range(number_of("select ms_of(step_at) - ms_of(now()) from job"), 1,
                    JOB_SETTLE_EVERY_MS);
    assert_int_equal(step(2), JOB_RUNNING);
    time_passes();
    assert_true(next());
    assert_int_equal(step(2), JOB_DONE);
    assert_int_equal(job_done, 5);
    assert_false(next());
}

/* What a statement wrote that began before the change. */
static void test_what_comes_late_is_moved(void **state)
{
    (void)state;
    set(DELIVERY_HELD, 1);
    change(WEBHOOK_PAUSED);
    change(WEBHOOK_ACTIVE);
    assert_true(next());
    assert_int_equal(step(10), JOB_RUNNING);
    assert_int_equal(step(10), JOB_RUNNING);
    run_sql("update delivery set state = %d", DELIVERY_HELD);
    time_passes();
    assert_int_equal(step(10), JOB_RUNNING);
    assert_int_equal(number_of(IN(PENDING)), 1);
    assert_int_equal(step(10), JOB_DONE);
}

/* A change while the job is under way is not lost, and goes on at once. */
static void test_back_and_forth(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 5);
    change(WEBHOOK_PAUSED);
    assert_true(next());
    struct id first = job;
    step(3);
    step(3);
    assert_false(next());
    change(WEBHOOK_ACTIVE);
    assert_true(next());
    assert_true(id_eq(job, first));
    step(3);
    change(WEBHOOK_DISABLED);
    assert_int_equal(step(10), JOB_RUNNING);
    assert_int_equal(number_of(IN(HELD)), 5);
    change(WEBHOOK_ACTIVE);
    step(10);
    time_passes();
    assert_int_equal(step(10), JOB_DONE);
    assert_int_equal(number_of(IN(PENDING)), 5);
    assert_int_equal(number_of(JOBS), 1);
}

/* However often it is changed. */
static void test_one_row_a_webhook(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 1);
    for (int i = 0; i < 6; i++) {
        struct id last = job;
        change(i % 2 == 0 ? WEBHOOK_PAUSED : WEBHOOK_ACTIVE);
        assert_true(next());
        assert_false(id_eq(job, last));
        step(10);
        time_passes();
        assert_int_equal(step(10), JOB_DONE);
        assert_int_equal(number_of(JOBS), 1);
    }
    run_sql("update webhook set status = status, gate_failures = 1, description = 'x'");
    assert_int_equal(number_of(ACTIVE), 0);
}

static void test_what_is_locked_is_not_over(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 1);
    change(WEBHOOK_PAUSED);
    time_passes();
    assert_true(next());
    run_sql("begin; select from webhook for no key update");
    assert_int_equal(step(10), JOB_RUNNING);
    run_sql("commit; begin; select from delivery for update");
    assert_int_equal(step(10), JOB_RUNNING);
    run_sql("commit");
    assert_int_equal(number_of(IN(PENDING)), 1);
    assert_int_equal(step(10), JOB_RUNNING);
    assert_int_equal(step(10), JOB_DONE);
    assert_int_equal(number_of(IN(HELD)), 1);
}

static void test_of_a_webhook_that_is_gone(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 1);
    change(WEBHOOK_PAUSED);
    assert_true(next());
    run_sql("delete from webhook");
    assert_int_equal(step(10), JOB_DONE);
}

/* Else deliveries would be held for ever. */
static void test_it_never_fails(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 1);
    change(WEBHOOK_PAUSED);
    assert_true(next());
    rig.reader = NULL;
    for (int i = 0; i < 3 * JOB_FAILURES_MAX; i++)
        assert_true(finished(jobs_put_off(rig.db, job, rig_on_done, NULL)));
    assert_int_equal(number_of(ACTIVE), 1);
    int64_t pause_ms = number_of("select ms_of(step_at) - ms_of(now()) from job");
    assert_in_range(pause_ms, 1000 * JOB_FOLLOWS_PAUSE_S - 10000, 1000 * JOB_FOLLOWS_PAUSE_S);
    change(WEBHOOK_ACTIVE);
    assert_true(next());
    assert_int_equal(number_of("select failures from job"), 0);
}

/* With `count` more webhooks that have a delivery each. */
static void crowd(int count)
{
    set(DELIVERY_PENDING, 1);
    run_sql(
        "insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule,"
        " timeout_ms, concurrency) select gen_random_uuid(), app_id, url, events, profile, secret,"
        " headers, retry_schedule, timeout_ms, concurrency from webhook, generate_series(1, %d);"
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        " select new_delivery_id(d.id), d.event_id, w.id, d.app_id, d.next_at, d.state, d.test"
        " from delivery d, webhook w where w.id <> d.webhook_id",
        count);
    change(WEBHOOK_PAUSED);
}

#define FAILED_ONE "id = (select id from job order by id limit 1)"

static void test_many_at_once(void **state)
{
    (void)state;
    crowd(9);
    assert_true(next());
    assert_int_equal(step(10), JOB_RUNNING);
    assert_int_equal(number_of(IN(HELD)), 1);
    assert_true(next());
    assert_int_equal(step(100), JOB_RUNNING);
    assert_int_equal(number_of(IN(HELD)), 10);
    time_passes();
    assert_true(next());
    assert_int_equal(step(100), JOB_DONE);
    assert_int_equal(number_of(ACTIVE), 0);
}

/* Whatever it is that cannot be done, the others' is. */
static void test_what_failed_has_steps_alone(void **state)
{
    (void)state;
    crowd(9);
    run_sql("update job set failures = 1, stepped_at = now() where " FAILED_ONE);
    assert_true(next());
    step(100);
    assert_int_equal(number_of(IN(HELD)), 9);
    assert_true(next());
    step(100);
    assert_int_equal(number_of(IN(HELD)), 10);
    crowd(9);
    run_sql("update job set failures = 1; update job set step_at = now() + interval '1 h'"
            " where not " FAILED_ONE);
    assert_true(next());
    run_sql("update job set step_at = now(); update job set failures = 0 where not " FAILED_ONE);
    step(100);
    assert_int_equal(number_of(IN(HELD)), 1);
}

static void add_job(enum job_kind kind, const char *app, const char *stepped_at)
{
    run_sql("insert into job (id, app_id, kind, exact, stepped_at)"
            " values (new_id(), %s, %d, true, %s)",
            app, (int)kind, stepped_at);
}

/* Before the app's other jobs, and before the apps that have had steps. */
static void test_it_goes_first(void **state)
{
    (void)state;
    set(DELIVERY_PENDING, 1);
    add_job(JOB_FANOUT, "gen_random_uuid()", "now() - interval '1 min'");
    change(WEBHOOK_PAUSED);
    assert_true(next());
    run_sql("delete from job");
    add_job(JOB_REPLAY, "(select app_id from webhook)", "now() - interval '1 min'");
    change(WEBHOOK_ACTIVE);
    assert_true(next());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_when_nothing_is_left),
        cmocka_unit_test(test_what_comes_late_is_moved),
        cmocka_unit_test(test_back_and_forth),
        cmocka_unit_test(test_one_row_a_webhook),
        cmocka_unit_test(test_what_is_locked_is_not_over),
        cmocka_unit_test(test_of_a_webhook_that_is_gone),
        cmocka_unit_test(test_it_never_fails),
        cmocka_unit_test(test_it_goes_first),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_what_failed_has_steps_alone),
    };
    return cmocka_run_group_tests_name("settle", tests, rig_begin, rig_end);
}
