/* worker/attempt: the states that an attempt goes through. */
#include "worker/attempt.h"

#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATES 5

/* The same as the table, put another way. */
static bool is_legal(enum attempt_state from, enum attempt_state to)
{
    if (to == ATTEMPT_ENDED)
        return from < ATTEMPT_ENDED;
    return to == from + 1;
}

/* In a process of its own, which a bug aborts. */
static bool moves(enum attempt_state from, enum attempt_state to)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        struct attempt a = {.state = from};
        setrlimit(RLIMIT_CORE, &none);
        (void)!freopen("/dev/null", "w", stderr);
        attempt_move(&a, to);
        _exit(a.state == to ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

static void test_moves(void **state)
{
    (void)state;
    for (int from = 0; from < STATES; from++)
        for (int to = 0; to < STATES; to++)
            assert_int_equal(moves((enum attempt_state)from, (enum attempt_state)to),
                             is_legal((enum attempt_state)from, (enum attempt_state)to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
