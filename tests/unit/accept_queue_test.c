/* api/accept_queue: whose request is accepted next, and whose waits no longer. */
#include "api/accept_queue.h"

#include "unit.h"

static struct accept_queue queue;
static struct accept_waiter waiters[40];

static struct id app(uint8_t n)
{
    return (struct id){{[15] = n}};
}

/* Room for 100 events and 1,000 bytes. */
static int begin(void **state)
{
    (void)state;
    memset(waiters, 0, sizeof waiters);
    accept_queue_init(&queue, 100, 1000);
    return 0;
}

static bool push(int n, uint8_t of, size_t events, size_t bytes)
{
    list_init(&waiters[n].node);
    waiters[n].events = events;
    waiters[n].bytes = bytes;
    return accept_queue_push(&queue, app(of), &waiters[n]);
}

static int take(void)
{
    struct accept_waiter *next = accept_queue_next(&queue, NULL);
    if (next == NULL)
        return -1;
    accept_queue_take(&queue, next);
    assert_null(next->turn);
    return (int)(next - waiters);
}

/* One that has many waiting has one turn as who has one. */
static void test_turns(void **state)
{
    static const int order[] = {0, 4, 6, 1, 5, 2, 3, -1};
    (void)state;

    for (int i = 0; i < 4; i++)
        assert_true(push(i, 1, 1, 1));
    assert_true(push(4, 2, 1, 1) && push(5, 2, 1, 1) && push(6, 3, 1, 1));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_int_equal(take(), order[i]);
    assert_int_equal(queue.events + queue.bytes, 0);
    accept_queue_fini(&queue);
}

/* Who is passed over stays the first. */
static void test_passed_over(void **state)
{
    (void)state;
    assert_true(push(0, 1, 5, 1) && push(1, 2, 1, 1) && push(2, 3, 1, 1));
    struct accept_waiter *first = accept_queue_next(&queue, NULL);
    struct accept_waiter *second = accept_queue_next(&queue, first);
    assert_ptr_equal(second, &waiters[1]);
    accept_queue_take(&queue, second);
    assert_ptr_equal(accept_queue_next(&queue, NULL), first);
    assert_ptr_equal(accept_queue_next(&queue, first), &waiters[2]);
    assert_null(accept_queue_next(&queue, &waiters[2]));
    accept_queue_remove(&queue, &waiters[2]);
    assert_null(waiters[2].turn);
    assert_int_equal(take(), 0);
    accept_queue_fini(&queue);
}

/* Three times what it leaves, in events and in bytes; what is left is for others. */
static void test_shares(void **state)
{
    int n = 0;
    (void)state;

    while (n < 20 && push(n, 1, 10, 1))
        n++;
    assert_int_equal(n, 7);
    assert_false(push(n, 1, 10, 1));
    assert_true(push(20, 2, 10, 1));
    assert_true(!push(21, 1, 1, 1) && push(21, 2, 5, 1));
    while (take() >= 0)
        ;
    assert_true(push(23, 1, 1, 750) && !push(24, 1, 1, 1));
    assert_true(push(25, 2, 1, 180) && !push(26, 2, 1, 30));
    assert_true(push(27, 3, 1, 50));
    while (take() >= 0)
        ;
    accept_queue_fini(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_turns, begin),
        cmocka_unit_test_setup(test_passed_over, begin),
        cmocka_unit_test_setup(test_shares, begin),
    };
    return cmocka_run_group_tests_name("accept_queue", tests, NULL, NULL);
}
