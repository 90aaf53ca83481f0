/* base/field: every kind against every type, bounds, and what a client is told is wrong. */
#include "base/field.h"

#include "base/err.h"
#include "base/json.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

/* All that is allocated is freed between binds. */
static void *blocks[1000];
static size_t block_count;

static void *take_block(void *pool, size_t size)
{
    (void)pool;
    assert_true(block_count < ARRAY_LEN(blocks));
    return blocks[block_count++] = malloc(size);
}

static void free_blocks(void)
{
    while (block_count > 0)
        free(blocks[--block_count]);
}

static const char *const colors[] = {"red", "green", NULL};

static const char *check_even(struct str s)
{
    return s.n % 2 == 0 ? NULL : "has an odd length";
}

static const char *check_same(struct str key, struct str value)
{
    return str_eq(key, value) ? "says nothing" : NULL;
}

struct input {
    struct str text, raw, checked;
    int64_t number, time;
    int color;
    struct field_strs list;
    struct field_i64s numbers;
    struct field_map map;
};

enum { TEXT, NUMBER, COLOR, TIME, LIST, NUMBERS, MAP, RAW, CHECKED, FIELDS };

#define AT(member) offsetof(struct input, member)

static const struct field table[] = {
    {"text", FIELD_STR, AT(text), FIELD_NULLABLE, .min = 2, .max = 5},
    {"number", FIELD_I64, AT(number), 0, .min = -5, .max = 10},
    {"color", FIELD_ENUM, AT(color), 0, .names = colors},
    {"time", FIELD_TIME, AT(time), 0},
    {"list", FIELD_STRS, AT(list), 0, .min = 1, .max = 3, .item_max = 4, .check = check_even},
    {"numbers", FIELD_I64S, AT(numbers), 0, .min = 0, .max = 3, .item_min = 1, .item_max = 9},
    {"map", FIELD_MAP, AT(map), FIELD_NULLABLE, .min = 0, .max = 3, .item_max = 4, .key_max = 80,
     .check_pair = check_same},
    {"raw", FIELD_RAW, AT(raw), 0, .max = 12,
     .kinds = FIELD_KIND(JSON_OBJECT) | FIELD_KIND(JSON_BOOL)},
    {"checked", FIELD_STR, AT(checked), 0, .check = check_even},
};

static struct fields fields;
static struct input input;

static int tear_down(void **state)
{
    (void)state;
    free_blocks();
    return 0;
}

/* Binds `json` anew; its text is in memory of its own size. */
static int bind_with(const struct field *rows, size_t count, const char *json, const char *path)
{
    struct json_error error;
    struct str text = str_of(json);
    char *copy = take_block(NULL, text.n);
    memcpy(copy, text.p, text.n);
    text.p = copy;
    if (json_check(text, 8, &error) != 0)
        fail_msg("the test's JSON is wrong: %s", json);
    return fields_bind(&fields, rows, count, text, path, &input);
}

static int bind_input(const char *json)
{
    free_blocks();
    fields = (struct fields){.alloc = {take_block, NULL}};
    memset(&input, 0, sizeof input);
    return bind_with(table, ARRAY_LEN(table), json, "");
}

static void problem_is(size_t i, const char *field, const char *message)
{
    assert_true(i < fields.problem_count);
    assert_string_equal(fields.problems[i].field, field);
    assert_string_equal(fields.problems[i].message, message);
}

static void is_wrong(const char *json, const char *field, const char *message)
{
    if (bind_input(json) != ERR_INVALID)
        fail_msg("accepted: %s", json);
    if (fields.problem_count != 1)
        fail_msg("%zu problems: %s", fields.problem_count, json);
    problem_is(0, field, message);
}

static void is_good(const char *json)
{
    if (bind_input(json) != 0)
        fail_msg("%s: %s %s", json, fields.problems[0].field, fields.problems[0].message);
}

