/* The validator, the walk and the forms: the grammar's edges, the golden vectors of the wire
 * formats with their signatures, and where Node and Python write numbers and keys differently. */
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

#include "json_grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_OUT = 1 << 20 };

/* Copies to memory of the text's own size, so that a sanitizer sees a read beyond it. */
static char *exact_copy(struct str s)
{
    char *copy = malloc(s.n);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

static int check(struct str text, int max_depth, struct json_error *error)
{
    char *copy = exact_copy(text);
    int rc = json_check((struct str){copy, text.n}, max_depth, error);
    free(copy);
    return rc;
}

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_valid_count; i++) {
        struct json_error error;
        if (check(json_valid[i], 8, &error) != 0)
            fail_msg("refused at %zu (%s): %.*s", error.offset, error.message,
                     STR_FMT(json_valid[i]));
    }
}

static void test_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_invalid_count; i++) {
        const struct json_invalid_case *c = &json_invalid[i];
        struct json_error error = {0, NULL};
        if (check(c->text, 8, &error) != ERR_BAD_JSON)
            fail_msg("accepted: case %zu, %.*s", i, STR_FMT(c->text));
        if (error.offset != c->offset || error.message == NULL)
            fail_msg("case %zu, %.*s: blames %zu instead of %zu", i, STR_FMT(c->text), error.offset,
                     c->offset);
    }
}

/* `open` repeated, then `inner`, then `close` repeated. */
static void nest(struct buf *out, const char *open, const char *inner, const char *close, int depth)
{
    buf_clear(out);
    for (int i = 0; i < depth; i++)
        buf_add_text(out, open);
    buf_add_text(out, inner);
    for (int i = 0; i < depth; i++)
        buf_add_text(out, close);
}

static void test_depth(void **state)
{
    (void)state;
    static const char *const shapes[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"a\":", "}]"}};
    struct json_error error;
    struct buf text, out;
    buf_init(&text, MAX_OUT);
    buf_init(&out, MAX_OUT);

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        int each = i == 2 ? 2 : 1;
        for (int depth = 2; depth <= JSON_DEPTH_MAX; depth += 2) {
            nest(&text, shapes[i][0], "1", shapes[i][1], depth / each);
            assert_int_equal(json_check(buf_str(&text), depth, &error), 0);
            assert_int_equal(json_check(buf_str(&text), depth - 1, &error), ERR_BAD_JSON);
            assert_string_equal(error.message, "nested too deeply");
        }
        buf_clear(&out);
        assert_int_equal(json_write_form(&out, buf_str(&text), JSON_FORM_JS, JSON_BIGINT_STRING),
                         0);
        assert_true(str_eq(buf_str(&out), buf_str(&text)));
        nest(&text, shapes[i][0], "1", shapes[i][1], 100000);
        assert_int_equal(json_check(buf_str(&text), JSON_DEPTH_MAX, &error), ERR_BAD_JSON);
    }
    assert_int_equal(json_check(STR_LIT("1"), 0, &error), 0);
    assert_int_equal(json_check(STR_LIT("[]"), 0, &error), ERR_BAD_JSON);
    assert_int_equal(error.offset, 0);
    assert_int_equal(json_check(STR_LIT("[[],[],{}]"), 2, &error), 0);
    buf_fini(&text);
    buf_fini(&out);
}

