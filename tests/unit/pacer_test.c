/* worker/pacer and worker/payloads: what is small goes at once; what is large when it is its app's turn, with the data of
 * its event, which is asked for once. PostgreSQL's answers are the test's own. */
#include "worker/pacer.h"

#include "base/err.h"
#include "unit.h"
#include "wait.h"

#include <stdlib.h>

#define LARGE       100000
#define HUGE        200000 /* does not come with a claim */
#define TOKEN       7
#define PLACES      1000
#define PLACE_BYTES 1000
#define APP         2

static struct loop *loop;
static struct places places;
static struct pacer pacer;
static bool has_come[256], has_left[256]; /* by number */
static size_t came, calls, left, left_calls;
static int burn_ms[256]; /* that a message of an app takes */
static char data[HUGE];

/* What was asked of PostgreSQL last, and how often. */
static struct {
    db_cb *cb;
    void *arg;
    int count, cancelled;
    struct str answer;
} ledger;

struct db_op *__wrap_work_data(struct db *db, struct id event, db_cb *cb, void *arg);
int __wrap_db_count(const struct db_rows *rows);
struct str __wrap_db_str(const struct db_rows *rows, int row, int column);
void __wrap_db_cancel(struct db_op *op);

struct db_op *__wrap_work_data(struct db *db, struct id event, db_cb *cb, void *arg)
{
    static char op;
    (void)db;
    (void)event;
    ledger.cb = cb;
    ledger.arg = arg;
    ledger.count++;
    return (struct db_op *)(void *)&op;
}

int __wrap_db_count(const struct db_rows *rows)
{
    (void)rows;
    return 1;
}

struct str __wrap_db_str(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    (void)row;
    (void)column;
    return ledger.answer;
}

void __wrap_db_cancel(struct db_op *op)
{
    ledger.cancelled += op != NULL;
}

static void answer(int err, size_t bytes)
{
    ledger.answer = (struct str){data, bytes};
    ledger.cb(ledger.arg, err, NULL);
}

static void burn(int ms)
{
    for (int64_t until_us = clock_mono_us() + 1000 * (int64_t)ms; clock_mono_us() < until_us;)
        ;
}

static void on_claims(void *arg, const struct claim *claims, size_t count, int64_t token,
                      struct payload *payload)
{
    assert_ptr_equal(arg, &places);
    assert_int_equal(token, TOKEN);
    assert_true(payload == NULL || count == 1);
    size_t bytes = 0;
    calls++;
    for (size_t i = 0; i < count; i++, came++) {
        const struct claim *c = &claims[i];
        has_come[c->content.attempt] = true;
        assert_string_equal(c->to.url.p, "url");
        assert_null(c->to.sealed_previous.p);
        assert_int_equal(c->content.data.n, c->size);
        assert_memory_equal(c->content.data.p, data, c->size);
        bytes += c->size;
    }
    if (bytes > LARGE / 4)
        burn(burn_ms[claims[0].ref.app.b[0]]);
}

static void on_left(void *arg, const struct queue_ref *refs, size_t count, int64_t token)
{
    (void)arg;
    assert_int_equal(token, TOKEN);
    left_calls++;
    for (size_t i = 0; i < count; i++, left++) {
        has_left[refs[i].delivery.b[2]] = true;
        places_give_back(&places, refs[i].delivery);
    }
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create(NULL, NULL);
    places_init(&places, PLACES, (size_t)PLACES * PLACE_BYTES);
    pacer_init(&pacer, loop, NULL, &places, &(struct pacer_hooks){on_claims, on_left, &places});
    memset(data, 'x', sizeof data);
    memset(has_come, 0, sizeof has_come);
    memset(has_left, 0, sizeof has_left);
    memset(&ledger, 0, sizeof ledger);
    for (size_t i = 0; i < ARRAY_LEN(burn_ms); i++)
        burn_ms[i] = 3; /* a turn has one */
    came = calls = left = left_calls = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    pacer_fini(&pacer);
    places_fini(&places);
    loop_destroy(loop);
    return 0;
}

