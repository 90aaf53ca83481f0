/* store/queue against a real Redis: entries, leases, buffers, and what Redis forgets. */
#include "queue_rig.h"

#include "base/err.h"
#include "core/delivery.h"

#include <signal.h>
#include <stdlib.h>

static void in_and_out(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    assert_true(queue_up(rig.queue));
    assert_int_equal(claim(10), 0);
    assert_int_equal(rig.claimed.next_ms, -1);
    put(delivery, webhook, 0, 32, 0);
    assert_int_equal(queue_pending(rig.queue), 1);
    settle();
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, delivery));
    assert_true(id_eq(rig.claimed.refs[0].endpoint, webhook));
    assert_int_equal(rig.claimed.next_ms, -1);
    assert_int_equal(claim(10), 0);
    ack(rig.claimed.count == 0 ? (struct queue_ref){delivery, webhook, app} : rig.claimed.refs[0],
        QUEUE_OUT);
    settle();
    assert_clean();
    assert_int_equal(queue_dropped(rig.queue), 0);
}

static void small_endpoints_do_not_wait_for_a_big_one(void **state)
{
    struct id big = id_new();
    int from_big = 0;
    (void)state;
    put_many(big, 20000, 1024, 0);
    for (int i = 0; i < 50; i++)
        put(id_new(), id_new(), 0, 32, 0);
    settle();
    assert_int_equal(claim(64), 64);
    for (size_t i = 0; i < rig.claimed.count; i++)
        from_big += id_eq(rig.claimed.refs[i].endpoint, big);
    assert_int_equal(from_big, 64 - 50);
    assert_int_equal(rig.claimed.next_ms, 0);
    assert_int_equal(claim(1000), 1000); /* and alone it gets everything */
    assert_int_equal(claim(1000), 10);   /* up to its concurrency */
}

/* The same with claims smaller than the ring: who is served goes behind the others. */
static void the_ring_goes_round(void **state)
{
    struct id big = id_new();
    int from_big = 0;
    (void)state;
    put_many(big, 5000, 1024, 0);
    for (int i = 0; i < 50; i++)
        put(id_new(), id_new(), 0, 32, 0);
    settle();
    for (int round = 0; round < 8; round++) {
        assert_int_equal(claim(8), 8);
        for (size_t i = 0; i < rig.claimed.count; i++)
            from_big += id_eq(rig.claimed.refs[i].endpoint, big);
        put_many(big, 5, 1024, 0); /* news of its own does not bring it forward */
    }
    assert_int_equal(from_big, 64 - 50);
}

static void endpoints_share_what_is_left(void **state)
{
    struct id webhooks[4];
    int counts[4] = {0};
    (void)state;
    for (int i = 0; i < 4; i++)
        put_many(webhooks[i] = id_new(), 300, 1000, 0);
    assert_int_equal(claim(400), 400);
    for (size_t i = 0; i < rig.claimed.count; i++)
        for (int j = 0; j < 4; j++)
            counts[j] += id_eq(rig.claimed.refs[i].endpoint, webhooks[j]);
    for (int j = 0; j < 4; j++)
        assert_in_range(counts[j], 92, 108);
}

/* Each frees a slot of a full endpoint, for the claim that comes after it. */
static void acks_wait_for_each_other(void **state)
{
    struct queue_ack acks[4];
    (void)state;

    put_many(hook, 8, 4, 0);
    assert_int_equal(claim(100), 4);
    for (int i = 0; i < 4; i++)
        acks[i] = (struct queue_ack){rig.claimed.refs[i], QUEUE_OUT, {0}};
    queue_ack_later(rig.queue, &acks[0], 100);
    assert_int_equal(claim(100), 0);
    settle();
    assert_int_equal(claim(100), 1);
    queue_ack_later(rig.queue, &acks[1], 100);
    queue_ack(rig.queue, &acks[2], 1);
    assert_int_equal(claim(100), 2);
    queue_ack_later(rig.queue, &acks[3], 1);
    assert_int_equal(claim(100), 1);
}

