/* store/queue against a real Redis: turns of apps and of their endpoints, shares of a worker's places,
 * and who is woken for what. */
#include "queue_rig.h"

#include <stdlib.h>

enum { APPS_MAX = 320 };

/* A worker with so many places, and what it has under way. */
struct worker {
    size_t places, used, apps;
    struct queue_held held[APPS_MAX];
    struct queue_ref refs[QUEUE_CLAIM_MAX * 4];
};

static struct worker worker;

static int set_up(void **state)
{
    memset(&worker, 0, sizeof worker);
    worker.places = 1000;
    return rig_set_up(state);
}

static struct queue_held *held_of(struct worker *w, struct id of)
{
    size_t i = 0;
    while (i < w->apps && !id_eq(w->held[i].app, of))
        i++;
    assert_true(i < APPS_MAX);
    if (i == w->apps)
        w->held[w->apps++] = (struct queue_held){of, 0};
    return &w->held[i];
}

static size_t worker_claim(struct worker *w, size_t max)
{
    size_t left = w->places - w->used;
    struct queue_room room = {max < left ? max : left, left, w->held, w->apps};

    claim_room(&room);
    for (size_t i = 0; i < rig.claimed.count; i++) {
        held_of(w, rig.claimed.refs[i].app)->count++;
        w->refs[w->used++] = rig.claimed.refs[i];
    }
    return rig.claimed.count;
}

/* Until there is nothing more for it: how many. */
static size_t worker_fill(struct worker *w)
{
    size_t had = w->used;
    while (w->used < w->places && worker_claim(w, 100) > 0) {
    }
    return w->used - had;
}

/* The first that it has of the app ends. */
static void worker_end(struct worker *w, struct id of)
{
    size_t i = 0;
    while (!id_eq(w->refs[i].app, of))
        i++;
    ack(w->refs[i], QUEUE_OUT);
    settle();
    w->refs[i] = w->refs[--w->used];
    held_of(w, of)->count--;
}

static struct id app_of(int i)
{
    return (struct id){{0xa, (uint8_t)i, (uint8_t)(i >> 8)}};
}

static struct id endpoint_of(int i)
{
    return (struct id){{0xe, (uint8_t)i, (uint8_t)(i >> 8)}};
}

/* --- turns ------------------------------------------------------------------------------------ */

static void an_app_of_many_endpoints_weighs_as_one(void **state)
{
    int many = 0, one = 0;
    (void)state;
    for (int i = 0; i < 200; i++)
        put_many_of(app_of(1), endpoint_of(i), 20, 32);
    put_many_of(app_of(2), endpoint_of(1000), 2000, 1024);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(claim(64), 64);
        many += claimed_of_app(app_of(1));
        one += claimed_of_app(app_of(2));
    }
    assert_in_range(many, 640 - 16, 640 + 16);
    assert_in_range(one, 640 - 16, 640 + 16);
}

/* Whoever sorts first by its id has no advantage, however claims and quanta divide. */
static void all_apps_get_the_same_from_claims_of_any_size(void **state)
{
    static const int sizes[] = {1, 5, 16, 24, 100, 128};
    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        int counts[7] = {0}, total = 0;
        redis_server_say(&rig.server, "FLUSHALL");
        rig_fill();
        for (int a = 0; a < 7; a++)
            for (int e = 0; e < 3; e++)
                put_many_of(app_of(a), endpoint_of(a * 3 + e), 150, 1024);
        while (total < 2100) {
            assert_int_equal(claim((size_t)sizes[s]), sizes[s]);
            total += sizes[s];
            for (int a = 0; a < 7; a++)
                counts[a] += claimed_of_app(app_of(a));
        }
        for (int a = 0; a < 7; a++)
            assert_in_range(counts[a], total / 7 - 20, total / 7 + 20);
    }
}

static void all_endpoints_of_an_app_get_the_same(void **state)
{
    static const int sizes[] = {1, 5, 12, 20, 60, 100};
    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        int counts[3] = {0}, total = 0;
        redis_server_say(&rig.server, "FLUSHALL");
        rig_fill();
        for (int e = 0; e < 3; e++)
            put_many(endpoint_of(e), 500, 1024, 0);
        while (total < 1200) {
            assert_int_equal(claim((size_t)sizes[s]), sizes[s]);
            total += sizes[s];
            for (int e = 0; e < 3; e++)
                counts[e] += claimed_of(endpoint_of(e));
        }
        for (int e = 0; e < 3; e++)
            assert_in_range(counts[e], total / 3 - 12, total / 3 + 12);
    }
}

