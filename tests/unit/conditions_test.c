/* core/conditions: the plans of filters. What plans mean PostgreSQL says, tests/api/test_filter.py. */
#include "core/conditions.h"

#include "base/json.h"
#include "unit.h"

#include <stdio.h>

static void expect_plan(const char *filter, int count, const char *wanted)
{
    struct conditions_fault fault;
    struct json_error error;
    struct buf plan;

    buf_init(&plan, CONDITIONS_PLAN_MAX);
    assert_int_equal(json_check(str_of(filter), JSON_DEPTH_MAX, &error), 0);
    assert_int_equal(conditions_plan(str_of(filter), &plan, &fault), count);
    assert_string_equal(buf_text(&plan), wanted);
    conditions_fault_fini(&fault);
    buf_fini(&plan);
}

static void test_plans(void **state)
{
    (void)state;
    expect_plan("{\"path\":\"/user/plan\",\"eq\":\"pro\"}", 1,
                "[\"eq\",\"/eq\",\"{\\\"user\\\",\\\"plan\\\"}\",\"pro\"]");
    expect_plan("{\"path\":\"\",\"exists\":true}", 1, "[\"exists\",\"/exists\",\"{}\",true]");
    expect_plan(
        "{\"gt\":1, \"path\":\"/\", \"lt\":2e0}", 2,
        "[\"all\",\"\",[\"gt\",\"/gt\",\"{\\\"\\\"}\",1],[\"lt\",\"/lt\",\"{\\\"\\\"}\",2e0]]");
    expect_plan("{\"any\":[{\"not\":{\"path\":\"/a~1b\",\"in\":[1,2,{}]}}]}", 3,
                "[\"any\",\"/any\",[\"not\",\"/any/0/not\","
                "[\"in\",\"/any/0/not/in\",\"{\\\"a/b\\\"}\",[1,2,{}]]]]");
    expect_plan("{\"path\":\"/q\\\"\\\\,~0\",\"ne\":null}", 1,
                "[\"ne\",\"/ne\",\"{\\\"q\\\\\\\"\\\\\\\\,~\\\"}\",null]");
}

/* Everything at its limit, with the longest of all texts, fits. */
static void test_the_largest(void **state)
{
    (void)state;
    char filter[CONDITIONS_JSON_MAX + 1], *p = filter, *end = filter + sizeof filter;
    struct conditions_fault fault;
    struct buf plan;

    for (int i = 0; i < CONDITIONS_DEPTH_MAX - 1; i++)
        p += snprintf(p, (size_t)(end - p), "{\"any\":[");
    p += snprintf(p, (size_t)(end - p), "{\"all\":[");
    for (int i = 0; i < CONDITIONS_MAX; i++)
        p += snprintf(p, (size_t)(end - p), "%s{\"path\":\"/\\\"\",\"exists\":true}",
                      i > 0 ? "," : "");
    for (int i = 0; i < CONDITIONS_DEPTH_MAX; i++)
        p += snprintf(p, (size_t)(end - p), "]}");
    buf_init(&plan, CONDITIONS_PLAN_MAX);
    assert_int_equal(conditions_plan(str_of(filter), &plan, &fault), CONDITIONS_MAX);
    conditions_fault_fini(&fault);
    buf_fini(&plan);
}

static void expect_at(const char *text, const char *pointer, const char *wanted)
{
    struct str found = json_at(str_of(text), str_of(pointer));

    if (wanted == NULL)
        assert_null(found.p);
    else
        assert_true(str_eq_text(found, wanted));
}

static void test_pointers(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":{\"b\":[1,[2]]},\"\":{\"\":3},\"x/y\":4,\"~\":5,\"t\":6,\"t\":7,"
        "\"\\u0061\\\"\":8}";

    expect_at("7", "", "7");
    expect_at(text, "/a/b/0", "1");
    expect_at(text, "/a/b/1/0", "2");
    expect_at(text, "//", "3");
    expect_at(text, "/x~1y", "4");
    expect_at(text, "/~0", "5");
    expect_at(text, "/t", "7");
    expect_at(text, "/a\"", "8");
    expect_at(text, "/a/b/2", NULL);
    expect_at(text, "/a/b/01", NULL);
    expect_at(text, "/a/b/-", NULL);
    expect_at(text, "/a/b/99999999999999999999", NULL);
    expect_at(text, "/a/b/0/c", NULL);
    expect_at(text, "/x/y", NULL);
    expect_at(text, "a", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_pointers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