static void concurrency_is_kept(void **state)
{
    struct id webhook = id_new();
    (void)state;
    put_many(webhook, 20, 3, 0);
    assert_int_equal(claim(100), 3);
    assert_int_equal(rig.claimed.next_ms, -1); /* full: out of the ring, the ack wakes */
    assert_int_equal(claim(100), 0);
    struct queue_ref first = rig.claimed.refs[0], second = rig.claimed.refs[1];
    WAIT(rig.loop, false, 50);
    rig.wakes = 0;
    put(id_new(), webhook, 0, 3, 0);
    settle();
    WAIT(rig.loop, false, 50);
    assert_int_equal(rig.wakes, 0); /* nothing to gain */
    ack(first, QUEUE_OUT);
    ack(second, QUEUE_OUT);
    settle();
    WAIT(rig.loop, rig.wakes == 1, 500);
    assert_int_equal(rig.wakes, 1);
    assert_int_equal(claim(100), 2);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    assert_int_equal(claim(100), 1); /* sees the ack before it */
    put(id_new(), webhook, 0, 5, 0);
    settle();
    assert_int_equal(claim(100), 2); /* raised to 5 */
}

static void the_rate_is_kept(void **state)
{
    struct id slow = id_new(), burst = id_new();
    (void)state;
    put_many(slow, 50, 32, 5); /* one each 200 ms */
    assert_int_equal(claim(100), 1);
    assert_in_range(rig.claimed.next_ms, 150, 201);
    put(id_new(), slow, 0, 32, 5);
    assert_int_equal(claim(100), 0);
    assert_in_range(rig.claimed.next_ms, 100, 201);
    WAIT(rig.loop, false, rig.claimed.next_ms + 2);
    assert_int_equal(claim(100), 1);

    put_many(burst, 200, 100, 50); /* 5 at once, one each 20 ms */
    int64_t since = clock_mono_ms();
    size_t count = 0;
    while (clock_mono_ms() < since + 1000) {
        claim(100);
        for (size_t i = 0; i < rig.claimed.count; i++)
            count += id_eq(rig.claimed.refs[i].endpoint, burst);
        WAIT(rig.loop, false, rig.claimed.next_ms);
    }
    assert_in_range(count, 50, 56);
}

static void what_was_not_sent_takes_no_rate(void **state)
{
    struct id slow = id_new();
    (void)state;
    put_many(slow, 3, 32, 5);
    settle();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(claim(100), 1);
        ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_UNSENT, 0);
        settle();
    }
    assert_int_equal(claim(100), 1);
    assert_int_equal(claim(100), 0);
}

static void wake(struct id delivery, struct id webhook)
{
    struct queue_entry entry = {.ref = {delivery, webhook, app}, .concurrency = 32};
    queue_enqueue(rig.queue, &entry, 1, QUEUE_WOKEN);
    settle();
}

/* Who has it in flight claimed it before, and takes it out. */
static void the_woken_come_again(void **state)
{
    struct id delivery = id_new(), later = id_new(), webhook = id_new();
    (void)state;
    put(delivery, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    struct queue_ref ref = rig.claimed.refs[0];
    wake(delivery, webhook);
    assert_int_equal(claim(10), 0);
    ack(ref, QUEUE_OUT);
    settle();
    WAIT(rig.loop, false, 102);
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, delivery));
    ack(rig.claimed.refs[0], QUEUE_OUT);

    put(later, webhook, 5000, 32, 0);
    settle();
    assert_int_equal(claim(10), 0);
    wake(later, webhook);
    assert_int_equal(claim(10), 1);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    settle();
    assert_clean();
}

static void retries_come_back(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    put(delivery, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    ack(rig.claimed.refs[0], 300);
    settle();
    assert_int_equal(claim(10), 0);
    assert_in_range(rig.claimed.next_ms, 200, 301);
    WAIT(rig.loop, false, rig.claimed.next_ms + 2);
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, delivery));
    ack(rig.claimed.refs[0], DELIVERY_HORIZON_MS + 1);
    settle();
    assert_clean();
}

