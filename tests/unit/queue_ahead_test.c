/* The queue: what is claimed ahead of an endpoint's slots, and takes one that another gives up. */
#include "queue_rig.h"

static int slots(void)
{
    const struct id key[] = {hook, app};
    char script[] = "return tonumber(redis.call('HGET', 'posthorn:{q}:slots', ARGV[1]) or 0)";
    return (int)redis_server_sayf(&rig.server, "EVAL %s 0 %b", script, key, sizeof key);
}

static int in_flight(void)
{
    int64_t own = redis_server_say(&rig.server, "SCARD posthorn:{q}:own:0000000000000001"),
            ahead = redis_server_say(&rig.server, "ZCARD posthorn:{q}:ahead");
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight") + ahead, own);
    return (int)(own - ahead);
}

/* Claims up to `max`, and of it up to `ahead` ahead. How many have a slot. */
static size_t claim_ahead(size_t max, int ahead)
{
    const struct queue_ahead of = {hook, ahead};
    return claim_room(
        &(struct queue_room){.max = max, .free = 1000000, .ahead = &of, .ahead_count = 1});
}

static void only_when_all_slots_are_taken(void **state)
{
    (void)state;
    put_many(hook, 20, 4, 0);
    assert_int_equal(claim_ahead(3, 5), 3);
    assert_int_equal(rig.claimed.ahead_count, 0);
    assert_int_equal(claim_ahead(10, 5), 1);
    assert_int_equal(rig.claimed.ahead_count, 5);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(id_eq(rig.claimed.ahead[i].delivery, rig.claimed.ahead[k].delivery));
    assert_int_equal(slots(), 4);
    assert_int_equal(in_flight(), 4);
    assert_int_equal(claim_ahead(10, 5), 0); /* no slot, and so nothing ahead of it */
    assert_int_equal(rig.claimed.ahead_count, 0);
}

static void within_what_is_asked_for(void **state)
{
    (void)state;
    put_many(hook, 20, 4, 0);
    assert_int_equal(claim_ahead(6, 100), 4);
    assert_int_equal(rig.claimed.ahead_count, 2);
}

static void not_beyond_what_waits(void **state)
{
    (void)state;
    put_many(hook, 5, 4, 0);
    put(id_new(), hook, 60000, 4, 0);
    settle();
    assert_int_equal(claim_ahead(10, 5), 4);
    assert_int_equal(rig.claimed.ahead_count, 1);
}

static void not_beyond_a_share(void **state)
{
    const struct queue_ahead of = {hook, 100};
    (void)state;
    put_many(hook, 100, 4, 0);
    claim_room(&(struct queue_room){.max = 40, .free = 40, .ahead = &of, .ahead_count = 1});
    assert_in_range(rig.claimed.count + rig.claimed.ahead_count, 5, 30);
}

static void none_of_others(void **state)
{
    const struct queue_ahead of = {id_new(), 100};
    (void)state;
    put_many(hook, 20, 4, 0);
    claim_room(&(struct queue_room){.max = 40, .free = 400, .ahead = &of, .ahead_count = 1});
    assert_int_equal(rig.claimed.ahead_count, 0);
}

static void none_with_a_rate(void **state)
{
    (void)state;
    put_many(hook, 20, 4, 1000);
    assert_int_equal(claim_ahead(40, 100), 4);
    assert_int_equal(rig.claimed.ahead_count, 0);
}

static void none_at_a_gate(void **state)
{
    (void)state;
    end_one(DEAD, 0);
    put_many(hook, 20, 4, 0);
    assert_int_equal(claim_ahead(40, 100), 4);
    assert_int_equal(rig.claimed.ahead_count, 0);
    for (size_t i = 0; i < 4; i++)
        ack_news(rig.claimed.refs[i], QUEUE_OUT, GATE_SUCCESS, 0);
    settle();
    assert_int_equal(claim_ahead(40, 100), 4);
    assert_int_equal(rig.claimed.ahead_count, 12);
}

static void it_takes_the_slot_of_another(void **state)
{
    struct queue_ref ends, begins;
    (void)state;
    put_many(hook, 20, 4, 0);
    assert_int_equal(claim_ahead(10, 2), 4);
    ends = rig.claimed.refs[0];
    begins = rig.claimed.ahead[0];
    queue_begin(rig.queue, &begins);
    ack(ends, QUEUE_OUT);
    settle();
    assert_int_equal(slots(), 4);
    assert_int_equal(in_flight(), 4);
    assert_int_equal(claim_ahead(10, 2), 0);
    ack(begins, QUEUE_OUT);
    settle();
    assert_int_equal(slots(), 3);
    assert_int_equal(claim_ahead(10, 2), 1);
    assert_int_equal(rig.claimed.ahead_count, 2);
}

