/* What claim, release and finish write down, against a real PostgreSQL: numbers of attempts, webhooks
 * whose receivers are gone, what others have locked. */
#include "core/job.h"
#include "store/work.h"

#include "ledger_rig.h"

/* --- the statements ---------------------------------------------------------------------------- */

static int claim(int64_t token)
{
    return rows_of(work_claim(rig.db, &rig.delivery, 1, token, OWNER, 1 << 20, rig_on_done, NULL));
}

static int release(int64_t token)
{
    return rows_of(work_release(rig.db, &rig.delivery, 1, token, rig_on_done, NULL));
}

static struct finish finish_of(enum delivery_state state, int64_t token, int64_t number)
{
    return (struct finish){
        .delivery = rig.delivery,
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
    return rows_of(work_finish(rig.db, list, 1, rig_on_done, NULL));
}

static int begin_anew(void **state)
{
    (void)state;
    rig_scene();
    return 0;
}

#define ATTEMPTS "select attempts from delivery"
#define STATE    "select state from delivery"
#define NUMBERS  "select coalesce(string_agg(number::text, ' ' order by number), '') from attempts"

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
    assert_int_equal(
        rows_of(work_take_back(rig.db, OWNER, &(int64_t){TOKEN}, 1, true, rig_on_done, NULL)), 1);
    assert_int_equal(claim(OTHER), 1);
    is(ATTEMPTS, "2");
    assert_int_equal(finish(DELIVERY_PENDING, TOKEN, 1), 0);
    assert_int_equal(finish(DELIVERY_DELIVERED, OTHER, 2), 1);
    is(ATTEMPTS, "2");
    is(NUMBERS, "1 2");
}

#define CRASHES   "select coalesce(crashes, 0) from delivery"
#define IN_FUTURE "select (next_at > now())::int from delivery"

static int take_back(bool crashed)
{
    return rows_of(work_take_back(rig.db, OWNER, &(int64_t){TOKEN}, 1, crashed, rig_on_done, NULL));
}

/* What a worker ended with is counted, and later from the second time on; what is recorded ends the row of them. */
static void test_crashes_are_counted(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(take_back(false), 1); /* a worker that lives */
    is(CRASHES, "0");
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(take_back(true), 1);
    is(CRASHES, "1");
    is(IN_FUTURE, "0");
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(take_back(true), 1);
    is(CRASHES, "2");
    is(IN_FUTURE, "1");
    assert_int_equal(claim(TOKEN), 0);
    run_sql("update delivery set next_at = now()");
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(release(TOKEN), 1); /* another goes alone: not at once again */
    is(CRASHES, "2");
    is(IN_FUTURE, "1");
    run_sql("update delivery set next_at = now()");
    assert_int_equal(claim(OTHER), 1);
    assert_int_equal(finish(DELIVERY_PENDING, OTHER, 4), 1);
    is(CRASHES, "0");
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
    f.webhook = rig.webhook;
    f.gone = str_of(url);
    return rows_of(work_finish(rig.db, list, 1, rig_on_done, NULL));
}

#define STATUS                                                                          \
    "select status || ' ' || disabled_reason || ' ' || (select count(*) from job where" \
    " job.webhook_id = webhook.id and kind = " TEXT_OF(JOB_SETTLE_NUMBER) ") from webhook"

static void test_gone(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 2); /* the delivery, and the webhook */
    is(STATUS, "2 2 1");
    is(STATE, "2");
}

static void test_gone_from_where_it_is_no_more(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://b/"), 1);
    is(STATUS, "0 0 0");
    is(STATE, "2");
}

/* Recorded again, it does not overrule who made the webhook active meanwhile. */
static void test_gone_and_come_back(void **state)
{
    (void)state;
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 2);
    run_sql("update webhook set status = 0, disabled_reason = 0; delete from job");
    assert_int_equal(finish_gone(TOKEN, 1, "http://a/"), 0);
    is(STATUS, "0 0 0");
}

/* --- locks ------------------------------------------------------------------------------------- */