static void a_second_enqueue_changes_nothing(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    put(delivery, webhook, 60000, 32, 0);
    put(delivery, webhook, 0, 32, 0);
    put(id_new(), webhook, DELIVERY_HORIZON_MS + 1, 32, 0);
    settle();
    assert_int_equal(claim(10), 0);
    assert_in_range(rig.claimed.next_ms, 59000, 60000);
    ack((struct queue_ref){delivery, webhook, app}, QUEUE_OUT); /* not in flight: out as well */
    settle();
    assert_int_equal(claim(10), 0);
    assert_int_equal(rig.claimed.next_ms, -1);

    put(delivery, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    put(delivery, webhook, 0, 32, 0); /* in flight */
    settle();
    assert_int_equal(claim(10), 0);
}

static void force_puts_back_what_flies_too_long(void **state)
{
    struct queue_entry entry = {{id_new(), id_new(), app}, 0, 1, 0};
    (void)state;
    queue_enqueue(rig.queue, &entry, 1, QUEUE_GENTLE);
    settle();
    assert_int_equal(claim(10), 1);
    queue_enqueue(rig.queue, &entry, 1, QUEUE_FORCE); /* too young */
    settle();
    assert_int_equal(claim(10), 0);
    WAIT(rig.loop, false, 3050);
    queue_enqueue(rig.queue, &entry, 1, QUEUE_GENTLE);
    settle();
    assert_int_equal(claim(10), 0);
    queue_enqueue(rig.queue, &entry, 1, QUEUE_FORCE);
    settle();
    assert_int_equal(claim(10), 1); /* its slot was freed too: concurrency is 1 */
    ack(rig.claimed.refs[0], QUEUE_OUT);
    settle();
    assert_clean();
}

static void force_makes_due(void **state)
{
    struct queue_entry entry = {{id_new(), id_new(), app}, 60000, 1, 0};
    (void)state;
    queue_enqueue(rig.queue, &entry, 1, QUEUE_GENTLE);
    entry.delay_ms = 0;
    queue_enqueue(rig.queue, &entry, 1, QUEUE_FORCE);
    settle();
    assert_int_equal(claim(10), 1);
}

static void an_expired_lease_puts_back(void **state)
{
    struct id webhook = id_new();
    (void)state;
    put_many(webhook, 5, 2, 0);
    assert_int_equal(claim(10), 2);
    sweep(rig.queue);
    assert_int_equal(claim(10), 0);
    redis_server_say(&rig.server,
                     "EVAL for\t_,m\tin\tipairs(redis.call('ZRANGE',KEYS[1],0,-1))\tdo\t"
                     "redis.call('ZADD',KEYS[1],0,m)\tend\treturn\t1 1 posthorn:{q}:inflight");
    rig.wakes = 0;
    sweep(rig.queue);
    WAIT(rig.loop, rig.wakes == 1, 500);
    assert_int_equal(rig.wakes, 1);
    assert_int_equal(claim(10), 2);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 2);
}

static void slots_are_recounted(void **state)
{
    struct id webhook = id_new();
    (void)state;
    sweep(rig.queue); /* the recount of these 30 s */
    put_many(webhook, 5, 2, 0);
    assert_int_equal(claim(10), 2);
    redis_server_say(&rig.server, "DEL posthorn:{q}:inflight"); /* as if evicted */
    sweep(rig.queue);
    assert_int_equal(claim(10), 0);
    redis_server_say(&rig.server, "DEL posthorn:{q}:recount");
    sweep(rig.queue);
    assert_int_equal(claim(10), 2);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:slots"), 1);
}

static void one_rebuilds_after_flushall(void **state)
{
    (void)state;
    struct queue *other = rig_open(2);
    sweep(rig.queue);
    assert_int_equal(rig.swept.rebuilds, 0);
    redis_server_say(&rig.server, "FLUSHALL");
    queue_sweep(rig.queue, rig_on_sweep, NULL);
    queue_sweep(other, rig_on_sweep, NULL);
    WAIT(rig.loop, rig.swept.calls == 3, 3000);
    assert_int_equal(rig.swept.rebuilds, 1);
    put_many(id_new(), 1, 32, 0);
    assert_int_equal(claim(10), 0); /* its gates are not there yet */
    assert_int_equal(rig.claimed.next_ms, -1);
    rig_fill();
    assert_int_equal(claim(10), 1);
    sweep(rig.queue);
    assert_int_equal(rig.swept.rebuilds, 1);
    assert_int_equal(redis_server_say(&rig.server, "TTL posthorn:{q}:epoch"), -1);
    queue_destroy(other);
}

static void scripts_come_back_after_script_flush(void **state)
{
    (void)state;
    redis_server_say(&rig.server, "SCRIPT FLUSH");
    put_many(id_new(), 10, 32, 0);
    assert_int_equal(claim(100), 10);
    assert_int_equal(rig.downs, 0);
}

static void what_is_due_overtakes_what_is_not(void **state)
{
    struct id webhook = id_new(), soon = id_new();
    (void)state;
    put(id_new(), webhook, 60000, 32, 0);
    settle();
    put(soon, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(rig.claimed.refs[0].delivery, soon));
    assert_in_range(rig.claimed.next_ms, 59000, 60000);
}

