/* store/queue against a real Redis: fairness, limits, leases, and what Redis forgets. */
#include "store/queue.h"

#include "base/err.h"
#include "redis_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct redis_server server;
static struct loop *loop;
static struct queue *queue;
static int ups, downs, wakes;

static struct {
    int calls, err;
    struct queue_ref refs[QUEUE_CLAIM_MAX];
    size_t count;
    int64_t next_ms;
} claimed;

static struct {
    int calls, err, rebuilds;
} swept;

static void on_wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void on_up(void *arg)
{
    (void)arg;
    ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    downs++;
}

static struct queue *open_queue(int64_t lease_ms)
{
    return queue_create(loop, &(struct queue_config){.url = server.url,
                                                     .lease_ms = lease_ms,
                                                     .on_wake = on_wake,
                                                     .on_up = on_up,
                                                     .on_down = on_down});
}

static int set_up_lease(int64_t lease_ms)
{
    loop = loop_create(NULL, NULL);
    ups = downs = wakes = 0;
    memset(&claimed, 0, sizeof claimed);
    memset(&swept, 0, sizeof swept);
    if (server.pid == 0)
        redis_server_start(&server);
    redis_server_say(&server, "FLUSHALL");
    queue = open_queue(lease_ms);
    WAIT(loop, ups == 1 && wakes == 1, 3000);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_lease(0);
}

static int set_up_short(void **state)
{
    (void)state;
    return set_up_lease(150);
}

static int tear_down(void **state)
{
    (void)state;
    queue_destroy(queue);
    queue = NULL;
    loop_destroy(loop);
    return 0;
}

static void settle(void)
{
    WAIT(loop, queue_pending(queue) == 0, 5000);
    assert_int_equal(queue_pending(queue), 0);
}

static void put(struct id delivery, struct id webhook, int64_t delay_ms, int concurrency, int rate)
{
    struct queue_entry entry = {delivery, webhook, delay_ms, concurrency, rate};
    queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
}

static void put_many(struct id webhook, int count, int concurrency, int rate)
{
    for (int i = 0; i < count; i++)
        put(id_new(), webhook, 0, concurrency, rate);
    settle();
}

static void on_claim(void *arg, int err, const struct queue_claim *claim)
{
    (void)arg;
    claimed.calls++;
    claimed.err = err;
    assert_true((err == 0) == (claim != NULL));
    claimed.count = 0;
    if (claim == NULL)
        return;
    assert_true(claim->count <= QUEUE_CLAIM_MAX);
    claimed.count = claim->count;
    claimed.next_ms = claim->next_ms;
    if (claim->count > 0)
        memcpy(claimed.refs, claim->refs, claim->count * sizeof *claim->refs);
}

static size_t claim(size_t max)
{
    int calls = claimed.calls;
    queue_claim(queue, max, on_claim, NULL);
    assert_int_equal(claimed.calls, calls);
    WAIT(loop, claimed.calls == calls + 1, 3000);
    assert_int_equal(claimed.calls, calls + 1);
    assert_int_equal(claimed.err, 0);
    return claimed.count;
}

static void on_sweep(void *arg, int err, bool rebuild)
{
    (void)arg;
    swept.calls++;
    swept.err = err;
    swept.rebuilds += rebuild;
}

static void sweep(struct queue *which)
{
    int calls = swept.calls;
    queue_sweep(which, on_sweep, NULL);
    WAIT(loop, swept.calls == calls + 1, 3000);
    assert_int_equal(swept.calls, calls + 1);
    assert_int_equal(swept.err, 0);
}

static void ack(struct queue_ref ref, int64_t delay_ms)
{
    struct queue_ack one = {ref.delivery, ref.webhook, delay_ms};
    queue_ack(queue, &one, 1);
}

/* Nothing may be left behind: every entry gone means every key gone but these. */
static void assert_clean(void)
{
    assert_int_equal(redis_server_say(&server, "ZCARD posthorn:{q}:ring"), 0);
    assert_int_equal(redis_server_say(&server, "ZCARD posthorn:{q}:inflight"), 0);
    assert_int_equal(redis_server_say(&server, "HLEN posthorn:{q}:slots"), 0);
}

