/* worker/feed and worker/direct: when they ask, and when they ask again. The queue and the leases are the
 * test's own. */
#include "worker/feed.h"

#include "base/err.h"
#include "unit.h"
#include "wait.h"

#include <stdlib.h>

static struct loop *loop;
static struct places places;
static struct gatekeeper gatekeeper;
static struct relay relay;
static struct feed feed;
static bool up;
static size_t room;

/* What was asked last, and how often. */
static struct {
    queue_claim_cb *cb;
    void *arg;
    size_t max;
    int count;
} queue;

static struct {
    leases_due_cb *cb;
    void *arg;
    struct work_ask ask;
    int count;
} ledger;

bool __wrap_queue_up(const struct queue *q);
struct queue_op *__wrap_queue_claim(struct queue *q, const struct queue_room *asked,
                                    queue_claim_cb *cb, void *arg);
size_t __wrap_leases_room(const struct leases *l);
void __wrap_leases_claim_due(struct leases *l, struct work_ask *ask, leases_due_cb *cb, void *arg);

bool __wrap_queue_up(const struct queue *q)
{
    (void)q;
    return up;
}

struct queue_op *__wrap_queue_claim(struct queue *q, const struct queue_room *asked,
                                    queue_claim_cb *cb, void *arg)
{
    static char op;
    (void)q;
    queue.cb = cb;
    queue.arg = arg;
    queue.max = asked->max;
    queue.count++;
    return (struct queue_op *)(void *)&op;
}

size_t __wrap_leases_room(const struct leases *l)
{
    (void)l;
    return room;
}

void __wrap_leases_claim_due(struct leases *l, struct work_ask *ask, leases_due_cb *cb, void *arg)
{
    (void)l;
    ask->room.max = room;
    ledger.cb = cb;
    ledger.arg = arg;
    ledger.ask = *ask;
    ledger.count++;
}

static void on_claims(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    (void)arg;
    (void)claims;
    (void)count;
    (void)token;
}

static void nothing(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_create(NULL, NULL);
    places_init(&places, 128, 1 << 20);
    gatekeeper_init(&gatekeeper, loop, NULL, nothing, NULL);
    relay_init(&relay, loop, NULL, &places, &(struct relay_hooks){0});
    feed_init(&feed, &(struct feed_config){.loop = loop,
                                           .places = &places,
                                           .gatekeeper = &gatekeeper,
                                           .relay = &relay,
                                           .on_claims = on_claims,
                                           .on_taken_over = nothing,
                                           .on_direct_ended = nothing});
    queue.count = ledger.count = 0;
    up = true;
    room = 10;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    feed.queue_op = NULL;
    feed_fini(&feed);
    relay_fini(&relay);
    gatekeeper_fini(&gatekeeper);
    places_fini(&places);
    loop_destroy(loop);
    return 0;
}

static void queue_answers(bool crowded)
{
    static const struct queue_claim empty = {.next_ms = -1},
                                    full = {.next_ms = -1, .crowded = true};
    queue.cb(queue.arg, 0, crowded ? &full : &empty);
}

/* --- the queue -------------------------------------------------------------------------------- */

/* Apps were left out for their shares, while those who had the places gave all of them back: nobody else would come to
 * say so. */
static void places_that_come_free_meanwhile_are_not_missed(void **state)
{
    (void)state;
    feed_pump(&feed);
    assert_int_equal(queue.count, 1);
    feed_room(&feed);
    assert_int_equal(queue.count, 1); /* one question at a time */
    queue_answers(true);
    assert_int_equal(queue.count, 2);
    queue_answers(true);
    assert_int_equal(queue.count, 2); /* nothing came free: that would be a tight loop */
    feed_room(&feed);
    assert_int_equal(queue.count, 3);
    queue_answers(false);
    feed_room(&feed);
    assert_int_equal(queue.count, 3); /* there is no more */
}

static void a_wake_meanwhile_asks_again(void **state)
{
    (void)state;
    feed_pump(&feed);
    feed_pump(&feed);
    queue_answers(false);
    assert_int_equal(queue.count, 2);
    queue_answers(false);
    assert_int_equal(queue.count, 2);
}

