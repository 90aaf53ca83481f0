/* The moves of deliveries, as PostgreSQL makes them, against the table that says who may make which
 * (core/delivery.c). Every statement that moves a delivery is run on one in each state, through the
 * functions that the program calls; what it does must be what the table allows, no more and no less. */
#include "core/delivery.h"
#include "core/order.h"
#include "core/webhook.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/jobs.h"
#include "store/listens.h"
#include "store/webhooks.h"
#include "store/work.h"

#include "ledger_rig.h"

#include <inttypes.h>

/* --- the statements ---------------------------------------------------------------------------- */

static bool first_is_true(const struct db_rows *rows)
{
    return db_bool(rows, 0, 0);
}

static const char *gone; /* from where */

static struct finish finish_of(enum delivery_state state, int64_t token)
{
    return (struct finish){
        .delivery = rig.delivery,
        .webhook = rig.webhook,
        .gone = str_of(gone),
        .token = token,
        .state = state,
        .error = state == DELIVERY_DELIVERED ? ATTEMPT_OK : ATTEMPT_HTTP_STATUS,
        .number = 1,
        .address = STR_LIT(""),
        .error_text = STR_LIT(""),
        .request_head = STR_LIT(""),
    };
}

static bool finish(enum delivery_state state, int64_t token)
{
    struct finish f = finish_of(state, token);
    const struct finish *list[] = {&f};
    return finished(work_finish(rig.db, list, 1, rig_on_done, NULL));
}

static bool succeed(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_DELIVERED, TOKEN);
}

static bool succeed_late(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_DELIVERED, OTHER);
}

static bool succeed_plainly(enum delivery_state from)
{
    struct finish f = finish_of(DELIVERY_DELIVERED, TOKEN);
    const struct finish *list[] = {&f};
    (void)from;
    f.gone = (struct str){NULL, 0};
    return finished(work_finish_plain(rig.db, list, 1, rig_on_done, NULL));
}

static bool fail_for_good(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_FAILED, TOKEN);
}

static bool fail_late(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_FAILED, OTHER);
}

static bool fail_once(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_PENDING, TOKEN);
}

static bool fail_once_late(enum delivery_state from)
{
    (void)from;
    return finish(DELIVERY_PENDING, OTHER);
}

static bool claim(enum delivery_state from)
{
    (void)from;
    return finished(work_claim(rig.db, &rig.delivery, 1, OTHER, OWNER, 1 << 20, rig_on_done, NULL));
}

static bool came(const struct db_rows *rows)
{
    return !db_null(rows, 0, 0);
}

static bool claim_due(enum delivery_state from)
{
    struct work_ask ask = {.webhooks = 10, .room = {.max = 10, .free = 10}};
    (void)from;
    rig.reader = came;
    return finished(work_claim_due(rig.db, &ask, OTHER, OWNER, rig_on_done, NULL));
}

static bool release(enum delivery_state from)
{
    (void)from;
    return finished(work_release(rig.db, &rig.delivery, 1, TOKEN, rig_on_done, NULL));
}

static bool take_back(enum delivery_state from)
{
    const int64_t tokens[] = {OTHER, TOKEN};
    (void)from;
    return finished(work_take_back(rig.db, OWNER, tokens, 2, false, rig_on_done, NULL));
}

static bool take_over(enum delivery_state from)
{
    const int64_t tokens[] = {TOKEN};
    (void)from;
    run_sql("update delivery set crashes = " TEXT_OF(DELIVERY_CRASHES_MAX) " - 1");
    return finished(work_take_back(rig.db, OWNER, tokens, 1, true, rig_on_done, NULL));
}

static struct id next_job;

static bool read_next(const struct db_rows *rows)
{
    next_job = db_id(rows, 0, 0);
    return db_i64(rows, 0, 1) == JOB_SETTLE;
}

static bool has_done(const struct db_rows *rows)
{
    struct job_step step;
    jobs_read_step(rows, 0, &step);
    return step.done > 0;
}

