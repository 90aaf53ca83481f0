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
    assert_int_equal(lines, METRIC_COUNT + HISTOGRAM_COUNT * 18); /* 16 buckets, a sum, a count */
    assert_string_equal(text.p + text.n - strlen("\n# EOF\n"), "\n# EOF\n");
    buf_fini(&text);
}

static void *measure(void *arg)
{
    metric_set(METRIC_LEDGER_HELD, *(const int *)arg);
    return arg;
}

/* What several threads tell of the same is no sum. */
static void test_the_greatest(void **state)
{
    static const int values[] = {7, 3};
    pthread_t threads[ARRAY_LEN(values)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, measure, (void *)(uintptr_t)&values[i]),
                         0);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(value_of("posthorn_ledger_deliveries{state=\"held\"}"), 7);
}

static void test_histogram(void **state)
{
    static const struct {
        const char *name;
        long long value;
    } rows[] = {
        {"posthorn_redis_seconds_bucket{le=\"0.001\"}", 2},
        {"posthorn_redis_seconds_bucket{le=\"0.0025\"}", 3},
        {"posthorn_redis_seconds_bucket{le=\"10\"}", 3},
        {"posthorn_redis_seconds_bucket{le=\"60\"}", 4},
        {"posthorn_redis_seconds_bucket{le=\"+Inf\"}", 5},
        {"posthorn_redis_seconds_count", 5},
        {"posthorn_redis_seconds_sum", 120},
        {"posthorn_postgres_seconds_count", 0},
    };

    (void)state;
    metric_observe(HISTOGRAM_REDIS, -1);
    metric_observe(HISTOGRAM_REDIS, 1000);
    metric_observe(HISTOGRAM_REDIS, 1001);
    metric_observe(HISTOGRAM_REDIS, 60000000);
    metric_observe(HISTOGRAM_REDIS, 60000001);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(value_of(rows[i].name), rows[i].value);
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
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_the_greatest), cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