static void in_and_out(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    assert_true(queue_up(queue));
    assert_int_equal(claim(10), 0);
    assert_int_equal(claimed.next_ms, -1);
    put(delivery, webhook, 0, 32, 0);
    assert_int_equal(queue_pending(queue), 1);
    settle();
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(claimed.refs[0].delivery, delivery));
    assert_true(id_eq(claimed.refs[0].webhook, webhook));
    assert_int_equal(claimed.next_ms, -1);
    assert_int_equal(claim(10), 0);
    ack(claimed.count == 0 ? (struct queue_ref){delivery, webhook} : claimed.refs[0], -1);
    settle();
    assert_clean();
    assert_int_equal(queue_dropped(queue), 0);
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
    for (size_t i = 0; i < claimed.count; i++)
        from_big += id_eq(claimed.refs[i].webhook, big);
    assert_int_equal(from_big, 64 - 50);
    assert_int_equal(claimed.next_ms, 0);
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
        for (size_t i = 0; i < claimed.count; i++)
            from_big += id_eq(claimed.refs[i].webhook, big);
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
    for (size_t i = 0; i < claimed.count; i++)
        for (int j = 0; j < 4; j++)
            counts[j] += id_eq(claimed.refs[i].webhook, webhooks[j]);
    for (int j = 0; j < 4; j++)
        assert_in_range(counts[j], 92, 108);
}

static void concurrency_is_kept(void **state)
{
    struct id webhook = id_new();
    (void)state;
    put_many(webhook, 20, 3, 0);
    assert_int_equal(claim(100), 3);
    assert_int_equal(claimed.next_ms, -1); /* full: out of the ring, the ack wakes */
    assert_int_equal(claim(100), 0);
    struct queue_ref first = claimed.refs[0], second = claimed.refs[1];
    WAIT(loop, false, 50);
    wakes = 0;
    put(id_new(), webhook, 0, 3, 0);
    settle();
    WAIT(loop, false, 50);
    assert_int_equal(wakes, 0); /* nothing to gain */
    ack(first, -1);
    ack(second, -1);
    settle();
    WAIT(loop, wakes == 1, 500);
    assert_int_equal(wakes, 1);
    assert_int_equal(claim(100), 2);
    ack(claimed.refs[0], -1);
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
    assert_in_range(claimed.next_ms, 150, 201);
    put(id_new(), slow, 0, 32, 5);
    assert_int_equal(claim(100), 0);
    assert_in_range(claimed.next_ms, 100, 201);
    WAIT(loop, false, claimed.next_ms + 2);
    assert_int_equal(claim(100), 1);

    put_many(burst, 200, 100, 50); /* 5 at once, one each 20 ms */
    int64_t since = clock_mono_ms();
    size_t count = 0;
    while (clock_mono_ms() < since + 1000) {
        claim(100);
        for (size_t i = 0; i < claimed.count; i++)
            count += id_eq(claimed.refs[i].webhook, burst);
        WAIT(loop, false, claimed.next_ms);
    }
    assert_in_range(count, 50, 56);
}

