/* worker/relay: how much is claimed ahead, what begins when another ends, and what goes back. The time and the queue are
 * the test's own. */
#include "worker/relay.h"

#include "base/clock.h"
#include "unit.h"

#define HOOK 1

static int64_t now_ms;
static struct loop *loop;
static struct places places;
static struct relay relay;
static int begun[256]; /* in this order, by number */
static size_t told, next, left, left_calls;

int64_t __wrap_clock_mono_ms(void);
void __wrap_queue_begin(struct queue *queue, const struct queue_ref *ref);

int64_t __wrap_clock_mono_ms(void)
{
    return now_ms;
}

void __wrap_queue_begin(struct queue *queue, const struct queue_ref *ref)
{
    (void)queue;
    (void)ref;
    told++;
}

static void on_next(void *arg, const struct claim *claim, int64_t token)
{
    (void)arg;
    assert_int_equal(token, claim->ref.app.b[1]);
    assert_int_equal(told, next + 1); /* the queue first */
    begun[next++] = claim->ref.delivery.b[15];
}

static void on_left(void *arg, const struct queue_ref *refs, size_t count, int64_t token)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(token, refs[i].app.b[1]);
        places_give_back(&places, refs[i].delivery);
    }
    left += count;
    left_calls++;
}

static int set_up(void **state)
{
    (void)state;
    now_ms = 1000000;
    told = next = left = left_calls = 0;
    loop = loop_create(NULL, NULL);
    places_init(&places, 1000, 1000 << 10);
    relay_init(&relay, loop, NULL, &places, &(struct relay_hooks){on_next, on_left, NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    relay_fini(&relay);
    places_fini(&places);
    loop_destroy(loop);
    return 0;
}

/* Of one app; what was claimed with a token has it in its app, for on_left(). */
static struct queue_ref ref_of(int n, int endpoint, int token)
{
    return (struct queue_ref){{{[0] = 1, [15] = (uint8_t)n}},
                              {{[0] = 2, [15] = (uint8_t)endpoint}},
                              {{[0] = 3, [1] = (uint8_t)token}}};
}

/* An attempt ends as `what` says, and is over for the queue. */
static void end(int endpoint, int what)
{
    const struct attempt a = {
        .ref = ref_of(0, endpoint, 1), .behind = true, .verdict.news.what = what};
    relay_hear(&relay, &a);
    relay_pass(&relay, &a);
}

/* `pace` answers in each of some windows. */
static void answer(int endpoint, int pace)
{
    for (int window = 0; window < 8; window++) {
        for (int i = 0; i < pace; i++)
            end(endpoint, GATE_SUCCESS);
        now_ms += RELAY_WINDOW_MS;
    }
}

/* How many may be claimed ahead of one. */
static int room_of(int endpoint)
{
    struct queue_ahead rooms[RELAY_TRACKS];
    size_t count = relay_room(&relay, rooms);

    for (size_t i = 0; i < count; i++)
        if (id_eq(rooms[i].endpoint, ref_of(0, endpoint, 0).endpoint))
            return rooms[i].count;
    return 0;
}

/* The claim is under way. */
static void lease(int from, int count, int token)
{
    for (int i = from; i < from + count; i++) {
        struct queue_ref ref = ref_of(i, HOOK, token);
        places_take_ahead(&places, &ref, 1, token);
    }
}

static void come(int from, int count, int token)
{
    for (int i = from; i < from + count; i++)
        relay_add(&relay, &(struct claim){.ref = ref_of(i, HOOK, token), .ahead = true}, token);
}

static void room_is_what_is_answered(void **state)
{
    (void)state;
    assert_int_equal(room_of(HOOK), 0);
    answer(HOOK, 30);
    assert_in_range(room_of(HOOK), 27, 30);
    lease(1, 20, 1);
    assert_in_range(room_of(HOOK), 7, 10);
    come(1, 20, 1);
    assert_in_range(room_of(HOOK), 7, 10);
    now_ms += 10 * RELAY_WINDOW_MS;
    assert_int_equal(room_of(HOOK), 0);
    answer(2, 1000);
    assert_int_equal(room_of(2), 256);
}

static void none_of_who_is_slow(void **state)
{
    (void)state;
    answer(HOOK, 1);
    assert_int_equal(room_of(HOOK), 0);
}

static void none_after_a_failure(void **state)
{
    (void)state;
    answer(HOOK, 30);
    end(HOOK, GATE_FAILED);
    answer(HOOK, 30);
    assert_int_equal(room_of(HOOK), 0);
    now_ms += 900;
    answer(HOOK, 30);
    assert_in_range(room_of(HOOK), 27, 30);
}

static void none_while_several_apps_are_served(void **state)
{
    struct queue_ref other = ref_of(200, 9, 7);
    (void)state;
    answer(HOOK, 30);
    lease(1, 1, 1);
    assert_true(room_of(HOOK) > 0);
    places_take(&places, &other, 1, 7);
    assert_int_equal(room_of(HOOK), 0);
    places_give_back(&places, other.delivery);
}

static void the_oldest_begins_first(void **state)
{
    (void)state;
    answer(HOOK, 30);
    lease(1, 28, 1);
    come(1, 28, 1);
    for (int i = 0; i < 5; i++)
        end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(begun[i], i + 1);
    assert_int_equal(places_ahead(&places, ref_of(0, HOOK, 0).endpoint), 23);
    end(2, GATE_SUCCESS); /* another's */
    assert_int_equal(next, 5);
}

/* The place that is not taken brings more; the rest goes on meanwhile. */
static void a_place_is_let_go_when_little_is_left(void **state)
{
    (void)state;
    answer(HOOK, 30);
    lease(1, 28, 1);
    come(1, 28, 1);
    for (int i = 0; i < 20; i++)
        end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 19);
    lease(100, 10, 2);
    come(100, 10, 2);
    for (int i = 0; i < 10; i++)
        end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 28); /* and another, for that was little too */
}