/* --- what is plain ----------------------------------------------------------------------------- */

static struct finish success_of(int64_t token)
{
    struct finish f = finish_of(DELIVERY_DELIVERED, token, 1);

    f.started_ms = 1700000000000;
    f.code = 204;
    f.connect_us = 2;
    f.first_byte_us = 3;
    f.total_us = 4;
    f.body_cut = true;
    f.address = STR_LIT("192.0.2.1:443");
    f.url = STR_LIT("http://a/");
    f.request_head = STR_LIT("a: b\r\n");
    f.response_head = STR_LIT("c: d\r\n");
    f.response_body = STR_LIT("e");
    return f;
}

static int finish_plain(int64_t token)
{
    struct finish f = success_of(token);
    const struct finish *list[] = {&f};
    return rows_of(work_finish_plain(rig.db, list, 1, rig_on_done, NULL));
}

#define WRITTEN                                                                       \
    "select to_jsonb(d) - array['id', 'event_id', 'webhook_id', 'app_id', 'next_at'," \
    " 'completed_at', 'sent_request_head'] as row from delivery d where completed_at <= now()"

static void test_what_is_plain_is_written_alike(void **state)
{
    struct finish f = success_of(TOKEN);
    const struct finish *list[] = {&f};
    (void)state;
    run_sql("update delivery set waits = 2, waiting_since = now(), crashes = 1");
    assert_int_equal(claim(TOKEN), 1);
    f.delivery = rig.delivery;
    assert_int_equal(rows_of(work_finish(rig.db, list, 1, rig_on_done, NULL)), 1);
    run_sql("create table whole as " WRITTEN);
    rig_scene();
    run_sql("update delivery set waits = 2, waiting_since = now(), crashes = 1");
    assert_int_equal(claim(TOKEN), 1);
    assert_int_equal(finish_plain(TOKEN), 1);
    is("select count(*) from whole where row = (" WRITTEN ")", "1");
    run_sql("drop table whole");
    assert_int_equal(finish_plain(TOKEN), 0);
    is(NUMBERS, "1");
}

static void test_what_is_not_plain_is_left(void **state)
{
    static const char *const others[] = {
        "lane = 1",
        "expires_at = now() + interval '1 h'",
        "sent_token = 3",
        "lease_token = 3",
        "lease_token = null, lease_owner = null, lease_until = null",
        "state = 3",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        rig_scene();
        assert_int_equal(claim(TOKEN), 1);
        run_sql("update delivery set %s", others[i]);
        assert_int_equal(finish_plain(TOKEN), 0);
        is("select count(*) from delivery where state <> 1 and sent_at is null", "1");
    }
}

static int ask_locked(void)
{
    const struct id ids[] = {rig.delivery, id_new()};
    return rows_of(work_locked(rig.db, ids, 2, &rig.webhook, 1, rig_on_done, NULL));
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_claim_counts, begin_anew),
        cmocka_unit_test_setup(test_a_lost_attempt_keeps_its_number, begin_anew),
        cmocka_unit_test_setup(test_crashes_are_counted, begin_anew),
        cmocka_unit_test_setup(test_what_is_held_is_not_counted, begin_anew),
        cmocka_unit_test_setup(test_a_lost_claim, begin_anew),
        cmocka_unit_test_setup(test_a_lost_claim_that_another_has, begin_anew),
        cmocka_unit_test_setup(test_the_end_of_the_count, begin_anew),
        cmocka_unit_test_setup(test_gone, begin_anew),
        cmocka_unit_test_setup(test_gone_from_where_it_is_no_more, begin_anew),
        cmocka_unit_test_setup(test_gone_and_come_back, begin_anew),
        cmocka_unit_test_setup(test_locked, begin_anew),
        cmocka_unit_test_setup(test_what_is_plain_is_written_alike, begin_anew),
        cmocka_unit_test_setup(test_what_is_not_plain_is_left, begin_anew),
    };
    return cmocka_run_group_tests_name("record", tests, rig_begin, rig_end);
}
