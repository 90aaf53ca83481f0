/* core/grant: what a token endpoint is asked, and what is read of its answers. */
#include "core/grant.h"

#include "base/err.h"
#include "unit.h"

static struct grant grant;

static int set_up(void **state)
{
    (void)state;
    grant_init(&grant);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    grant_fini(&grant);
    return 0;
}

static void ask(const char *id, const char *secret, const char *scope)
{
    struct credentials c = {
        .type = CREDENTIALS_OAUTH2,
        .token_url = STR_LIT("https://h.example/token"),
        .client_id = str_of(id),
        .client_secret = str_of(secret),
        .scope = str_of(scope),
    };

    grant_fini(&grant);
    grant_init(&grant);
    grant_make(&grant, &c);
}

/* The example of RFC 6749 §2.3.1, and what appendix B makes of other bytes. */
static const struct request {
    const char *id, *secret, *scope, *pair, *body;
} requests[] = {
    {"s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", "", "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
     "grant_type=client_credentials"},
    /* a%3Ab+c:%C3%A9%25%2B */
    {"a:b c", "\xc3\xa9%+", "one two:three/*-._~", "YSUzQWIrYzolQzMlQTklMjUlMkI=",
     "grant_type=client_credentials&scope=one+two%3Athree%2F*-._%7E"},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const struct request *r = &requests[i];
        ask(r->id, r->secret, r->scope);
        assert_string_equal(buf_text(&grant.url), "https://h.example/token");
        assert_string_equal(buf_text(&grant.body), r->body);
        const char *head = buf_text(&grant.head);
        const char *at = strstr(head, "Authorization: Basic ");
        assert_non_null(at);
        at += strlen("Authorization: Basic ");
        assert_int_equal(strcspn(at, "\r"), strlen(r->pair));
        assert_memory_equal(at, r->pair, strlen(r->pair));
        assert_non_null(strstr(head, "Content-Type: application/x-www-form-urlencoded\r\n"));
    }
}

static struct id mark(const char *id, const char *secret, const char *scope)
{
    ask(id, secret, scope);
    return grant.mark;
}

static void test_marks(void **state)
{
    (void)state;
    struct id one = mark("a", "b", "c");
    assert_true(id_eq(one, mark("a", "b", "c")));
    assert_false(id_eq(one, mark("x", "b", "c")));
    assert_false(id_eq(one, mark("a", "x", "c")));
    assert_false(id_eq(one, mark("a", "b", "x")));
    assert_false(id_eq(one, mark("a", "b", "")));
}

#define TOKEN "\"access_token\":\"t\""
#define TYPE  "\"token_type\":\"Bearer\""

static const struct answer {
    const char *text, *token; /* NULL: there is none */
    int64_t keep_ms;
} answers[] = {
    {"{" TOKEN "," TYPE ",\"expires_in\":3600}", "t", 3540000},
    {"\n {\"scope\":\"x\"," TYPE "," TOKEN ",\"expires_in\": 100 }\r\n", "t", 90000},
    {"{" TOKEN ",\"token_type\":\"bearer\",\"expires_in\":\"100\"}", "t", 90000},
    {"{" TOKEN "," TYPE "}", "t", GRANT_LIFE_MS},
    {"{" TOKEN "," TYPE ",\"expires_in\":0}", "t", 0},
    {"{" TOKEN "," TYPE ",\"expires_in\":2147483647}", "t", GRANT_LIFE_MAX_MS},
    {"{" TOKEN "," TYPE ",\"expires_in\":99999999999999999999}", "t", GRANT_LIFE_MS},
    {"{" TOKEN "," TYPE ",\"expires_in\":-1}", "t", GRANT_LIFE_MS},
    {"{" TOKEN "," TYPE ",\"expires_in\":null}", "t", GRANT_LIFE_MS},
    {"{" TOKEN "," TYPE ",\"expires_in\":[1]}", "t", GRANT_LIFE_MS},
    {"", NULL, 0},
    {"{", NULL, 0},
    {"[]", NULL, 0},
    {"null", NULL, 0},
    {"access_token=t&token_type=bearer", NULL, 0},
    {"{" TOKEN "}", NULL, 0},
    {"{" TOKEN ",\"token_type\":\"mac\"}", NULL, 0},
    {"{" TOKEN ",\"token_type\":1}", NULL, 0},
    {"{" TOKEN ",\"token_type\":\"Bearer\\u0000\"}", NULL, 0},
    {"{" TYPE "}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"\"}", NULL, 0},
    {"{" TYPE ",\"access_token\":1}", NULL, 0},
    {"{" TYPE ",\"access_token\":null}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"a b\"}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"a\\r\\nX: y\"}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"\\u0000\"}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"\\ud800\"}", NULL, 0},
    {"{" TYPE ",\"access_token\":\"\xc3\xa9\"}", NULL, 0},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const struct answer *a = &answers[i];
        struct buf token;
        int64_t keep_ms = -1;
        buf_init(&token, GRANT_TOKEN_MAX);
        int err = grant_read(str_of(a->text), &token, &keep_ms);
        if ((err == 0) != (a->token != NULL) ||
            (err == 0 && (!str_eq_text(buf_str(&token), a->token) || keep_ms != a->keep_ms)))
            fail_msg("%s: %d, %lld", a->text, err, (long long)keep_ms);
        assert_true(err == 0 || err == ERR_INVALID);
        buf_fini(&token);
    }
}

static void test_tokens_have_a_bound(void **state)
{
    (void)state;
    for (size_t n = GRANT_TOKEN_MAX; n <= GRANT_TOKEN_MAX + 1; n++) {
        struct buf text, token;
        int64_t keep_ms;
        buf_init(&text, 65536);
        buf_init(&token, GRANT_TOKEN_MAX);
        buf_add_text(&text, "{" TYPE ",\"access_token\":\"");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&text, 'x');
        buf_add_text(&text, "\"}");
        assert_int_equal(grant_read(buf_str(&text), &token, &keep_ms),
                         n == GRANT_TOKEN_MAX ? 0 : ERR_INVALID);
        buf_fini(&text);
        buf_fini(&token);
    }
}

static const struct {
    int status;
    const char *answer, *words;
} descriptions[] = {
    {400, "{\"error\":\"invalid_client\",\"error_description\":\"canary\"}",
     "the token endpoint answered 400, invalid_client"},
    {401, "{\"error\":\"canary\"}", "the token endpoint answered 401"},
    {400, "{\"error\":{\"x\":\"invalid_client\"}}", "the token endpoint answered 400"},
    {302, "", "the token endpoint answered 302"},
    {500, "<html>", "the token endpoint answered 500"},
    {200, "{\"access_token\":\"canary\"}",
     "the token endpoint answered 200 without a token of the type Bearer"},
};

static void test_descriptions(void **state)
{
    char words[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(descriptions); i++) {
        grant_describe(words, sizeof words, descriptions[i].status, str_of(descriptions[i].answer));
        assert_string_equal(words, descriptions[i].words);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_requests),     TEST(test_marks),
        TEST(test_answers),      TEST(test_tokens_have_a_bound),
        TEST(test_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
