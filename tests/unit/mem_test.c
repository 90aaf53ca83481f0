/* base/defs: memory that is zeroed, copied, and taken from the stack until it is full. */
#include "base/defs.h"

#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_heap(void **state)
{
    (void)state;
    static const char zero[64];
    char *p = xcalloc(8, 8);
    assert_memory_equal(p, zero, 64);
    memset(p, 'x', 63);
    p = xrealloc(p, 1000);
    assert_int_equal(strlen(p), 63);
    free(p);
    p = xcalloc(0, 8);
    assert_non_null(p);
    free(p);
    p = xstrdup("abc");
    assert_string_equal(p, "abc");
    free(p);
}

static void test_scratch(void **state)
{
    (void)state;
    static struct scratch scratch;
    struct allocator a = scratch_allocator(&scratch);
    char *one = a.alloc(a.pool, 1), *two = a.alloc(a.pool, 17), *three = a.alloc(a.pool, 0),
         *four = a.alloc(a.pool, 16);
    assert_int_equal((uintptr_t)one % 16, 0);
    assert_ptr_equal(two, one + 16);
    assert_ptr_equal(three, two + 32);
    assert_ptr_equal(four, three);
    char *rest = a.alloc(a.pool, sizeof scratch.bytes - 64);
    assert_ptr_equal(rest + (sizeof scratch.bytes - 64), scratch.bytes + sizeof scratch.bytes);

    a = scratch_allocator(&scratch); /* anew */
    assert_ptr_equal(a.alloc(a.pool, 1), one);
}

/* Of a scratch. */
#define SCRATCH sizeof(((struct scratch *)NULL)->bytes)

static void overfill(size_t size)
{
    static struct scratch scratch;
    struct allocator a = scratch_allocator(&scratch);
    a.alloc(a.pool, 16);
    a.alloc(a.pool, size);
}

/* True when it ends the process by abort(). */
static bool aborts(void (*what)(size_t size), size_t size)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        static const struct rlimit no_core;
        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO);
        what(size);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_aborts(void **state)
{
    (void)state;
    assert_false(aborts(overfill, SCRATCH - 16));
    assert_true(aborts(overfill, SCRATCH - 15));
    assert_true(aborts(overfill, SIZE_MAX));
    assert_true(aborts(overfill, SIZE_MAX - 15));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_aborts),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