static void test_good(void **state)
{
    (void)state;
    is_good(" { \"text\" : \"h\\u00e9y\", \"number\":-5, \"color\":\"green\", "
            "\"time\":\"1970-01-01T00:00:01Z\", \"list\":[\"ab\",\"\\u0061c\"], "
            "\"numbers\":[1,9,1], \"map\":{\"k\":\"v\",\"\\u006c\":\"\"}, \"raw\":{ \"x\" : 1 }, "
            "\"checked\":\"\" } ");
    assert_true(str_eq_text(input.text, "h\xc3\xa9y"));
    assert_int_equal(input.text.p[input.text.n], '\0');
    assert_int_equal(input.number, -5);
    assert_int_equal(input.color, 1);
    assert_int_equal(input.time, 1000);
    assert_int_equal(input.list.n, 2);
    assert_true(str_eq_text(input.list.at[0], "ab"));
    assert_true(str_eq_text(input.list.at[1], "ac"));
    assert_int_equal(input.numbers.n, 3);
    assert_int_equal(input.numbers.at[1], 9);
    assert_int_equal(input.map.n, 2);
    assert_true(str_eq_text(input.map.at[1].key, "l"));
    assert_int_equal(input.map.at[1].value.n, 0);
    assert_true(str_eq_text(input.raw, "{ \"x\" : 1 }"));
    for (int i = 0; i < FIELDS; i++)
        assert_true(field_has(&fields, i) && field_given(&fields, i));
    assert_int_equal(fields.nulls, 0);
}

static void test_absent(void **state)
{
    (void)state;
    input.number = 7;
    is_good("{}");
    for (int i = 0; i < FIELDS; i++)
        assert_false(field_given(&fields, i));

    is_good("{\"text\":null,\"map\":null,\"number\":1}");
    assert_int_equal(fields.nulls, 1U << TEXT | 1U << MAP);
    assert_int_equal(fields.present, 1U << NUMBER);
    assert_true(field_given(&fields, TEXT) && !field_has(&fields, TEXT));
}

/* What was given of a member of its own is told apart from what was of the object around it. */
static void test_member(void **state)
{
    static const char *const rows[] = {"{\"color\":\"red\"}", "{\"color\":1}", "[]"};
    uint32_t present;

    (void)state;
    bind_input("{\"text\":null,\"number\":1}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int err = fields_bind_member(&fields, table, ARRAY_LEN(table), str_of(rows[i]), "in.",
                                     &input, &present);
        assert_true((err == 0) == (i == 0));
        assert_int_equal(present, i < 2 ? 1U << COLOR : 0);
        assert_int_equal(fields.present, 1U << NUMBER);
        assert_int_equal(fields.nulls, 1U << TEXT);
    }
    assert_string_equal(fields.problems[0].field, "in.color");
}

/* Defaults stay where a member is not given. */
static void test_defaults(void **state)
{
    (void)state;
    bind_input("{}");
    input.number = 7;
    assert_int_equal(bind_with(table, ARRAY_LEN(table), "{\"color\":\"red\"}", ""), 0);
    assert_int_equal(input.number, 7);
    assert_int_equal(input.color, 0);
    assert_int_equal(fields.present, 1U << COLOR);
}

struct kind_row {
    const char *name, *want;
    unsigned good; /* bits of enum json_kind */
};

#define BIT(kind) (1U << JSON_##kind)

static const struct kind_row kind_rows[] = {
    {"text", "must be a string", BIT(STRING) | BIT(NULL)},
    {"number", "must be an integer", BIT(NUMBER)},
    {"color", "must be a string", BIT(STRING)},
    {"time", "must be a string", BIT(STRING)},
    {"list", "must be an array", BIT(ARRAY)},
    {"numbers", "must be an array", BIT(ARRAY)},
    {"map", "must be an object", BIT(OBJECT) | BIT(NULL)},
    {"raw", NULL, BIT(OBJECT) | BIT(BOOL)},
    {"checked", "must be a string", BIT(STRING)},
};

static void test_kinds(void **state)
{
    (void)state;
    static const char *const values[] = {
        [JSON_NULL] = "null",   [JSON_BOOL] = "true", [JSON_NUMBER] = "7",
        [JSON_STRING] = "\"\"", [JSON_ARRAY] = "[]",  [JSON_OBJECT] = "{}"};
    static const char *const refusals[] = {[JSON_NULL] = "must not be null",
                                           [JSON_NUMBER] = "must not be a number",
                                           [JSON_STRING] = "must not be a string",
                                           [JSON_ARRAY] = "must not be an array",
                                           [JSON_OBJECT] = NULL};
    for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++) {
        for (size_t kind = 0; kind < ARRAY_LEN(values); kind++) {
            char json[60];
            if ((kind_rows[i].good >> kind & 1) != 0)
                continue;
            snprintf(json, sizeof json, "{\"%s\":%s}", kind_rows[i].name, values[kind]);
            const char *want = kind_rows[i].want;
            is_wrong(json, kind_rows[i].name, want != NULL ? want : refusals[kind]);
        }
    }
    is_good("{\"raw\":true}");
    is_good("{\"raw\":{}}");
}