/* The job that the change of the webhook has begun. */
static bool settle_change(enum delivery_state from)
{
    (void)from;
    rig.reader = read_next;
    assert_true(finished(jobs_next(rig.db, rig_on_done, NULL)));
    rig.reader = has_done;
    return finished(jobs_step(rig.db, JOB_SETTLE, next_job, 100, rig_on_done, NULL));
}

/* Of a webhook that was changed before. */
static bool settle(enum delivery_state from)
{
    run_sql("insert into job (id, app_id, kind, webhook_id, exact)"
            " select new_id(), app_id, %d, id, false from webhook",
            JOB_SETTLE);
    return settle_change(from);
}

static bool disable_and_settle(enum delivery_state from)
{
    gone = "http://a/";
    finish(DELIVERY_FAILED, OTHER);
    gone = NULL;
    return settle_change(from);
}

static bool delete_and_settle(enum delivery_state from)
{
    assert_true(
        finished(webhooks_delete(rig.db, rig.app, rig.webhook, &rig_deed, rig_on_done, NULL)));
    return settle_change(from);
}

static void on_webhook(void *arg, int err, const struct db_rows *rows)
{
    const enum webhook_status *status = arg;
    struct webhook w = {0};
    assert_int_equal(err, 0);
    assert_int_equal(db_count(rows), 1);
    webhooks_read(rows, 0, &w);
    w.status = (int)*status;
    webhooks_update(rig.db, &w, &rig_deed, rig_on_done, NULL);
}

static bool update_and_settle(enum webhook_status status, enum delivery_state from)
{
    assert_true(finished(webhooks_get(rig.db, rig.app, rig.webhook, on_webhook, &status)));
    return settle_change(from);
}

static bool pause_and_settle(enum delivery_state from)
{
    return update_and_settle(WEBHOOK_PAUSED, from);
}

static bool activate_and_settle(enum delivery_state from)
{
    return update_and_settle(WEBHOOK_ACTIVE, from);
}

static bool answer(enum delivery_state state, int64_t ahead)
{
    struct finish f = finish_of(state, OTHER);
    f.number = ahead + number_of("select attempts from delivery");
    return finished(work_answer(rig.db, rig.app, &f, rig_on_done, NULL));
}

static bool answer_well(enum delivery_state from)
{
    (void)from;
    return answer(DELIVERY_DELIVERED, 1);
}

static bool answer_badly(enum delivery_state from)
{
    return !answer(DELIVERY_DELIVERED, 2) && answer(DELIVERY_FAILED, 1) && from == DELIVERY_HELD;
}

static bool expire_held(enum delivery_state from)
{
    (void)from;
    return finished(listens_expire(rig.db, rig.webhook, &rig.delivery, 1, rig_on_done, NULL));
}

static bool retry(enum delivery_state from)
{
    (void)from;
    rig.reader = first_is_true;
    return finished(deliveries_retry(rig.db, rig.app, rig.delivery, &rig_deed, rig_on_done, NULL));
}

static bool cancel(enum delivery_state from)
{
    (void)from;
    rig.reader = first_is_true;
    return finished(deliveries_cancel(rig.db, rig.app, rig.delivery, &rig_deed, rig_on_done, NULL));
}

/* A job of one step. */
static bool replay(enum delivery_state from)
{
    struct job_choice choice = {
        .app = rig.app, .one = true, .webhook = rig.webhook, .state = from, .before = id_last()};
    struct job_plan plan = {.matched = 1};
    struct id job = id_new();

    rig.reader = NULL;
    assert_true(finished(
        jobs_insert(rig.db, job, JOB_REPLAY, &choice, &plan, &rig_deed, rig_on_done, NULL)));
    rig.reader = has_done;
    return finished(jobs_step(rig.db, JOB_REPLAY, job, 10, rig_on_done, NULL));
}

static bool says_nothing(const struct db_rows *rows)
{
    (void)rows;
    return false;
}

/* A later event with the key of the delivery. */
static bool replace(enum delivery_state from)
{
    struct event_new event = {.id = id_new(),
                              .app = rig.app,
                              .type = STR_LIT("t"),
                              .data = STR_LIT("{}"),
                              .coalesce_key = KEY};
    const struct event_new *events[] = {&event};
    (void)from;
    rig.reader = says_nothing;
    return finished(events_accept(rig.db, events, 1, rig_on_done, NULL));
}