static void retries_come_back(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    put(delivery, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    ack(claimed.refs[0], 300);
    settle();
    assert_int_equal(claim(10), 0);
    assert_in_range(claimed.next_ms, 200, 301);
    WAIT(loop, false, claimed.next_ms + 2);
    assert_int_equal(claim(10), 1);
    assert_true(id_eq(claimed.refs[0].delivery, delivery));
    ack(claimed.refs[0], QUEUE_HORIZON_MS + 1);
    settle();
    assert_clean();
}

static void a_second_enqueue_changes_nothing(void **state)
{
    struct id delivery = id_new(), webhook = id_new();
    (void)state;
    put(delivery, webhook, 60000, 32, 0);
    put(delivery, webhook, 0, 32, 0);
    put(id_new(), webhook, QUEUE_HORIZON_MS + 1, 32, 0);
    settle();
    assert_int_equal(claim(10), 0);
    assert_in_range(claimed.next_ms, 59000, 60000);
    ack((struct queue_ref){delivery, webhook}, -1); /* not in flight: out as well */
    settle();
    assert_int_equal(claim(10), 0);
    assert_int_equal(claimed.next_ms, -1);

    put(delivery, webhook, 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    put(delivery, webhook, 0, 32, 0); /* in flight */
    settle();
    assert_int_equal(claim(10), 0);
}

static void force_puts_back_what_flies_too_long(void **state)
{
    struct queue_entry entry = {id_new(), id_new(), 0, 1, 0};
    (void)state;
    queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
    settle();
    assert_int_equal(claim(10), 1);
    queue_enqueue(queue, &entry, 1, QUEUE_FORCE); /* too young */
    settle();
    assert_int_equal(claim(10), 0);
    WAIT(loop, false, 3050);
    queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
    settle();
    assert_int_equal(claim(10), 0);
    queue_enqueue(queue, &entry, 1, QUEUE_FORCE);
    settle();
    assert_int_equal(claim(10), 1); /* its slot was freed too: concurrency is 1 */
    ack(claimed.refs[0], -1);
    settle();
    assert_clean();
}

static void force_makes_due(void **state)
{
    struct queue_entry entry = {id_new(), id_new(), 60000, 1, 0};
    (void)state;
    queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
    entry.delay_ms = 0;
    queue_enqueue(queue, &entry, 1, QUEUE_FORCE);
    settle();
    assert_int_equal(claim(10), 1);
}

static void an_expired_lease_puts_back(void **state)
{
    struct id webhook = id_new();
    (void)state;
    put_many(webhook, 5, 2, 0);
    assert_int_equal(claim(10), 2);
    sweep(queue);
    assert_int_equal(claim(10), 0);
    WAIT(loop, false, 200);
    wakes = 0;
    sweep(queue);
    WAIT(loop, wakes == 1, 500);
    assert_int_equal(wakes, 1);
    assert_int_equal(claim(10), 2);
    assert_int_equal(redis_server_say(&server, "ZCARD posthorn:{q}:inflight"), 2);
}

static void slots_are_recounted(void **state)
{
    struct id webhook = id_new();
    (void)state;
    sweep(queue); /* the recount of these 30 s */
    put_many(webhook, 5, 2, 0);
    assert_int_equal(claim(10), 2);
    redis_server_say(&server, "DEL posthorn:{q}:inflight"); /* as if evicted */
    sweep(queue);
    assert_int_equal(claim(10), 0);
    redis_server_say(&server, "DEL posthorn:{q}:recount");
    sweep(queue);
    assert_int_equal(claim(10), 2);
    assert_int_equal(redis_server_say(&server, "HLEN posthorn:{q}:slots"), 1);
}

static void one_rebuilds_after_flushall(void **state)
{
    (void)state;
    struct queue *other = open_queue(0);
    WAIT(loop, ups == 2, 3000);
    sweep(queue);
    sweep(other);
    assert_int_equal(swept.rebuilds, 1); /* Redis was empty */
    sweep(queue);
    assert_int_equal(swept.rebuilds, 1);
    redis_server_say(&server, "FLUSHALL");
    queue_sweep(queue, on_sweep, NULL);
    queue_sweep(other, on_sweep, NULL);
    WAIT(loop, swept.calls == 5, 3000);
    assert_int_equal(swept.rebuilds, 2);
    assert_int_equal(redis_server_say(&server, "TTL posthorn:{q}:epoch"), -1);
    queue_destroy(other);
}

static void scripts_come_back_after_script_flush(void **state)
{
    (void)state;
    redis_server_say(&server, "SCRIPT FLUSH");
    put_many(id_new(), 10, 32, 0);
    assert_int_equal(claim(100), 10);
    assert_int_equal(downs, 0);
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
    assert_true(id_eq(claimed.refs[0].delivery, soon));
    assert_in_range(claimed.next_ms, 59000, 60000);
}

static void an_earlier_turn_wakes(void **state)
{
    struct id webhook = id_new();
    (void)state;
    wakes = 0;
    put(id_new(), webhook, 50000, 32, 0);
    settle();
    WAIT(loop, wakes == 1, 500);
    put(id_new(), webhook, 55000, 32, 0); /* later than the first: sleep on */
    settle();
    put(id_new(), id_new(), 20000, 32, 0);
    settle();
    WAIT(loop, wakes == 2, 500);
    put(id_new(), id_new(), 0, 32, 0);
    settle();
    WAIT(loop, wakes == 3, 500);
    WAIT(loop, false, 30);
    assert_int_equal(wakes, 3);
    assert_int_equal(claim(10), 1);
    assert_in_range(claimed.next_ms, 19000, 20000);
}

static void a_full_buffer_drops_and_counts(void **state)
{
    struct id webhook = id_new();
    (void)state;
    redis_server_kill(&server);
    WAIT(loop, downs == 1, 2000);
    assert_false(queue_up(queue));
    for (int i = 0; i < 65536 + 100; i++)
        put(id_new(), webhook, 0, 32, 0);
    WAIT(loop, false, 50);
    assert_int_equal(queue_pending(queue), 65536);
    assert_int_equal(queue_dropped(queue), 100);
    claimed.err = 0;
    queue_claim(queue, 10, on_claim, NULL);
    WAIT(loop, claimed.calls == 1, 1000);
    assert_int_equal(claimed.err, ERR_UNAVAILABLE);
    redis_server_start(&server);
    WAIT(loop, ups == 2 && queue_pending(queue) == 0, 10000);
    assert_int_equal(queue_pending(queue), 0);
    assert_int_equal(claim(10), 10);
}

/* The server dies with calls under way: their entries go again. */
static void calls_that_failed_are_repeated(void **state)
{
    struct id webhook = id_new();
    (void)state;
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < 3000; i++)
        put(id_new(), webhook, 0, 32, 0);
    WAIT(loop, false, 50);
    redis_server_kill(&server);
    WAIT(loop, downs == 1, 2000);
    assert_int_equal(queue_pending(queue), 3000);
    redis_server_start(&server);
    WAIT(loop, queue_pending(queue) == 0, 5000);
    assert_int_equal(redis_server_say(&server, "ZCARD posthorn:{q}:ring"), 1);
    assert_int_equal(queue_dropped(queue), 0);
}

static void a_cancelled_claim_is_silent(void **state)
{
    (void)state;
    put_many(id_new(), 10, 32, 0);
    struct queue_op *op = queue_claim(queue, 4, on_claim, NULL);
    queue_cancel(op);
    queue_cancel(queue_sweep(queue, on_sweep, NULL));
    queue_cancel(NULL);
    WAIT(loop, false, 20);
    assert_int_equal(claim(10), 6); /* the claim ran */
    assert_int_equal(claimed.calls, 1);
    assert_int_equal(swept.calls, 0);
}

static void destroying_answers_first(void **state)
{
    (void)state;
    put(id_new(), id_new(), 0, 32, 0);
    queue_claim(queue, 4, on_claim, NULL);
    queue_sweep(queue, on_sweep, NULL);
    queue_destroy(queue);
    queue = NULL;
    assert_int_equal(claimed.calls, 1);
    assert_int_equal(claimed.err, ERR_UNAVAILABLE);
    assert_int_equal(swept.calls, 1);
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
        for (size_t i = 0; i < claimed.count; i++) {
            bool again = rand_r(&seed) % 4 == 0;
            ack(claimed.refs[i], again ? rand_r(&seed) % 10 : -1);
            acked += !again;
        }
        if (claimed.count == 0 && left == 0)
            assert_true(claimed.next_ms >= 0 || queue_pending(queue) > 0 || acked == 3000);
        sweep(queue);
    }
    settle();
    assert_int_equal(acked, 3000);
    assert_int_equal(claim(100), 0);
    assert_clean();
    assert_int_equal(claimed.next_ms, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(in_and_out),
        TEST(small_endpoints_do_not_wait_for_a_big_one),
        TEST(the_ring_goes_round),
        TEST(endpoints_share_what_is_left),
        TEST(concurrency_is_kept),
        TEST(the_rate_is_kept),
        TEST(retries_come_back),
        TEST(a_second_enqueue_changes_nothing),
        TEST(force_puts_back_what_flies_too_long),
        TEST(force_makes_due),
        cmocka_unit_test_setup_teardown(an_expired_lease_puts_back, set_up_short, tear_down),
        TEST(slots_are_recounted),
        TEST(one_rebuilds_after_flushall),
        TEST(scripts_come_back_after_script_flush),
        TEST(what_is_due_overtakes_what_is_not),
        TEST(an_earlier_turn_wakes),
        TEST(a_full_buffer_drops_and_counts),
        TEST(calls_that_failed_are_repeated),
        TEST(a_cancelled_claim_is_silent),
        TEST(destroying_answers_first),
        TEST(nothing_is_lost_in_long_play),
    };
    redis_server_init(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_fini(&server);
    return failed;
}