/* A quantum at a time: neither does a small claim serve one alone. */
static void a_quantum_each_and_the_rest_in_equal_shares(void **state)
{
    (void)state;
    for (int a = 0; a < 4; a++)
        put_many_of(app_of(a), endpoint_of(a), 500, 1024);
    assert_int_equal(claim(64), 64);
    for (int a = 0; a < 4; a++)
        assert_int_equal(claimed_of_app(app_of(a)), 16);
    assert_int_equal(claim(400), 400);
    for (int a = 0; a < 4; a++)
        assert_int_equal(claimed_of_app(app_of(a)), 100);
}

/* What ends badly at one endpoint of an app does not bring the app's next turn forward. */
static void acks_bring_no_turn_forward(void **state)
{
    int first = 0, second = 0;
    (void)state;
    for (int e = 0; e < 100; e++)
        put_many_of(app_of(1), endpoint_of(e), 10, 32);
    for (int e = 100; e < 120; e++)
        put_many_of(app_of(2), endpoint_of(e), 100, 32);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(claim(16), 16);
        first += claimed_of_app(app_of(1));
        second += claimed_of_app(app_of(2));
        for (size_t k = 0; k < rig.claimed.count; k++)
            if (id_eq(rig.claimed.refs[k].app, app_of(1)))
                ack_news(rig.claimed.refs[k], QUEUE_OUT, GATE_FAILED, 60000);
        settle();
    }
    assert_in_range(first, 160 - 16, 160 + 16);
    assert_in_range(second, 160 - 16, 160 + 16);
}

/* --- shares ----------------------------------------------------------------------------------- */

static void alone_an_app_takes_three_quarters(void **state)
{
    (void)state;
    for (int e = 0; e < 100; e++)
        put_many_of(app_of(1), endpoint_of(e), 32, 32);
    assert_in_range(worker_fill(&worker), 740, 750);
    assert_true(rig.claimed.crowded);
    assert_int_equal(rig.claimed.next_ms, -1);

    put_many_of(app_of(2), endpoint_of(200), 10, 32);
    assert_int_equal(worker_fill(&worker), 10);
    assert_true(rig.claimed.crowded);
    for (int e = 201; e < 300; e++)
        put_many_of(app_of(2), endpoint_of(e), 32, 32);
    assert_true(worker_fill(&worker) > 150); /* three quarters of what was left */
}

static void ten_hogs_leave_some(void **state)
{
    (void)state;
    for (int a = 0; a < 10; a++)
        for (int e = 0; e < 32; e++)
            put_many_of(app_of(a), endpoint_of(a * 32 + e), 32, 32);
    worker_fill(&worker);
    assert_in_range(worker.used, 940, 980);
    put_many_of(app_of(20), endpoint_of(1000), 10, 32);
    assert_int_equal(worker_fill(&worker), 10);
    for (int a = 0; a < 10; a++)
        assert_in_range(held_of(&worker, app_of(a))->count, 80, 105);
}

/* And ten of one app leave some for the eleventh. */
static void an_endpoint_has_a_share_of_its_app(void **state)
{
    (void)state;
    put_many_of(app_of(1), endpoint_of(1), 1000, 1024);
    assert_in_range(worker_fill(&worker), 555, 565); /* three quarters of three quarters */
    assert_true(rig.claimed.crowded);
    put_many_of(app_of(1), endpoint_of(2), 5, 1024);
    assert_int_equal(worker_fill(&worker), 5);
    assert_int_equal(claimed_of(endpoint_of(1)), 0);
}

/* Endpoints' slots are everybody's, places are a worker's own. */
static void an_endpoint_has_its_share_of_every_worker(void **state)
{
    static struct worker workers[8];
    (void)state;
    put_many_of(app_of(1), endpoint_of(1), 1000, 1024);
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (struct worker){.places = 64};
        assert_in_range(worker_fill(&workers[i]), 33, 37);
    }
}

/* It goes round among endpoints of which each has its share: within a few. */
static void places_that_come_free_go_to_who_waits(void **state)
{
    (void)state;
    for (int e = 0; e < 100; e++)
        put_many_of(app_of(1), endpoint_of(e), 32, 32);
    worker_fill(&worker);
    for (int i = 0; i < 40; i++) {
        worker_end(&worker, app_of(1));
        worker_fill(&worker);
        assert_true(rig.claimed.crowded);
        assert_in_range(worker.used, 740, 750);
    }
}

static void who_has_nothing_gets_the_last_place(void **state)
{
    (void)state;
    worker.places = 2;
    put_many_of(app_of(1), endpoint_of(1), 10, 32);
    assert_int_equal(worker_fill(&worker), 1);
    assert_true(rig.claimed.crowded);
    put_many_of(app_of(2), endpoint_of(2), 10, 32);
    assert_int_equal(worker_fill(&worker), 1);
    assert_int_equal(worker.used, 2);
}