static bool erase(enum delivery_state from)
{
    (void)from;
    rig.reader = says_nothing;
    return finished(
        events_erase(rig.db, rig.app, rig.delivery, 10, true, &rig_deed, rig_on_done, NULL));
}

static bool erase_by_job(enum delivery_state from)
{
    struct job_choice choice = {.app = rig.app, .before = id_last()};
    struct job_plan plan = {.matched = 1};
    struct id job = id_new();

    (void)from;
    rig.reader = NULL;
    assert_true(finished(
        jobs_insert(rig.db, job, JOB_ERASE, &choice, &plan, &rig_deed, rig_on_done, NULL)));
    rig.reader = has_done;
    assert_true(finished(jobs_step(rig.db, JOB_ERASE, job, 10, rig_on_done, NULL)));
    return false;
}

/* --- the table --------------------------------------------------------------------------------- */

#define BIT(state) (1U << DELIVERY_##state)
#define NONE       0U
#define ALL        (BIT(PENDING) | BIT(DELIVERED) | BIT(FAILED) | BIT(CANCELLED) | BIT(HELD))

/* A statement and a scene: of the states in `from` it makes every move to `to` that its actor may
 * make, and no other; those outside of `from` it leaves alone, for the reason that is said. */
struct mover {
    const char *name;
    bool (*run)(enum delivery_state from);
    enum delivery_actor actor;
    enum delivery_state to;
    unsigned from;
    struct scene scene;
};

#define LEASED         \
    {                  \
        .leased = true \
    }
#define PAUSE                    \
    {                            \
        .status = WEBHOOK_PAUSED \
    }
#define DISABLE                    \
    {                              \
        .status = WEBHOOK_DISABLED \
    }
#define DELETED         \
    {                   \
        .deleted = true \
    }