/* Of an event of its own. */
static struct claim claim_of_app(int n, size_t bytes, uint8_t app)
{
    struct queue_ref ref = {.delivery = {{1, 0, (uint8_t)n}}, .app = {{app}}};
    struct claim c = {.ref = ref, .batch_max = 1, .size = bytes};

    c.begin_by_ms = clock_mono_ms() + 60000;
    c.content.attempt = n; /* tells them apart */
    c.content.event = (struct id){{3, (uint8_t)n}};
    if (bytes <= LARGE)
        c.content.data = (struct str){data, bytes};
    c.to.url = (struct str){"url", 4};
    places_take(&places, &ref, 1, TOKEN);
    return c;
}

static struct claim claim_of(int n, size_t bytes)
{
    return claim_of_app(n, bytes, APP);
}

static struct claim gathering(int n, size_t bytes)
{
    struct claim c = claim_of(n, bytes);
    c.batch_max = 10;
    return c;
}

static struct claim along(int n, size_t bytes)
{
    struct claim c = gathering(n, bytes);
    c.along = true;
    places_give_back(&places, c.ref.delivery);
    places_take_along(&places, &c.ref, TOKEN);
    return c;
}

/* Turns of the loop until so many have come, one in each at most. */
static void spin_until(size_t count)
{
    for (int64_t until_ms = clock_mono_ms() + 5000; came < count && clock_mono_ms() < until_ms;) {
        size_t before = came;
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        assert_true(came - before <= 1);
    }
    assert_int_equal(came, count);
}

static int held_of(uint8_t app)
{
    int held = 0;
    for (size_t i = 0; i < places.held_count; i++)
        if (places.held[i].app.b[0] == app)
            held = places.held[i].count;
    return held;
}

static void test_one_in_a_turn(void **state)
{
    struct claim claims[] = {claim_of(1, LARGE), claim_of(2, 2), claim_of(3, LARGE),
                             claim_of(4, LARGE), claim_of(5, 2)};
    (void)state;

    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    assert_int_equal(came, 3);
    assert_true(has_come[1] && has_come[2] && has_come[5]);
    assert_true(held_of(APP) >= 5 + 2 * LARGE / PLACE_BYTES); /* what waits weighs */
    assert_true(held_of(APP) <= 15 + 2 * LARGE / PLACE_BYTES);
    memset(claims, 0, sizeof claims); /* they were lent */

    struct claim more[] = {claim_of(6, LARGE), claim_of(7, 2)};
    pacer_add(&pacer, more, ARRAY_LEN(more), TOKEN);
    assert_int_equal(came, 4);
    assert_true(has_come[7]);
    spin_until(7);
    assert_true(has_come[3] && has_come[4] && has_come[6]);
    assert_true(held_of(APP) <= 7 + 10);
    assert_int_equal(calls, 2 + 4);
    assert_int_equal(ledger.count, 0);
}

/* What gathers goes with its like; not a test, and not what fills a request. */
static void test_together(void **state)
{
    struct claim claims[] = {gathering(1, 2000),  gathering(2, 2000), claim_of(3, LARGE),
                             gathering(4, LARGE), gathering(5, HUGE), gathering(6, LARGE)};
    (void)state;

    claims[3].content.test = true;
    claims[5].to.webhook.b[0] = 1;
    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    assert_int_equal(came, 3);
    assert_int_equal(calls, 2);
    assert_true(has_come[1] && has_come[2]);
    WAIT(loop, ledger.count == 1, 1000);
    answer(0, HUGE);
    spin_until(6);
    assert_int_equal(calls, 5);
}

