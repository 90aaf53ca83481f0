/* base/metrics: threads that count, and one that reads. */
#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>

#include "unit.h"

#define THREADS 4
#define TIMES   20000

/* The value in the line that begins with `name`. */
static long long value_of(const char *name)
{
    struct buf text;
    char line[80];
    long long value;

    snprintf(line, sizeof line, "\n%s ", name);
    buf_init(&text, METRICS_BYTES_MAX);
    metrics_write(&text);
    assert_false(text.overflow);
    const char *at = strstr(buf_text(&text), line);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(line), "%lld", &value), 1);
    buf_fini(&text);
    return value;
}

static void *count(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        metric_add(METRIC_EVENTS_ACCEPTED, 1);
        metric_add(METRIC_WAITING_RECORD, i % 2 == 0 ? 3 : -3);
    }
    metric_set(METRIC_PROCESS_FILES, 5);
    return arg;
}

/* What a thread has counted stays when it is gone; one reads meanwhile. */
static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    long long last = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < 100; i++) {
        long long now = value_of("posthorn_events_accepted_total");
        assert_true(now >= last);
        last = now;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(value_of("posthorn_events_accepted_total"), THREADS * TIMES);
    assert_int_equal(value_of("posthorn_waiting{queue=\"record\"}"), 0);
    assert_int_equal(value_of("process_open_fds"), THREADS * 5);
}

/* Every metric is in the table, under a name of its own, in a family that is. */
static void test_table(void **state)
{
    struct buf text;
    int lines = 0;

    (void)state;
    buf_init(&text, METRICS_BYTES_MAX);
    metrics_write(&text);
    assert_null(strstr(buf_text(&text), "(null)"));
    for (const char *p = buf_text(&text); *p != '\0'; p = strchr(p, '\n') + 1)
        lines += *p != '#';
    assert_int_equal(lines, METRIC_COUNT);
    assert_string_equal(text.p + text.n - strlen("\n# EOF\n"), "\n# EOF\n");
    buf_fini(&text);
}

static void test_seconds(void **state)
{
    struct buf text;

    (void)state;
    metric_set(METRIC_PROCESS_CPU, 12000345);
    buf_init(&text, METRICS_BYTES_MAX);
    metrics_write(&text);
    assert_non_null(strstr(buf_text(&text), "\nprocess_cpu_seconds_total 12.000345\n"));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