static void what_is_all_taken_is_not_crowded(void **state)
{
    (void)state;
    put_many_of(app_of(1), endpoint_of(1), 600, 600);
    put_many_of(app_of(2), endpoint_of(2), 20, 10);
    put_many_of(app_of(3), endpoint_of(3), 20, 32);
    worker_claim(&worker, 1000);
    assert_int_equal(claimed_of_app(app_of(2)), 10); /* its concurrency is no share */
    assert_int_equal(claimed_of_app(app_of(3)), 20);
    worker_fill(&worker);
    assert_true(rig.claimed.crowded); /* app 1 */
    while (held_of(&worker, app_of(1))->count > 0)
        worker_end(&worker, app_of(1));
    worker_fill(&worker);
    while (held_of(&worker, app_of(1))->count > 0)
        worker_end(&worker, app_of(1));
    assert_int_equal(worker_fill(&worker), 0);
    assert_false(rig.claimed.crowded);
    assert_int_equal(rig.claimed.next_ms, -1);
}

/* Claims of workers with few places, at random: with room without end there is more exactly if it said so. */
static void crowded_says_exactly_that_somebody_was_left_out(void **state)
{
    static const int caps[] = {1, 2, 5, 32};
    static struct worker workers[2];
    unsigned seed = 5;
    int crowds = 0;
    (void)state;
    for (int step = 0; step < 800; step++) {
        struct worker *w = &workers[step % 2];
        w->places = step % 2 == 0 ? 12 : 60;
        for (int i = rand_r(&seed) % 16; i > 0; i--) {
            int a = rand_r(&seed) % 5, e = rand_r(&seed) % 4;
            put_of(app_of(a), id_new(), endpoint_of(a * 4 + e), 0, caps[e], 0);
        }
        for (int i = rand_r(&seed) % 12; i > 0 && w->used > 0; i--)
            worker_end(w, w->refs[(size_t)rand_r(&seed) % w->used].app);
        settle();
        size_t left = w->places - w->used;
        size_t max = left == 0 || rand_r(&seed) % 2 == 0 ? left : 1 + (size_t)rand_r(&seed) % left;
        if (max == 0 || worker_claim(w, max) == max)
            continue;
        bool crowded = rig.claimed.crowded;
        crowds += crowded;
        assert_int_equal(rig.claimed.next_ms, -1);
        assert_int_equal(claim(1000) > 0, crowded);
        for (size_t i = 0; i < rig.claimed.count; i++)
            ack(rig.claimed.refs[i], 0);
        settle();
    }
    assert_in_range(crowds, 100, 400);
}

/* --- wakes ------------------------------------------------------------------------------------ */

/* An app that has its share keeps the first turn of all: who comes behind it wakes all the same. */
static void a_newcomer_wakes_the_crowded(void **state)
{
    (void)state;
    for (int e = 0; e < 100; e++)
        put_many_of(app_of(1), endpoint_of(e), 32, 32);
    worker_fill(&worker);
    WAIT(rig.loop, false, 30);
    rig.wakes = 0;
    put_of(app_of(2), id_new(), endpoint_of(200), 0, 32, 0);
    settle();
    WAIT(rig.loop, rig.wakes > 0, 500);
    assert_int_equal(rig.wakes, 1);
    assert_int_equal(worker_fill(&worker), 1);

    rig.wakes = 0;
    put_of(app_of(1), id_new(), endpoint_of(3), 0, 32, 0); /* more of those that have their share */
    settle();
    WAIT(rig.loop, false, 30);
    assert_int_equal(rig.wakes, 0);
}

static void a_new_endpoint_wakes_the_crowded(void **state)
{
    (void)state;
    put_many_of(app_of(1), endpoint_of(1), 1000, 1024);
    worker_fill(&worker);
    WAIT(rig.loop, false, 30);
    rig.wakes = 0;
    put_of(app_of(1), id_new(), endpoint_of(2), 0, 32, 0);
    settle();
    WAIT(rig.loop, rig.wakes > 0, 500);
    assert_int_equal(rig.wakes, 1);
    assert_int_equal(worker_fill(&worker), 1);
}

/* A retry of an app waits for its time, though another endpoint of the app has its share. */
static void the_crowded_are_told_of_what_comes(void **state)
{
    (void)state;
    put_many_of(app_of(1), endpoint_of(1), 1000, 1024);
    put_of(app_of(1), id_new(), endpoint_of(2), 300, 32, 0);
    settle();
    worker_fill(&worker);
    assert_true(rig.claimed.crowded);
    assert_in_range(rig.claimed.next_ms, 1, 300);
    WAIT(rig.loop, false, rig.claimed.next_ms + 2);
    assert_int_equal(worker_fill(&worker), 1);

    put_of(app_of(2), id_new(), endpoint_of(3), 20000, 32, 0);
    settle();
    assert_int_equal(worker_fill(&worker), 0);
    assert_in_range(rig.claimed.next_ms, 19000, 20000);
}