/* An array that is large waits for its turn, whole, as any other large message. */
static void test_arrays_take_turns(void **state)
{
    enum { EACH = 8, ARRAYS = 5, MOST = EACH * ARRAYS };
    struct claim claims[MOST + 1];
    (void)state;

    for (int n = 0; n < MOST; n++) {
        claims[n] = n < ARRAYS ? gathering(n, 4000) : along(n, 4000);
        claims[n].to.webhook.b[0] = (uint8_t)(n % ARRAYS);
    }
    claims[MOST] = claim_of_app(MOST, LARGE, 5);
    pacer_add(&pacer, claims, ARRAY_LEN(claims), TOKEN);
    assert_int_equal(calls, 1);
    assert_in_range(held_of(APP), ARRAYS * EACH * 4000 / PLACE_BYTES,
                    ARRAYS * (EACH * 4000 / PLACE_BYTES + 20)); /* what waits weighs */
    memset(claims, 0, sizeof claims);                           /* they were lent */
    while (calls < 3)
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    assert_true(has_come[MOST]); /* one of each app, and then another */
    WAIT(loop, came == MOST + 1, 5000);
    assert_int_equal(calls, ARRAYS + 1);
}

/* Of those that are late, or when there is an end, all go back. */
static void test_arrays_are_left(void **state)
{
    struct claim claims[200];
    (void)state;

    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < 200; n++) {
            claims[n] = n == 0 ? gathering(n, 4000) : along(n, 4000);
            claims[n].begin_by_ms += round == 0 ? -60001 : 0;
        }
        struct claim first = claim_of_app(200, LARGE, 5);
        pacer_add(&pacer, &first, (size_t)round, TOKEN); /* a turn, and the next is for later */
        pacer_add(&pacer, claims, 200, TOKEN);
        pacer_stop(&pacer);
        assert_int_equal(left, 200 * (size_t)(round + 1));
        places_give_back(&places, first.ref.delivery);
        WAIT(loop, !pacer.had_turn, 1000);
    }
    assert_int_equal(left_calls, 2);
    assert_int_equal(came, 1);
}

/* What does not come with a claim is asked for once, and is here once. */
static void test_shared_data(void **state)
{
    struct claim claims[] = {claim_of(1, HUGE), claim_of(2, HUGE), claim_of(3, HUGE),
                             claim_of(4, HUGE)};
    (void)state;

    for (size_t i = 0; i < 3; i++)
        claims[i].content.event = claims[0].content.event;
    pacer_add(&pacer, claims, 3, TOKEN);
    assert_int_equal(ledger.count, 1);
    assert_int_equal(came, 0);
    assert_int_equal(held_of(APP), 4 + HUGE / PLACE_BYTES);
    answer(0, HUGE);
    spin_until(3);
    assert_int_equal(ledger.count, 1);
    pacer_add(&pacer, claims + 3, 1, TOKEN);
    assert_int_equal(ledger.count, 2);
    answer(0, HUGE);
    spin_until(4);
}

/* Apps have equal shares of the time, and not of the messages. */
static void test_shares_of_time(void **state)
{
    struct claim claims[20];
    (void)state;

    burn_ms[4] = 20;
    burn_ms[5] = 2;
    for (int n = 0; n < 20; n++)
        claims[n] = claim_of_app(n, LARGE, n < 10 ? 4 : 5);
    pacer_add(&pacer, claims, 20, TOKEN);
    for (size_t count = 2; !(has_come[17]); count++)
        spin_until(count);
    int dear = 0;
    for (int n = 0; n < 10; n++)
        dear += has_come[n];
    /* 8 of the others took less time than one, and each goes first once; on a busy machine they take longer. Turn by
     * turn it would be 8. */
    assert_in_range(dear, 1, 5);
    spin_until(20);
}

/* As long as others have something in hand, the loop is theirs half of the time. */
static void test_pauses(void **state)
{
    struct claim claims[4], other = claim_of_app(50, 2, 9);
    (void)state;

    for (int n = 0; n < 4; n++)
        claims[n] = claim_of(n, LARGE);
    burn_ms[APP] = 20;
    int64_t begun_ms = clock_mono_ms();
    pacer_add(&pacer, claims, 4, TOKEN);
    spin_until(4);
    assert_true(clock_mono_ms() - begun_ms >= 4 * 20 + 3 * 19);
    places_give_back(&places, other.ref.delivery);
}

