/* core/credentials: what is read, what is written, what is sent. What is refused is in api/test_webhook_input.py. */
#include "core/credentials.h"

#include "base/err.h"
#include "base/json.h"
#include "unit.h"

#include <stdio.h>

static struct scratch scratch;
static struct credentials credentials;
static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 65536);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static int reads(const char *json)
{
    return credentials_read(scratch_allocator(&scratch), str_of(json), &credentials);
}

static const struct row {
    const char *json, *line, *shown;
} rows[] = {
    /* RFC 7617 §2 and §2.1 */
    {"{\"type\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}",
     "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
     "{\"type\":\"basic\",\"username\":\"***\",\"password\":\"***\"}"},
    {"{\"type\":\"basic\",\"username\":\"test\",\"password\":\"123\xc2\xa3\"}",
     "Authorization: Basic dGVzdDoxMjPCow==\r\n",
     "{\"type\":\"basic\",\"username\":\"***\",\"password\":\"***\"}"},
    {"{\"type\":\"basic\",\"username\":\"key\",\"password\":\"\"}",
     "Authorization: Basic a2V5Og==\r\n",
     "{\"type\":\"basic\",\"username\":\"***\",\"password\":\"***\"}"},
    {"{\"type\":\"bearer\",\"token\":\"1|a\\\"b~+/==\"}", "Authorization: Bearer 1|a\"b~+/==\r\n",
     "{\"type\":\"bearer\",\"token\":\"***\"}"},
    {"{\"type\":\"oauth2\",\"token_url\":\"https://h.example/token?k=v\",\"client_id\":\"i\","
     "\"client_secret\":\"s\"}",
     "",
     "{\"type\":\"oauth2\",\"token_url\":\"https://h.example/token?k=***\",\"client_id\":\"i\","
     "\"client_secret\":\"***\"}"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jsonw w = jsonw_on(&out);
        assert_int_equal(reads(rows[i].json), 0);
        buf_clear(&out);
        credentials_add_line(&credentials, &out);
        assert_string_equal(buf_text(&out), rows[i].line);
        buf_clear(&out);
        credentials_write(&w, NULL, &credentials, true);
        assert_string_equal(buf_text(&out), rows[i].shown);
        buf_clear(&out);
        w = jsonw_on(&out);
        credentials_write(&w, NULL, &credentials, false);
        assert_string_equal(buf_text(&out), rows[i].json);
    }
}

/* The longest that there may be, of what takes most room in JSON, fits into all that it is kept in. */
static void test_longest(void **state)
{
    struct buf json;
    struct jsonw w = jsonw_on(&out);

    (void)state;
    buf_init(&json, 65536);
    buf_add_text(&json, "{\"type\":\"bearer\",\"token\":\"");
    for (int i = 0; i < 4096; i++)
        buf_add_text(&json, "\\\\");
    buf_add_text(&json, "\"}");
    assert_int_equal(reads(buf_text(&json)), 0);
    credentials_write(&w, NULL, &credentials, false);
    assert_string_equal(buf_text(&out), buf_text(&json));
    assert_true(out.n <= CREDENTIALS_JSON_MAX);
    buf_fini(&json);
}

static void test_not_to_be_read(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"type\":\"digest\"}",
        "{\"type\":\"basic\",\"username\":\"u\"}",
        "{\"type\":\"bearer\",\"token\":\"t\",\"username\":\"u\"}",
        "{\"type\":\"bearer\",\"token\":null}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(reads(texts[i]), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_rows),
        TEST(test_longest),
        TEST(test_not_to_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