static void test_elements(void **state)
{
    (void)state;
    is_wrong("{\"list\":[\"ab\",7]}", "list[1]", "must be a string");
    is_wrong("{\"list\":[null]}", "list[0]", "must be a string");
    is_wrong("{\"list\":[\"ab\",\"cd\",\"abcde\"]}", "list[2]",
             "must be at most 4 characters long");
    is_wrong("{\"list\":[\"ab\",\"abc\"]}", "list[1]", "has an odd length");
    is_wrong("{\"list\":[\"ab\",\"cd\",\"\\u0061b\"]}", "list[2]", "repeats an earlier entry");
    is_wrong("{\"list\":[]}", "list", "must have 1 to 3 entries");
    is_wrong("{\"list\":[\"\",\"ab\",\"cd\",\"ef\"]}", "list", "must have 1 to 3 entries");
    is_wrong("{\"numbers\":[1,\"2\"]}", "numbers[1]", "must be an integer");
    is_wrong("{\"numbers\":[1,2.5]}", "numbers[1]", "must be an integer");
    is_wrong("{\"numbers\":[0]}", "numbers[0]", "must be between 1 and 9");
    is_wrong("{\"numbers\":[9,10]}", "numbers[1]", "must be between 1 and 9");
    is_wrong("{\"numbers\":[1,1,1,1]}", "numbers", "must have at most 3 entries");
    is_wrong("{\"map\":{\"X-Foo\":7}}", "map.X-Foo", "must be a string");
    is_wrong("{\"map\":{\"X-Foo\":null}}", "map.X-Foo", "must be a string");
    is_wrong("{\"map\":{\"X-Foo\":\"12345\"}}", "map.X-Foo", "must be at most 4 characters long");
    is_wrong("{\"map\":{\"a\":\"a\"}}", "map.a", "says nothing");
    is_wrong("{\"map\":{\"k\":\"v\",\"\\u006b\":\"w\"}}", "map.k", "is given twice");
    is_wrong("{\"map\":{\"\":\"v\"}}", "map", "must have names of 1 to 80 characters");
    is_wrong("{\"map\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}}", "map",
             "must have at most 3 entries");
}

static void test_several_at_once(void **state)
{
    (void)state;
    assert_int_equal(bind_input("{\"list\":[1,\"ab\",2],\"map\":{\"a\":1,\"b\":\"x\",\"c\":2},"
                                "\"number\":\"x\"}"),
                     ERR_INVALID);
    assert_int_equal(fields.problem_count, 5);
    problem_is(0, "list[0]", "must be a string");
    problem_is(1, "list[2]", "must be a string");
    problem_is(2, "map.a", "must be a string");
    problem_is(3, "map.c", "must be a string");
    problem_is(4, "number", "must be an integer");
}

static void test_bounds(void **state)
{
    (void)state;
    is_good("{\"text\":\"ab\"}");
    is_good("{\"text\":\"abcde\"}");
    is_wrong("{\"text\":\"a\"}", "text", "must be 2 to 5 characters long");
    is_wrong("{\"text\":\"abcdef\"}", "text", "must be 2 to 5 characters long");
    is_good("{\"text\":\"\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9\xc3\xa9\xc3\xa9\"}");
    is_wrong("{\"text\":\"\xf0\x9f\x98\x80\"}", "text", "must be 2 to 5 characters long");
    is_wrong("{\"text\":\"a\\u0000b\"}", "text", "must not contain a NUL character (U+0000)");
    is_good("{\"number\":10}");
    is_wrong("{\"number\":11}", "number", "must be between -5 and 10");
    is_wrong("{\"number\":-6}", "number", "must be between -5 and 10");
    is_wrong("{\"number\":99999999999999999999}", "number", "must be an integer");
    is_wrong("{\"color\":\"blue\"}", "color", "must be one of: red, green");
    is_wrong("{\"color\":\"Red\"}", "color", "must be one of: red, green");
    is_wrong("{\"color\":\"\"}", "color", "must be one of: red, green");
    is_wrong("{\"time\":\"yesterday\"}", "time",
             "must be a time like 2026-01-02T03:04:05Z (RFC 3339)");
    is_wrong("{\"raw\":{\"abc\": 1234}}", "raw", "must be at most 12 bytes long");
    is_good("{\"raw\":{\"abc\":1234}}");
    is_wrong("{\"checked\":\"abc\"}", "checked", "has an odd length");
}

