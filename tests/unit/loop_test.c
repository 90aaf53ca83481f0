/* io/loop: timeouts and what was readable before they were over. */
#include "io/loop.h"

#include "io/watch.h"
#include "unit.h"
#include "wait.h"

#include <stdlib.h>

struct rig {
    struct loop *loop;
    struct timeout *first, *second;
    struct watch *watch;
    int pipe[2], read, called, order;
};

static void on_stop(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    struct rig *r = xcalloc(1, sizeof *r);
    r->loop = loop_create(on_stop, r);
    assert_int_equal(pipe(r->pipe), 0);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    timeout_destroy(r->first);
    timeout_destroy(r->second);
    watch_close(r->watch);
    loop_destroy(r->loop);
    close(r->pipe[0]);
    close(r->pipe[1]);
    free(r);
    return 0;
}

static void on_called(void *arg)
{
    struct rig *r = arg;
    r->called++;
}

static void on_answer(void *arg, int events)
{
    struct rig *r = arg;
    char byte;
    (void)events;
    r->read += read(r->pipe[0], &byte, 1) == 1;
    timeout_clear(r->second);
}

/* What SIGSTOP does to a process: an answer comes, and the deadline passes. */
static void on_standstill(void *arg)
{
    struct rig *r = arg;
    assert_int_equal(write(r->pipe[1], "x", 1), 1);
    usleep(50000);
}

static void test_an_answer_that_is_there_is_no_timeout(void **state)
{
    struct rig *r = *state;
    r->first = timeout_create(r->loop, on_standstill, r);
    r->second = timeout_create(r->loop, on_called, r);
    r->watch = watch_open(r->loop, r->pipe[0], on_answer, r);
    watch_set(r->watch, WATCH_READ);
    timeout_set(r->first, 0);
    timeout_set(r->second, 10);
    WAIT(r->loop, r->read > 0 || r->called > 0, 1000);
    WAIT(r->loop, false, 30);
    assert_int_equal(r->read, 1);
    assert_int_equal(r->called, 0);
    assert_false(timeout_is_set(r->second));
}

/* Both are due in the same turn; the second is cleared, or gone, when the first is called. */
static void on_first(void *arg)
{
    struct rig *r = arg;
    assert_true(timeout_is_set(r->second));
    if (r->order == 0) {
        timeout_clear(r->second);
        assert_false(timeout_is_set(r->second));
    } else if (r->order == 1) {
        timeout_destroy(r->second);
        r->second = NULL;
    } else {
        timeout_set(r->second, 20);
    }
    usleep(1000);
}

static void test_what_is_due_may_be_cleared_destroyed_or_set_again(void **state)
{
    struct rig *r = *state;
    r->first = timeout_create(r->loop, on_first, r);
    for (; r->order < 3; r->order++) {
        timeout_destroy(r->second);
        r->second = timeout_create(r->loop, on_called, r);
        timeout_set(r->first, 1);
        timeout_set(r->second, 1);
        usleep(5000);
        WAIT(r->loop, r->called > 0, r->order == 2 ? 1000 : 20);
        assert_int_equal(r->called, r->order == 2);
    }
}

static void on_again(void *arg)
{
    struct rig *r = arg;
    if (++r->called < 5)
        timeout_set(r->first, 0);
}

/* One turn each: who sets itself again does not keep the loop. */
static void test_set_in_its_own_callback(void **state)
{
    struct rig *r = *state;
    r->first = timeout_create(r->loop, on_again, r);
    timeout_set(r->first, 0);
    uv_run(loop_uv(r->loop), UV_RUN_NOWAIT);
    assert_int_equal(r->called, 1);
    assert_true(timeout_is_set(r->first));
    WAIT(r->loop, r->called == 5, 1000);
    assert_int_equal(r->called, 5);
    assert_false(timeout_is_set(r->first));
}

struct ends {
    struct rig *rig;
    struct turn_end first, second, never;
    int firsts, seconds;
};

static void on_first_end(void *arg)
{
    struct ends *e = arg;
    e->firsts++;
    turn_end_ask(e->rig->loop, &e->second);
}

static void on_second_end(void *arg)
{
    struct ends *e = arg;
    e->seconds++;
}

static void on_never(void *arg)
{
    (void)arg;
    fail_msg("it was cancelled");
}

static void on_busy(void *arg)
{
    struct ends *e = arg;
    int before = e->firsts;

    for (int i = 0; i < 3; i++)
        turn_end_ask(e->rig->loop, &e->first);
    turn_end_ask(e->rig->loop, &e->never);
    turn_end_cancel(&e->never);
    assert_int_equal(e->firsts, before);
}

/* Once for all who ask in a turn, with what it asks for itself, before the loop waits. */
static void test_the_end_of_a_turn(void **state)
{
    struct rig *r = *state;
    struct ends e = {.rig = r};

    turn_end_init(&e.first, on_first_end, &e);
    turn_end_init(&e.second, on_second_end, &e);
    turn_end_init(&e.never, on_never, &e);
    r->first = timeout_create(r->loop, on_busy, &e);
    for (int turn = 1; turn <= 2; turn++) {
        timeout_set(r->first, 0);
        WAIT(r->loop, e.firsts == turn, 1000);
        assert_int_equal(e.firsts, turn);
        assert_int_equal(e.seconds, turn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer_that_is_there_is_no_timeout, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_due_may_be_cleared_destroyed_or_set_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_set_in_its_own_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_a_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
