/* core/key and core/idempotency: the texts of keys, and what requests are known by. */
#include "core/idempotency.h"
#include "core/key.h"

#include "unit.h"

static const struct id some_id = {
    {0x01, 0x90, 0xa1, 0xb2, 0xc3, 0xd4, 0x70, 0x01, 0x80, 2, 3, 4, 5}};

static uint8_t check[SHA256_SIZE];

static void test_key(void **state)
{
    (void)state;
    uint8_t hash[SHA256_SIZE], again[SHA256_SIZE];
    struct buf text;
    struct id id;

    buf_init(&text, KEY_TEXT_MAX);
    key_make(check, some_id, &text, hash);
    assert_false(text.overflow);
    assert_int_equal(text.n, 84);
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_PROVEN);
    assert_true(id_eq(id, some_id));
    crypto_sha256(buf_str(&text), again);
    assert_memory_equal(hash, again, sizeof hash);
    for (size_t i = 0; i < text.n; i++) { /* cut to the length of the old form, it may be one */
        enum key_proof proof = key_parse(check, (struct str){text.p, i}, &id);
        assert_true(proof == KEY_NONE || (i == 73 && proof == KEY_UNPROVEN));
    }
    text.p[0] = 'P';
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_NONE);
    buf_fini(&text);
}

/* A key is no token, nor a token a key, whatever it begins with. */
static void test_token(void **state)
{
    (void)state;
    uint8_t hash[SHA256_SIZE];
    struct buf text;
    struct id id;

    buf_init(&text, KEY_TEXT_MAX);
    token_make(check, some_id, &text, hash);
    assert_int_equal(text.n, 84);
    assert_int_equal(token_parse(check, buf_str(&text), &id), KEY_PROVEN);
    assert_true(id_eq(id, some_id));
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_NONE);
    memcpy(text.p, "ph", 2);
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_UNPROVEN);
    assert_int_equal(token_parse(check, buf_str(&text), &id), KEY_NONE);
    buf_clear(&text);
    key_make(check, some_id, &text, hash);
    memcpy(text.p, "in", 2);
    assert_int_equal(token_parse(check, buf_str(&text), &id), KEY_UNPROVEN);
    buf_fini(&text);
}

/* A portal token is a key of another kind: what it begins with is proven, and no source's URL has it. */
static void test_portal_token(void **state)
{
    (void)state;
    uint8_t hash[SHA256_SIZE], again[SHA256_SIZE];
    struct buf text;
    struct id id;

    buf_init(&text, KEY_TEXT_MAX);
    portal_token_make(check, some_id, &text, hash);
    assert_int_equal(text.n, 84);
    assert_memory_equal(text.p, "pt_", 3);
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_PROVEN);
    assert_true(id_eq(id, some_id));
    crypto_sha256(buf_str(&text), again);
    assert_memory_equal(hash, again, sizeof hash);
    assert_int_equal(token_parse(check, buf_str(&text), &id), KEY_NONE);
    for (size_t i = 0; i < text.n; i++)
        assert_int_not_equal(key_parse(check, (struct str){text.p, i}, &id), KEY_PROVEN);
    static const char *const others[] = {"ph", "in", "px", "Pt"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        memcpy(text.p, others[i], 2);
        assert_int_not_equal(key_parse(check, buf_str(&text), &id), KEY_PROVEN);
        assert_int_not_equal(token_parse(check, buf_str(&text), &id), KEY_PROVEN);
    }
    buf_clear(&text);
    key_make(check, some_id, &text, hash);
    memcpy(text.p, "pt", 2);
    assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_UNPROVEN);
    buf_fini(&text);
}

/* No letter of it can be another, and no other encryption key proves it. */
static void test_key_check(void **state)
{
    (void)state;
    uint8_t hash[SHA256_SIZE], other[SHA256_SIZE];
    struct buf text;
    struct id id;

    key_check_secret((const uint8_t[SEAL_KEY_SIZE]){1}, other);
    buf_init(&text, KEY_TEXT_MAX);
    key_make(check, some_id, &text, hash);
    assert_int_equal(key_parse(other, buf_str(&text), &id), KEY_UNPROVEN);
    for (size_t i = 0; i < text.n; i++) {
        char was = text.p[i];
        text.p[i] = was == 'A' || was == '0' ? '1' : i < 29 ? '0' : 'A';
        assert_int_not_equal(key_parse(check, buf_str(&text), &id), KEY_PROVEN);
        text.p[i] = was;
    }
    static const char wrong[] = "+/=.* \n\x80";
    for (const char *c = wrong; *c != '\0'; c++) {
        text.p[50] = *c;
        assert_int_equal(key_parse(check, buf_str(&text), &id), KEY_NONE);
    }
    buf_fini(&text);
}

/* As version 0.1 made them. */
static void test_keys_without_a_check(void **state)
{
    (void)state;
    struct id id;

    assert_int_equal(
        key_parse(
            check,
            STR_LIT("ph_01kn2p7xrkf2s9d4h1n8b6m5ta_gA5mJ0sRfWc9Yq2xT7bK1dN8vL3hP6uE4zXoQiCyMt0"),
            &id),
        KEY_UNPROVEN);
}

static void is(struct id got, const char *hex)
{
    struct id want;
    assert_true(id_parse_uuid(str_of(hex), &want));
    assert_true(id_eq(got, want));
}

/* They stand in the ledger for a day: another version of the program must make the same. */
static void test_idempotency_is_stable(void **state)
{
    (void)state;
    struct str parts[] = {STR_LIT("user.created"), {"", 1}, STR_LIT("{}"), {"", 1}, {"", 0}};

    is(idempotency_hash(parts, ARRAY_LEN(parts)), "438a43ea2e5663c452c835dc6c1cb145");
    is(idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
       "90a9fea1daba703dee8dd7ad57c9d1fc");
    is(idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 7),
       "0f9da597512f123593b9df2dcc662bf9");
}

static void test_idempotency_differs(void **state)
{
    (void)state;
    struct id other = some_id;
    other.b[15] ^= 1;
    struct id ids[] = {
        idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("l"), 0),
        idempotency_id(other, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 1),
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        for (size_t j = 0; j < i; j++)
            assert_false(id_eq(ids[i], ids[j]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_key_check),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_portal_token),
        cmocka_unit_test(test_keys_without_a_check),
        cmocka_unit_test(test_idempotency_is_stable),
        cmocka_unit_test(test_idempotency_differs),
    };
    key_check_secret((const uint8_t[SEAL_KEY_SIZE]){0}, check);
    return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
