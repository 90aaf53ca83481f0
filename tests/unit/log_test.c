/* base/log: the shape of a line, quoting, and one write a line, seen through a pipe as stderr. */
#include "base/log.h"

#include "base/clock.h"

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int kept_stderr, packets;
static char line[4096];

static int set_up(void **state)
{
    (void)state;
    int ends[2];
    /* In a pipe with O_DIRECT each write stays a packet of its own. */
    if (pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
        return -1;
    kept_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    packets = ends[0];
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    close(packets);
    return 0;
}

/* One write's bytes, at most 4 KiB. */
static ssize_t read_packet(void)
{
    ssize_t n = read(packets, line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    return n;
}

static void test_line(void **state)
{
    (void)state;
    struct str time;
    int64_t ms, now = clock_wall_ms();
    log_info("delivery_failed", "delivery=%s code=%d", "del_1", 500);
    assert_true(read_packet() > 0);
    assert_int_equal(read_packet(), -1); /* that was all */

    log_info("delivery_failed", "delivery=%s code=%d", "del_1", 500);
    read_packet();
    assert_memory_equal(line, "time=", 5);
    time = (struct str){line + 5, strcspn(line + 5, " ")};
    assert_true(clock_parse(time, &ms));
    assert_in_range(ms, now, now + 60000);
    assert_string_equal(time.p + time.n,
                        " level=info event=delivery_failed delivery=del_1 code=500\n");
}

static void test_one_write_each(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        log_info("n", "i=%d", i);
    for (int i = 0; i < 10; i++) {
        ssize_t n = read_packet();
        assert_true(n > 0);
        assert_int_equal(line[n - 1], '\n');
        assert_ptr_equal(strchr(line, '\n'), line + n - 1);
        assert_int_equal(line[n - 2], '0' + i);
    }
    assert_int_equal(read_packet(), -1);
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int max = LOG_LEVEL_ERROR; max <= LOG_LEVEL_DEBUG; max++) {
        log_set_level((enum log_level)max);
        log_error("e", "x=1");
        log_warn("e", "x=1");
        log_info("e", "x=1");
        log_debug("e", "x=1");
        for (int level = 0; level <= max; level++) {
            assert_true(read_packet() > 0);
            assert_non_null(strstr(line, " level="));
            assert_memory_equal(strstr(line, " level=") + 7, names[level], strlen(names[level]));
        }
        assert_int_equal(read_packet(), -1);
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
            assert_int_equal(log_enabled((enum log_level)level), level <= max);
    }
}

static void test_long_line(void **state)
{
    (void)state;
    char *text = malloc(5001);
    memset(text, 'x', 5000);
    text[5000] = '\0';
    log_info("long", "text=%s", text);
    ssize_t n = read_packet();
    assert_in_range(n, 1000, 2048);
    assert_int_equal(line[n - 1], '\n');
    assert_int_equal(line[n - 2], 'x');
    assert_int_equal(strlen(line), n);
    assert_int_equal(read_packet(), -1);
    /* Lengths around that of the buffer. */
    for (size_t length = 1950; length < 2060; length++) {
        text[length] = '\0';
        log_info("long", "text=%s", text);
        text[length] = 'x';
        n = read_packet();
        assert_int_equal(strlen(line), n);
        assert_ptr_equal(strchr(line, '\n'), line + n - 1);
        assert_int_equal(read_packet(), -1);
    }
    free(text);
}

/* A bucket: LOG_BURST at once, LOG_PER_SECOND in the long run, and what was left out is counted. */
static void test_bound(void **state)
{
    (void)state;
    struct log_bound bound = {0};
    uint64_t suppressed;
    int64_t now = 1000000, taken = 0, told = 0;

    for (int i = 0; i < LOG_BURST; i++)
        assert_true(log_bound_take(&bound, now, &suppressed));
    assert_int_equal(suppressed, 0);
    for (int i = 0; i < 7; i++)
        assert_false(log_bound_take(&bound, now, &suppressed));
    now += 1000 / LOG_PER_SECOND;
    assert_true(log_bound_take(&bound, now, &suppressed));
    assert_int_equal(suppressed, 7);
    assert_false(log_bound_take(&bound, now, &suppressed));
    assert_int_equal(bound.suppressed, 1);

    bound.suppressed = 0;
    for (int i = 0; i < 60000; i++, now++) { /* a thousand a second for a minute */
        if (log_bound_take(&bound, now, &suppressed)) {
            taken++;
            told += (int64_t)suppressed;
        }
    }
    assert_in_range(taken, 60 * LOG_PER_SECOND - 1, 60 * LOG_PER_SECOND + 1);
    assert_int_equal(taken + told + (int64_t)bound.suppressed, 60000);

    now += 3600000; /* full again, and no more than full */
    for (int i = 0; i < LOG_BURST; i++)
        assert_true(log_bound_take(&bound, now, &suppressed));
    assert_false(log_bound_take(&bound, now, &suppressed));
}

static void test_bounded_lines(void **state)
{
    (void)state;
    char want[64];
    int lines = 0;
    for (int i = 0; i < 1000; i++) {
        log_bounded(LOG_LEVEL_INFO, "many", "i=%d", i);
        if (read_packet() > 0)
            lines++;
    }
    assert_in_range(lines, LOG_BURST, LOG_BURST + 2);
    log_flush();
    assert_true(read_packet() > 0);
    snprintf(want, sizeof want, " level=info event=many suppressed=%d\n", 1000 - lines);
    assert_non_null(strstr(line, want));
    log_flush();
    assert_int_equal(read_packet(), -1);

    log_bounded(LOG_LEVEL_DEBUG, "many", "i=%d", 1);
    assert_int_equal(read_packet(), -1);
}

struct quote {
    const char *text, *want;
};

static const struct quote quotes[] = {
    {"", "\"\""},
    {"plain text", "\"plain text\""},
    {"say \"hi\"", "\"say \\\"hi\\\"\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"a\nb\rc\td\x1b[0m\x7f", "\"a\\x0ab\\x0dc\\x09d\\x1b[0m\\x7f\""},
    {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
};

static void test_quote(void **state)
{
    (void)state;
    char out[LOG_QUOTE_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++)
        assert_string_equal(log_quote(out, quotes[i].text), quotes[i].want);
}

/* Whatever the bytes, it is cut in time and ends with its quote. */
static void test_quote_cut(void **state)
{
    (void)state;
    static const char bytes[] = {'a', '"', '\n', '\\'};
    char *text = malloc(2001), *out = malloc(LOG_QUOTE_SIZE);
    for (size_t i = 0; i < sizeof bytes; i++) {
        for (size_t lead = 0; lead < 5; lead++) {
            memset(text, 'a', lead);
            memset(text + lead, bytes[i], 2000 - lead);
            text[2000] = '\0';
            size_t n = strlen(log_quote(out, text));
            assert_in_range(n, 513, 517);
            assert_int_equal(out[n - 1], '"');
        }
    }
    free(text);
    free(out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_write_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_line, set_up, tear_down),
        cmocka_unit_test(test_bound),
        cmocka_unit_test_setup_teardown(test_bounded_lines, set_up, tear_down),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_cut),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