static void test_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_kind kind;
    } cases[] = {
        {"null", JSON_NULL},   {"true", JSON_BOOL},  {" false", JSON_BOOL},
        {"-1", JSON_NUMBER},   {"\t0", JSON_NUMBER}, {"1e5", JSON_NUMBER},
        {"\"\"", JSON_STRING}, {"\n[]", JSON_ARRAY}, {" {} ", JSON_OBJECT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(json_kind(str_of(cases[i].text)), cases[i].kind);
}

/* Every key and value of `text`, each in angle brackets. */
static void assert_walk(const char *text, const char *expected)
{
    struct json_iter it;
    struct str key, value;
    struct buf out;
    char *copy = exact_copy(str_of(text));

    buf_init(&out, MAX_OUT);
    json_iter_init(&it, (struct str){copy, strlen(text)});
    while (json_iter_next(&it, &key, &value))
        buf_printf(&out, "<%.*s><%.*s>", STR_FMT(key), STR_FMT(value));
    assert_false(json_iter_next(&it, &key, &value));
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    free(copy);
}

static void test_iter(void **state)
{
    (void)state;
    assert_walk("[]", "");
    assert_walk(" { } ", "");
    assert_walk("[1]", "<><1>");
    assert_walk(" [ 1 , \"a,]\" ,[2,[3]] , {\"b\":4} ] ",
                "<><1><><\"a,]\"><><[2,[3]]><><{\"b\":4}>");
    assert_walk("{\"a\":1,\"a\":true}", "<\"a\"><1><\"a\"><true>");
    assert_walk("{ \"a\\\"}\" : { \"b\" : \"}\\\\\" } , \"\" : null }",
                "<\"a\\\"}\"><{ \"b\" : \"}\\\\\" }><\"\"><null>");
    assert_walk("[{},[],\"\\\\\\\"]\"]", "<><{}><><[]><><\"\\\\\\\"]\">");
}

/* Backslashes and escaped quotes in any number, before the end and before one another. */
static void test_ends_of_strings(void **state)
{
    (void)state;
    for (int pairs = 0; pairs < 20; pairs++)
        for (int quotes = 0; quotes < 20; quotes++) {
            struct buf value, text, walked;
            buf_init(&value, MAX_OUT);
            buf_init(&text, MAX_OUT);
            buf_init(&walked, MAX_OUT);
            buf_add_char(&value, '"');
            for (int i = 0; i < quotes; i++)
                buf_add_text(&value, i % 3 == 0 ? "x\\\"" : "\\\"");
            for (int i = 0; i < pairs; i++)
                buf_add_text(&value, "\\\\");
            buf_add_char(&value, '"');
            buf_printf(&text, "{%s:%s,\"b\":[%s,1]}", buf_text(&value), buf_text(&value),
                       buf_text(&value));
            buf_printf(&walked, "<%s><%s><\"b\"><[%s,1]>", buf_text(&value), buf_text(&value),
                       buf_text(&value));
            struct json_error error;
            assert_int_equal(check(buf_str(&text), 8, &error), 0);
            assert_walk(buf_text(&text), buf_text(&walked));
            buf_fini(&value);
            buf_fini(&text);
            buf_fini(&walked);
        }
}

/* Wherever in a long string a byte stands, it is found if it may not. */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++)
        for (size_t at = 1; at < 25; at++) {
            bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            struct json_error error;
            char text[26];
            memset(text, 'x', sizeof text);
            text[0] = text[25] = '"';
            text[at] = (char)byte;
            assert_int_equal(check((struct str){text, sizeof text}, 8, &error) == 0, plain);
        }
}