/* A turn that has come and is none after all, of more endpoints than Lua's stack would hold at once. */
static void any_number_of_turns_may_be_in_vain(void **state)
{
    enum { COUNT = 9000 };
    struct queue_gate *gates = xcalloc(COUNT, sizeof *gates);
    (void)state;
    for (int e = 0; e < COUNT; e++) {
        put(id_new(), endpoint_of(e), 0, 32, 0);
        gates[e] = (struct queue_gate){endpoint_of(e), {.until_ms = 60000}};
    }
    settle();
    queue_set_gates(rig.queue, gates, COUNT, false);
    put_of(app_of(1), id_new(), endpoint_of(COUNT), 0, 32, 0);
    assert_int_equal(claim(1024), 1);
    assert_in_range(rig.claimed.next_ms, 58000, 60000);
    free(gates);
}

/* --- cost ------------------------------------------------------------------------------------- */

static long long calls_of_a_claim(void)
{
    long long calls = redis_server_calls(&rig.server);
    assert_int_equal(worker_claim(&worker, 100), 0);
    return redis_server_calls(&rig.server) - calls;
}

/* Sixty apps that have their shares: a claim reads over them. */
static void who_has_its_share_costs_next_to_nothing(void **state)
{
    (void)state;
    for (int a = 0; a < 60; a++)
        put_many_of(app_of(a), endpoint_of(a), 100, 64);
    worker_fill(&worker);
    assert_true(rig.claimed.crowded);
    assert_true(calls_of_a_claim() < 60 * 6);
}

/* More of them than a claim looks at: they take turns, and it does not say that there is something at once. */
static void no_claim_looks_at_all_apps(void **state)
{
    (void)state;
    worker.places = 301;
    for (int a = 0; a < 300; a++)
        put_many_of(app_of(a), endpoint_of(a), 2, 32);
    while (worker.used < 300)
        worker_claim(&worker, 1);
    assert_int_equal(worker_claim(&worker, 1), 0);
    assert_true(rig.claimed.crowded);
    assert_int_equal(rig.claimed.next_ms, -1);
    put_of(app_of(310), id_new(), endpoint_of(310), 0, 32, 0);
    settle();
    for (int i = 0; i < 2 && worker_claim(&worker, 1) == 0; i++) {
    }
    assert_int_equal(claimed_of_app(app_of(310)), 1);
}

/* Hundreds of endpoints that have their share of an app: a claim looks at some of them, the next at others. */
static void a_claim_looks_at_so_many_endpoints(void **state)
{
    (void)state;
    worker.places = 400;
    for (int e = 0; e < 299; e++)
        put_many_of(app_of(1), endpoint_of(e), 2, 32);
    while (worker.used < 299)
        worker_claim(&worker, 1);
    assert_int_equal(worker_claim(&worker, 100), 0);
    assert_true(rig.claimed.crowded);
    assert_true(calls_of_a_claim() < 600);
    put_of(app_of(1), id_new(), endpoint_of(2000), 0, 32, 0);
    settle();
    for (int i = 0; i < 10 && worker_claim(&worker, 100) == 0; i++) {
    }
    assert_int_equal(claimed_of(endpoint_of(2000)), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_app_of_many_endpoints_weighs_as_one),
        TEST(all_apps_get_the_same_from_claims_of_any_size),
        TEST(all_endpoints_of_an_app_get_the_same),
        TEST(a_quantum_each_and_the_rest_in_equal_shares),
        TEST(acks_bring_no_turn_forward),
        TEST(alone_an_app_takes_three_quarters),
        TEST(ten_hogs_leave_some),
        TEST(an_endpoint_has_a_share_of_its_app),
        TEST(an_endpoint_has_its_share_of_every_worker),
        TEST(places_that_come_free_go_to_who_waits),
        TEST(who_has_nothing_gets_the_last_place),
        TEST(what_is_all_taken_is_not_crowded),
        TEST(crowded_says_exactly_that_somebody_was_left_out),
        TEST(a_newcomer_wakes_the_crowded),
        TEST(a_new_endpoint_wakes_the_crowded),
        TEST(the_crowded_are_told_of_what_comes),
        TEST(any_number_of_turns_may_be_in_vain),
        TEST(who_has_its_share_costs_next_to_nothing),
        TEST(no_claim_looks_at_all_apps),
        TEST(a_claim_looks_at_so_many_endpoints),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
