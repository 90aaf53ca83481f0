/* base/jsonw: commas, escapes, foreign bytes; what it writes is always valid JSON. */
#include "base/jsonw.h"

#include "base/json.h"

#include "unit.h"

static struct buf buf;

static int set_up(void **state)
{
    (void)state;
    buf_init(&buf, 10000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&buf);
    return 0;
}

static void is(const char *want)
{
    struct json_error error;
    assert_string_equal(buf_text(&buf), want);
    assert_int_equal(json_check(buf_str(&buf), 8, &error), 0);
    buf_clear(&buf);
}

static void test_values(void **state)
{
    (void)state;
    struct jsonw w = jsonw_on(&buf);
    jsonw_begin(&w, NULL, '{');
    jsonw_text(&w, "a", "x");
    jsonw_text(&w, "b", NULL);
    jsonw_str(&w, "c", (struct str){NULL, 0});
    jsonw_i64(&w, "d", INT64_MIN);
    jsonw_i64(&w, "e", INT64_MAX);
    jsonw_bool(&w, "f", true);
    jsonw_bool(&w, "g", false);
    jsonw_null(&w, "h");
    jsonw_raw(&w, "i", STR_LIT("[1, {}]"));
    jsonw_time(&w, "j", 1767323045678, CLOCK_SECONDS);
    jsonw_time(&w, "k", 1767323045678, CLOCK_MILLIS);
    jsonw_id(&w, "l", ID_EVENT, id_floor(0));
    jsonw_end(&w, '}');
    is("{\"a\":\"x\",\"b\":null,\"c\":\"\",\"d\":-9223372036854775808,\"e\":9223372036854775807,"
       "\"f\":true,\"g\":false,\"h\":null,\"i\":[1, {}],\"j\":\"2026-01-02T03:04:05Z\","
       "\"k\":\"2026-01-02T03:04:05.678Z\",\"l\":\"evt_00000000000000000000000000\"}");
}

static void test_missing(void **state)
{
    (void)state;
    static const struct str none = {NULL, 0};
    struct jsonw w = jsonw_on(&buf);
    jsonw_begin(&w, NULL, '{');
    jsonw_str_or_null(&w, "a", none);
    jsonw_str_or_null(&w, "b", STR_LIT(""));
    jsonw_raw_or_null(&w, "c", none);
    jsonw_raw_or_null(&w, "d", STR_LIT("[]"));
    jsonw_time_or_null(&w, "e", 0, CLOCK_SECONDS);
    jsonw_time_or_null(&w, "f", 1767323045678, CLOCK_SECONDS);
    jsonw_i64_or_null(&w, "g", false, 7);
    jsonw_i64_or_null(&w, "h", true, 0);
    jsonw_id_or_null(&w, "i", false, ID_EVENT, id_floor(0));
    jsonw_id_or_null(&w, "j", true, ID_EVENT, id_floor(0));
    assert_false(jsonw_begin_or_null(&w, "k", false, '['));
    assert_true(jsonw_begin_or_null(&w, "l", true, '['));
    jsonw_end(&w, ']');
    jsonw_end(&w, '}');
    is("{\"a\":null,\"b\":\"\",\"c\":null,\"d\":[],\"e\":null,\"f\":\"2026-01-02T03:04:05Z\","
       "\"g\":null,\"h\":0,\"i\":null,\"j\":\"evt_00000000000000000000000000\",\"k\":null,\"l\":[]}");
}

static void test_nesting(void **state)
{
    (void)state;
    struct jsonw w = jsonw_on(&buf);
    jsonw_begin(&w, NULL, '[');
    jsonw_begin(&w, NULL, '{');
    jsonw_end(&w, '}');
    jsonw_begin(&w, NULL, '{');
    jsonw_begin(&w, "a", '[');
    jsonw_end(&w, ']');
    jsonw_begin(&w, "b", '[');
    jsonw_i64(&w, NULL, 1);
    jsonw_i64(&w, NULL, 2);
    jsonw_end(&w, ']');
    jsonw_bool(&w, "c", true);
    jsonw_end(&w, '}');
    jsonw_null(&w, NULL);
    jsonw_end(&w, ']');
    is("[{},{\"a\":[],\"b\":[1,2],\"c\":true},null]");

    w = jsonw_on(&buf);
    jsonw_i64(&w, NULL, 7);
    is("7");
}

static void test_escapes(void **state)
{
    (void)state;
    struct jsonw w = jsonw_on(&buf);
    jsonw_str(&w, NULL, STR_LIT("\"\\/\b\f\n\r\t\0\x1f\x7f\xc3\xa9"));
    is("\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009\\u0000\\u001f\x7f\xc3\xa9\"");

    w = jsonw_on(&buf);
    jsonw_begin(&w, NULL, '{');
    jsonw_bool(&w, "a\"b", true);
    jsonw_end(&w, '}');
    is("{\"a\\\"b\":true}");
}

/* What is written reads back as what went in, for every byte of ASCII. */
static void test_round_trip(void **state)
{
    (void)state;
    char all[127];
    struct buf back;
    for (int i = 0; i < 127; i++)
        all[i] = (char)(i + 1);
    struct jsonw w = jsonw_on(&buf);
    jsonw_str(&w, NULL, (struct str){all, sizeof all});
    buf_init(&back, 1000);
    assert_int_equal(json_unquote(&back, buf_str(&buf)), 0);
    assert_int_equal(back.n, sizeof all);
    assert_memory_equal(back.p, all, sizeof all);
    buf_fini(&back);
    buf_clear(&buf);
}

static void test_bytes(void **state)
{
    (void)state;
    struct jsonw w = jsonw_on(&buf);
    jsonw_begin(&w, NULL, '{');
    jsonw_bytes(&w, "a", STR_LIT("OK \xc3\xa9\n\0"));
    jsonw_bytes(&w, "b", STR_LIT("\xff\xfe"));
    jsonw_bytes(&w, "c", (struct str){NULL, 0});
    jsonw_bytes(&w, "d", STR_LIT("cut \xc3"));
    jsonw_i64(&w, "e", 1);
    jsonw_end(&w, '}');
    is("{\"a\":\"OK \xc3\xa9\\u000a\\u0000\",\"b\":\"//4=\",\"b_encoding\":\"base64\",\"c\":\"\","
       "\"d\":\"Y3V0IMM=\",\"d_encoding\":\"base64\",\"e\":1}");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_escapes), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bytes),   cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests_name("jsonw", tests, set_up, tear_down);
}