static void test_unquote(void **state)
{
    (void)state;
    static const struct {
        const char *quoted;
        const char *expected; /* NULL: ERR_INVALID */
    } cases[] = {
        {"\"\"", ""},
        {"\"abc\"", "abc"},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
        {"\"\\u0041\\u00e9\\u20AC\\uD83d\\uDe00\"", "A\303\251\342\202\254\360\237\230\200"},
        {"\"\303\251\"", "\303\251"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\177\302\200\337\277\340\240\200\357\277\277"},
        {"\"\\udbff\\udfff\"", "\364\217\277\277"},
        {"\"\\u0000\"", NULL},
        {"\"abc\\u0000\"", NULL},
        {"\"\\ud800\"", NULL},
        {"\"\\udc00\"", NULL},
        {"\"\\ud800x\"", NULL},
        {"\"\\ud800\\ud800\\udc00\"", NULL},
        {"\"\\udc00\\ud800\"", NULL},
        {"\"\\ud83d\\n\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 100);
        buf_add_char(&out, '>');
        int rc = json_unquote(&out, str_of(cases[i].quoted));
        assert_int_equal(rc, cases[i].expected != NULL ? 0 : ERR_INVALID);
        assert_string_equal(buf_text(&out) + 1, cases[i].expected != NULL ? cases[i].expected : "");
        buf_fini(&out);
    }
}

/* For fields: whatever the grammar allows is a string. */
static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *quoted;
        struct str expected;
    } cases[] = {
        {"\"\"", {"", 0}},
        {"\"a\\n\\u00e9\\/\"", {"a\n\303\251/", 5}},
        {"\"\\uD83d\\uDe00\"", {"\360\237\230\200", 4}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\ud800\"", {"\357\277\275", 3}},
        {"\"\\ude00\\ud83d\"", {"\357\277\275\357\277\275", 6}},
        {"\"\\ud800\\ud83d\\ude00\"", {"\357\277\275\360\237\230\200", 7}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scratch scratch = {0};
        struct str text = json_text(scratch_allocator(&scratch), str_of(cases[i].quoted));
        assert_true(str_eq(text, cases[i].expected));
        assert_int_equal(text.p[text.n], '\0');
    }
}

/* `expected` NULL: ERR_INVALID, and nothing was appended. */
static void assert_form(struct str text, enum json_form form, enum json_bigint bigint,
                        const char *expected)
{
    struct json_error error;
    struct buf out;
    char *copy = exact_copy(text);

    assert_int_equal(json_check((struct str){copy, text.n}, JSON_DEPTH_MAX, &error), 0);
    buf_init(&out, MAX_OUT);
    buf_add_char(&out, '>');
    int rc = json_write_form(&out, (struct str){copy, text.n}, form, bigint);
    assert_int_equal(rc, expected != NULL ? 0 : ERR_INVALID);
    assert_string_equal(buf_text(&out) + 1, expected != NULL ? expected : "");
    buf_fini(&out);
    free(copy);
}

struct form_case {
    const char *text;
    const char *js, *python; /* as assert_form() */
};

static void assert_forms(const struct form_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str text = str_of(cases[i].text);
        assert_form(text, JSON_FORM_JS, JSON_BIGINT_STRING, cases[i].js);
        assert_form(text, JSON_FORM_PYTHON, JSON_BIGINT_STRING, cases[i].python);
        assert_form(text, JSON_FORM_VERBATIM, JSON_BIGINT_STRING, cases[i].text);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct form_case cases[] = {
        {"0", "0", "0"},
        {"-0", "0", "0"},
        {"-0.0", "0", "-0.0"},
        {"0e9", "0", "0.0"},
        {"-5", "-5", "-5"},
        {"1.0", "1", "1.0"},
        {"1.50", "1.5", "1.5"},
        {"1680506457.0", "1680506457", "1680506457.0"},
        {"1680506457.636369", "1680506457.636369", "1680506457.636369"},
        {"1e2", "100", "100.0"},
        {"1E-2", "0.01", "0.01"},
        {"0.0001", "0.0001", "0.0001"},
        {"1e-5", "0.00001", "1e-05"},
        {"0.00001", "0.00001", "1e-05"},
        {"0.0000012", "0.0000012", "1.2e-06"},
        {"1e-7", "1e-7", "1e-07"},
        {"1e15", "1000000000000000", "1000000000000000.0"},
        {"1e+16", "10000000000000000", "1e+16"},
        {"1e20", "100000000000000000000", "1e+20"},
        {"1e21", "1e+21", "1e+21"},
        {"-1.5e300", "-1.5e+300", "-1.5e+300"},
        {"5e-324", "5e-324", "5e-324"},
        {"4.9406564584124654e-324", "5e-324", "5e-324"},
        {"1e-400", "0", "0.0"},
        {"-1e-400", "0", "-0.0"},
        {"1e400", "null", NULL},
        {"0.000001e2850", "null", NULL},
        {"0.000001e-2850", "0", "0.0"},
        {"-0.0e999999999999", "0", "-0.0"},
        {"100e-00000000000000000002", "1", "1.0"},
        {"123456789012345e279", "1.23456789012345e+293", "1.23456789012345e+293"},
        {"123456789012345e-279", "1.23456789012345e-265", "1.23456789012345e-265"},
        {"999999999999999e294", "null", NULL},
        {"1.000000000000000e22", "1e+22", "1e+22"},
        {"-1e400", "null", NULL},
        {"1.7976931348623157e308", "1.7976931348623157e+308", "1.7976931348623157e+308"},
        {"2.2250738585072014e-308", "2.2250738585072014e-308", "2.2250738585072014e-308"},
        {"0.1000000000000000055511151231257827", "0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
        {"1e23", "1e+23", "1e+23"},
        {"9007199254740993.0", "9007199254740992", "9007199254740992.0"},
        /* 2^-44: the nearest 16 digits end in 1 and do not read back. */
        {"5.6843418860808015e-14", "5.684341886080802e-14", "5.684341886080802e-14"},
        {"9007199254740992", "9007199254740992", "9007199254740992"},
        {"123456789012345680", "123456789012345680", "123456789012345680"},
    };
    assert_forms(cases, ARRAY_LEN(cases));
}

static void test_strings(void **state)
{
    (void)state;
    static const struct form_case cases[] = {
        {"\"\"", "\"\"", "\"\""},
        {"\"a\\/b/\"", "\"a/b/\"", "\"a/b/\""},
        {"\"\\u001F\\u0008\\u0009\"", "\"\\u001f\\b\\t\"", "\"\\u001f\\b\\t\""},
        {"\"\\u0022\\u005C\"", "\"\\\"\\\\\"", "\"\\\"\\\\\""},
        {"\"\303\251\"", "\"\303\251\"", "\"\\u00e9\""},
        {"\"\\u00E9\"", "\"\303\251\"", "\"\\u00e9\""},
        {"\"\177\\u007f\"", "\"\177\177\"", "\"\\u007f\\u007f\""},
        {"\"\360\237\230\200\"", "\"\360\237\230\200\"", "\"\\ud83d\\ude00\""},
        {"\"\\uD83D\\uDE00\"", "\"\360\237\230\200\"", "\"\\ud83d\\ude00\""},
        {"\"\\uD83Dx\\uDE00\"", "\"\\ud83dx\\ude00\"", "\"\\ud83dx\\ude00\""},
        {"\"\\uDE00\\uD83D\\uD83D\\uDE00\"", "\"\\ude00\\ud83d\360\237\230\200\"",
         "\"\\ude00\\ud83d\\ud83d\\ude00\""},
        {"\"\\u2028<>&'\"", "\"\342\200\250<>&'\"", "\"\\u2028<>&'\""},
        {"\"\\u0000\"", "\"\\u0000\"", "\"\\u0000\""},
    };
    assert_forms(cases, ARRAY_LEN(cases));
}

static void test_members(void **state)
{
    (void)state;
    static const struct form_case cases[] = {
        {" { } ", "{}", "{}"},
        {"\n[ 1 ,[ ] , {\"a\" :true} ]", "[1,[],{\"a\":true}]", "[1, [], {\"a\": true}]"},
        {"{\"2\":1,\"1\":2}", "{\"1\":2,\"2\":1}", "{\"2\": 1, \"1\": 2}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}", "{\"a\": 3, \"b\": 2}"},
        {"{\"a\":1,\"\\u0061\":[2]}", "{\"a\":[2]}", "{\"a\": [2]}"},
        {"{\"\\uD800\":1,\"x\":0,\"\\ud800\":2}", "{\"\\ud800\":2,\"x\":0}",
         "{\"\\ud800\": 2, \"x\": 0}"},
        {"{\"\\ud83d\\ude00\":1,\"\360\237\230\200\":2}", "{\"\360\237\230\200\":2}",
         "{\"\\ud83d\\ude00\": 2}"},
        {"{\"a\":1,\"10\":2,\"9\":3,\"\\u0031\":4,\"01\":5,\"-1\":6}",
         "{\"1\":4,\"9\":3,\"10\":2,\"a\":1,\"01\":5,\"-1\":6}",
         "{\"a\": 1, \"10\": 2, \"9\": 3, \"1\": 4, \"01\": 5, \"-1\": 6}"},
        {"{\"4294967295\":1,\"4294967294\":2,\"0\":3}",
         "{\"0\":3,\"4294967294\":2,\"4294967295\":1}",
         "{\"4294967295\": 1, \"4294967294\": 2, \"0\": 3}"},
        {"{\"x\":{\"b\":1,\"1\":{\"a\":1,\"0\":2},\"1\":{\"c\":1,\"0\":3}},\"0\":[]}",
         "{\"0\":[],\"x\":{\"1\":{\"0\":3,\"c\":1},\"b\":1}}",
         "{\"x\": {\"b\": 1, \"1\": {\"c\": 1, \"0\": 3}}, \"0\": []}"},
        {"[{\"b\":{\"1\":{\"x\":[{\"z\":1,\"z\":2},{\"y\":{\"3\":1,\"2\":{}}}],\"x\":[{\"5\":1,\"4\":2,\"5\":3}]},"
         "\"0\":[{\"2\":1,\"1\":2}]},\"a\":1},{\"q\":1,\"q\":{\"w\":1,\"w\":2}},{}]",
         "[{\"b\":{\"0\":[{\"1\":2,\"2\":1}],\"1\":{\"x\":[{\"4\":2,\"5\":3}]}},\"a\":1},{\"q\":{\"w\":2}},{}]",
         "[{\"b\": {\"1\": {\"x\": [{\"5\": 3, \"4\": 2}]}, \"0\": [{\"2\": 1, \"1\": 2}]}, \"a\": 1}, "
         "{\"q\": {\"w\": 2}}, {}]"},
        {"{\"__proto__\":1,\"\":2}", "{\"__proto__\":1,\"\":2}", "{\"__proto__\": 1, \"\": 2}"},
        {"{\"a\":1e400,\"a\":1}", "{\"a\":1}", NULL},
    };
    assert_forms(cases, ARRAY_LEN(cases));
}

/* Thousands of members, each key twice, descending: what is quadratic would be noticed. */
static void test_wide(void **state)
{
    (void)state;
    enum { KEYS = 30000 };
    struct buf text, js, python;
    buf_init(&text, 4 * MAX_OUT);
    buf_init(&js, 4 * MAX_OUT);
    buf_init(&python, 4 * MAX_OUT);

    for (int i = 2 * KEYS - 1; i >= 0; i--)
        buf_printf(&text, "%c\"%d\":%d", i == 2 * KEYS - 1 ? '{' : ',', i % KEYS, i);
    buf_add_char(&text, '}');
    for (int i = 0; i < KEYS; i++) {
        buf_printf(&js, "%c\"%d\":%d", i == 0 ? '{' : ',', i, i);
        int down = KEYS - 1 - i;
        buf_printf(&python, "%s\"%d\": %d", i == 0 ? "{" : ", ", down, down);
    }
    buf_add_char(&js, '}');
    buf_add_char(&python, '}');
    struct buf out;
    buf_init(&out, 4 * MAX_OUT);
    assert_int_equal(json_write_form(&out, buf_str(&text), JSON_FORM_JS, JSON_BIGINT_STRING), 0);
    assert_true(str_eq(buf_str(&out), buf_str(&js)));
    buf_clear(&out);
    assert_int_equal(json_write_form(&out, buf_str(&text), JSON_FORM_PYTHON, JSON_BIGINT_STRING),
                     0);
    assert_true(str_eq(buf_str(&out), buf_str(&python)));
    buf_fini(&text);
    buf_fini(&js);
    buf_fini(&python);
    buf_fini(&out);
}

static void test_big_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *string, *reject, *verbatim;
    } cases[] = {
        {"[1]", "[1]", "[1]", "[1]"},
        {"9007199254740993", "\"9007199254740993\"", NULL, "9007199254740993"},
        {"[-9007199254740993]", "[\"-9007199254740993\"]", NULL, "[-9007199254740993]"},
        {"999999999999999934464", "\"999999999999999934464\"", NULL, "999999999999999934464"},
        {"100000000000000000000", "100000000000000000000", "100000000000000000000",
         "100000000000000000000"},
        {"1000000000000000000000", "\"1000000000000000000000\"", NULL, "1000000000000000000000"},
        {"{\"a\":9007199254740993,\"a\":1}", "{\"a\":1}", NULL, "{\"a\":1}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = str_of(cases[i].text);
        assert_form(text, JSON_FORM_JS, JSON_BIGINT_STRING, cases[i].string);
        assert_form(text, JSON_FORM_JS, JSON_BIGINT_REJECT, cases[i].reject);
        assert_form(text, JSON_FORM_JS, JSON_BIGINT_VERBATIM, cases[i].verbatim);
    }
}

static void test_python_integer_limit(void **state)
{
    (void)state;
    char text[4303];
    memset(text, '7', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_form(str_of(text), JSON_FORM_PYTHON, JSON_BIGINT_STRING, NULL);
    assert_form(str_of(text + 1), JSON_FORM_PYTHON_COMPACT, JSON_BIGINT_STRING, NULL);
    assert_form(str_of(text + 2), JSON_FORM_PYTHON, JSON_BIGINT_STRING, text + 2);
    text[1] = '-';
    assert_form(str_of(text + 1), JSON_FORM_PYTHON, JSON_BIGINT_STRING, text + 1);
}

/* Wherever the ceiling falls: never above it, and complete or marked. */
static void test_ceiling(void **state)
{
    (void)state;
    struct str text = STR_LIT("{\"b\":[\"\\u00e9\",1.25,{\"1\":1,\"0\":2}],\"a\":1e20,\"b\":2}");
    for (size_t max = 0; max < 80; max++) {
        for (int form = JSON_FORM_JS; form <= JSON_FORM_VERBATIM; form++) {
            struct buf out;
            buf_init(&out, max);
            assert_int_equal(json_write_form(&out, text, (enum json_form)form, JSON_BIGINT_STRING),
                             0);
            assert_true(out.n <= max && (out.overflow || out.p[out.n - 1] == '}'));
            buf_fini(&out);
        }
    }
}

#define R2_TEXT "\320\237\321\200\320\270\320\262\320\265\321\202 \360\237\230\200 a/b"
#define R_JS(description)                                                                        \
    "{\"event\":\"user.created\",\"timestamp\":\"2025-04-14T12:00:00.000Z\",\"data\":{\"uuid\":" \
    "\"f2b1c2d3-0000-4000-8000-000000000001\",\"username\":\"bob\",\"status\":\"ACTIVE\","       \
    "\"usedTrafficBytes\":\"0\",\"description\":" description "}}"
#define E_JS                                                                                    \
    "{\"id\":\"evt_abc123\",\"type\":\"user.created\",\"created_at\":\"2023-12-01T15:30:00Z\"," \
    "\"data\":{\"id\":\"usr_789\",\"name\":\"John Doe\",\"email\":\"john@example.com\","        \
    "\"created_at\":\"2023-12-01T15:30:00Z\"}}"
#define M_OBJ                                                              \
    "{\"username\": \"marzban_test_user\", \"action\": \"user_updated\", " \
    "\"enqueued_at\": 1680506457.636369, \"tries\": 0}"
#define A_JS                                                                                     \
    "{\"event\":\"user.login\",\"timestamp\":\"2025-06-15T14:30:00.000Z\",\"data\":{\"userId\":" \
    "\"usr_abc123\",\"username\":\"testuser\",\"ip\":\"192.168.1.100\",\"hwid\":"                \
    "\"HWID-A1B2C3D4\",\"appId\":\"app_xyz789\"}}"

static void assert_hmac(struct str body, const char *key, const char *expected)
{
    uint8_t mac[SHA256_SIZE];
    struct buf hex;
    buf_init(&hex, 2 * sizeof mac);
    crypto_hmac_sha256(str_of(key), &body, 1, mac);
    crypto_hex(&hex, mac, sizeof mac);
    assert_string_equal(buf_text(&hex), expected);
    buf_fini(&hex);
}

/* Length and signature of what is written from `text` in `form`, and `same` bytes if given. */
static void test_golden(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_form form;
        size_t size;
        const char *key, *hmac;
        const char *same;
    } cases[] = {
        {R_JS("null"), JSON_FORM_JS, 195, "your-secret-header",
         "b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135", R_JS("null")},
        {R_JS("null"), JSON_FORM_PYTHON, 209, "your-secret-header",
         "91eb467ff97f611985a9dd25282c5d0b22bc1463ffe7272cd72be83c091ce0d7", NULL},
        {R_JS("\"" R2_TEXT "\""), JSON_FORM_JS, 214, "your-secret-header",
         "12bc780ee4ef8273b06726fac050f492cdb10efc92cca494695c1c689538bda6", NULL},
        {R_JS("\"" R2_TEXT "\""), JSON_FORM_PYTHON, 260, "your-secret-header",
         "30f0ea1124145872560a4ffdd582d772fc1358c07096ff0f2a96d8d4d3bed53d", NULL},
        {R_JS("\"" R2_TEXT "\""), JSON_FORM_PYTHON_COMPACT, 246, "your-secret-header",
         "587b99c6fcc0ba5f3bdd4d5a905b6d59e7ca35c0aba4af575d117cfce6534173", NULL},
        {E_JS, JSON_FORM_JS, 182, "your_webhook_secret",
         "6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46", E_JS},
        {M_OBJ, JSON_FORM_PYTHON, 105, "your-secret-key",
         "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a", M_OBJ},
        {"[" M_OBJ "]", JSON_FORM_PYTHON, 107, NULL, NULL, "[" M_OBJ "]"},
        {A_JS, JSON_FORM_JS, 179, NULL, NULL, A_JS},
        {"{\"2\":1,\"1\":2,\"x\":1.0,\"b\":9007199254740993}", JSON_FORM_JS, 42, NULL, NULL,
         "{\"1\":2,\"2\":1,\"x\":1,\"b\":\"9007199254740993\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, MAX_OUT);
        assert_int_equal(
            json_write_form(&out, str_of(cases[i].text), cases[i].form, JSON_BIGINT_STRING), 0);
        assert_int_equal(out.n, cases[i].size);
        if (cases[i].same != NULL)
            assert_string_equal(buf_text(&out), cases[i].same);
        if (cases[i].hmac != NULL)
            assert_hmac(buf_str(&out), cases[i].key, cases[i].hmac);
        buf_fini(&out);
    }
    assert_form(str_of(cases[ARRAY_LEN(cases) - 1].text), JSON_FORM_JS, JSON_BIGINT_REJECT, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_iter),
        cmocka_unit_test(test_ends_of_strings),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_unquote),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_big_integers),
        cmocka_unit_test(test_python_integer_limit),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
