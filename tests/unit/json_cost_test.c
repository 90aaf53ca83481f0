/* What a megabyte costs in each form, whatever it is made of: forms are rendered on loops that others share. All is held
 * against a plain text of the same size, in the same run. */
#include "base/err.h"
#include "base/json.h"

#include "unit.h"

#include <time.h>

#define SIZE    (1 << 20)
#define OUT_MAX (16 << 20)
#define NESTED  60

static struct buf text;

/* `write` appends the n-th of what lies between the ends. */
static void fill(const char *begin, void (*write)(int n), const char *end)
{
    buf_clear(&text);
    buf_add_text(&text, begin);
    for (int n = 0; text.n < SIZE; n++) {
        if (n > 0)
            buf_add_char(&text, ',');
        write(n);
    }
    buf_add_text(&text, end);
}

/* Seconds of CPU for the text, the least of three. */
static double cost_of_text(enum json_form form)
{
    struct json_error error;
    struct buf out;
    double least = 1e9;

    assert_int_equal(json_check(buf_str(&text), JSON_DEPTH_MAX, &error), 0);
    buf_init(&out, OUT_MAX);
    for (int i = 0; i < 3; i++) {
        clock_t start = clock();
        buf_clear(&out);
        assert_int_equal(json_write_form(&out, buf_str(&text), form, JSON_BIGINT_STRING), 0);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        least = seconds < least ? seconds : least;
    }
    buf_fini(&out);
    return least;
}

static const char *item;

static void write_item(int n)
{
    (void)n;
    buf_add_text(&text, item);
}

static double cost_of(const char *of, enum json_form form)
{
    item = of;
    fill("[", write_item, "]");
    return cost_of_text(form);
}

static void test_no_number_is_dear(void **state)
{
    static const char *const items[] = {"1e23",
                                        "5e-324",
                                        "1.7976931348623157e308",
                                        "2.2250738585072011e-308",
                                        "9007199254740993.0",
                                        "123456789012345678901",
                                        "99999999999999999999999999999999999e-5"};
    (void)state;
    for (enum json_form form = JSON_FORM_JS; form <= JSON_FORM_PYTHON_COMPACT; form++) {
        double plain = cost_of("1", form);
        for (size_t i = 0; i < ARRAY_LEN(items); i++)
            if (cost_of(items[i], form) > 4 * plain)
                fail_msg("%s in form %d", items[i], form);
    }
}

/* --- objects ---------------------------------------------------------------------------------- */

static void write_same(int n)
{
    (void)n;
    buf_add_text(&text, "\"a\":0");
}

static void write_empty(int n)
{
    (void)n;
    buf_add_text(&text, "\"\":0");
}

static void write_few_characters(int n)
{
    buf_printf(&text, "\"%c%c%c\":0", '#' + n * 7 % 50, '#' + n / 50 % 50, '#' + n / 2500 % 50);
}

static void write_down(int n)
{
    buf_printf(&text, "\"%d\":0", 1000000 - n);
}

static void write_shuffled(int n)
{
    buf_printf(&text, "\"%lld\":0", n * 2654435761LL % 4294967291LL);
}

static void write_shuffled_twice(int n)
{
    buf_printf(&text, "\"%lld\":0", n * 7919LL % 49999);
}

static void write_mixed(int n)
{
    buf_printf(&text, "\"%s%lld\":0", n % 2 ? "" : "a", n * 7919LL % 99991);
}

static void write_small(int n)
{
    (void)n;
    buf_add_text(&text, "{\"1\":0,\"0\":0,\"1\":0}");
}

static void write_wide(int n)
{
    (void)n;
    buf_add_text(&text, "{\"b\":0,\"a\":0,\"d\":0,\"c\":0,\"f\":0,\"e\":0,\"h\":0,\"g\":0,\"j\":0,"
                        "\"i\":0,\"l\":0,\"k\":0,\"n\":0,\"m\":0,\"p\":0,\"o\":0,\"q\":0}");
}