static const struct mover movers[] = {
    {"finish: success", succeed, ACTOR_ATTEMPT, DELIVERY_DELIVERED, ALL, LEASED},
    {"finish: failure for good", fail_for_good, ACTOR_ATTEMPT, DELIVERY_FAILED, ALL, LEASED},
    {"finish: failure, again later", fail_once, ACTOR_ATTEMPT, DELIVERY_PENDING, ALL, LEASED},
    {"finish: success, lease lost", succeed_late, ACTOR_ATTEMPT, DELIVERY_DELIVERED, ALL, LEASED},
    {"finish: success, lease gone", succeed_late, ACTOR_ATTEMPT, DELIVERY_DELIVERED, ALL, {0}},
    {"finish: plain", succeed_plainly, ACTOR_ATTEMPT, DELIVERY_DELIVERED, BIT(PENDING), LEASED},
    {"finish: plain, lease lost", succeed_plainly, ACTOR_ATTEMPT, DELIVERY_DELIVERED, NONE, {0}},
    /* The token fences out who has lost the lease. */
    {"finish: failure, lease lost", fail_late, ACTOR_ATTEMPT, DELIVERY_FAILED, NONE, LEASED},
    {"finish: failure, lease gone", fail_late, ACTOR_ATTEMPT, DELIVERY_FAILED, NONE, {0}},
    {"finish: failure, claim lost",
     fail_late,
     ACTOR_ATTEMPT,
     DELIVERY_FAILED,
     BIT(PENDING),
     {.claim_lost = true}},
    {"finish: again later, claim lost",
     fail_once_late,
     ACTOR_ATTEMPT,
     DELIVERY_PENDING,
     BIT(PENDING),
     {.claim_lost = true}},
    {"finish: failure, claim lost, another has it",
     fail_late,
     ACTOR_ATTEMPT,
     DELIVERY_FAILED,
     NONE,
     {.leased = true, .claim_lost = true}},
    {"finish: again later, lease lost", fail_once_late, ACTOR_ATTEMPT, DELIVERY_PENDING, NONE,
     LEASED},

    {"claim: paused", claim, ACTOR_SERVICE, DELIVERY_HELD, ALL, PAUSE},
    {"claim: disabled", claim, ACTOR_SERVICE, DELIVERY_HELD, ALL, DISABLE},
    /* What is held is in no queue; settle cancels it. */
    {"claim: deleted", claim, ACTOR_SERVICE, DELIVERY_CANCELLED, BIT(PENDING), DELETED},
    {"claim: leased",
     claim,
     ACTOR_SERVICE,
     DELIVERY_HELD,
     NONE,
     {.status = WEBHOOK_PAUSED, .leased = true}},
    {"claim: a test",
     claim,
     ACTOR_SERVICE,
     DELIVERY_HELD,
     NONE,
     {.status = WEBHOOK_PAUSED, .test = true}},
    {"claim", claim, ACTOR_SERVICE, DELIVERY_HELD, NONE, {0}},
    {"claim due", claim_due, ACTOR_SERVICE, DELIVERY_HELD, NONE, {0}},
    {"claim due: leased", claim_due, ACTOR_SERVICE, DELIVERY_HELD, NONE, LEASED},
    /* It does not ask for those of whom settle knows better. */
    {"claim due: paused", claim_due, ACTOR_SERVICE, DELIVERY_HELD, NONE, PAUSE},
    {"claim due: deleted", claim_due, ACTOR_SERVICE, DELIVERY_CANCELLED, NONE, DELETED},
    {"claim due: a test of a deleted one",
     claim_due,
     ACTOR_SERVICE,
     DELIVERY_CANCELLED,
     BIT(PENDING),
     {.deleted = true, .test = true}},
    {"claim: expired", claim, ACTOR_SERVICE, DELIVERY_FAILED, ALL, {.expired = true}},
    {"claim: expired, paused",
     claim,
     ACTOR_SERVICE,
     DELIVERY_FAILED,
     ALL,
     {.status = WEBHOOK_PAUSED, .expired = true}},
    {"claim: expired, in flight",
     claim,
     ACTOR_SERVICE,
     DELIVERY_FAILED,
     NONE,
     {.leased = true, .expired = true}},
    {"claim: replaced", claim, ACTOR_SERVICE, DELIVERY_CANCELLED, BIT(PENDING), {.replaced = true}},
    {"accept: replaces", replace, ACTOR_SERVICE, DELIVERY_CANCELLED, ALL, {0}},
    {"accept: replaces, paused", replace, ACTOR_SERVICE, DELIVERY_CANCELLED, ALL, PAUSE},
    {"accept: replaces, in flight", replace, ACTOR_SERVICE, DELIVERY_CANCELLED, BIT(HELD), LEASED},
    {"claim: erased", claim, ACTOR_SERVICE, DELIVERY_CANCELLED, BIT(PENDING), {.erased = true}},
    {"claim due: erased",
     claim_due,
     ACTOR_SERVICE,
     DELIVERY_CANCELLED,
     BIT(PENDING),
     {.erased = true}},
    {"release", release, ACTOR_SERVICE, DELIVERY_HELD, NONE, LEASED},
    {"take back", take_back, ACTOR_SERVICE, DELIVERY_HELD, NONE, LEASED},
    {"take over", take_over, ACTOR_SERVICE, DELIVERY_FAILED, BIT(PENDING), LEASED},

    {"settle: active", settle, ACTOR_SERVICE, DELIVERY_PENDING, ALL, {0}},
    {"settle: made active", activate_and_settle, ACTOR_SERVICE, DELIVERY_PENDING, ALL, PAUSE},
    {"settle: paused", settle, ACTOR_SERVICE, DELIVERY_HELD, ALL, PAUSE},
    {"settle: made paused", pause_and_settle, ACTOR_SERVICE, DELIVERY_HELD, ALL, {0}},
    {"settle: disabled", settle, ACTOR_SERVICE, DELIVERY_HELD, ALL, DISABLE},
    {"settle: made disabled", disable_and_settle, ACTOR_SERVICE, DELIVERY_HELD, ALL, {0}},
    {"settle: deleted", settle, ACTOR_SERVICE, DELIVERY_CANCELLED, ALL, DELETED},
    {"settle: deleted now", delete_and_settle, ACTOR_SERVICE, DELIVERY_CANCELLED, ALL, {0}},
    /* What is in flight is left to its attempt. */
    {"settle: paused, in flight",
     settle,
     ACTOR_SERVICE,
     DELIVERY_HELD,
     NONE,
     {.status = WEBHOOK_PAUSED, .leased = true}},
    {"settle: deleted, in flight",
     settle,
     ACTOR_SERVICE,
     DELIVERY_CANCELLED,
     BIT(HELD),
     {.deleted = true, .leased = true}},
    {"settle: paused, a test",
     settle,
     ACTOR_SERVICE,
     DELIVERY_HELD,
     NONE,
     {.status = WEBHOOK_PAUSED, .test = true}},

    {"answer: success", answer_well, ACTOR_LISTENER, DELIVERY_DELIVERED, ALL, LISTEN()},
    {"answer: failure", answer_badly, ACTOR_LISTENER, DELIVERY_FAILED, ALL, LISTEN()},
    {"answer: nobody listens", answer_well, ACTOR_LISTENER, DELIVERY_DELIVERED, NONE, PAUSE},
    {"answer: erased", answer_well, ACTOR_LISTENER, DELIVERY_DELIVERED, NONE,
     LISTEN(.erased = true)},
    {"expire", expire_held, ACTOR_LISTENER, DELIVERY_FAILED, ALL, LISTEN(.expired = true)},
    {"claim: listened to", claim, ACTOR_SERVICE, DELIVERY_HELD, ALL, LISTEN()},
    {"settle: listened to", settle, ACTOR_SERVICE, DELIVERY_HELD, ALL, LISTEN()},
    {"replay: listened to", replay, ACTOR_PERSON, DELIVERY_HELD, ALL, LISTEN()},
    {"retry: listened to", retry, ACTOR_PERSON, DELIVERY_HELD, ALL, LISTEN()},
    {"retry", retry, ACTOR_PERSON, DELIVERY_PENDING, ALL, {0}},
    {"retry: paused", retry, ACTOR_PERSON, DELIVERY_PENDING, ALL, PAUSE},
    {"retry: in flight", retry, ACTOR_PERSON, DELIVERY_PENDING, ALL & ~BIT(PENDING), LEASED},
    /* Nobody would send it. */
    {"retry: disabled", retry, ACTOR_PERSON, DELIVERY_PENDING, NONE, DISABLE},
    {"retry: deleted", retry, ACTOR_PERSON, DELIVERY_PENDING, NONE, DELETED},
    {"cancel", cancel, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, {0}},
    {"cancel: in flight", cancel, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, LEASED},
    {"cancel: deleted", cancel, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, DELETED},
    {"erase", erase, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, {0}},
    {"erase: paused", erase, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, PAUSE},
    {"erase: deleted", erase, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, DELETED},
    {"erase: in flight", erase, ACTOR_PERSON, DELIVERY_CANCELLED, BIT(HELD), LEASED},
    {"erase: a job", erase_by_job, ACTOR_PERSON, DELIVERY_CANCELLED, ALL, {0}},
    {"erase: a job, in flight", erase_by_job, ACTOR_PERSON, DELIVERY_CANCELLED, BIT(HELD), LEASED},
    {"retry: erased", retry, ACTOR_PERSON, DELIVERY_PENDING, NONE, {.erased = true}},
    {"replay: erased", replay, ACTOR_PERSON, DELIVERY_PENDING, NONE, {.erased = true}},
    {"replay", replay, ACTOR_PERSON, DELIVERY_PENDING, ALL, {0}},
    {"replay: paused", replay, ACTOR_PERSON, DELIVERY_HELD, ALL, PAUSE},
    {"replay: disabled", replay, ACTOR_PERSON, DELIVERY_PENDING, NONE, DISABLE},
    {"replay: deleted", replay, ACTOR_PERSON, DELIVERY_PENDING, NONE, DELETED},
};