/* Those that come too late for their leases, or whose data is gone, go back: together if they came so. */
static void test_lost(void **state)
{
    struct claim claims[] = {claim_of(1, HUGE), claim_of(2, HUGE), claim_of(3, LARGE),
                             claim_of(4, LARGE)};
    (void)state;

    claims[1].content.event = claims[0].content.event;
    claims[2].begin_by_ms = clock_mono_ms() - 1;
    pacer_add(&pacer, claims, 4, TOKEN);
    answer(0, 0); /* erased */
    WAIT(loop, came == 1, 1000);
    assert_true(has_come[4]);
    assert_int_equal(left, 3);
    assert_int_equal(left_calls, 2);
    assert_true(has_left[1] && has_left[2] && has_left[3]);

    struct claim again[] = {claim_of(1, HUGE)};
    again[0].content.event = claims[0].content.event;
    pacer_add(&pacer, again, 1, TOKEN);
    answer(ERR_TIMEOUT, HUGE);
    WAIT(loop, left == 4, 1000);
    assert_int_equal(held_of(APP), 1);
}

static void test_stopped(void **state)
{
    struct claim claims[] = {claim_of(1, LARGE), claim_of(2, LARGE), claim_of_app(3, HUGE, 5),
                             claim_of_app(4, LARGE, 5)};
    (void)state;

    pacer_add(&pacer, claims, 4, TOKEN);
    assert_int_equal(ledger.count, 1);
    pacer_stop(&pacer);
    assert_int_equal(came, 1);
    assert_int_equal(left, 3);
    assert_int_equal(left_calls, 2);
    assert_int_equal(ledger.cancelled, 1);
    assert_int_equal(held_of(5), 0);
    WAIT(loop, !timeout_is_set(pacer.turn), 1000);
    assert_int_equal(came, 1);
}

static void keep_payload(void *arg, const struct claim *claims, size_t count, int64_t token,
                         struct payload *payload)
{
    struct body_form form = {.json = (int)came};
    struct buf text;
    struct payload **kept = arg;

    (void)claims;
    (void)count;
    (void)token;
    buf_init(&text, LARGE);
    buf_add(&text, data, LARGE);
    bodies_add(&payload->bodies, &form, &text, 0)->users++;
    payload_use(payload);
    kept[came++] = payload;
}

/* An app that has its part of the room is not asked for more until some of it comes free; another is. What is sent
 * weighs as what was made of it. */
static void test_room(void **state)
{
    struct payload *kept[10] = {NULL};
    (void)state;

    pacer.hooks.on_claims = keep_payload;
    pacer.hooks.arg = kept;
    for (int n = 0; n < 10; n++) {
        struct claim one = claim_of(n, LARGE);
        one.content.data.p = NULL;
        pacer_add(&pacer, &one, 1, TOKEN);
        if (ledger.count == n + 1)
            answer(0, LARGE);
        WAIT(loop, came == (size_t)n + 1, 30);
    }
    size_t most = came; /* 3 * (1000 - 100 n - 10) - 100 n > 400 */
    assert_in_range(most, 6, 7);
    assert_in_range(held_of(APP), 10 + most * 100, 20 + most * 101);
    struct claim another = claim_of_app(20, LARGE, 5);
    pacer_add(&pacer, &another, 1, TOKEN);
    WAIT(loop, came == most + 1, 1000);

    for (size_t i = 0; i < 2; i++) {
        CONTAINER_OF(kept[i]->bodies.all.next, struct body, node)->users--;
        payload_release(kept[i]);
    }
    WAIT(loop, ledger.count == (int)most + 1, 1000);
    pacer_stop(&pacer);
    for (size_t i = 2; i < came; i++) {
        CONTAINER_OF(kept[i]->bodies.all.next, struct body, node)->users--;
        payload_release(kept[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_in_a_turn, begin, end),
        cmocka_unit_test_setup_teardown(test_together, begin, end),
        cmocka_unit_test_setup_teardown(test_arrays_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(test_arrays_are_left, begin, end),
        cmocka_unit_test_setup_teardown(test_shared_data, begin, end),
        cmocka_unit_test_setup_teardown(test_shares_of_time, begin, end),
        cmocka_unit_test_setup_teardown(test_pauses, begin, end),
        cmocka_unit_test_setup_teardown(test_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_stopped, begin, end),
        cmocka_unit_test_setup_teardown(test_room, begin, end),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
