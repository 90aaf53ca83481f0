/* Where in a text the value is that cannot be written. */
#include "base/json.h"
#include "unit.h"

static void test_pointers(void **state)
{
    static const struct {
        const char *text;
        enum json_form form;
        const char *pointer; /* NULL: all can be written */
    } cases[] = {
        {"{\"a\":[1,{\"b\":9007199254740993}]}", JSON_FORM_JS, "/a/1/b"},
        {"{\"a\":[1,{\"b\":9007199254740993}]}", JSON_FORM_PYTHON, NULL},
        {"{\"a\":1e999}", JSON_FORM_JS, NULL},
        {"{\"a\":1e999}", JSON_FORM_PYTHON_COMPACT, "/a"},
        {"{\"a\":1e999}", JSON_FORM_VERBATIM, NULL},
        {"{\"a/b~\\u00e9\":{\"\":-1e999}}", JSON_FORM_PYTHON, "/a~1b~0\xc3\xa9/"},
        {"{\"\\u0000\\ud800\":1e999}", JSON_FORM_PYTHON, "/\\u0000\\ud800"},
        {" [[], [0, 1e999]] ", JSON_FORM_PYTHON, "/1/1"},
        {"9007199254740993", JSON_FORM_JS, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf pointer;
        buf_init(&pointer, 100);
        bool found = json_find_unwritable(&pointer, str_trim(str_of(cases[i].text)), cases[i].form,
                                          JSON_BIGINT_REJECT);
        assert_int_equal(found, cases[i].pointer != NULL);
        if (found)
            assert_string_equal(buf_text(&pointer), cases[i].pointer);
        buf_fini(&pointer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pointers)};
    return cmocka_run_group_tests_name("json_pointer", tests, NULL, NULL);
}
