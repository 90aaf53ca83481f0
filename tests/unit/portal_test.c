/* core/portal: origins as they stand in a header, where a logo is, brands as they come and as they are kept, scopes. */
#include "core/portal.h"

#include "base/field.h"
#include "core/key.h"

#include "unit.h"

static const char *const origins[] = {
    "https://a.example.com",     "https://a.example.com:8443", "https://a",
    "https://x--y.example.com",  "https://127.0.0.1:1",        "http://localhost",
    "http://localhost:3000",     "http://127.0.0.1:65535",     "https://xn--bcher-kva.example",
    "https://a.example.com:443",
};

static const char *const no_origins[] = {
    "",
    "*",
    "null",
    "https://",
    "http://",
    "https:/a",
    "HTTPS://a",
    "ftp://a",
    "http://a.example.com",
    "http://localhost.example.com",
    "http://127.0.0.2",
    "https://A.example.com",
    "https://*.example.com",
    "https://.a",
    "https://a.",
    "https://a..b",
    "https://-a",
    "https://a-",
    "https://a.-b",
    "https://a-.b",
    "https://a_b",
    "https://[::1]",
    "https://u@a",
    "https://a:",
    "https://a:0",
    "https://a:080",
    "https://a:65536",
    "https://a:99999999999999999999",
    "https://a:8x",
    "https://a/",
    "https://a?",
    "https://a#",
    "https://a ",
    " https://a",
    "https://a https://b",
    "https://a;script-src",
    "https://a,https://b",
    "https://a'self'",
    "https://a\r\nX: y",
};

static void test_origins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++)
        assert_null(portal_check_origin(str_of(origins[i])));
    for (size_t i = 0; i < ARRAY_LEN(no_origins); i++)
        assert_non_null(portal_check_origin(str_of(no_origins[i])));
    assert_non_null(portal_check_origin(STR_NONE));
    assert_non_null(portal_check_origin((struct str){"https://a\0b", 11}));
}

static void test_origin_of(void **state)
{
    static const char *const of[][2] = {
        {"https://a.example.com:8443/l.svg?x=1", "https://a.example.com:8443"},
        {"https://a.example.com", "https://a.example.com"},
        {"http://localhost:3000/l.svg", "http://localhost:3000"},
        {"http://a.example.com/l.svg", ""},
        {"https://a.example.com:0/l.svg", ""},
        {"data:image/png;base64,AA", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        assert_true(str_eq_text(portal_origin_of(str_of(of[i][0])), of[i][1]));
}

/* The member that is wrong, or "" where nothing is. */
static const char *wrong_in(const char *json, struct portal_brand *brand)
{
    static struct scratch scratch;
    static struct fields f;

    f = (struct fields){.alloc = scratch_allocator(&scratch)};
    *brand = (struct portal_brand){0};
    portal_bind(&f, str_of(json), brand);
    assert_true(f.problem_count <= 1);
    return f.problem_count == 0 ? "" : f.problems[0].field;
}

static void test_brands(void **state)
{
    static const char *const of[][2] = {
        {"{}", ""},
        {"{\"name\":null,\"logo_url\":null,\"color\":null,\"color_dark\":null}", ""},
        {"{\"color\":\"#7a5a00\",\"color_dark\":\"#ABCDEF\"}", ""},
        {"{\"name\":\"\"}", "brand.name"},
        {"{\"color\":\"7a5a000\"}", "brand.color"},
        {"{\"color\":\"#7a5a0\"}", "brand.color"},
        {"{\"color\":\"#7a5a0g\"}", "brand.color"},
        {"{\"color_dark\":\"#7a5a00;\"}", "brand.color_dark"},
        {"{\"logo_url\":\"https://a.example.com/l.svg?x=(1)\"}", ""},
        {"{\"logo_url\":\"http://localhost:3000/l.svg\"}", ""},
        {"{\"logo_url\":\"https://a.example.com\"}", "brand.logo_url"},
        {"{\"logo_url\":\"https://a.example.com?l\"}", "brand.logo_url"},
        {"{\"logo_url\":\"https://a.example.com/a b\"}", "brand.logo_url"},
        {"{\"logo_url\":\"https://a.example.com/<\"}", "brand.logo_url"},
        {"{\"logo_url\":\"https://a.example.com/\\u00e9\"}", "brand.logo_url"},
        {"{\"logo_url\":\"javascript:x\"}", "brand.logo_url"},
        {"{\"css\":\"x\"}", "brand.css"},
    };
    struct portal_brand brand;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        assert_string_equal(wrong_in(of[i][0], &brand), of[i][1]);
}

/* What is kept is what was given, with all members. */
static void test_a_brand_is_written(void **state)
{
    static const char kept[] =
        "{\"name\":\"A \\\"b\\\"\",\"logo_url\":null,\"color\":\"#aabbcc\",\"color_dark\":null}";
    struct portal_brand brand;
    struct buf text;

    (void)state;
    buf_init(&text, PORTAL_BRAND_MAX);
    assert_string_equal(wrong_in("{\"color\":\"#aabbcc\",\"name\":\"A \\\"b\\\"\"}", &brand), "");
    struct jsonw w = jsonw_on(&text);
    portal_write(&w, &brand);
    assert_string_equal(buf_text(&text), kept);
    buf_fini(&text);
}

static void test_scopes(void **state)
{
    (void)state;
    assert_int_equal(portal_scope(0), SCOPE_READ);
    assert_int_equal(portal_scope(1), SCOPE_WRITE);
    for (int i = 0; portal_scope_names[i] != NULL; i++)
        assert_string_equal(portal_scope_name(portal_scope(i)), portal_scope_names[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins), cmocka_unit_test(test_origin_of),
        cmocka_unit_test(test_brands),  cmocka_unit_test(test_a_brand_is_written),
        cmocka_unit_test(test_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