/* When nothing came of it there is another one; and what is on its way is waited for. */
static void another_place_is_let_go_when_nothing_came(void **state)
{
    (void)state;
    answer(HOOK, 30);
    lease(1, 10, 1);
    come(1, 10, 1);
    end(HOOK, GATE_SUCCESS);
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 1);
    now_ms += RELAY_WINDOW_MS - 1;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 2);
    now_ms++;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 2);
    lease(100, 10, 2);
    now_ms += RELAY_WINDOW_MS;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 3);
}

static void a_failure_leaves_all(void **state)
{
    static const int failures[] = {0, GATE_FAILED, GATE_FAILED | GATE_DEAD, GATE_UNSENT};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        left = left_calls = 0;
        answer(HOOK, 30);
        lease(1, 10, 1);
        lease(11, 4, 2);
        come(1, 10, 1);
        come(11, 4, 2);
        end(HOOK, failures[i]);
        assert_int_equal(next, 0);
        assert_int_equal(left, 14);
        assert_int_equal(left_calls, 2); /* a claim's together */
        assert_int_equal(places_count(&places), 0);
    }
}

/* However long nobody looked. */
static void what_is_late_does_not_begin(void **state)
{
    (void)state;
    answer(HOOK, 30);
    lease(1, 14, 1);
    lease(15, 14, 2);
    come(1, 14, 1);
    now_ms += RELAY_MS - 1;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 1);
    come(15, 14, 2);
    now_ms++;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(left, 13);
    assert_int_equal(begun[1], 15);
    now_ms += 80000;
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(left, 13 + 13);
    assert_int_equal(next, 2);
}

static void who_has_no_track_has_nothing_ahead(void **state)
{
    (void)state;
    for (int window = 0; window < 8; window++) {
        for (int e = 1; e <= RELAY_TRACKS; e++)
            end(e, GATE_SUCCESS);
        for (int i = 0; i < 30; i++)
            end(100, GATE_SUCCESS);
        now_ms += RELAY_WINDOW_MS;
    }
    assert_int_equal(room_of(100), 0);
    now_ms += 100; /* of the others nothing was heard for so long */
    answer(100, 30);
    assert_true(room_of(100) > 0);
    lease(1, 1, 1); /* of one whose track is another's */
    come(1, 1, 1);
    assert_int_equal(left, 1);
}

static void after_the_stop_all_goes_back(void **state)
{
    (void)state;
    answer(HOOK, 30);
    lease(1, 20, 1);
    come(1, 10, 1);
    relay_stop(&relay);
    assert_int_equal(left, 10);
    come(11, 10, 1);
    assert_int_equal(left, 20);
    assert_int_equal(room_of(HOOK), 0);
    end(HOOK, GATE_SUCCESS);
    assert_int_equal(next, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(room_is_what_is_answered),
        TEST(none_of_who_is_slow),
        TEST(none_after_a_failure),
        TEST(none_while_several_apps_are_served),
        TEST(the_oldest_begins_first),
        TEST(a_place_is_let_go_when_little_is_left),
        TEST(another_place_is_let_go_when_nothing_came),
        TEST(a_failure_leaves_all),
        TEST(what_is_late_does_not_begin),
        TEST(who_has_no_track_has_nothing_ahead),
        TEST(after_the_stop_all_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