/* Held for long, put in late: before what came since, and in its own order when it is put in so. */
static void what_was_due_earlier_goes_first(void **state)
{
    struct id ids[4] = {id_new(), id_new(), id_new(), id_new()};
    const int64_t delays_ms[4] = {-86400000, -2000, 0, -30LL * 86400000};
    (void)state;
    for (int i = 3; i >= 0; i--) {
        put(ids[i], hook, delays_ms[i], 1, 0);
        settle();
    }
    static const int order[] = {3, 0, 1, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(claim(10), 1);
        assert_true(id_eq(rig.claimed.refs[0].delivery, ids[order[i]]));
        ack(rig.claimed.refs[0], QUEUE_OUT);
        settle();
    }
}

static void an_earlier_turn_wakes(void **state)
{
    struct id webhook = id_new();
    (void)state;
    rig.wakes = 0;
    put(id_new(), webhook, 50000, 32, 0);
    settle();
    WAIT(rig.loop, rig.wakes == 1, 500);
    put(id_new(), webhook, 55000, 32, 0); /* later than the first: sleep on */
    settle();
    put(id_new(), id_new(), 20000, 32, 0);
    settle();
    WAIT(rig.loop, rig.wakes == 2, 500);
    put(id_new(), id_new(), 0, 32, 0);
    settle();
    WAIT(rig.loop, rig.wakes == 3, 500);
    WAIT(rig.loop, false, 30);
    assert_int_equal(rig.wakes, 3);
    assert_int_equal(claim(10), 1);
    assert_in_range(rig.claimed.next_ms, 19000, 20000);
}

/* An app has three times what it leaves of a buffer's room; the others find theirs. */
static void a_full_buffer_drops_and_counts(void **state)
{
    enum { ROOM = 65536, SHARE = ROOM / 4 * 3 };
    const struct id other = {{2}};
    struct id webhook = id_new();
    (void)state;
    redis_server_kill(&rig.server);
    WAIT(rig.loop, rig.downs == 1, 2000);
    assert_false(queue_up(rig.queue));
    for (int i = 0; i < ROOM + 100; i++)
        put(id_new(), webhook, 0, 32, 0);
    WAIT(rig.loop, false, 50);
    assert_int_equal(queue_pending(rig.queue), SHARE);
    assert_int_equal(queue_dropped(rig.queue), ROOM + 100 - SHARE);
    for (int i = 0; i < 100; i++)
        put_of(other, id_new(), id_new(), 0, 32, 0);
    assert_int_equal(queue_pending(rig.queue), SHARE + 100);
    assert_int_equal(queue_dropped(rig.queue), ROOM + 100 - SHARE);
    rig.claimed.err = 0;
    queue_claim(rig.queue, &(struct queue_room){.max = 10, .free = 10}, rig_on_claim, NULL);
    WAIT(rig.loop, rig.claimed.calls == 1, 1000);
    assert_int_equal(rig.claimed.err, ERR_UNAVAILABLE);
    redis_server_start(&rig.server);
    WAIT(rig.loop, rig.ups == 2 && queue_pending(rig.queue) == 0, 10000);
    assert_int_equal(queue_pending(rig.queue), 0);
    rig_fill();
    assert_int_equal(claim(10), 10);
}

/* What one app has waiting for Redis is not in another's way: its entry is in the next parcel. */
static void apps_leave_the_buffer_in_turns(void **state)
{
    enum { CROWD = 45000, UNDER_WAY = 10000 };
    const struct id other = {{2}};
    struct id crowded = id_new(), small = id_new();
    (void)state;
    kill(rig.server.pid, SIGSTOP);
    for (int i = 0; i < CROWD; i++)
        put(id_new(), crowded, 0, 32, 0);
    WAIT(rig.loop, false, 50); /* the first parcels are under way */
    put_of(other, id_new(), small, 0, 32, 0);
    kill(rig.server.pid, SIGCONT);
    do {
        assert_in_range(queue_pending(rig.queue), CROWD - UNDER_WAY, CROWD + 1);
        claim(100);
    } while (claimed_of(small) == 0);
    assert_int_equal(queue_dropped(rig.queue), 0);
    settle();
}

/* The server dies with calls under way: their entries go again. */
static void calls_that_failed_are_repeated(void **state)
{
    struct id webhook = id_new();
    (void)state;
    kill(rig.server.pid, SIGSTOP);
    for (int i = 0; i < 3000; i++)
        put(id_new(), webhook, 0, 32, 0);
    WAIT(rig.loop, false, 50);
    redis_server_kill(&rig.server);
    WAIT(rig.loop, rig.downs == 1, 2000);
    assert_int_equal(queue_pending(rig.queue), 3000);
    redis_server_start(&rig.server);
    WAIT(rig.loop, queue_pending(rig.queue) == 0, 5000);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:apps"), 1);
    assert_int_equal(queue_dropped(rig.queue), 0);
}

