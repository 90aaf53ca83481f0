/* Numbers and texts as what they stand for, and schemas where a program may go wrong: their room, and what is given up. */
#include "core/schema.h"

#include "unit.h"

#include <stdio.h>

static void test_numbers(void **state)
{
    /* Ascending; those in one line are equal. */
    static const char *const lines[][4] = {
        {"-1e400", "-10e399"},
        {"-9007199254740993"},
        {"-9007199254740992", "-9007199254740992.0"},
        {"-1.5", "-15e-1", "-0.15E+1"},
        {"0", "-0", "0.000", "0e999"},
        {"1e-400"},
        {"0.05", "5e-2", "0.5E-1", "00.05"},
        {"0.051"},
        {"1", "1.0", "10e-1", "0.1e1"},
        {"99.9"},
        {"100", "1e2", "100.00", "0.001e5"},
        {"1000000000000000000000000000001"},
        {"1000000000000000000000000000001.5"},
        {"1e400", "10e399"},
        {"1e99999999999999999999"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (size_t j = 0; j < ARRAY_LEN(lines); j++)
            for (size_t k = 0; k < 4 && lines[i][k] != NULL; k++)
                for (size_t l = 0; l < 4 && lines[j][l] != NULL; l++) {
                    int found = json_compare_numbers(str_of(lines[i][k]), str_of(lines[j][l]));
                    assert_int_equal((found > 0) - (found < 0), (i > j) - (i < j));
                }
}

static void test_whole(void **state)
{
    static const char *const whole[] = {"0", "-0.0", "7", "7.0", "7e2", "7.25e2", "1e400", "100"};
    static const char *const others[] = {"0.5", "7.1", "7e-1", "725e-3", "1e-400", "100.01"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        assert_true(json_is_whole(str_of(whole[i])));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(json_is_whole(str_of(others[i])));
}

static void test_strings(void **state)
{
    (void)state;
    assert_true(json_same_string(STR_LIT("\"a\""), STR_LIT("\"\\u0061\"")));
    assert_true(json_same_string(STR_LIT("\"\\ud83d\\ude00\""), STR_LIT("\"\xf0\x9f\x98\x80\"")));
    assert_false(json_same_string(STR_LIT("\"a\""), STR_LIT("\"ab\"")));
    assert_false(json_same_string(STR_LIT("\"\""), STR_LIT("\"\\u0000\"")));
    assert_int_equal(json_characters(STR_LIT("\"\\ud83d\\ude00\xc3\xa9\\n\"")), 3);
}

/* The names of many short definitions take more room than their text. */
static void test_many_definitions(void **state)
{
    struct schema_fault fault;
    struct buf text;

    (void)state;
    buf_init(&text, 65536);
    buf_add_text(&text, "{\"definitions\":{");
    for (int i = 0; i < 1500; i++)
        buf_printf(&text, "%s\"%x\":1", i > 0 ? "," : "", i);
    buf_add_text(&text, "}}");
    assert_null(schema_create(buf_str(&text), &fault)); /* 1 is no schema */
    assert_string_equal(buf_text(&fault.pointer), "/definitions/0");
    schema_fault_fini(&fault);
    buf_clear(&text);
    buf_add_text(&text, "{\"$defs\":{");
    for (int i = 0; i < 1999; i++)
        buf_printf(&text, "%s\"%x\":{}", i > 0 ? "," : "", i);
    buf_add_text(&text, "},\"$ref\":\"#/$defs/7ce\"}");
    struct schema *schema = schema_create(buf_str(&text), &fault);
    assert_non_null(schema);
    assert_true(schema_weight(schema) > text.n);
    schema_destroy(schema);
    schema_fault_fini(&fault);
    buf_fini(&text);
}

static void count(void *arg, const struct json_step *at, const char *message)
{
    struct buf *out = arg;

    buf_add_char(out, ' ');
    json_pointer(out, at);
    assert_true(message[0] != '\0');
}

static void test_faults(void **state)
{
    static const struct {
        const char *schema, *data, *faults; /* NULL: it is given up */
    } cases[] = {
        {"true", "{}", ""},
        {"false", "{}", " "},
        {"{}", "{\"a\":1}", ""},
        {"{\"properties\":{\"a\\u0062\":false}}", "{\"\\u0061b\":1}", " /ab"},
        {"{\"required\":[\"a\",\"b\"],\"minProperties\":3}", "{}", " /a /b"},
        {"{\"items\":{\"type\":\"null\"}}", "[1,null,2]", " /0 /2"},
        {"{\"additionalProperties\":{\"type\":\"null\"}}", "{\"\\u0000\":1}", " /\\u0000"},
        {"{\"$ref\":\"#\"}", "{}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct schema_fault fault;
        struct buf faults;

        buf_init(&faults, 1000);
        struct schema *schema = schema_create(str_of(cases[i].schema), &fault);
        assert_non_null(schema);
        struct schema_check check = {.steps = 1000, .fault = count, .arg = &faults};
        schema_check_init(&check);
        bool fits = schema_fits(schema, &check, str_of(cases[i].data), NULL);
        assert_int_equal(check.steps < 0, cases[i].faults == NULL);
        assert_int_equal(fits, cases[i].faults != NULL && cases[i].faults[0] == '\0');
        assert_string_equal(buf_text(&faults), cases[i].faults != NULL ? cases[i].faults : "");
        schema_check_fini(&check);
        schema_destroy(schema);
        schema_fault_fini(&fault);
        buf_fini(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_strings), cmocka_unit_test(test_many_definitions),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