static void test_unknown_and_twice(void **state)
{
    (void)state;
    is_wrong("{\"Text\":\"abc\"}", "Text", "is not a known field: check its spelling");
    is_wrong("{\"tex\":1}", "tex", "is not a known field: check its spelling");
    is_wrong("{\"\":1}", "", "is not a known field: check its spelling");
    is_wrong("{\"text\\u0000\":\"abc\"}", "text", "is not a known field: check its spelling");
    is_wrong("{\"number\":1,\"number\":1}", "number", "is given twice");
    is_wrong("{\"number\":1,\"n\\u0075mber\":2}", "number", "is given twice");
    is_wrong("{\"text\":null,\"text\":\"abc\"}", "text", "is given twice");
    is_good("{\"n\\u0075mber\":3}");
    assert_int_equal(input.number, 3);
}

static const struct field required[] = {
    {"one", FIELD_STR, AT(text), FIELD_REQUIRED},
    {"two", FIELD_STR, AT(checked), FIELD_REQUIRED | FIELD_NULLABLE},
};

static void test_required(void **state)
{
    (void)state;
    bind_input("{}");
    assert_int_equal(bind_with(required, 2, "{}", ""), ERR_INVALID);
    assert_int_equal(fields.problem_count, 2);
    problem_is(0, "one", "is required");
    problem_is(1, "two", "is required");

    bind_input("{}");
    assert_int_equal(bind_with(required, 2, "{\"one\":null,\"two\":null}", "events[3]."),
                     ERR_INVALID);
    assert_int_equal(fields.problem_count, 1);
    problem_is(0, "events[3].one", "must be a string");
    bind_input("{}");
    assert_int_equal(bind_with(required, 2, "{\"one\":\"\"}", "events[3]."), ERR_INVALID);
    problem_is(0, "events[3].two", "is required");
}

static void test_paths(void **state)
{
    (void)state;
    static const struct field inner = {"list", FIELD_STRS, AT(list), 0, .max = 9, .item_max = 9};
    bind_input("{}");
    assert_int_equal(bind_with(&inner, 1, "{\"list\":[\"a\",1],\"x\":2}", "events[12]."),
                     ERR_INVALID);
    assert_int_equal(fields.problem_count, 2);
    problem_is(0, "events[12].list[1]", "must be a string");
    problem_is(1, "events[12].x", "is not a known field: check its spelling");
}

static void test_not_an_object(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "true", "7", "\"{}\"", "[]", "[{}]"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        bind_input("{}");
        assert_int_equal(bind_with(table, ARRAY_LEN(table), values[i], ""), ERR_BAD_REQUEST);
        assert_int_equal(bind_with(table, ARRAY_LEN(table), values[i], "events[2]."),
                         ERR_BAD_REQUEST);
        assert_int_equal(fields.problem_count, 2);
        problem_is(0, "", "must be a JSON object");
        problem_is(1, "events[2]", "must be a JSON object");
    }
}

/* As JSON Schema has it: whatever has no fraction. */
static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t n;
    } good[] = {
        {"7", 7},  {"7.0", 7},    {"-5.000", -5}, {"70e-1", 7}, {"0.7e1", 7},    {"0.0", 0},
        {"-0", 0}, {"-0.0e9", 0}, {"0e400", 0},   {"1E1", 10},  {"0.01e+3", 10},
    };
    static const char *const bad[] = {"7.5",   "1e-1",   "1e19",
                                      "1e400", "-1e400", "0.00000000000000007"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char json[60];
        snprintf(json, sizeof json, "{\"number\":%s}", good[i].text);
        is_good(json);
        assert_int_equal(input.number, good[i].n);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char json[60];
        snprintf(json, sizeof json, "{\"number\":%s}", bad[i]);
        is_wrong(json, "number", "must be an integer");
    }
}