/* --- the ledger ------------------------------------------------------------------------------- */

static void go_direct(void)
{
    up = false;
    direct_start(&feed.direct);
    assert_int_equal(ledger.count, 1);
}

static void ledger_answers(const struct work_due *due, size_t count)
{
    ledger.cb(ledger.arg, 0, due, count);
}

/* Runs the loop for so long, or until something is asked. */
static bool is_asked_within(int ms)
{
    int before = ledger.count;
    WAIT(loop, ledger.count > before, ms);
    return ledger.count > before;
}

static const struct work_due nothing_due = {.mine = true, .end = true, .next_ms = -1};

static void nothing_due_is_quiet(void **state)
{
    (void)state;
    go_direct();
    ledger_answers(&nothing_due, 0);
    assert_false(is_asked_within(200));
    assert_true(is_asked_within(500));
}

static void as_much_as_there_was_room_for_is_followed_at_once(void **state)
{
    (void)state;
    go_direct();
    ledger_answers(&nothing_due, 10);
    assert_true(is_asked_within(30));
}

/* From where the last one stopped, and from the beginning after the last webhook. */
static void a_round_goes_on(void **state)
{
    static const struct id half = {"half of them"};
    (void)state;
    go_direct();
    ledger_answers(&(struct work_due){.mine = true, .after = half, .next_ms = -1}, 1);
    assert_true(is_asked_within(30));
    assert_true(id_eq(ledger.ask.after, half));
    ledger_answers(&nothing_due, 0);
    assert_true(is_asked_within(500));
    assert_true(id_eq(ledger.ask.after, (struct id){0}));
}

static void another_who_asks_is_waited_for(void **state)
{
    (void)state;
    go_direct();
    ledger_answers(&(struct work_due){.mine = false, .end = true, .next_ms = -1}, 0);
    assert_true(is_asked_within(60));
}

static void the_time_that_is_named_is_kept(void **state)
{
    (void)state;
    go_direct();
    ledger_answers(&(struct work_due){.mine = true, .end = true, .next_ms = 120}, 0);
    assert_false(is_asked_within(80));
    assert_true(is_asked_within(100));
}

/* What was left is asked for when a place is free; what was not, is not. */
static void room_is_for_what_was_left(void **state)
{
    (void)state;
    go_direct();
    ledger_answers(&(struct work_due){.mine = true, .end = true, .left = true, .next_ms = -1}, 0);
    feed_room(&feed);
    assert_true(is_asked_within(30) || ledger.count == 2);
    ledger_answers(&nothing_due, 0);
    feed_room(&feed);
    assert_false(is_asked_within(100));
}

static void the_end_waits_for_the_answer(void **state)
{
    (void)state;
    go_direct();
    up = true;
    feed_end_direct(&feed);
    assert_true(feed.direct.on);
    assert_int_equal(queue.count, 0);
    ledger_answers(&nothing_due, 0);
    feed.leases.config.on_end(feed.leases.config.arg, NULL, 0, 0);
    assert_false(feed.direct.on);
    assert_int_equal(queue.count, 1);
    assert_false(is_asked_within(300));
}

static void redis_that_goes_again_changes_nothing(void **state)
{
    (void)state;
    go_direct();
    up = true;
    feed_end_direct(&feed);
    up = false;
    feed_redis_changed(&feed);
    ledger_answers(&nothing_due, 0);
    feed.leases.config.on_end(feed.leases.config.arg, NULL, 0, 0);
    assert_true(feed.direct.on);
    assert_true(is_asked_within(500));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(places_that_come_free_meanwhile_are_not_missed),
        TEST(a_wake_meanwhile_asks_again),
        TEST(nothing_due_is_quiet),
        TEST(as_much_as_there_was_room_for_is_followed_at_once),
        TEST(a_round_goes_on),
        TEST(another_who_asks_is_waited_for),
        TEST(the_time_that_is_named_is_kept),
        TEST(room_is_for_what_was_left),
        TEST(the_end_waits_for_the_answer),
        TEST(redis_that_goes_again_changes_nothing),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