/* Which moves were made at all. */
static bool seen[DELIVERY_ACTORS][DELIVERY_STATES][DELIVERY_STATES];

/* Runs it on a delivery in the state `from`. */
static void check(const struct mover *m, enum delivery_state from)
{
    set_scene(&m->scene, from);
    rig.reader = NULL;
    rig.running = m->name;
    bool said = m->run(from);
    enum delivery_state now = (enum delivery_state)number_of(
        "select state from delivery order by id limit 1"); /* what replaces it is later */
    bool may = (m->from >> from & 1) != 0 && delivery_may_move(m->actor, from, m->to);
    bool moved = now != from || (said && now == m->to);

    if (moved && now != m->to)
        fail_msg("%s: %s became %s", m->name, delivery_state_names[from],
                 delivery_state_names[now]);
    if (moved != may)
        fail_msg("%s: %s to %s: may %s, but did %s", m->name, delivery_state_names[from],
                 delivery_state_names[m->to], may ? "move" : "not move", moved ? "move" : "not");
    if (moved)
        seen[m->actor][from][now] = true;
}

static void test_statements(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(movers); i++)
        for (int from = 0; from < DELIVERY_STATES; from++)
            if (movers[i].run != replay || from != DELIVERY_PENDING) /* it asserts that */
                check(&movers[i], (enum delivery_state)from);
}