static const struct {
    const char *what, *begin, *end;
    void (*write)(int n);
} objects[] = {
    {"one key", "{", "}", write_same},
    {"an empty key", "{", "}", write_empty},
    {"keys of a few characters", "{", "}", write_few_characters},
    {"indices downwards", "{", "}", write_down},
    {"indices in disorder", "{", "}", write_shuffled},
    {"indices in disorder, and again", "{", "}", write_shuffled_twice},
    {"indices among others", "{", "}", write_mixed},
    {"small objects", "[", "]", write_small},
    {"wide objects", "[", "]", write_wide},
};

/* Objects that have to be put into order cost about what others do. */
static void test_no_object_is_dear(void **state)
{
    (void)state;
    for (enum json_form form = JSON_FORM_JS; form <= JSON_FORM_PYTHON_COMPACT; form++) {
        double plain = cost_of("1", form);
        for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
            fill(objects[i].begin, objects[i].write, objects[i].end);
            double cost = cost_of_text(form);
            if (cost > 3 * plain)
                fail_msg("%s in form %d: %.1f times", objects[i].what, form, cost / plain);
        }
    }
}

/* Nor does it cost more for each object around it: `inside` lies in many, each of which loses a member. */
static void nest(int depth, const char *inside)
{
    buf_clear(&text);
    for (int i = 0; i < depth; i++)
        buf_add_text(&text, "{\"1\":0,\"1\":");
    buf_add_char(&text, '"');
    while (text.n < SIZE)
        buf_add_text(&text, inside);
    buf_add_char(&text, '"');
    for (int i = 0; i < depth; i++)
        buf_add_char(&text, '}');
}

static void test_no_depth_is_dear(void **state)
{
    (void)state;
    for (enum json_form form = JSON_FORM_JS; form <= JSON_FORM_PYTHON_COMPACT; form++) {
        nest(1, "ä");
        double plain = cost_of_text(form);
        nest(NESTED, "ä");
        double cost = cost_of_text(form);
        if (cost > 2 * plain)
            fail_msg("form %d: %.1f times", form, cost / plain);
    }
}

/* Most of what is sent is text: to check it and to walk over it takes no longer than to look at its bytes once. */
static void test_no_text_is_dear(void **state)
{
    double least = 1e9, least_plain = 1e9;
    (void)state;

    buf_clear(&text);
    buf_add_text(&text, "{\"a\":\"");
    for (int i = 0; i < SIZE; i++)
        buf_add_char(&text, 'x');
    buf_add_text(&text, "\"}");
    for (int i = 0; i < 5; i++) {
        struct json_error error;
        struct json_iter it;
        struct str key, value;
        volatile size_t quotes = 0;
        clock_t start = clock();
        for (size_t n = 0; n < text.n; n++)
            quotes += text.p[n] == '"';
        clock_t middle = clock();
        assert_int_equal(json_check(buf_str(&text), JSON_DEPTH_MAX, &error), 0);
        json_iter_init(&it, buf_str(&text));
        assert_true(json_iter_next(&it, &key, &value));
        clock_t end = clock();
        assert_int_equal(value.n, SIZE + 2);
        assert_int_equal(quotes, 4);
        least_plain = middle - start < least_plain ? (double)(middle - start) : least_plain;
        least = end - middle < least ? (double)(end - middle) : least;
    }
    if (least > least_plain)
        fail_msg("%.0f against %.0f us", least, least_plain);
}

static int begin(void **state)
{
    (void)state;
    buf_init(&text, 2 * SIZE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_number_is_dear),
        cmocka_unit_test(test_no_object_is_dear),
        cmocka_unit_test(test_no_depth_is_dear),
        cmocka_unit_test(test_no_text_is_dear),
    };
    return cmocka_run_group_tests_name("json_cost", tests, begin, end);
}
