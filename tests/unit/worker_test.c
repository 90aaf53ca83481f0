/* worker/places and tokens: what a worker may have in its hands, what it has, of which apps and claims. */
#include "worker/places.h"

#include "unit.h"

#include <stdlib.h>

#define TOKEN       7000
#define PLACE_BYTES 1000

static struct queue_ref ref(int n, uint8_t app)
{
    return (struct queue_ref){.delivery = {{[0] = 1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}},
                              .app = {{[0] = 2, [15] = app}}};
}

static void take(struct places *p, int from, int count, uint8_t app)
{
    for (int i = from; i < from + count; i++) {
        struct queue_ref one = ref(i, app);
        places_take(p, &one, 1, TOKEN + app);
    }
}

static void give_back(struct places *p, int from, int count)
{
    for (int i = from; i < from + count; i++)
        places_give_back(p, ref(i, 0).delivery);
}

static int held_of(const struct places *p, uint8_t app)
{
    int held = 0;
    for (size_t i = 0; i < p->held_count; i++)
        if (id_eq(p->held[i].app, ref(0, app).app))
            held = p->held[i].count;
    return held;
}

static void test_places(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 512, 512 * PLACE_BYTES);
    assert_int_equal(places_left(&p), 512);
    take(&p, 0, 128, 1);
    take(&p, 128, 256, 2);
    assert_int_equal(places_left(&p), 128);
    give_back(&p, 0, 128);
    assert_int_equal(places_left(&p), 256);

    take(&p, 1000, 300, 1); /* the queue and direct mode, both asked before either answered */
    assert_int_equal(places_left(&p), 0);
    give_back(&p, 1000, 44);
    assert_int_equal(places_left(&p), 0);
    give_back(&p, 1044, 1);
    assert_int_equal(places_left(&p), 1);
    give_back(&p, 1045, 255);
    give_back(&p, 128, 256);
    assert_int_equal(places_left(&p), 512);
    places_fini(&p);
}

/* What is heavier than a place's part takes several, from its own app's share; and gives them back. */
static void test_weight(void **state)
{
    (void)state;
    struct places p;
    struct queue_ref along = ref(9, 1);

    places_init(&p, 100, 100 * PLACE_BYTES);
    take(&p, 0, 2, 1);
    take(&p, 10, 1, 2);
    places_weigh(&p, ref(0, 0).delivery, PLACE_BYTES);
    assert_int_equal(held_of(&p, 1), 2);
    places_weigh(&p, ref(0, 0).delivery, PLACE_BYTES + 1);
    places_weigh(&p, ref(1, 0).delivery, 50 * PLACE_BYTES);
    assert_int_equal(held_of(&p, 1), 52);
    assert_int_equal(held_of(&p, 2), 1);
    assert_int_equal(places_left(&p), 47);
    places_weigh(&p, ref(0, 0).delivery,
                 90 * PLACE_BYTES); /* it is there: also beyond what there is */
    assert_int_equal(places_left(&p), 0);
    places_weigh(&p, ref(0, 0).delivery, 0);
    assert_int_equal(places_left(&p), 48);

    places_take_along(&p, &along, TOKEN);
    places_weigh(&p, along.delivery, 10 * PLACE_BYTES);
    assert_int_equal(places_count(&p), 4);
    assert_int_equal(places_left(&p), 48);
    give_back(&p, 0, 2);
    give_back(&p, 9, 1);
    assert_int_equal(held_of(&p, 1), 0);
    assert_int_equal(places_left(&p), 99);
    places_fini(&p);

    places_init(&p, 1000, 16); /* a part is a byte at least */
    take(&p, 0, 1, 1);
    places_weigh(&p, ref(0, 0).delivery, 7);
    assert_int_equal(held_of(&p, 1), 7);
    places_fini(&p);
}

/* The queue is told of what it should have in flight, and not of what is over for it. */
static void test_over(void **state)
{
    (void)state;
    struct places p;
    struct queue_hand hand;

    places_init(&p, 512, 512 * PLACE_BYTES);
    take(&p, 0, 3, 1);
    places_over(&p, ref(1, 0).delivery);
    assert_int_equal(places_left(&p), 509);
    struct queue_ref *refs = places_refs(&p, &hand);
    assert_int_equal(hand.count, 2);
    for (size_t i = 0; i < hand.count; i++)
        assert_false(id_eq(refs[i].delivery, ref(1, 0).delivery));
    free(refs);
    give_back(&p, 0, 3);
    assert_int_equal(places_left(&p), 512);
    places_fini(&p);
}

/* The queue is told of what was claimed ahead, and that it is not in flight until it has begun. */
static void test_ahead(void **state)
{
    (void)state;
    struct places p;
    struct queue_ref refs[3] = {ref(1, 0), ref(2, 0), ref(3, 0)};
    struct queue_hand hand;

    places_init(&p, 512, 512 * PLACE_BYTES);
    take(&p, 0, 1, 0);
    places_take_ahead(&p, refs, 3, TOKEN);
    assert_int_equal(places_left(&p), 508);
    assert_int_equal(places_ahead(&p, refs[0].endpoint), 3);
    assert_true(places_is_ahead(&p, refs[0].delivery));
    assert_false(places_is_ahead(&p, ref(0, 0).delivery));
    assert_true(places_flies(&p, ref(0, 0).delivery));
    assert_false(places_flies(&p, refs[0].delivery));
    assert_false(places_is_ahead(&p, ref(9, 0).delivery));
    free(places_refs(&p, &hand));
    assert_int_equal(hand.count, 1);
    assert_int_equal(hand.ahead_count, 3);
    places_begin(&p, refs[0].delivery);
    assert_false(places_is_ahead(&p, refs[0].delivery));
    assert_true(places_flies(&p, refs[0].delivery));
    assert_int_equal(places_ahead(&p, refs[0].endpoint), 2);
    free(places_refs(&p, &hand));
    assert_int_equal(hand.count, 2);
    assert_int_equal(hand.ahead_count, 2);
    give_back(&p, 0, 4);
    assert_int_equal(places_ahead(&p, refs[0].endpoint), 0);
    assert_int_equal(places_left(&p), 512);
    places_fini(&p);
}