/* The other direction: nothing is in the table that no statement does. */
static void test_table(void **state)
{
    (void)state;
    for (int actor = 0; actor < DELIVERY_ACTORS; actor++)
        for (int from = 0; from < DELIVERY_STATES; from++)
            for (int to = 0; to < DELIVERY_STATES; to++)
                if (delivery_may_move((enum delivery_actor)actor, (enum delivery_state)from,
                                      (enum delivery_state)to) != seen[actor][from][to])
                    fail_msg("actor %d: %s to %s is in the table, and no statement does it", actor,
                             delivery_state_names[from], delivery_state_names[to]);
}

static void test_lease(void **state)
{
    (void)state;
    set_scene(&(struct scene){0}, DELIVERY_PENDING);
    rig.reader = NULL;
    assert_true(claim(DELIVERY_PENDING));
    int64_t left_ms = number_of("select ms_of(lease_until) - ms_of(now()) from delivery");
    assert_in_range(left_ms, DELIVERY_LEASE_MS - 10000, DELIVERY_LEASE_MS);
}

/* The record of a success, repeated after somebody set the delivery going again. */
static void test_a_success_counts_once(void **state)
{
    (void)state;
    set_scene(&(struct scene){.leased = true}, DELIVERY_PENDING);
    rig.reader = NULL;
    assert_true(succeed(DELIVERY_PENDING));
    assert_true(replay(DELIVERY_DELIVERED));
    rig.reader = NULL;
    assert_false(succeed(DELIVERY_PENDING));
    assert_int_equal(number_of("select state from delivery"), DELIVERY_PENDING);
    assert_int_equal(number_of("select attempts from delivery"), 1);
}

static int64_t wait_ms;

static bool read_wait(const struct db_rows *rows)
{
    wait_ms = db_i64(rows, 0, 1);
    return id_eq(db_id(rows, 0, 0), rig.delivery);
}

/* By PostgreSQL's clock, whatever the queue thinks. */
static void test_nothing_is_claimed_early(void **state)
{
    (void)state;
    set_scene(&(struct scene){0}, DELIVERY_PENDING);
    run_sql("update delivery set next_at = now() + interval '400 ms'");
    rig.reader = NULL;
    assert_false(claim(DELIVERY_PENDING));
    assert_int_equal(rig.rows, 0);
    rig.reader = read_wait;
    finished(work_waiting(rig.db, &rig.delivery, 1, rig_on_done, NULL));
    assert_true(rig.says);
    assert_in_range(wait_ms, 200, 400);
    run_sql("update delivery set next_at = now()");
    rig.reader = NULL;
    assert_true(claim(DELIVERY_PENDING));
    rig.reader = read_wait;
    finished(work_waiting(rig.db, &rig.delivery, 1, rig_on_done, NULL));
    assert_int_equal(rig.rows, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_a_success_counts_once),
        cmocka_unit_test(test_nothing_is_claimed_early),
    };
    return cmocka_run_group_tests_name("moves", tests, rig_begin, rig_end);
}