/* What is wrong is given, but not there; and what was there before stays. */
static void test_wrong_is_not_bound(void **state)
{
    (void)state;
    static const char *const values[FIELDS] = {"\"a\"",     "99",         "\"blue\"",
                                               "\"x\"",     "[\"ab\",1]", "[1,99]",
                                               "{\"a\":1}", "\"x\"",      "\"abc\""};
    for (size_t i = 0; i < FIELDS; i++) {
        char json[60];
        struct input before;
        snprintf(json, sizeof json, "{\"%s\":%s}", table[i].name, values[i]);
        bind_input("{}");
        memset(&input, 0x55, sizeof input);
        before = input;
        assert_int_equal(bind_with(table, ARRAY_LEN(table), json, ""), ERR_INVALID);
        assert_memory_equal(&input, &before, sizeof input);
        assert_true(field_given(&fields, (int)i) && field_wrong(&fields, (int)i));
        assert_false(field_has(&fields, (int)i) || field_null(&fields, (int)i));
    }
}

/* A name that is no field says which one is meant. */
static void test_instead(void **state)
{
    (void)state;
    static const struct field row = {"colour", FIELD_NONE, .instead = "is `color` here"};
    bind_input("{}");
    assert_int_equal(bind_with(&row, 1, "{\"colour\":null}", ""), ERR_INVALID);
    problem_is(0, "colour", "is `color` here");
    assert_int_equal(bind_with(&row, 1, "{}", ""), 0);
}

/* The list of problems ends; how many there are is known. */
static void test_many_problems(void **state)
{
    (void)state;
    bind_input("{}");
    for (int i = 0; i < 20; i++)
        assert_int_equal(bind_with(table, ARRAY_LEN(table), "{\"x\":1}", "events[0]."),
                         ERR_INVALID);
    assert_int_equal(fields.problem_count, FIELD_PROBLEMS_MAX);
    fields_problem(&fields, "one", "too many");
    assert_int_equal(fields.problem_count, FIELD_PROBLEMS_MAX);
    assert_int_equal(fields.problem_count + fields.problems_unsaid, 21);
    assert_int_equal(bind_with(table, ARRAY_LEN(table), "{}", "events[1]."), 0);
    problem_is(FIELD_PROBLEMS_MAX - 1, "events[0].x", "is not a known field: check its spelling");
}

static void test_problem_is_copied(void **state)
{
    (void)state;
    char field[] = "url", message[] = "is bad";
    bind_input("{}");
    fields_problem(&fields, field, message);
    field[0] = message[0] = 'X';
    problem_is(0, "url", "is bad");
}

/* A path is cut at a character's end, wherever the cut falls. */
static void test_long_paths(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 5; lead++) {
        char json[700] = "{\"", name[300] = "";
        memcpy(name, "xxxx", lead);
        for (size_t i = 0; i < 70; i++)
            memcpy(name + lead + i * 4, "\xf0\x9f\x98\x80", 5);
        snprintf(json, sizeof json, "{\"%s\":1}", name);
        assert_int_equal(bind_input(json), ERR_INVALID);
        struct str path = str_of(fields.problems[0].field);
        assert_true(str_is_utf8(path));
        assert_in_range(path.n, 97, 100);
        assert_true(str_starts(str_of(name), path));

        name[76] = '\0'; /* a key of a map; its last character may be cut here already */
        while (!str_is_utf8(str_of(name)))
            name[strlen(name) - 1] = '\0';
        snprintf(json, sizeof json, "{\"map\":{\"%s\":1}}", name);
        assert_int_equal(bind_input(json), ERR_INVALID);
        path = str_of(fields.problems[0].field);
        assert_true(str_is_utf8(path));
        assert_in_range(path.n, 4 + 67, 4 + 70);
        assert_memory_equal(path.p, "map.", 4);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_unknown_and_twice),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_not_an_object),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_wrong_is_not_bound),
        cmocka_unit_test(test_instead),
        cmocka_unit_test(test_many_problems),
        cmocka_unit_test(test_problem_is_copied),
        cmocka_unit_test(test_long_paths),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, tear_down);
}