/* Both are told in one call, and a third follows. */
static void it_begins_and_ends(void **state)
{
    struct queue_ref first, ahead[2];
    (void)state;
    put_many(hook, 20, 4, 0);
    assert_int_equal(claim_ahead(10, 2), 4);
    first = rig.claimed.refs[0];
    memcpy(ahead, rig.claimed.ahead, sizeof ahead);
    queue_begin(rig.queue, &ahead[0]);
    ack(first, QUEUE_OUT);
    queue_begin(rig.queue, &ahead[1]);
    ack(ahead[0], QUEUE_OUT);
    settle();
    assert_int_equal(slots(), 4);
    assert_int_equal(in_flight(), 4);
    ack(ahead[1], QUEUE_OUT);
    settle();
    assert_int_equal(slots(), 3);
    assert_int_equal(in_flight(), 3);
}

static void one_that_fails_waits_again(void **state)
{
    struct queue_ref begins;
    (void)state;
    put_many(hook, 5, 4, 0);
    assert_int_equal(claim_ahead(10, 2), 4);
    begins = rig.claimed.ahead[0];
    queue_begin(rig.queue, &begins);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    ack_news(begins, 0, GATE_FAILED, 0);
    settle();
    assert_int_equal(slots(), 3);
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, begins.delivery));
}

static void it_is_put_back(void **state)
{
    (void)state;
    put_many(hook, 8, 4, 0);
    assert_int_equal(claim_ahead(10, 4), 4);
    for (size_t i = 0; i < 4; i++)
        ack(rig.claimed.ahead[i], 0);
    settle();
    assert_int_equal(slots(), 4);
    assert_int_equal(claim(10), 0);
    for (size_t i = 0; i < 4; i++)
        ack(rig.claimed.refs[i], QUEUE_OUT);
    settle();
    assert_int_equal(claim(10), 4);
}

static void what_is_put_back_keeps_its_turn(void **state)
{
    struct queue_ref back;
    (void)state;
    for (int i = 0; i < 20; i++)
        put(id_new(), hook, -60000, 4, 0); /* resumed, say: ahead of all that is new */
    settle();
    assert_int_equal(claim_ahead(10, 2), 4);
    back = rig.claimed.ahead[1];
    ack(back, -5000);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    settle();
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, back.delivery));
}

static void an_empty_redis_learns_what_begins(void **state)
{
    (void)state;
    put_many(hook, 8, 4, 0);
    assert_int_equal(claim_ahead(10, 4), 4);
    redis_server_say(&rig.server, "FLUSHALL");
    rig_fill();
    queue_begin(rig.queue, &rig.claimed.ahead[0]);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    settle();
    assert_int_equal(slots(), 1);
    assert_int_equal(in_flight(), 1);
    ack(rig.claimed.ahead[0], QUEUE_OUT);
    settle();
    assert_clean();
}

static int resynced;

static void on_resync(void *arg, int err, bool older)
{
    (void)arg;
    (void)older;
    resynced += err == 0;
}

static void resync(const struct queue_hand *hand)
{
    resynced = 0;
    queue_resync(rig.queue, hand, on_resync, NULL);
    WAIT(rig.loop, resynced == 1, 3000);
    assert_int_equal(resynced, 1);
}

/* The answer to a claim was lost: what it took ahead waits again as soon as the worker says what it has. */
static void what_nobody_has_waits_again(void **state)
{
    (void)state;
    put_many(hook, 7, 4, 0);
    assert_int_equal(claim_ahead(10, 3), 4);
    assert_int_equal(rig.claimed.ahead_count, 3);
    resync(&(struct queue_hand){0});
    assert_int_equal(slots(), 0);
    assert_int_equal(in_flight(), 0);
    assert_int_equal(claim_ahead(10, 3), 4);
    assert_int_equal(rig.claimed.ahead_count, 3);
}

/* A walk that began before the claim brings it again: it stays in the worker's hands, and begins with one slot. */
static void what_is_ahead_is_not_put_in_again(void **state)
{
    (void)state;
    put_many(hook, 5, 4, 0);
    assert_int_equal(claim_ahead(10, 1), 4);
    struct queue_ref ahead = rig.claimed.ahead[0], first = rig.claimed.refs[0];
    put(ahead.delivery, hook, 0, 4, 0);
    ack(first, QUEUE_OUT);
    settle();
    assert_int_equal(claim(10), 0);
    queue_begin(rig.queue, &ahead);
    settle();
    assert_int_equal(slots(), 4);
    assert_int_equal(in_flight(), 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(only_when_all_slots_are_taken),
        RIG_TEST(within_what_is_asked_for),
        RIG_TEST(not_beyond_what_waits),
        RIG_TEST(not_beyond_a_share),
        RIG_TEST(none_of_others),
        RIG_TEST(none_with_a_rate),
        RIG_TEST(none_at_a_gate),
        RIG_TEST(it_takes_the_slot_of_another),
        RIG_TEST(it_begins_and_ends),
        RIG_TEST(one_that_fails_waits_again),
        RIG_TEST(it_is_put_back),
        RIG_TEST(what_is_put_back_keeps_its_turn),
        RIG_TEST(an_empty_redis_learns_what_begins),
        RIG_TEST(what_nobody_has_waits_again),
        RIG_TEST(what_is_ahead_is_not_put_in_again),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