static void test_shared(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 512, 512 * PLACE_BYTES);
    assert_false(places_are_shared(&p));
    take(&p, 0, 100, 1);
    assert_false(places_are_shared(&p));
    take(&p, 100, 1, 2);
    assert_true(places_are_shared(&p));
    give_back(&p, 100, 1); /* the next of that app comes soon */
    assert_true(places_are_shared(&p));
    const struct queue_room room = places_room(&p, 7);
    assert_int_equal(room.max, 7);
    assert_int_equal(room.free, 412);
    assert_int_equal(room.held_count, 1);
    p.shared_ms -= 1000;
    assert_false(places_are_shared(&p));
    give_back(&p, 0, 100);
    places_fini(&p);
}

/* One at a time; what comes back is not another. */
static void test_alone(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 100, 100 * PLACE_BYTES);
    take(&p, 0, 3, 1);
    assert_true(places_take_alone(&p, ref(0, 0).delivery));
    assert_true(places_take_alone(&p, ref(0, 0).delivery));
    assert_false(places_take_alone(&p, ref(1, 0).delivery));
    give_back(&p, 2, 1);
    assert_false(places_take_alone(&p, ref(1, 0).delivery));
    give_back(&p, 0, 1);
    assert_true(places_take_alone(&p, ref(1, 0).delivery));
    places_fini(&p);
}

static void test_what_is_in_them(void **state)
{
    struct queue_hand hand;
    (void)state;
    struct places p;

    places_init(&p, 100, 100 * PLACE_BYTES);
    assert_int_equal(held_of(&p, 1), 0);
    take(&p, 0, 3, 1);
    take(&p, 10, 5, 2);
    assert_int_equal(held_of(&p, 1), 3);
    assert_int_equal(held_of(&p, 2), 5);
    assert_true(places_has(&p, ref(12, 0).delivery));
    assert_false(places_has(&p, ref(3, 0).delivery));
    give_back(&p, 12, 1);
    assert_false(places_has(&p, ref(12, 0).delivery));
    assert_int_equal(held_of(&p, 2), 4);
    struct queue_ref *refs = places_refs(&p, &hand);
    assert_int_equal(hand.count, 7);
    free(refs);
    give_back(&p, 0, 3);
    assert_int_equal(held_of(&p, 1), 0);
    assert_int_equal(p.held_count, 1);
    places_fini(&p); /* frees what is left in them */
}

/* Apps come and go in any order. */
static void test_apps(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 1000, 1000 * PLACE_BYTES);
    for (int app = 0; app < 40; app++)
        take(&p, 10 * app, app % 3 + 1, (uint8_t)app);
    for (int app = 0; app < 40; app += 2)
        give_back(&p, 10 * app, app % 3 + 1);
    assert_int_equal(p.held_count, 20);
    for (int app = 0; app < 40; app++)
        assert_int_equal(held_of(&p, (uint8_t)app), app % 2 * (app % 3 + 1));
    places_fini(&p);
}

static void test_tokens(void **state)
{
    (void)state;
    struct places p;

    places_init(&p, 100, 100 * PLACE_BYTES);
    take(&p, 0, 3, 1);
    take(&p, 10, 1, 2);
    assert_true(tokens_have(&p.tokens, TOKEN + 1));
    assert_false(tokens_have(&p.tokens, TOKEN));
    give_back(&p, 0, 2);
    assert_true(tokens_have(&p.tokens, TOKEN + 1));
    assert_int_equal(p.tokens.ended_count, 0);
    give_back(&p, 2, 1);
    assert_false(tokens_have(&p.tokens, TOKEN + 1));
    assert_int_equal(p.tokens.ended_count, 1);
    assert_int_equal(p.tokens.ended[0], TOKEN + 1);

    /* What is forgotten is for the ledger to say. */
    tokens_forget(&p.tokens, TOKEN + 2);
    assert_false(tokens_have(&p.tokens, TOKEN + 2));
    give_back(&p, 10, 1);
    assert_int_equal(p.tokens.ended_count, 1);
    tokens_forget(&p.tokens, TOKEN + 2);

    take(&p, 20, 1, 3);
    tokens_forget_all(&p.tokens);
    assert_false(tokens_have(&p.tokens, TOKEN + 3));
    give_back(&p, 20, 1);
    assert_int_equal(p.tokens.ended_count, 0);
    places_fini(&p);
}

/* What nobody asks for has a bound. */
static void test_tokens_bound(void **state)
{
    (void)state;
    struct tokens t = {.ended_count = 0};

    for (int64_t token = 0; token < 2 * TOKENS_ENDED_MAX; token++) {
        tokens_take(&t, token);
        tokens_give_back(&t, token);
    }
    assert_int_equal(t.ended_count, TOKENS_ENDED_MAX);
    assert_int_equal(t.counts.count, 0);
    tokens_fini(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),          cmocka_unit_test(test_weight),
        cmocka_unit_test(test_alone),           cmocka_unit_test(test_over),
        cmocka_unit_test(test_ahead),           cmocka_unit_test(test_shared),
        cmocka_unit_test(test_what_is_in_them), cmocka_unit_test(test_apps),
        cmocka_unit_test(test_tokens),          cmocka_unit_test(test_tokens_bound),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