static void a_cancelled_claim_is_silent(void **state)
{
    (void)state;
    put_many(id_new(), 10, 32, 0);
    struct queue_op *op =
        queue_claim(rig.queue, &(struct queue_room){.max = 4, .free = 1000}, rig_on_claim, NULL);
    queue_cancel(op);
    queue_cancel(queue_sweep(rig.queue, rig_on_sweep, NULL));
    queue_cancel(NULL);
    WAIT(rig.loop, false, 20);
    assert_int_equal(claim(10), 6); /* the claim ran */
    assert_int_equal(rig.claimed.calls, 1);
    assert_int_equal(rig.swept.calls, 0);
}

static void destroying_cancels(void **state)
{
    (void)state;
    put(id_new(), id_new(), 0, 32, 0);
    queue_claim(rig.queue, &(struct queue_room){.max = 4, .free = 1000}, rig_on_claim, NULL);
    queue_sweep(rig.queue, rig_on_sweep, NULL);
    queue_destroy(rig.queue);
    rig.queue = NULL;
    WAIT(rig.loop, false, 20);
    assert_int_equal(rig.claimed.calls + rig.swept.calls, 0);
}

/* Two workers on one queue, entries and limits at random: nothing is claimed twice while in flight,
 * nothing is lost, nothing remains. */
static void nothing_is_lost_in_long_play(void **state)
{
    struct id webhooks[7];
    unsigned seed = 7;
    int left = 3000, acked = 0;
    (void)state;
    for (int i = 0; i < 7; i++)
        webhooks[i] = id_new();
    while (acked < 3000) {
        for (int i = 0; i < 100 && left > 0; i++, left--) {
            int w = rand_r(&seed) % 7;
            put(id_new(), webhooks[w], rand_r(&seed) % 3 == 0 ? rand_r(&seed) % 20 : 0, 1 + 9 * w,
                w == 6 ? 5000 : 0);
        }
        claim(1 + rand_r(&seed) % 90);
        for (size_t i = 0; i < rig.claimed.count; i++) {
            bool again = rand_r(&seed) % 4 == 0;
            ack(rig.claimed.refs[i], again ? rand_r(&seed) % 10 : QUEUE_OUT);
            acked += !again;
        }
        if (rig.claimed.count == 0 && left == 0)
            assert_true(rig.claimed.next_ms >= 0 || queue_pending(rig.queue) > 0 || acked == 3000);
        sweep(rig.queue);
    }
    settle();
    assert_int_equal(acked, 3000);
    assert_int_equal(claim(100), 0);
    assert_clean();
    assert_int_equal(rig.claimed.next_ms, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(in_and_out),
        RIG_TEST(small_endpoints_do_not_wait_for_a_big_one),
        RIG_TEST(the_ring_goes_round),
        RIG_TEST(endpoints_share_what_is_left),
        RIG_TEST(acks_wait_for_each_other),
        RIG_TEST(concurrency_is_kept),
        RIG_TEST(the_rate_is_kept),
        RIG_TEST(what_was_not_sent_takes_no_rate),
        RIG_TEST(the_woken_come_again),
        RIG_TEST(retries_come_back),
        RIG_TEST(a_second_enqueue_changes_nothing),
        RIG_TEST(force_puts_back_what_flies_too_long),
        RIG_TEST(force_makes_due),
        RIG_TEST(an_expired_lease_puts_back),
        RIG_TEST(slots_are_recounted),
        RIG_TEST(one_rebuilds_after_flushall),
        RIG_TEST(scripts_come_back_after_script_flush),
        RIG_TEST(what_is_due_overtakes_what_is_not),
        RIG_TEST(what_was_due_earlier_goes_first),
        RIG_TEST(an_earlier_turn_wakes),
        RIG_TEST(a_full_buffer_drops_and_counts),
        RIG_TEST(apps_leave_the_buffer_in_turns),
        RIG_TEST(calls_that_failed_are_repeated),
        RIG_TEST(a_cancelled_claim_is_silent),
        RIG_TEST(destroying_cancels),
        RIG_TEST(nothing_is_lost_in_long_play),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
